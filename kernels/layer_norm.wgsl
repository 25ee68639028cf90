// Layer normalisation and its gradient.
//
// Computes   forward: out = (x - mean) rstd gamma + beta a row, statistics = mean and rstd = 1 / sqrt(var + epsilon);
//            backward_input: out = rstd (s - mean(s) - xhat mean(s xhat)), s = dy gamma;
//            backward_weights: out (blocks, 2 columns) = sums over a block of rows of dy xhat, then of dy
// Bindings   out, x, dy (rows, columns); statistics (2 x all rows); gamma, beta (columns)
// Moves      three passes over a row that stays in cache, one store an element; 8 operations
// Variants   LANES invocations share a row: 1 on software adapters (barriers are slow there), 16 or 64 on GPUs

struct Params {
  rows: u32,
  columns: u32,
  first_row: u32,
  all_rows: u32,
  block: u32,
  epsilon: f32,
  out_offset: u32,
  x_offset: u32,
  dy_offset: u32,
}

override LANES: u32 = 1u;
override ROWS: u32 = 64u;
override HAS_gamma: bool = true;
override HAS_beta: bool = true;

@group(0) @binding(0) var<storage, read_write> out: array<TYPE_out>;
@group(0) @binding(1) var<storage, read_write> statistics: array<TYPE_statistics>;
@group(0) @binding(2) var<storage, read> x: array<TYPE_x>;
@group(0) @binding(3) var<storage, read> gamma: array<TYPE_gamma>;
@group(0) @binding(4) var<storage, read> beta: array<TYPE_beta>;
@group(0) @binding(5) var<storage, read> dy: array<TYPE_dy>;
@group(1) @binding(0) var<uniform> p: Params;

var<workgroup> shares: array<f32, 64>;

// Sum over the invocations of a row.
fn row_total(value: f32, lane: u32, slot: u32) -> f32 {
  if (LANES == 1u) { return value; }
  shares[slot] = value;
  workgroupBarrier();
  for (var half = LANES / 2u; half > 0u; half /= 2u) {
    if (lane < half) { shares[slot] += shares[slot + half]; }
    workgroupBarrier();
  }
  let total = shares[slot - lane];
  workgroupBarrier();
  return total;
}

fn weight(column: u32) -> f32 {
  if (HAS_gamma) { return f32(gamma[column]); }
  return 1.0;
}

@compute @workgroup_size(LANES, ROWS)
fn forward(@builtin(workgroup_id) g: vec3u, @builtin(num_workgroups) n: vec3u, @builtin(local_invocation_id) l: vec3u) {
  let row = (g.y * n.x + g.x) * ROWS + l.y;
  let slot = l.y * LANES + l.x;
  let valid = row < p.rows;
  let base = p.x_offset + min(row, p.rows - 1u) * p.columns;
  var sum = 0.0;
  for (var c = l.x; c < p.columns; c += LANES) { sum += f32(x[base + c]); }
  let mean = row_total(sum, l.x, slot) / f32(p.columns);
  sum = 0.0;
  for (var c = l.x; c < p.columns; c += LANES) {
    let d = f32(x[base + c]) - mean;
    sum = fma(d, d, sum);
  }
  let rstd = 1.0 / sqrt(row_total(sum, l.x, slot) / f32(p.columns) + p.epsilon);
  if (!valid) { return; }
  if (l.x == 0u) {
    statistics[p.first_row + row] = TYPE_statistics(mean);
    statistics[p.all_rows + p.first_row + row] = TYPE_statistics(rstd);
  }
  for (var c = l.x; c < p.columns; c += LANES) {
    var value = (f32(x[base + c]) - mean) * rstd * weight(c);
    if (HAS_beta) { value += f32(beta[c]); }
    out[p.out_offset + row * p.columns + c] = TYPE_out(value);
  }
}

@compute @workgroup_size(LANES, ROWS)
fn backward_input(@builtin(workgroup_id) g: vec3u, @builtin(num_workgroups) n: vec3u,
                  @builtin(local_invocation_id) l: vec3u) {
  let row = (g.y * n.x + g.x) * ROWS + l.y;
  let slot = l.y * LANES + l.x;
  let valid = row < p.rows;
  let r = min(row, p.rows - 1u);
  let base = p.x_offset + r * p.columns;
  let dy_base = p.dy_offset + r * p.columns;
  let mean = f32(statistics[p.first_row + r]);
  let rstd = f32(statistics[p.all_rows + p.first_row + r]);
  var sum = 0.0;
  var product = 0.0;
  for (var c = l.x; c < p.columns; c += LANES) {
    let s = f32(dy[dy_base + c]) * weight(c);
    sum += s;
    product = fma(s, (f32(x[base + c]) - mean) * rstd, product);
  }
  let sum_mean = row_total(sum, l.x, slot) / f32(p.columns);
  let product_mean = row_total(product, l.x, slot) / f32(p.columns);
  if (!valid) { return; }
  for (var c = l.x; c < p.columns; c += LANES) {
    let s = f32(dy[dy_base + c]) * weight(c);
    let normalised = (f32(x[base + c]) - mean) * rstd;
    out[p.out_offset + row * p.columns + c] = TYPE_out(rstd * (s - sum_mean - normalised * product_mean));
  }
}

@compute @workgroup_size(64)
fn backward_weights(@builtin(workgroup_id) g: vec3u, @builtin(num_workgroups) n: vec3u,
                    @builtin(local_invocation_index) l: u32) {
  let i = (g.y * n.x + g.x) * 64u + l;
  let first = i / p.columns * p.block;
  if (first >= p.rows) { return; }
  let c = i % p.columns;
  var scale = 0.0;
  var shift = 0.0;
  for (var row = first; row < min(p.rows, first + p.block); row++) {
    let d = f32(dy[p.dy_offset + row * p.columns + c]);
    let mean = f32(statistics[p.first_row + row]);
    let rstd = f32(statistics[p.all_rows + p.first_row + row]);
    scale = fma(d, (f32(x[p.x_offset + row * p.columns + c]) - mean) * rstd, scale);
    shift += d;
  }
  let at = p.out_offset + i / p.columns * 2u * p.columns + c;
  out[at] = TYPE_out(scale);
  out[at + p.columns] = TYPE_out(shift);
}
