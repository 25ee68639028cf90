// Real FFT of rows by a complex one of half the length n (Stockham's autosort, radix 16 in registers), its inverse, and
// the product of spectra.
//
// Computes   pass1, pass2, pass4, pass8, pass16: one radix pass over `points` complex numbers a row. The first pass of a
//            transform takes pairs of real samples (SOURCE 1) or folds a half spectrum (SOURCE 2); the last pass of an
//            inverse stores real samples (TARGET 1);
//            unfold: half spectrum (points + 1 frequencies) from the transform of the pairs;
//            multiply: out = a b over complex numbers, b conjugated on request
// Bindings   out and x flat scalars, to and from (rows, points) complex, twiddles exp(-2 pi i k / n) for k < n / 2 from
//            the host in float64 (WGSL's own sin and cos are too coarse); multiply reads from x and y
// Moves      16 bytes a point and pass, 2^20 points take five; 144 additions and 24 products for 16 points
// Variants   1: radix 16 in registers, no workgroup memory: five passes over 2^20 points instead of ten at radix 4

struct Params {
  rows: u32,
  points: u32,
  span: u32, // length of the transforms that the passes before have made
  length: u32,
  sign: f32,
  scale: f32,
  first_row: u32,
  b_rows: u32,
  out_offset: u32,
  x_offset: u32,
  y_offset: u32,
}

override SOURCE: u32 = 0u;
override TARGET: u32 = 0u;
override x_IN_out: bool = false;

@group(0) @binding(0) var<storage, read_write> out: array<TYPE_out>;
@group(0) @binding(1) var<storage, read_write> work_to: array<vec2f>;
@group(0) @binding(2) var<storage, read> x: array<TYPE_x>;
@group(0) @binding(3) var<storage, read> y: array<TYPE_y>;
@group(0) @binding(4) var<storage, read> work_from: array<vec2f>;
@group(0) @binding(5) var<storage, read> twiddles: array<vec2f>;
@group(1) @binding(0) var<uniform> p: Params;

fn index_of(group: vec3u, groups: vec3u, lane: u32) -> u32 { return (group.y * groups.x + group.x) * 64u + lane; }

fn times(a: vec2f, b: vec2f) -> vec2f { return vec2f(a.x * b.x - a.y * b.y, a.x * b.y + a.y * b.x); }

// exp(-2 pi i k / n) for k < n = 2 points
fn root(k: u32) -> vec2f {
  if (k >= p.points) { return -twiddles[k - p.points]; }
  return twiddles[k];
}

fn sample(row: u32, t: u32) -> f32 {
  if (t >= p.length) { return 0.0; }
  return f32(x[p.x_offset + row * p.length + t]);
}

// Frequency k of a half spectrum; the first and the last are real.
fn frequency(row: u32, k: u32) -> vec2f {
  let at = p.x_offset + 2u * (row * (p.points + 1u) + k);
  return vec2f(f32(x[at]), select(f32(x[at + 1u]), 0.0, k == 0u || k == p.points));
}

fn load(row: u32, j: u32) -> vec2f {
  if (SOURCE == 1u) { return vec2f(sample(row, 2u * j), sample(row, 2u * j + 1u)); }
  if (SOURCE == 2u) {
    let a = frequency(row, j);
    let b = frequency(row, p.points - j) * vec2f(1.0, -1.0);
    let w = root(j) * vec2f(1.0, -1.0);
    let odd = times(w, a - b);
    return 0.5 * (a + b + vec2f(-odd.y, odd.x));
  }
  return work_from[row * p.points + j];
}

fn save(row: u32, j: u32, value: vec2f) {
  if (TARGET == 1u) {
    let at = p.out_offset + row * p.length + 2u * j;
    if (2u * j < p.length) { out[at] = TYPE_out(value.x * p.scale); }
    if (2u * j + 1u < p.length) { out[at + 1u] = TYPE_out(value.y * p.scale); }
  } else {
    work_to[row * p.points + j] = value;
  }
}

// Multiplied by -i for the forward transform, by i for the inverse.
fn quarter(v: vec2f) -> vec2f { return vec2f(v.y, -v.x) * p.sign; }

fn directed(w: vec2f) -> vec2f { return vec2f(w.x, w.y * p.sign); }

fn fft4(a: vec2f, b: vec2f, c: vec2f, d: vec2f) -> array<vec2f, 4> {
  let e = a + c;
  let f = a - c;
  let g = b + d;
  let h = quarter(b - d);
  return array<vec2f, 4>(e + g, f + h, e - g, f - h);
}

// Input r of the radix-`radix` butterfly j, turned by the twiddle of this pass.
fn turned(row: u32, j: u32, r: u32, radix: u32) -> vec2f {
  let v = load(row, j + r * (p.points / radix));
  if (r == 0u || p.span == 1u) { return v; }
  let k = 2u * r * (j % p.span) * (p.points / (p.span * radix));
  return times(v, directed(root(k)));
}

fn place(j: u32, radix: u32) -> u32 { return j / p.span * p.span * radix + j % p.span; }

@compute @workgroup_size(64)
fn pass1(@builtin(workgroup_id) g: vec3u, @builtin(num_workgroups) n: vec3u, @builtin(local_invocation_index) l: u32) {
  let i = index_of(g, n, l);
  if (i >= p.rows) { return; }
  save(i, 0u, load(i, 0u));
}

@compute @workgroup_size(64)
fn pass2(@builtin(workgroup_id) g: vec3u, @builtin(num_workgroups) n: vec3u, @builtin(local_invocation_index) l: u32) {
  let i = index_of(g, n, l);
  let each = p.points / 2u;
  let row = i / each;
  if (row >= p.rows) { return; }
  let j = i % each;
  let a = turned(row, j, 0u, 2u);
  let b = turned(row, j, 1u, 2u);
  let to = place(j, 2u);
  save(row, to, a + b);
  save(row, to + p.span, a - b);
}

@compute @workgroup_size(64)
fn pass4(@builtin(workgroup_id) g: vec3u, @builtin(num_workgroups) n: vec3u, @builtin(local_invocation_index) l: u32) {
  let i = index_of(g, n, l);
  let each = p.points / 4u;
  let row = i / each;
  if (row >= p.rows) { return; }
  let j = i % each;
  let v = fft4(turned(row, j, 0u, 4u), turned(row, j, 1u, 4u), turned(row, j, 2u, 4u), turned(row, j, 3u, 4u));
  let to = place(j, 4u);
  save(row, to, v[0]);
  save(row, to + p.span, v[1]);
  save(row, to + 2u * p.span, v[2]);
  save(row, to + 3u * p.span, v[3]);
}

@compute @workgroup_size(64)
fn pass8(@builtin(workgroup_id) g: vec3u, @builtin(num_workgroups) n: vec3u, @builtin(local_invocation_index) l: u32) {
  let i = index_of(g, n, l);
  let each = p.points / 8u;
  let row = i / each;
  if (row >= p.rows) { return; }
  let j = i % each;
  let e = fft4(turned(row, j, 0u, 8u), turned(row, j, 2u, 8u), turned(row, j, 4u, 8u), turned(row, j, 6u, 8u));
  let o = fft4(turned(row, j, 1u, 8u), turned(row, j, 3u, 8u), turned(row, j, 5u, 8u), turned(row, j, 7u, 8u));
  let s = 0.70710678118654752;
  let o1 = times(o[1], directed(vec2f(s, -s)));
  let o2 = quarter(o[2]);
  let o3 = times(o[3], directed(vec2f(-s, -s)));
  let to = place(j, 8u);
  save(row, to, e[0] + o[0]);
  save(row, to + p.span, e[1] + o1);
  save(row, to + 2u * p.span, e[2] + o2);
  save(row, to + 3u * p.span, e[3] + o3);
  save(row, to + 4u * p.span, e[0] - o[0]);
  save(row, to + 5u * p.span, e[1] - o1);
  save(row, to + 6u * p.span, e[2] - o2);
  save(row, to + 7u * p.span, e[3] - o3);
}

fn save4(row: u32, to: u32, v: array<vec2f, 4>) {
  save(row, to, v[0]);
  save(row, to + 4u * p.span, v[1]);
  save(row, to + 8u * p.span, v[2]);
  save(row, to + 12u * p.span, v[3]);
}

@compute @workgroup_size(64)
fn pass16(@builtin(workgroup_id) g: vec3u, @builtin(num_workgroups) n: vec3u, @builtin(local_invocation_index) l: u32) {
  let i = index_of(g, n, l);
  let each = p.points / 16u;
  let row = i / each;
  if (row >= p.rows) { return; }
  let j = i % each;
  let a = fft4(turned(row, j, 0u, 16u), turned(row, j, 4u, 16u), turned(row, j, 8u, 16u), turned(row, j, 12u, 16u));
  let b = fft4(turned(row, j, 1u, 16u), turned(row, j, 5u, 16u), turned(row, j, 9u, 16u), turned(row, j, 13u, 16u));
  let c = fft4(turned(row, j, 2u, 16u), turned(row, j, 6u, 16u), turned(row, j, 10u, 16u), turned(row, j, 14u, 16u));
  let d = fft4(turned(row, j, 3u, 16u), turned(row, j, 7u, 16u), turned(row, j, 11u, 16u), turned(row, j, 15u, 16u));
  // exp(-2 pi i m / 16) for m = 1, 2, 3, 6, 9; m = 4 is a quarter turn
  let w1 = directed(vec2f(0.92387953251128674, -0.38268343236508977));
  let w2 = directed(vec2f(0.70710678118654752, -0.70710678118654752));
  let w3 = directed(vec2f(0.38268343236508977, -0.92387953251128674));
  let w6 = directed(vec2f(-0.70710678118654752, -0.70710678118654752));
  let w9 = directed(vec2f(-0.92387953251128674, 0.38268343236508977));
  let to = place(j, 16u);
  save4(row, to, fft4(a[0], b[0], c[0], d[0]));
  save4(row, to + p.span, fft4(a[1], times(b[1], w1), times(c[1], w2), times(d[1], w3)));
  save4(row, to + 2u * p.span, fft4(a[2], times(b[2], w2), quarter(c[2]), times(d[2], w6)));
  save4(row, to + 3u * p.span, fft4(a[3], times(b[3], w3), times(c[3], w6), times(d[3], w9)));
}

@compute @workgroup_size(64)
fn unfold(@builtin(workgroup_id) g: vec3u, @builtin(num_workgroups) n: vec3u, @builtin(local_invocation_index) l: u32) {
  let i = index_of(g, n, l);
  let each = p.points + 1u;
  let row = i / each;
  if (row >= p.rows) { return; }
  let k = i % each;
  let a = work_from[row * p.points + k % p.points];
  let b = work_from[row * p.points + (p.points - k) % p.points] * vec2f(1.0, -1.0);
  var w = vec2f(-1.0, 0.0);
  if (k < p.points) { w = root(k); }
  let odd = times(w, a - b);
  let value = 0.5 * (a + b + vec2f(odd.y, -odd.x));
  out[p.out_offset + 2u * i] = TYPE_out(value.x);
  out[p.out_offset + 2u * i + 1u] = TYPE_out(value.y);
}

// points: frequencies a row; sign: -1 for the conjugate of y
@compute @workgroup_size(64)
fn multiply(@builtin(workgroup_id) g: vec3u, @builtin(num_workgroups) n: vec3u,
            @builtin(local_invocation_index) l: u32) {
  let i = index_of(g, n, l);
  if (i >= p.rows * p.points) { return; }
  var a: vec2f;
  if (x_IN_out) {
    a = vec2f(f32(out[p.out_offset + 2u * i]), f32(out[p.out_offset + 2u * i + 1u]));
  } else {
    a = vec2f(f32(x[p.x_offset + 2u * i]), f32(x[p.x_offset + 2u * i + 1u]));
  }
  let at = p.y_offset + 2u * ((p.first_row + i / p.points) % p.b_rows * p.points + i % p.points);
  let value = times(a, vec2f(f32(y[at]), p.sign * f32(y[at + 1u])));
  out[p.out_offset + 2u * i] = TYPE_out(value.x);
  out[p.out_offset + 2u * i + 1u] = TYPE_out(value.y);
}
