import { Constants, ONE } from "./constants";

/** 1.5 2^23: added to a float it leaves the nearest whole number in the lowest bits. */
const ROUNDER: usize = memory.data<f32>([12582912]);
/** Bias of an f32's exponent, and its place. */
const BIAS: usize = memory.data<i32>([127]);
const BIAS_IN_PLACE: usize = memory.data<i32>([127 << 23]);

/** Beyond these exp is 0 or infinite. */
const EXP_RANGE: usize = memory.data<f32>([90, -105]);
/** Beyond these a sigmoid is 1 or, but for 1e-38, 0. */
const SIGMOID_RANGE: usize = memory.data<f32>([87, -87]);
const INVERSE_LN_2: usize = memory.data<f32>([1.44269504]);
/** ln 2 in two parts. */
const LN_2_PARTS: usize = memory.data<f32>([0.693359375, -2.12194440e-4]);
/** Polynomials, from the highest power down. */
const EXP_SERIES: usize = memory.data<f32>([
  0.0013814320554956794,
  0.00836885068565607,
  0.041668400168418884,
  0.1666651964187622,
  0.4999999403953552,
  1.0,
  1.0,
]);

const LOWEST_POWER: usize = memory.data<f32>([-127]);
const POWER_SERIES: usize = memory.data<f32>([
  0.0013264589942991734,
  0.009671619161963463,
  0.0555073507130146,
  0.24022240936756134,
  0.6931470036506653,
  1,
]);

const TANH_RANGE: usize = memory.data<f32>([7.90531110763549805, -7.90531110763549805]);
const TANH_ABOVE: usize = memory.data<f32>([
  -2.76076847742355e-16,
  2.00018790482477e-13,
  -8.60467152213735e-11,
  5.12229709037114e-08,
  1.48572235717979e-05,
  6.37261928875436e-04,
  4.89352455891786e-03,
]);
const TANH_BELOW: usize = memory.data<f32>([
  1.19825839466702e-06,
  1.18534705686654e-04,
  2.26843463243900e-03,
  4.89352518554385e-03,
]);

const ERF_RANGE: usize = memory.data<f32>([4, -4]);
const ERF_ABOVE: usize = memory.data<f32>([
  -2.72614225801306e-10,
  2.77068142495902e-08,
  -2.10102402082508e-06,
  -5.69250639462346e-05,
  -7.34990630326855e-04,
  -2.95459980854025e-03,
  -1.60960333262415e-02,
]);
const ERF_BELOW: usize = memory.data<f32>([
  -1.45660718464996e-05,
  -2.13374055278905e-04,
  -1.68282697438203e-03,
  -7.37332916720468e-03,
  -1.42647390514189e-02,
]);

const INVERSE_PI: usize = memory.data<f64>([0.3183098861837907]);
const PI: usize = memory.data<f64>([3.141592653589793]);
const HALF_PI: usize = memory.data<f32>([1.5707963, -1.5707963]);
const SIN_SERIES: usize = memory.data<f32>([
  -2.50521084e-8,
  2.75573192e-6,
  -1.98412698e-4,
  8.33333333e-3,
  -1.66666667e-1,
]);

/**
 * Four f32 lanes: the arithmetic and the functions that every kernel file shares.
 * Accuracy of the functions, over all arguments: exp, sin and cos 2e-7 relative; tanh and erf 4e-7.
 */
export class Lanes {
  /** a b + c, in one rounding where the relaxed build has it. */
  @inline
  static madd(a: v128, b: v128, c: v128): v128 {
    if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, c);
    return f32x4.add(f32x4.mul(a, b), c);
  }

  /** c - a b. */
  @inline
  static nmadd(a: v128, b: v128, c: v128): v128 {
    if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_nmadd(a, b, c);
    return f32x4.sub(c, f32x4.mul(a, b));
  }

  /** a b + c on two f64 lanes. */
  @inline
  static madd64(a: v128, b: v128, c: v128): v128 {
    if (ASC_FEATURE_RELAXED_SIMD) return f64x2.relaxed_madd(a, b, c);
    return f64x2.add(f64x2.mul(a, b), c);
  }

  /** Lanes 2 and 3 as f64. */
  @inline
  static promoteHigh(x: v128): v128 {
    return f64x2.promote_low_f32x4(v128.shuffle<i32>(x, x, 2, 3, 2, 3));
  }

  @inline
  static promoteLow(x: v128): v128 {
    return f64x2.promote_low_f32x4(x);
  }

  /** Two vectors of two f64 as one of four f32. */
  @inline
  static demote(low: v128, high: v128): v128 {
    return v128.shuffle<i32>(f32x4.demote_f64x2_zero(low), f32x4.demote_f64x2_zero(high), 0, 1, 4, 5);
  }

  @inline
  static sum64(x: v128): f64 {
    return f64x2.extract_lane(x, 0) + f64x2.extract_lane(x, 1);
  }

  /** Store the first `count` (1 to 3) lanes. */
  @inline
  static storePart(to: usize, x: v128, count: i32): void {
    v128.store_lane<f32>(to, x, 0);
    if (count > 1) v128.store_lane<f32>(to, x, 1, 4);
    if (count > 2) v128.store_lane<f32>(to, x, 2, 8);
  }

  /** Store as many lanes as there are left of `left`, at most 4. */
  @inline
  static store(to: usize, x: v128, left: i32): void {
    if (left >= 4) v128.store(to, x);
    else Lanes.storePart(to, x, left);
  }

  /**
   * Where a loop over numbers from `start` to `end` has no whole turn of `vectors` vectors left. What is left goes vector by
   * vector: asking at each whether it is whole, beside the check of each load, costs a third of the speed of memory.
   */
  @inline
  static wholeTurns(start: i32, end: i32, vectors: i32): i32 {
    return start + (end - start) / (4 * vectors) * (4 * vectors);
  }

  /** The first `count` (1 to 3) lanes, zeros in the others. */
  @inline
  static keepFirst(x: v128, count: i32): v128 {
    return v128.and(x, i32x4.lt_s(i32x4(0, 1, 2, 3), i32x4.splat(count)));
  }

  /** All bits where a lane is finite. */
  @inline
  static finite(x: v128): v128 {
    return f32x4.lt(f32x4.abs(x), f32x4.splat(Infinity));
  }

  /** x 2^n for whole n in [-252, 254], in two steps so that results may be subnormal or infinite. */
  @inline
  static scaleByPower(x: v128, n: v128): v128 {
    const half = i32x4.shr_s(n, 1);
    const rest = i32x4.sub(n, half);
    const bias = Constants.of(BIAS);
    return f32x4.mul(
      f32x4.mul(x, i32x4.shl(i32x4.add(half, bias), 23)),
      i32x4.shl(i32x4.add(rest, bias), 23),
    );
  }

  /** e^r for |r| <= ln 2 / 2: a polynomial fitted for the smallest relative error, 3e-9. */
  @inline
  static expSeries(r: v128): v128 {
    let p = Lanes.madd(r, Constants.of(EXP_SERIES, 0), Constants.of(EXP_SERIES, 1));
    p = Lanes.madd(p, r, Constants.of(EXP_SERIES, 2));
    p = Lanes.madd(p, r, Constants.of(EXP_SERIES, 3));
    p = Lanes.madd(p, r, Constants.of(EXP_SERIES, 4));
    p = Lanes.madd(p, r, Constants.of(EXP_SERIES, 5));
    return Lanes.madd(p, r, Constants.of(EXP_SERIES, 6));
  }

  /** x / ln 2 + 1.5 2^23: a float whose lowest bits are the nearest whole number n. */
  @inline
  static powerOfTwo(x: v128): v128 {
    return Lanes.madd(x, Constants.of(INVERSE_LN_2), Constants.of(ROUNDER));
  }

  /** x - n ln 2, ln 2 in two parts. */
  @inline
  static reduceExp(x: v128, power: v128): v128 {
    const n = f32x4.sub(power, Constants.of(ROUNDER));
    return Lanes.nmadd(
      n,
      Constants.of(LN_2_PARTS, 1),
      Lanes.nmadd(n, Constants.of(LN_2_PARTS, 0), x),
    );
  }

  @inline
  static exp(x: v128): v128 {
    x = f32x4.pmax(f32x4.pmin(x, Constants.of(EXP_RANGE, 0)), Constants.of(EXP_RANGE, 1));
    const power = Lanes.powerOfTwo(x);
    const n = i32x4.sub(power, Constants.of(ROUNDER));
    return Lanes.scaleByPower(Lanes.expSeries(Lanes.reduceExp(x, power)), n);
  }

  /**
   * 2^x for x <= 0 (or not much above), exactly 0 from -127 on; relative error 1e-7. The softmax counts in powers of
   * two, which saves the multiples of ln 2 on every weight.
   */
  @inline
  static powerOfNegative(x: v128): v128 {
    x = f32x4.pmax(x, Constants.of(LOWEST_POWER));
    // The exponent of 2^n is n + 127.
    const power = f32x4.add(x, Constants.of(ROUNDER));
    const r = f32x4.sub(x, f32x4.sub(power, Constants.of(ROUNDER)));
    let p = Lanes.madd(r, Constants.of(POWER_SERIES, 0), Constants.of(POWER_SERIES, 1));
    p = Lanes.madd(p, r, Constants.of(POWER_SERIES, 2));
    p = Lanes.madd(p, r, Constants.of(POWER_SERIES, 3));
    p = Lanes.madd(p, r, Constants.of(POWER_SERIES, 4));
    p = Lanes.madd(p, r, Constants.of(POWER_SERIES, 5));
    return f32x4.mul(p, i32x4.add(i32x4.shl(power, 23), Constants.of(BIAS_IN_PLACE)));
  }

  /** ln x for x >= 0, -Infinity at 0. Subnormal numbers count as 0. */
  @inline
  static log(x: v128): v128 {
    // x = m 2^n with m in [sqrt(1/2), sqrt 2).
    const shifted = i32x4.sub(x, i32x4.splat(0x3f3504f3));
    const n = i32x4.shr_s(shifted, 23);
    const m = i32x4.sub(x, i32x4.shl(n, 23));
    const t = f32x4.div(f32x4.sub(m, f32x4.splat(1)), f32x4.add(m, f32x4.splat(1)));
    const s = f32x4.mul(t, t);
    // 2 artanh t = 2 (t + t^3/3 + t^5/5 + ...), |t| < 0.172.
    let p = Lanes.madd(s, f32x4.splat(2.0 / 9.0), f32x4.splat(2.0 / 7.0));
    p = Lanes.madd(p, s, f32x4.splat(2.0 / 5.0));
    p = Lanes.madd(p, s, f32x4.splat(2.0 / 3.0));
    const small = Lanes.madd(f32x4.mul(p, s), t, f32x4.add(t, t));
    const result = Lanes.madd(f32x4.convert_i32x4_s(n), f32x4.splat(0.69314718), small);
    return v128.bitselect(
      result,
      f32x4.splat(-Infinity),
      f32x4.ge(x, f32x4.splat(1.1754943508222875e-38)),
    );
  }

  /** Rational approximation in x^2 on [-7.9, 7.9], beyond which tanh is 1 in f32. */
  @inline
  static tanh(x: v128): v128 {
    return Lanes.oddRational(x, TANH_RANGE, TANH_ABOVE, TANH_BELOW, 4);
  }

  /** Rational approximation in x^2 on [-4, 4], beyond which erf is 1 in f32. */
  @inline
  static erf(x: v128): v128 {
    return Lanes.oddRational(x, ERF_RANGE, ERF_ABOVE, ERF_BELOW, 5);
  }

  /** x P(x^2) / Q(x^2), x held to `range`; P has seven coefficients, Q four or five (`terms`, a constant). */
  @inline
  static oddRational(x: v128, range: usize, above: usize, below: usize, terms: i32): v128 {
    const c = f32x4.pmax(f32x4.pmin(x, Constants.of(range, 0)), Constants.of(range, 1));
    const s = f32x4.mul(c, c);
    let p = Lanes.madd(s, Constants.of(above, 0), Constants.of(above, 1));
    p = Lanes.madd(p, s, Constants.of(above, 2));
    p = Lanes.madd(p, s, Constants.of(above, 3));
    p = Lanes.madd(p, s, Constants.of(above, 4));
    p = Lanes.madd(p, s, Constants.of(above, 5));
    p = Lanes.madd(p, s, Constants.of(above, 6));
    let q = Lanes.madd(s, Constants.of(below, 0), Constants.of(below, 1));
    q = Lanes.madd(q, s, Constants.of(below, 2));
    q = Lanes.madd(q, s, Constants.of(below, 3));
    if (terms == 5) q = Lanes.madd(q, s, Constants.of(below, 4));
    return f32x4.div(f32x4.mul(c, p), q);
  }

  /** 1 / (1 + e^-x); below -87 e^-x is held at e^87, so that its power of two needs one step only. */
  @inline
  static sigmoid(x: v128): v128 {
    const one = Constants.of(ONE);
    x = f32x4.neg(f32x4.pmax(f32x4.pmin(x, Constants.of(SIGMOID_RANGE, 0)), Constants.of(SIGMOID_RANGE, 1)));
    const power = Lanes.powerOfTwo(x);
    const scale = i32x4.add(i32x4.shl(power, 23), Constants.of(BIAS_IN_PLACE));
    return f32x4.div(one, Lanes.madd(Lanes.expSeries(Lanes.reduceExp(x, power)), scale, one));
  }

  /** sin(x + shift). The multiple of pi is taken off in f64, so that large arguments keep their digits. */
  @inline
  static sinShifted(x: v128, shift: f64): v128 {
    const low = f64x2.add(Lanes.promoteLow(x), f64x2.splat(shift));
    const high = f64x2.add(Lanes.promoteHigh(x), f64x2.splat(shift));
    const inverse = Constants.of64(INVERSE_PI);
    const pi = Constants.of64(PI);
    const nLow = f64x2.nearest(f64x2.mul(low, inverse));
    const nHigh = f64x2.nearest(f64x2.mul(high, inverse));
    let r = Lanes.demote(f64x2.sub(low, f64x2.mul(nLow, pi)), f64x2.sub(high, f64x2.mul(nHigh, pi)));
    // Arguments too large for f64 to reduce give any number from -1 to 1.
    r = f32x4.pmax(f32x4.pmin(r, Constants.of(HALF_PI, 0)), Constants.of(HALF_PI, 1));
    // Odd multiples of pi turn the sign.
    const n = v128.shuffle<i32>(
      i32x4.trunc_sat_f64x2_s_zero(nLow),
      i32x4.trunc_sat_f64x2_s_zero(nHigh),
      0,
      1,
      4,
      5,
    );
    const s = f32x4.mul(r, r);
    let p = Lanes.madd(s, Constants.of(SIN_SERIES, 0), Constants.of(SIN_SERIES, 1));
    p = Lanes.madd(p, s, Constants.of(SIN_SERIES, 2));
    p = Lanes.madd(p, s, Constants.of(SIN_SERIES, 3));
    p = Lanes.madd(p, s, Constants.of(SIN_SERIES, 4));
    p = Lanes.madd(f32x4.mul(p, s), r, r);
    return v128.xor(p, i32x4.shl(n, 31));
  }
}
