/**
 * The largest gain of a feature's bins, four at a time: the same operations as histogram.ts, so the same bits. Which bin
 * it is, the walk of that one feature tells.
 */
import { alpha, lambda, minChildWeight } from "./state";
import { ROOT_GAIN, SUM_G, SUM_H } from "./slot";

/** f32 x 4: largest gains so far, in four lanes. */
let largest: v128 = f32x4.splat(0);

/**
 * Largest gain over bins `from` to `end` (cells of 16 bytes: gradient, hessian), walked by `step` cells of 16 or -16
 * bytes; NaN does not count, 0 where none is larger. Gradients must be finite and the least weight of a child above 0.
 * Returns whether the sums differ from the slot's.
 */
export function largestGain(slot: usize, first: usize, count: i32, step: isize): bool {
  const total = v128.load(slot + SUM_G);
  const root = v128.load32_splat(slot + ROOT_GAIN);
  const most = f32x4.splat(0);
  let best = most;
  let sum = f64x2.splat(0);
  let at = first;
  let left = count;
  for (; left >= 4; left -= 4, at += step << 2) {
    const cell0 = v128.load(at);
    const cell1 = v128.load(at + step);
    const cell2 = v128.load(at + (step << 1));
    const cell3 = v128.load(at + step * 3);
    // Empty bins change no sum, and the first of equal gains is kept.
    if (!v128.any_true(v128.or(v128.or(cell0, cell1), v128.or(cell2, cell3)))) continue;
    const sum0 = f64x2.add(sum, cell0);
    const sum1 = f64x2.add(sum0, cell1);
    const sum2 = f64x2.add(sum1, cell2);
    sum = f64x2.add(sum2, cell3);
    best = f32x4.pmax(best, gains(sum0, sum1, sum2, sum, total, root));
  }
  for (; left > 0; left--, at += step) {
    sum = f64x2.add(sum, v128.load(at));
    best = f32x4.pmax(best, gains(sum, sum, sum, sum, total, root));
  }
  largest = f32x4.pmax(largest, best);
  return v128.any_true(f64x2.ne(sum, total));
}

/** Gains of four candidates from the sums on one side of each; minus infinity where a side weighs too little. */
// @ts-ignore: a decorator of AssemblyScript

function gains(sum0: v128, sum1: v128, sum2: v128, sum3: v128, total: v128, root: v128): v128 {
  const rest0 = f64x2.sub(total, sum0);
  const rest1 = f64x2.sub(total, sum1);
  const rest2 = f64x2.sub(total, sum2);
  const rest3 = f64x2.sub(total, sum3);
  const h01 = v128.shuffle<f64>(sum0, sum1, 1, 3);
  const h23 = v128.shuffle<f64>(sum2, sum3, 1, 3);
  const restH01 = v128.shuffle<f64>(rest0, rest1, 1, 3);
  const restH23 = v128.shuffle<f64>(rest2, rest3, 1, 3);
  const g01 = v128.shuffle<f64>(sum0, sum1, 0, 2);
  const g23 = v128.shuffle<f64>(sum2, sum3, 0, 2);
  const restG01 = v128.shuffle<f64>(rest0, rest1, 0, 2);
  const restG23 = v128.shuffle<f64>(rest2, rest3, 0, 2);
  const least = f64x2.splat(<f64> minChildWeight);
  const heavy01 = f64x2.ge(f64x2.pmin(restH01, h01), least);
  const heavy23 = f64x2.ge(f64x2.pmin(restH23, h23), least);
  const heavy = v128.shuffle<i32>(heavy01, heavy23, 0, 2, 4, 6);
  const own = f32x4.div(squares(g01, g23), weights(h01, h23));
  const others = f32x4.div(squares(restG01, restG23), weights(restH01, restH23));
  const gain = f32x4.sub(f32x4.add(own, others), root);
  return v128.bitselect(gain, f32x4.splat(f32.NEGATIVE_INFINITY), heavy);
}

// @ts-ignore: a decorator of AssemblyScript

function squares(g01: v128, g23: v128): v128 {
  if (alpha != 0) {
    const penalty = f64x2.splat(<f64> alpha);
    const zero = f64x2.splat(0);
    g01 = f64x2.pmax(zero, f64x2.sub(f64x2.abs(g01), penalty));
    g23 = f64x2.pmax(zero, f64x2.sub(f64x2.abs(g23), penalty));
  }
  return narrow(f64x2.mul(g01, g01), f64x2.mul(g23, g23));
}

// @ts-ignore: a decorator of AssemblyScript

function weights(h01: v128, h23: v128): v128 {
  const l2 = f64x2.splat(<f64> lambda);
  return narrow(f64x2.add(h01, l2), f64x2.add(h23, l2));
}

/** Four float64 to float32. */
// @ts-ignore: a decorator of AssemblyScript

function narrow(a: v128, b: v128): v128 {
  return v128.shuffle<f32>(f32x4.demote_f64x2_zero(a), f32x4.demote_f64x2_zero(b), 0, 1, 4, 5);
}

/** The largest of what largestGain() saw since the last call. */
export function takeLargest(): f32 {
  const pairs = f32x4.pmax(largest, v128.shuffle<f32>(largest, largest, 2, 3, 0, 1));
  const all = f32x4.pmax(pairs, v128.shuffle<f32>(pairs, pairs, 1, 0, 3, 2));
  largest = f32x4.splat(0);
  return f32x4.extract_lane(all, 0);
}
