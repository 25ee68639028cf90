// Depthwise causal convolution of channel-first rows (row = batch x channels + channel), and its gradients.
//
// Computes   forward: out[r, t] = bias[c] + sum_j weight[c, j] x[r, t - taps + 1 + j];
//            backward_input: out[r, t] = sum_j weight[c, j] dy[r, t + taps - 1 - j];
//            backward_weight: out (batch x blocks, channels x taps) = sums over a block of t of dy[r, t] x[r, t - taps + 1 + j]
// Bindings   out, x, y rows of `length` (y: dy), weight (channels, taps), bias (channels)
// Moves      taps loads that hit cache and one store an element, 2 taps operations

struct Params {
  rows: u32,
  first_row: u32,
  channels: u32,
  length: u32,
  taps: u32,
  block: u32,
  blocks: u32,
  out_offset: u32,
  x_offset: u32,
  y_offset: u32,
  weight_offset: u32,
  bias_offset: u32,
}

override HAS_bias: bool = true;

@group(0) @binding(0) var<storage, read_write> out: array<TYPE_out>;
@group(0) @binding(1) var<storage, read> x: array<TYPE_x>;
@group(0) @binding(2) var<storage, read> y: array<TYPE_y>;
@group(0) @binding(3) var<storage, read> weight: array<TYPE_weight>;
@group(0) @binding(4) var<storage, read> bias: array<TYPE_bias>;
@group(1) @binding(0) var<uniform> p: Params;

fn index_of(group: vec3u, groups: vec3u, lane: u32) -> u32 { return (group.y * groups.x + group.x) * 64u + lane; }

@compute @workgroup_size(64)
fn forward(@builtin(workgroup_id) g: vec3u, @builtin(num_workgroups) n: vec3u, @builtin(local_invocation_index) l: u32) {
  let i = index_of(g, n, l);
  if (i >= p.rows * p.length) { return; }
  let channel = (p.first_row + i / p.length) % p.channels;
  let t = i % p.length;
  var sum = 0.0;
  if (HAS_bias) { sum = f32(bias[p.bias_offset + channel]); }
  // back: how far before t the tap looks
  for (var back = 0u; back < min(p.taps, t + 1u); back++) {
    let w = f32(weight[p.weight_offset + channel * p.taps + p.taps - 1u - back]);
    sum = fma(w, f32(x[p.x_offset + i - back]), sum);
  }
  out[p.out_offset + i] = TYPE_out(sum);
}

@compute @workgroup_size(64)
fn backward_input(@builtin(workgroup_id) g: vec3u, @builtin(num_workgroups) n: vec3u,
                  @builtin(local_invocation_index) l: u32) {
  let i = index_of(g, n, l);
  if (i >= p.rows * p.length) { return; }
  let channel = (p.first_row + i / p.length) % p.channels;
  let t = i % p.length;
  var sum = 0.0;
  for (var ahead = 0u; ahead < min(p.taps, p.length - t); ahead++) {
    let w = f32(weight[p.weight_offset + channel * p.taps + p.taps - 1u - ahead]);
    sum = fma(w, f32(y[p.y_offset + i + ahead]), sum);
  }
  out[p.out_offset + i] = TYPE_out(sum);
}

// The window holds whole batches here: first_row and rows are multiples of channels, out one row a (batch, block).
@compute @workgroup_size(64)
fn backward_weight(@builtin(workgroup_id) g: vec3u, @builtin(num_workgroups) n: vec3u,
                   @builtin(local_invocation_index) l: u32) {
  let i = index_of(g, n, l);
  if (i >= p.rows * p.blocks * p.taps) { return; }
  let back = p.taps - 1u - i % p.taps;
  let channel = i / p.taps % p.channels;
  let piece = i / p.taps / p.channels;
  let row = piece / p.blocks * p.channels + channel;
  let first = piece % p.blocks * p.block;
  var sum = 0.0;
  for (var t = max(first, back); t < min(p.length, first + p.block); t++) {
    let at = row * p.length + t;
    sum = fma(f32(y[p.y_offset + at]), f32(x[p.x_offset + at - back]), sum);
  }
  out[p.out_offset + i] = TYPE_out(sum);
}
