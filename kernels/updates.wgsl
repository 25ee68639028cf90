// The last steps of a training step: gradient of the masked squared error, and Adam.
//
// Computes   squared_error_slope: out = scale 2 (x - y) / max(1, statistics[1]) where y is finite, else 0;
//            adam: moments m, v and parameter (out) in place from gradient x, as PyTorch's Adam and AdamW
// Bindings   out, m, v (n); x, y (n); factor (1), statistics (2)
// Moves      adam: four loads and three stores an element, 15 operations

struct Params {
  count: u32,
  scale: f32,
  step_size: f32,
  beta1: f32,
  beta2: f32,
  rest1: f32,
  rest2: f32,
  epsilon: f32,
  inverse_root_correction: f32,
  decay: f32,
  keep: f32,
  out_offset: u32,
  m_offset: u32,
  v_offset: u32,
  x_offset: u32,
  y_offset: u32,
  factor_offset: u32,
}

override HAS_factor: bool = true;

@group(0) @binding(0) var<storage, read_write> out: array<TYPE_out>;
@group(0) @binding(1) var<storage, read_write> m: array<TYPE_m>;
@group(0) @binding(2) var<storage, read_write> v: array<TYPE_v>;
@group(0) @binding(3) var<storage, read> x: array<TYPE_x>;
@group(0) @binding(4) var<storage, read> y: array<TYPE_y>;
@group(0) @binding(5) var<storage, read> factor: array<TYPE_factor>;
@group(1) @binding(0) var<uniform> p: Params;

fn index_of(group: vec3u, groups: vec3u, lane: u32) -> u32 { return (group.y * groups.x + group.x) * 64u + lane; }

// factor: the statistics that squared_error left
@compute @workgroup_size(64)
fn squared_error_slope(@builtin(workgroup_id) g: vec3u, @builtin(num_workgroups) n: vec3u,
                       @builtin(local_invocation_index) l: u32) {
  let i = index_of(g, n, l);
  if (i >= p.count) { return; }
  let target_value = f32(y[p.y_offset + i]);
  let finite = (bitcast<u32>(target_value) & 0x7f800000u) != 0x7f800000u;
  let cells = max(1.0, f32(factor[p.factor_offset + 1u]));
  var slope = 0.0;
  if (finite) { slope = p.scale * 2.0 / cells * (f32(x[p.x_offset + i]) - target_value); }
  out[p.out_offset + i] = TYPE_out(slope);
}

@compute @workgroup_size(64)
fn adam(@builtin(workgroup_id) g: vec3u, @builtin(num_workgroups) n: vec3u, @builtin(local_invocation_index) l: u32) {
  let i = index_of(g, n, l);
  if (i >= p.count) { return; }
  var gradient = f32(x[p.x_offset + i]);
  if (HAS_factor) { gradient *= f32(factor[p.factor_offset]); }
  let before = f32(out[p.out_offset + i]);
  gradient = fma(p.decay, before, gradient); // decay is 0 for AdamW, keep is 1 for Adam
  let first = fma(p.beta1, f32(m[p.m_offset + i]), p.rest1 * gradient);
  let second = fma(p.beta2, f32(v[p.v_offset + i]), p.rest2 * gradient * gradient);
  m[p.m_offset + i] = TYPE_m(first);
  v[p.v_offset + i] = TYPE_v(second);
  let size = fma(sqrt(second), p.inverse_root_correction, p.epsilon);
  out[p.out_offset + i] = TYPE_out(before * p.keep - p.step_size * first / size);
}
