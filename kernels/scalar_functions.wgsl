// Functions of one f32, the same on every device: WGSL leaves the accuracy of exp, tanh and sin to the driver (sin is
// only specified on [-pi, pi]) and lets a compiler assume that no NaN or infinity occurs. Largest relative
// errors found against float64: exp 1.4e-7, tanh 1.5e-7, SiLU 2.7e-7, sin 2.0e-7, also of numbers as large as 1e38.
// Polynomials: Cephes (Moshier) and, for erf, Juffa's fit. Placed in front of the kernels that call them.

fn is_nan(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u; }

fn is_finite(x: f32) -> bool { return (bitcast<u32>(x) & 0x7f800000u) != 0x7f800000u; }

// e^x; overflows to infinity and underflows to 0.
fn exp_f32(x: f32) -> f32 {
  let t = clamp(x, -110.0, 95.0);
  let n = floor(fma(t, 1.44269504, 0.5));
  let whole = i32(n);
  // ln 2 in two parts. Compilers may draw n 0.6934 - n 0.0002 together to one product, which would lose the low part:
  // they do not where one n has been an integer.
  let r = fma(f32(whole), 2.12194440e-4, fma(n, -0.693359375, t));
  var y = fma(r, 1.9875691500e-4, 1.3981999507e-3);
  y = fma(y, r, 8.3334519073e-3);
  y = fma(y, r, 4.1665795894e-2);
  y = fma(y, r, 1.6666665459e-1);
  y = fma(y, r, 5.0000001201e-1);
  y = fma(y, r * r, r) + 1.0;
  let half = whole >> 1u; // in two halves, so that the scale itself cannot overflow
  let rest = whole - half;
  y = y * bitcast<f32>(u32(half + 127) << 23u) * bitcast<f32>(u32(rest + 127) << 23u);
  return select(y, x, is_nan(x));
}

fn tanh_f32(x: f32) -> f32 {
  let a = abs(x);
  if (a < 0.625) {
    let z = x * x;
    var y = fma(z, -5.70498872745e-3, 2.06390887954e-2);
    y = fma(y, z, -5.37397155531e-2);
    y = fma(y, z, 1.33314422036e-1);
    y = fma(y, z, -3.33332819422e-1);
    return fma(y * z, x, x);
  }
  let t = exp_f32(-2.0 * a);
  let y = (1.0 - t) / (1.0 + t);
  return select(y, -y, x < 0.0);
}

fn sigmoid_f32(x: f32) -> f32 {
  let t = exp_f32(-abs(x));
  return select(t, 1.0, x >= 0.0) / (1.0 + t);
}

fn erf_f32(x: f32) -> f32 {
  let a = abs(x);
  let s = x * x;
  if (a > 0.927734375) {
    var r = fma(-1.72853470e-5, a, 3.83197126e-4);
    let u = fma(-3.88396438e-3, a, 2.42546219e-2);
    r = fma(r, s, u);
    r = fma(r, a, -1.06777877e-1);
    r = fma(r, a, -6.34846687e-1);
    r = fma(r, a, -1.28717512e-1);
    r = fma(r, a, -a);
    let y = 1.0 - exp_f32(r);
    // Beyond 4 the polynomial leaves its range, and erf is 1 to the last bit.
    let z = select(y, 1.0, a > 4.0);
    return select(z, -z, x < 0.0);
  }
  var r = fma(-5.96761703e-4, s, 4.99119423e-3);
  r = fma(r, s, -2.67681349e-2);
  r = fma(r, s, 1.12819925e-1);
  r = fma(r, s, -3.76125336e-1);
  r = fma(r, s, 1.28379166e-1);
  return fma(r, x, x);
}

// Low and high word of a 64-bit product.
fn multiply_wide(a: u32, b: u32) -> vec2u {
  let al = a & 0xffffu;
  let ah = a >> 16u;
  let bl = b & 0xffffu;
  let bh = b >> 16u;
  let middle = ah * bl + ((al * bl) >> 16u);
  let carry = (middle & 0xffffu) + al * bh;
  return vec2u(a * b, ah * bh + (middle >> 16u) + (carry >> 16u));
}

// 2/pi, a window of 32 bits every 8 bits (as glibc's sinf keeps it).
const two_over_pi = array<u32, 24>(
  0xa2u, 0xa2f9u, 0xa2f983u, 0xa2f9836eu, 0xf9836e4eu, 0x836e4e44u, 0x6e4e4415u, 0x4e441529u,
  0x441529fcu, 0x1529fc27u, 0x29fc2757u, 0xfc2757d1u, 0x2757d1f5u, 0x57d1f534u, 0xd1f534ddu, 0xf534ddc0u,
  0x34ddc0dbu, 0xddc0db62u, 0xc0db6295u, 0xdb629599u, 0x6295993cu, 0x95993c43u, 0x993c4390u, 0x3c439041u);

// |x| = quadrant pi/2 + rest, |rest| <= pi/4: the quadrant in .y as a whole number, the rest in .x. Payne and Hanek's
// reduction in integers: exact for every f32, whatever the compiler does to floating-point expressions.
fn reduce_angle(x: f32) -> vec2f {
  let a = abs(x);
  if (a <= 0.78539816) { return vec2f(a, 0.0); }
  if (a < 2.0) { return vec2f((a - 1.57079637) + 4.37113883e-8, 1.0); }
  let bits = bitcast<u32>(a);
  let index = (bits >> 26u) & 15u;
  let m = ((bits & 0xffffffu) | 0x800000u) << ((bits >> 23u) & 7u);
  var table = two_over_pi;
  let first = m * table[index];
  let second = multiply_wide(m, table[index + 4u]);
  let third = multiply_wide(m, table[index + 8u]);
  // (first << 32) + second + (third >> 32), modulo 2^64: two bits of quadrant, 62 of fraction
  let low = second.x + third.y;
  var high = first + second.y + select(0u, 1u, low < second.x);
  let rounded = high + 0x20000000u;
  let quadrant = rounded >> 30u;
  high = high - (quadrant << 30u);
  let fraction = f32(bitcast<i32>(high)) * 4294967296.0 + f32(low);
  return vec2f(fraction * 3.40612158e-19, f32(quadrant)); // pi/2 2^-62
}

// Sine of |x| + shift pi/2.
fn sin_quadrant(x: f32, shift: u32) -> f32 {
  let reduced = reduce_angle(x);
  let r = reduced.x;
  let q = u32(reduced.y) + shift;
  let z = r * r;
  var s = fma(z, -1.9515295891e-4, 8.3321608736e-3);
  s = fma(s, z, -1.6666654611e-1);
  s = fma(s * z, r, r);
  var c = fma(z, 2.443315711809948e-5, -1.388731625493765e-3);
  c = fma(c, z, 4.166664568298827e-2);
  c = fma(c, z * z, fma(z, -0.5, 1.0));
  let y = select(s, c, (q & 1u) == 1u);
  let signed = select(y, -y, (q & 2u) == 2u);
  return select(bitcast<f32>(bitcast<u32>(x) | 0x7fc00000u), signed, is_finite(x));
}

fn sin_f32(x: f32) -> f32 {
  let y = sin_quadrant(x, 0u);
  return select(y, -y, x < 0.0);
}

fn cos_f32(x: f32) -> f32 { return sin_quadrant(x, 1u); }

// Activations by number, in the order of `activations` in elementwise.ts; the number is an override constant, so one
// branch is left after compilation.
fn gelu_tanh_argument(x: f32) -> f32 { return 0.7978845608 * fma(0.044715 * x * x, x, x); }

fn activate(f: u32, x: f32) -> f32 {
  switch (f) {
    // -0 to -infinity by their bits: as a comparison, some compilers make it max(x, 0), which drops a NaN.
    case 1u: { return select(x, 0.0, bitcast<u32>(x) - 0x80000000u <= 0x7f800000u); }
    case 2u: { return 0.5 * x * (1.0 + erf_f32(x * 0.70710678)); }
    case 3u: { return 0.5 * x * (1.0 + tanh_f32(gelu_tanh_argument(x))); }
    case 4u: { return x * sigmoid_f32(x); }
    case 5u: { return tanh_f32(x); }
    case 6u: { return sin_f32(x); }
    case 7u: { return exp_f32(x); }
    default: { return x; }
  }
}

fn activation_slope(f: u32, x: f32) -> f32 {
  switch (f) {
    case 1u: { return select(0.0, 1.0, x > 0.0); }
    case 2u: { return 0.5 * (1.0 + erf_f32(x * 0.70710678)) + x * 0.39894228 * exp_f32(-0.5 * x * x); }
    case 3u: {
      let t = tanh_f32(gelu_tanh_argument(x));
      return 0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * 0.7978845608 * fma(0.134145 * x, x, 1.0);
    }
    case 4u: {
      let s = sigmoid_f32(x);
      return s * (1.0 + x * (1.0 - s));
    }
    case 5u: {
      let t = tanh_f32(x);
      return 1.0 - t * t;
    }
    case 6u: { return cos_f32(x); }
    default: { return 1.0; }
  }
}
