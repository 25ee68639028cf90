// Transposes and packed copies of matrices.
//
// Computes   transpose: out (batch, columns, rows) = x' by 16 x 16 tiles in workgroup memory, for real GPUs;
//            transpose_plain: the same, an element an invocation, for software adapters (barriers are slow there);
//            pack: out (rows x out_stride) = x at any strides, zeros from (x_rows, x_columns) on
// Bindings   out, x flat windows
// Moves      one load and one store an element, no arithmetic

struct Params {
  batch: u32,
  rows: u32,
  columns: u32,
  x_rows: u32,
  x_columns: u32,
  row_step: u32,
  column_step: u32,
  out_offset: u32,
  x_offset: u32,
}

@group(0) @binding(0) var<storage, read_write> out: array<TYPE_out>;
@group(0) @binding(1) var<storage, read> x: array<TYPE_x>;
@group(1) @binding(0) var<uniform> p: Params;

var<workgroup> tile: array<f32, 272>; // 16 rows of 17

@compute @workgroup_size(16, 16)
fn transpose(@builtin(workgroup_id) g: vec3u, @builtin(num_workgroups) n: vec3u,
             @builtin(local_invocation_id) l: vec3u) {
  let across = (p.columns + 15u) / 16u;
  let down = (p.rows + 15u) / 16u;
  let index = g.y * n.x + g.x;
  let batch = index / (across * down);
  if (batch >= p.batch) { return; }
  let row0 = (index / across % down) * 16u;
  let column0 = (index % across) * 16u;
  let base = batch * p.rows * p.columns;
  if (row0 + l.y < p.rows && column0 + l.x < p.columns) {
    tile[l.y * 17u + l.x] = f32(x[p.x_offset + base + (row0 + l.y) * p.columns + column0 + l.x]);
  }
  workgroupBarrier();
  if (column0 + l.y < p.columns && row0 + l.x < p.rows) {
    out[p.out_offset + base + (column0 + l.y) * p.rows + row0 + l.x] = TYPE_out(tile[l.x * 17u + l.y]);
  }
}

@compute @workgroup_size(64)
fn transpose_plain(@builtin(workgroup_id) g: vec3u, @builtin(num_workgroups) n: vec3u,
                   @builtin(local_invocation_index) l: u32) {
  let i = (g.y * n.x + g.x) * 64u + l;
  if (i >= p.batch * p.rows * p.columns) { return; }
  let row = i % p.rows;
  let column = i / p.rows % p.columns;
  let base = i / (p.rows * p.columns) * p.rows * p.columns;
  out[p.out_offset + i] = TYPE_out(f32(x[p.x_offset + base + row * p.columns + column]));
}

@compute @workgroup_size(64)
fn pack(@builtin(workgroup_id) g: vec3u, @builtin(num_workgroups) n: vec3u, @builtin(local_invocation_index) l: u32) {
  let i = (g.y * n.x + g.x) * 64u + l;
  if (i >= p.rows * p.columns) { return; }
  let row = i / p.columns;
  let column = i % p.columns;
  var value = 0.0;
  if (row < p.x_rows && column < p.x_columns) {
    value = f32(x[p.x_offset + row * p.row_step + column * p.column_step]);
  }
  out[p.out_offset + i] = TYPE_out(value);
}

// A band of a matrix too large for one binding: out[column][x_rows + row] = x[row][x_columns + column].
@compute @workgroup_size(64)
fn scatter_transpose(@builtin(workgroup_id) g: vec3u, @builtin(num_workgroups) n: vec3u,
                     @builtin(local_invocation_index) l: u32) {
  let i = (g.y * n.x + g.x) * 64u + l;
  if (i >= p.rows * p.columns) { return; }
  let row = i % p.rows;
  let column = i / p.rows;
  out[p.out_offset + column * p.column_step + p.x_rows + row] =
    TYPE_out(f32(x[p.x_offset + row * p.row_step + p.x_columns + column]));
}
