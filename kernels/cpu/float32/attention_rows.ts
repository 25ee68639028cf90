/**
 * What attention does between its products where a BLAS library makes those: scores lie as rows of queries, one head
 * after the other, and every row holds all keys. Scores count in powers of two (attention.ts).
 */
import { LOG2_E } from "./attention";
import { Lanes } from "./lanes";

const LN_2: f32 = 0.6931471805599453;

/** Rows of scores of some heads of one sequence: heads x queries x length, rows `stride` bytes apart. */
@unmanaged
export class AttentionRowsJob {
  scores: usize;
  /** Slopes of weights, then of scores; backward only. */
  slopes: usize;
  stride: usize;
  queries: i32;
  length: i32;
  chunkRows: i32;
  rows: i32;
  /** Of the sequence; 0 for none. */
  keyMask: usize;
  /** Forward: maxima and sums of the rows. Backward: logSumExp, and nothing. Heads are `length` numbers apart. */
  maxima: usize;
  sums: usize;
  /** Backward: the first query of the first head, with rows `rowBytes` apart. */
  out: usize;
  dout: usize;
  rowBytes: usize;
  headWidth: i32;
  scale: f32;
}

/** Bytes from the first number that is kept for each query to that of a row. */

function placeOfRow(job: AttentionRowsJob, row: i32): usize {
  return <usize> (row / job.queries * job.length + row % job.queries) << 2;
}

/** All bits where a key counts. */

function shownKeys(mask: usize, key: i32, length: i32): v128 {
  const inside = i32x4.lt_s(i32x4(0, 1, 2, 3), i32x4.splat(length - key));
  if (mask == 0) return inside;
  return v128.and(inside, i32x4.ne(v128.load(mask + (<usize> key << 2)), i32x4.splat(0)));
}

/** Scores into weights relative to the row's maximum. A chunk is `chunkRows` rows. */
export function attentionWeights(job: AttentionRowsJob, chunk: i32): void {
  const first = chunk * job.chunkRows, end = min(first + job.chunkRows, job.rows);
  const length = job.length, mask = job.keyMask;
  const whole = length & ~7;
  for (let row = first; row < end; row++) {
    const scores = job.scores + <usize> row * job.stride;
    const scoresEnd = scores + (<usize> whole << 2);
    // Only the last keys need to be told apart where there is no mask.
    for (let key = mask != 0 ? 0 : whole; key < length; key += 4) {
      const at = scores + (<usize> key << 2);
      v128.store(at, v128.bitselect(v128.load(at), f32x4.splat(-Infinity), shownKeys(mask, key, length)));
    }
    let max0 = f32x4.splat(-3e38), max1 = max0;
    for (let at = scores; at < scoresEnd; at += 32) {
      max0 = f32x4.pmax(v128.load(at, 0), max0);
      max1 = f32x4.pmax(v128.load(at, 16), max1);
    }
    for (let key = whole; key < length; key += 4) {
      max0 = f32x4.pmax(v128.load(scores + (<usize> key << 2)), max0);
    }
    max0 = f32x4.pmax(max1, max0);
    max0 = f32x4.pmax(v128.shuffle<i32>(max0, max0, 2, 3, 0, 1), max0);
    const highest = f32x4.pmax(v128.shuffle<i32>(max0, max0, 1, 0, 3, 2), max0);
    let sum0 = f32x4.splat(0), sum1 = sum0;
    for (let at = scores; at < scoresEnd; at += 32) {
      const weight0 = Lanes.powerOfNegative(f32x4.sub(v128.load(at, 0), highest));
      const weight1 = Lanes.powerOfNegative(f32x4.sub(v128.load(at, 16), highest));
      sum0 = f32x4.add(sum0, weight0);
      sum1 = f32x4.add(sum1, weight1);
      v128.store(at, weight0, 0);
      v128.store(at, weight1, 16);
    }
    for (let key = whole; key < length; key += 4) {
      const at = scores + (<usize> key << 2);
      const weight = Lanes.powerOfNegative(f32x4.sub(v128.load(at), highest));
      sum0 = f32x4.add(sum0, weight);
      v128.store(at, weight);
    }
    const place = placeOfRow(job, row);
    store<f32>(job.maxima + place, f32x4.extract_lane(highest, 0));
    store<f32>(job.sums + place, sumOf(f32x4.add(sum0, sum1)));
  }
}

function sumOf(x: v128): f32 {
  return (f32x4.extract_lane(x, 0) + f32x4.extract_lane(x, 1)) +
    (f32x4.extract_lane(x, 2) + f32x4.extract_lane(x, 3));
}

/** In place: weights from scores, and slopes of scores from slopes of weights. A chunk is `chunkRows` rows. */
export function attentionSlopes(job: AttentionRowsJob, chunk: i32): void {
  const first = chunk * job.chunkRows, end = min(first + job.chunkRows, job.rows);
  const length = job.length, mask = job.keyMask;
  const scales = f32x4.splat(job.scale);
  for (let row = first; row < end; row++) {
    const head = row / job.queries;
    const offset = <usize> (row % job.queries) * job.rowBytes + (<usize> (head * job.headWidth) << 2);
    let product: f64 = 0;
    for (let c: usize = 0; c < <usize> job.headWidth << 2; c += 4) {
      product += <f64> load<f32>(job.dout + offset + c) * load<f32>(job.out + offset + c);
    }
    const products = f32x4.splat(<f32> product);
    const logSum = f32x4.splat(load<f32>(job.maxima + placeOfRow(job, row)) * LOG2_E);
    const scores = job.scores + <usize> row * job.stride, slopes = job.slopes + <usize> row * job.stride;
    const whole = mask != 0 ? 0 : length & ~3;
    const wholeEnd = <usize> whole << 2;
    for (let at: usize = 0; at < wholeEnd; at += 16) {
      const weight = Lanes.powerOfNegative(f32x4.sub(v128.load(scores + at), logSum));
      v128.store(scores + at, weight);
      const slope = f32x4.sub(v128.load(slopes + at), products);
      v128.store(slopes + at, f32x4.mul(f32x4.mul(weight, scales), slope));
    }
    for (let key = whole; key < length; key += 4) {
      const at = <usize> key << 2;
      const power = Lanes.powerOfNegative(f32x4.sub(v128.load(scores + at), logSum));
      const weight = v128.and(power, shownKeys(mask, key, length));
      v128.store(scores + at, weight);
      const slope = f32x4.sub(v128.load(slopes + at), products);
      v128.store(slopes + at, f32x4.mul(f32x4.mul(weight, scales), slope));
    }
  }
}

@unmanaged
export class FinishAttentionJob {
  out: usize;
  /** 0 where not wanted. */
  logSumExp: usize;
  maxima: usize;
  sums: usize;
  heads: i32;
  length: i32;
  headWidth: i32;
  chunkRows: i32;
  rows: i32;
}

/** Divide by the sums. Rows are those of heads, heads x length of each sequence; a chunk is `chunkRows` of them. */
export function finishAttention(job: FinishAttentionJob, chunk: i32): void {
  const first = chunk * job.chunkRows, end = min(first + job.chunkRows, job.rows);
  const length = job.length, heads = job.heads;
  const bytes = <usize> job.headWidth << 2;
  for (let row = first; row < end; row++) {
    const place = <usize> row << 2;
    const sum = load<f32>(job.sums + place);
    const inverse: f32 = sum > 0 || sum != sum ? 1 / sum : 0;
    if (job.logSumExp != 0) {
      const logSum = f32x4.extract_lane(Lanes.log(f32x4.splat(sum)), 0);
      store<f32>(job.logSumExp + place, load<f32>(job.maxima + place) * LN_2 + logSum);
    }
    const head = row / length;
    const out = job.out +
      <usize> ((head / heads * length + row % length) * heads + head % heads) * bytes;
    for (let c: usize = 0; c < bytes; c += 4) store<f32>(out + c, load<f32>(out + c) * inverse);
  }
}
