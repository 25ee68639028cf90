// Element-wise operations: one invocation an element (dropout: two).
//
// Computes   unary: out = f(x);  unary_backward: out = x f'(y), or f' from f's own output;
//            binary: out = x op y, y repeated over rows, columns or all;  combine: out = alpha x + beta y;
//            fill: out = alpha;  copy_rows: strided 2-D copy, which is also the cast;
//            silu_gate (x: rows x 2 width) and its gradient;  dropout by Threefry-2x32-20;
//            epilogue: out = activation((x + bias) rowScale columnScale) [+ out], for products summed in parts
// Bindings   out, x, y flat windows; z, w a second and third vector (epilogue: row and column scale)
// Moves      one store and one or two loads an element; 1 to 40 operations. One variant: scalar loads, so that any
//            window of any type will do

struct Params {
  count: u32,
  rows: u32,
  columns: u32,
  out_stride: u32,
  x_stride: u32,
  alpha: f32,
  beta: f32,
  seed: u32,
  stream: u32,
  first: u32,
  out_offset: u32,
  x_offset: u32,
  y_offset: u32,
  z_offset: u32,
  w_offset: u32,
}

override FUNCTION: u32 = 0u;
override BROADCAST: u32 = 0u;
override FROM_OUTPUT: bool = false;
override ACCUMULATE: bool = false;
override BIAS_BY_ROW: bool = false;
override HAS_y: bool = true;
override HAS_z: bool = true;
override HAS_w: bool = true;
override x_IN_out: bool = false;
override y_IN_out: bool = false;

@group(0) @binding(0) var<storage, read_write> out: array<TYPE_out>;
@group(0) @binding(1) var<storage, read> x: array<TYPE_x>;
@group(0) @binding(2) var<storage, read> y: array<TYPE_y>;
@group(0) @binding(3) var<storage, read> z: array<TYPE_z>;
@group(0) @binding(4) var<storage, read> w: array<TYPE_w>;
@group(1) @binding(0) var<uniform> p: Params;

const lanes = 64u;

fn load_x(i: u32) -> f32 {
  if (x_IN_out) { return f32(out[p.out_offset + i]); }
  return f32(x[p.x_offset + i]);
}

fn load_y(i: u32) -> f32 {
  if (y_IN_out) { return f32(out[p.out_offset + i]); }
  return f32(y[p.y_offset + i]);
}

fn store(i: u32, value: f32) { out[p.out_offset + i] = TYPE_out(value); }

fn element(group: vec3u, groups: vec3u, lane: u32) -> u32 { return (group.y * groups.x + group.x) * lanes + lane; }

@compute @workgroup_size(lanes)
fn fill(@builtin(workgroup_id) g: vec3u, @builtin(num_workgroups) n: vec3u, @builtin(local_invocation_index) l: u32) {
  let i = element(g, n, l);
  if (i < p.count) { store(i, p.alpha); }
}

@compute @workgroup_size(lanes)
fn unary(@builtin(workgroup_id) g: vec3u, @builtin(num_workgroups) n: vec3u, @builtin(local_invocation_index) l: u32) {
  let i = element(g, n, l);
  if (i < p.count) { store(i, activate(FUNCTION, load_x(i))); }
}

@compute @workgroup_size(lanes)
fn unary_backward(@builtin(workgroup_id) g: vec3u, @builtin(num_workgroups) n: vec3u,
                  @builtin(local_invocation_index) l: u32) {
  let i = element(g, n, l);
  if (i >= p.count) { return; }
  let v = load_y(i);
  if (FROM_OUTPUT && FUNCTION == 5u) {
    store(i, load_x(i) * (1.0 - v * v)); // tanh; relu's slope is the same from input and output
  } else {
    store(i, load_x(i) * activation_slope(FUNCTION, v));
  }
}

@compute @workgroup_size(lanes)
fn binary(@builtin(workgroup_id) g: vec3u, @builtin(num_workgroups) n: vec3u, @builtin(local_invocation_index) l: u32) {
  let i = element(g, n, l);
  if (i >= p.count) { return; }
  var j = i;
  switch (BROADCAST) {
    case 1u: { j = (p.first + i) % p.columns; }
    case 2u: { j = (p.first + i) / p.columns; }
    case 3u: { j = 0u; }
    default: {}
  }
  let a = load_x(i);
  let b = load_y(j);
  switch (FUNCTION) {
    case 0u: { store(i, a + b); }
    case 1u: { store(i, a - b); }
    default: { store(i, a * b); }
  }
}

@compute @workgroup_size(lanes)
fn combine(@builtin(workgroup_id) g: vec3u, @builtin(num_workgroups) n: vec3u, @builtin(local_invocation_index) l: u32) {
  let i = element(g, n, l);
  if (i >= p.count) { return; }
  var value = p.alpha * load_x(i);
  if (HAS_y) { value = fma(p.beta, load_y(i), value); }
  store(i, value);
}

@compute @workgroup_size(lanes)
fn copy_rows(@builtin(workgroup_id) g: vec3u, @builtin(num_workgroups) n: vec3u,
             @builtin(local_invocation_index) l: u32) {
  let i = element(g, n, l);
  if (i >= p.count) { return; }
  let row = i / p.columns;
  let column = i % p.columns;
  out[p.out_offset + row * p.out_stride + column] = TYPE_out(x[p.x_offset + row * p.x_stride + column]);
}

@compute @workgroup_size(lanes)
fn silu_gate(@builtin(workgroup_id) g: vec3u, @builtin(num_workgroups) n: vec3u,
             @builtin(local_invocation_index) l: u32) {
  let i = element(g, n, l);
  if (i >= p.count) { return; }
  let at = (i / p.columns) * 2u * p.columns + i % p.columns;
  store(i, activate(4u, load_x(at)) * load_x(at + p.columns));
}

// x is the gradient of the result, y the input of silu_gate.
@compute @workgroup_size(lanes)
fn silu_gate_backward(@builtin(workgroup_id) g: vec3u, @builtin(num_workgroups) n: vec3u,
                      @builtin(local_invocation_index) l: u32) {
  let i = element(g, n, l);
  if (i >= p.count) { return; }
  let at = (i / p.columns) * 2u * p.columns + i % p.columns;
  let d = load_x(i);
  let gate = load_y(at);
  let value = load_y(at + p.columns);
  store(at, d * value * activation_slope(4u, gate));
  store(at + p.columns, d * activate(4u, gate));
}

// Salmon et al., Parallel random numbers: as easy as 1, 2, 3 (2011): Threefry-2x32 with 20 rounds.
fn threefry(key: vec2u, counter: vec2u) -> vec2u {
  let third = 0x1bd11bdau ^ key.x ^ key.y;
  var c = counter + key;
  for (var group = 0u; group < 5u; group++) {
    for (var round = 0u; round < 4u; round++) {
      var r: u32;
      switch ((group & 1u) * 4u + round) {
        case 0u: { r = 13u; }
        case 1u: { r = 15u; }
        case 2u: { r = 26u; }
        case 3u: { r = 6u; }
        case 4u: { r = 17u; }
        case 5u: { r = 29u; }
        case 6u: { r = 16u; }
        default: { r = 24u; }
      }
      c.x = c.x + c.y;
      c.y = ((c.y << r) | (c.y >> (32u - r))) ^ c.x;
    }
    // keys k[s % 3], k[(s + 1) % 3] after group s, s counted from 1
    switch (group % 3u) {
      case 0u: { c = c + vec2u(key.y, third); }
      case 1u: { c = c + vec2u(third, key.x); }
      default: { c = c + vec2u(key.x, key.y); }
    }
    c.y = c.y + group + 1u;
  }
  return c;
}

// seed, stream: the key; rows: the threshold; first: half the index of the first element; alpha: 1 / (1 - p)
@compute @workgroup_size(lanes)
fn dropout(@builtin(workgroup_id) g: vec3u, @builtin(num_workgroups) n: vec3u,
           @builtin(local_invocation_index) l: u32) {
  let pair = element(g, n, l);
  let i = 2u * pair;
  if (i >= p.count) { return; }
  let words = threefry(vec2u(p.seed, p.stream), vec2u(p.first + pair, 0u));
  store(i, select(0.0, load_x(i) * p.alpha, words.x >= p.rows));
  if (i + 1u < p.count) { store(i + 1u, select(0.0, load_x(i + 1u) * p.alpha, words.y >= p.rows)); }
}

@compute @workgroup_size(lanes)
fn epilogue(@builtin(workgroup_id) g: vec3u, @builtin(num_workgroups) n: vec3u,
            @builtin(local_invocation_index) l: u32) {
  let i = element(g, n, l);
  if (i >= p.count) { return; }
  let row = i / p.columns;
  let column = i % p.columns;
  var value = load_x(i);
  if (HAS_y) { value += f32(y[p.y_offset + select(column, row, BIAS_BY_ROW)]); }
  if (HAS_z) { value *= f32(z[p.z_offset + row]); }
  if (HAS_w) { value *= f32(w[p.w_offset + column]); }
  value = activate(FUNCTION, value);
  let at = p.out_offset + row * p.out_stride + column;
  if (ACCUMULATE) { value += f32(out[at]); }
  out[at] = TYPE_out(value);
}
