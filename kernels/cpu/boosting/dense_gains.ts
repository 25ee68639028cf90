/**
 * Approximate gains of exact_dense.ts, and how far from the truth they may lie. With hessians of 1 the gain at position
 * j of a segment is a quadratic in the prefix sum of the gradients, whose coefficients depend on the slot alone.
 */
import { MIN_GAIN } from "./gain";
import { gradients, lambda, minChildWeight, slotRows } from "./state";
import { COUNT, OPEN, SEGMENT, SEGMENT_LENGTH, SEGMENT_MEAN, START, SUM_G } from "./slot";
import { center, entries, isListed, quantum, reach, ROW_BITS } from "./dense_lists";

/** f32, list x 4: coefficients P, Q, R of the gain at each position of each segment, and a gap: one load takes all three. */
let coefficients: usize = 0;

export function placeGains(newCoefficients: usize): void {
  coefficients = newCoefficients;
}

/** How far XGBoost's float32 gain, and ours, may lie from the true gain of a slot whose terms reach `size`. */
export function roundingOf(size: f64): f64 {
  return size * 9.5367431640625e-7; // 2^-20
}

/**
 * Coefficients of the gain at each position of a slot, or the proof that no candidate can gain enough (then the slot
 * is closed). By Cauchy-Schwarz no split gains more than the sum of squares around the mean and what lambda shrinks.
 */
export function tabulate(slot: usize): bool {
  const start = load<i32>(slot, SEGMENT);
  const n = load<i32>(slot, SEGMENT_LENGTH);
  const smallest = max(1, <i32> Math.ceil(<f64> minChildWeight));
  store<i32>(slot, 0, OPEN);
  if (n < smallest * 2) return false;
  const G = load<f64>(slot, SUM_G);
  const l2 = <f64> lambda;
  const unsplit = G * G / (<f64> n + l2);
  let squares: f64 = 0;
  let sumOfK: i64 = 0;
  const first = load<i32>(slot, START);
  const end = first + load<i32>(slot, COUNT);
  for (let i = first; i < end; i++) {
    const row = load<i32>(slotRows + (<usize> i << 2));
    if (!isListed(row)) continue;
    const g = load<f64>(gradients + (<usize> row << 4));
    squares += g * g;
    sumOfK += <i64> (load<i32>(entries + (<usize> row << 2)) >> ROW_BITS);
  }
  const most = max(squares - G * G / <f64> n, 0) + unsplit * l2 / <f64> n;
  if (most + roundingOf(most + unsplit) + 1e-12 * squares <= <f64> MIN_GAIN) return false;
  store<i32>(slot, 1, OPEN);

  const mean = <i32> nearest<f64>(<f64> sumOfK / <f64> n);
  store<i32>(slot, mean, SEGMENT_MEAN);
  const m = center + quantum * <f64> mean;
  const rest = G - <f64> n * m;
  let at = coefficients + (<usize> start << 4);
  for (let j = 1; j <= n; j++, at += 16) {
    if (j < smallest || n - j < smallest) {
      store<f32>(at, 0);
      store<f32>(at, 0, 4);
      store<f32>(at, f32.NEGATIVE_INFINITY, 8);
      continue;
    }
    const a = 1 / (<f64> j + l2);
    const b = 1 / (<f64> (n - j) + l2);
    const right = <f64> j * m;
    const left = <f64> (n - j) * m + rest;
    store<f32>(at, <f32> ((a + b) * quantum * quantum));
    store<f32>(at, <f32> (2 * quantum * (right * a - left * b)), 4);
    store<f32>(at, <f32> (right * right * a + left * left * b - unsplit), 8);
  }
  return true;
}

/** Largest approximate gain of four features in one segment. */
export function scan(base: usize, slot: usize): v128 {
  const start = <usize> load<i32>(slot, SEGMENT);
  const n = <usize> load<i32>(slot, SEGMENT_LENGTH);
  const mean = i32x4.splat(load<i32>(slot, SEGMENT_MEAN));
  let from = base + (start << 4);
  const end = from + ((n - 1) << 4);
  let at = coefficients + (start << 4);
  let sum = i32x4.splat(0);
  let largest = f32x4.splat(f32.NEGATIVE_INFINITY);
  for (; from < end; from += 16, at += 16) {
    sum = i32x4.add(sum, i32x4.sub(i32x4.shr_s(v128.load(from), ROW_BITS), mean));
    const u = f32x4.convert_i32x4_s(sum);
    const quadratic = v128.load(at);
    const p = v128.shuffle<i32>(quadratic, quadratic, 0, 0, 0, 0);
    const q = v128.shuffle<i32>(quadratic, quadratic, 1, 1, 1, 1);
    const r = v128.shuffle<i32>(quadratic, quadratic, 2, 2, 2, 2);
    const gain = f32x4.relaxed_madd(f32x4.relaxed_madd(u, p, q), u, r);
    largest = f32x4.pmax(largest, gain);
  }
  return largest;
}

/**
 * The distance between an approximate gain and the one XGBoost computes, at most. Fixed point: each gradient is off by
 * half a quantum, and the gain's slope in the prefix sum is below four times the largest gradient. Float32: a few last
 * bits of each term, in our polynomial (whose middle one is small where it is steep) and in XGBoost's own sums.
 */
export function errorBound(slot: usize, n: f64, largest: f64): f64 {
  const G = load<f64>(slot, SUM_G);
  const l2 = <f64> lambda;
  const fixedPoint = 2 * reach * n * quantum + n * n * quantum * quantum;
  const m = abs(G) / n;
  return fixedPoint + roundingOf(max(largest, 0) + G * G / (n + l2) + 4 * l2 * m * (reach + m));
}
