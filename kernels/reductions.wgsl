// Sums in two or more passes, without workgroup memory: a first pass leaves one partial sum an invocation, later passes
// add those. The order of additions depends on the sizes alone, so results repeat bit for bit.
//
// Computes   column_sum: out (blocks, columns) = sum of x [y] over each block of rows;
//            row_sum: out (rows, lanes) = sum of x [y] over columns lane, lane + lanes, ...;
//            square_sum: out (lanes) = sum of x^2 over elements lane, lane + lanes, ...;
//            squared_error: out (lanes, 2) = sum of (x - y)^2 and number of cells, where y is finite;
//            flag_non_finite: flag[0] = 1.0 where x holds a NaN or an infinity;
//            clip_factor: out[0] = min(1, maxNorm / (sqrt(x[0]) inverseScale + 1e-6)) inverseScale; NaN of NaN
// Bindings   out, x, y flat windows; flag is out as atomic bits
// Moves      one or two loads an element and one store per 32 to 256 elements; 2 operations an element

struct Params {
  rows: u32,
  columns: u32,
  block: u32,
  lanes: u32,
  max_norm: f32,
  inverse_scale: f32,
  out_offset: u32,
  x_offset: u32,
  y_offset: u32,
}

override ACCUMULATE: bool = false;
override HAS_y: bool = true;

@group(0) @binding(0) var<storage, read_write> out: array<TYPE_out>;
@group(0) @binding(0) var<storage, read_write> flag: array<atomic<u32>>;
@group(0) @binding(1) var<storage, read> x: array<TYPE_x>;
@group(0) @binding(2) var<storage, read> y: array<TYPE_y>;
@group(1) @binding(0) var<uniform> p: Params;

fn is_nan(v: f32) -> bool { return (bitcast<u32>(v) & 0x7fffffffu) > 0x7f800000u; }

fn is_finite(v: f32) -> bool { return (bitcast<u32>(v) & 0x7f800000u) != 0x7f800000u; }

fn term(i: u32) -> f32 {
  let v = f32(x[p.x_offset + i]);
  if (HAS_y) { return v * f32(y[p.y_offset + i]); }
  return v;
}

fn finish(i: u32, sum: f32) {
  let at = p.out_offset + i;
  if (ACCUMULATE) { out[at] = TYPE_out(f32(out[at]) + sum); } else { out[at] = TYPE_out(sum); }
}

fn index_of(group: vec3u, groups: vec3u, lane: u32) -> u32 { return (group.y * groups.x + group.x) * 64u + lane; }

@compute @workgroup_size(64)
fn column_sum(@builtin(workgroup_id) g: vec3u, @builtin(num_workgroups) n: vec3u,
              @builtin(local_invocation_index) l: u32) {
  let i = index_of(g, n, l);
  let first = i / p.columns * p.block;
  if (first >= p.rows) { return; }
  let column = i % p.columns;
  var sum = 0.0;
  for (var row = first; row < min(p.rows, first + p.block); row++) { sum += term(row * p.columns + column); }
  finish(i, sum);
}

@compute @workgroup_size(64)
fn row_sum(@builtin(workgroup_id) g: vec3u, @builtin(num_workgroups) n: vec3u, @builtin(local_invocation_index) l: u32) {
  let i = index_of(g, n, l);
  let row = i / p.lanes;
  if (row >= p.rows) { return; }
  var sum = 0.0;
  for (var column = i % p.lanes; column < p.columns; column += p.lanes) { sum += term(row * p.columns + column); }
  finish(i, sum);
}

@compute @workgroup_size(64)
fn square_sum(@builtin(workgroup_id) g: vec3u, @builtin(num_workgroups) n: vec3u,
              @builtin(local_invocation_index) l: u32) {
  let lane = index_of(g, n, l);
  if (lane >= p.lanes) { return; }
  var sum = 0.0;
  for (var i = lane; i < p.columns; i += p.lanes) {
    let v = f32(x[p.x_offset + i]);
    sum = fma(v, v, sum);
  }
  finish(lane, sum);
}

@compute @workgroup_size(64)
fn squared_error(@builtin(workgroup_id) g: vec3u, @builtin(num_workgroups) n: vec3u,
                 @builtin(local_invocation_index) l: u32) {
  let lane = index_of(g, n, l);
  if (lane >= p.lanes) { return; }
  var sum = 0.0;
  var count = 0.0;
  for (var i = lane; i < p.columns; i += p.lanes) {
    let target_value = f32(y[p.y_offset + i]);
    if (is_finite(target_value)) {
      let d = f32(x[p.x_offset + i]) - target_value;
      sum = fma(d, d, sum);
      count += 1.0;
    }
  }
  finish(2u * lane, sum);
  finish(2u * lane + 1u, count);
}

@compute @workgroup_size(64)
fn flag_non_finite(@builtin(workgroup_id) g: vec3u, @builtin(num_workgroups) n: vec3u,
                   @builtin(local_invocation_index) l: u32) {
  let lane = index_of(g, n, l);
  if (lane >= p.lanes) { return; }
  var found = false;
  for (var i = lane; i < p.columns; i += p.lanes) { found = found || !is_finite(f32(x[p.x_offset + i])); }
  if (found) { atomicStore(&flag[p.out_offset], 0x3f800000u); }
}

@compute @workgroup_size(1)
fn clip_factor() {
  let squares = f32(x[p.x_offset]);
  let factor = min(1.0, p.max_norm / (sqrt(squares) * p.inverse_scale + 1e-6)) * p.inverse_scale;
  // min drops a NaN, which would let the gradients through as they are.
  out[p.out_offset] = TYPE_out(select(factor, squares, is_nan(squares)));
}
