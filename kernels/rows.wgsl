// Rows by index.
//
// Computes   gather: out[r] = x[index[r]], for the indices in table_start to table_start + table_rows (x's window);
//            gather_pairs: out[r] = activation(x[index[r]] + y[second[r]]);
//            segment_sum: out[piece] = sum of x[order[i]] over i of the piece; one piece has at most 256 rows;
//            segment_add: out[index[s]] += sum of rows second[s] to second[s + 1] of x, s a segment
// Bindings   out, x, y rows of `columns`; index, second and order flat i32
// Moves      one or two loads and one store an element; no float atomics, so sums repeat bit for bit

struct Params {
  rows: u32,
  columns: u32,
  activation: u32,
  table_start: u32,
  table_rows: u32,
  out_offset: u32,
  x_offset: u32,
  y_offset: u32,
  index_offset: u32,
  second_offset: u32,
}

@group(0) @binding(0) var<storage, read_write> out: array<TYPE_out>;
@group(0) @binding(1) var<storage, read> x: array<TYPE_x>;
@group(0) @binding(2) var<storage, read> y: array<TYPE_y>;
@group(0) @binding(3) var<storage, read> index: array<i32>;
@group(0) @binding(4) var<storage, read> second: array<i32>;
@group(1) @binding(0) var<uniform> p: Params;

fn index_of(group: vec3u, groups: vec3u, lane: u32) -> u32 { return (group.y * groups.x + group.x) * 64u + lane; }

@compute @workgroup_size(64)
fn gather(@builtin(workgroup_id) g: vec3u, @builtin(num_workgroups) n: vec3u, @builtin(local_invocation_index) l: u32) {
  let i = index_of(g, n, l);
  if (i >= p.rows * p.columns) { return; }
  let row = u32(index[p.index_offset + i / p.columns]) - p.table_start; // wraps to a large number before the window
  if (row >= p.table_rows) { return; }
  out[p.out_offset + i] = TYPE_out(x[p.x_offset + row * p.columns + i % p.columns]);
}

@compute @workgroup_size(64)
fn gather_pairs(@builtin(workgroup_id) g: vec3u, @builtin(num_workgroups) n: vec3u,
                @builtin(local_invocation_index) l: u32) {
  let i = index_of(g, n, l);
  if (i >= p.rows * p.columns) { return; }
  let first_row = u32(index[p.index_offset + i / p.columns]);
  let second_row = u32(second[p.second_offset + i / p.columns]);
  let column = i % p.columns;
  var value = f32(x[p.x_offset + first_row * p.columns + column]) + f32(y[p.y_offset + second_row * p.columns + column]);
  // As in scalar_functions.wgsl: by the bits, for as a comparison some compilers make it max(value, 0), which drops a NaN.
  if (p.activation == 1u) { value = select(value, 0.0, bitcast<u32>(value) - 0x80000000u <= 0x7f800000u); }
  out[p.out_offset + i] = TYPE_out(value);
}

// index: rows of x in the order of their target; second: where each piece begins in it
@compute @workgroup_size(64)
fn segment_sum(@builtin(workgroup_id) g: vec3u, @builtin(num_workgroups) n: vec3u,
               @builtin(local_invocation_index) l: u32) {
  let i = index_of(g, n, l);
  if (i >= p.rows * p.columns) { return; }
  let piece = p.second_offset + i / p.columns;
  var sum = 0.0;
  for (var s = second[piece]; s < second[piece + 1u]; s++) {
    sum += f32(x[p.x_offset + u32(index[p.index_offset + u32(s)]) * p.columns + i % p.columns]);
  }
  out[p.out_offset + i] = TYPE_out(sum);
}

@compute @workgroup_size(64)
fn segment_add(@builtin(workgroup_id) g: vec3u, @builtin(num_workgroups) n: vec3u,
               @builtin(local_invocation_index) l: u32) {
  let i = index_of(g, n, l);
  if (i >= p.rows * p.columns) { return; }
  let segment = i / p.columns;
  let column = i % p.columns;
  var sum = 0.0;
  for (var s = second[p.second_offset + segment]; s < second[p.second_offset + segment + 1u]; s++) {
    sum += f32(x[p.x_offset + u32(s) * p.columns + column]);
  }
  let at = p.out_offset + (u32(index[p.index_offset + segment]) - p.table_start) * p.columns + column;
  out[at] = TYPE_out(f32(out[at]) + sum);
}
