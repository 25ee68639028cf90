/**
 * Attention with a streaming softmax, for one block of queries against all keys of a head.
 *
 * Everything is held turned: scores as keys x 8 queries, so that a tile of the micro-kernel (4 keys x 8 queries) is at
 * once a piece of the B panel of the next product, and the softmax runs down columns without any horizontal sum.
 */
import { Lanes } from "./lanes";
import { MicroKernel, TILE_BYTES } from "./micro_kernel";
import { Packing } from "./packing";

/** Scores are counted in powers of two: e^x = 2^(x log2 e). */
export const LOG2_E: f32 = 1.4426950408889634;
const LN_2: f32 = 0.6931471805599453;

/** Queries of a chunk. */
const QUERY_BLOCK: i32 = 64;

@unmanaged
export class AttentionJob {
  out: usize;
  /** 0 where not wanted. */
  logSumExp: usize;
  q: usize;
  k: usize;
  v: usize;
  keyMask: usize;
  heads: i32;
  length: i32;
  headWidth: i32;
  scale: f32;
  /** Packed keys, then packed values, of one head after the other. */
  packed: usize;
  queryBlocks: i32;
  /** As in a product. */
  bySix: i32;
}

class HeadPlan {
  /** Bytes of the packed keys of a head: panels of 4 keys, depth headWidth. */
  @inline
  static keyBytes(length: i32, headWidth: i32): usize {
    return <usize> ((length + 3) / 4) * 16 * headWidth;
  }

  /** Bytes of the packed values of a head: panels of 4 columns, depth length. */
  @inline
  static valueBytes(length: i32, headWidth: i32): usize {
    return <usize> ((headWidth + 3) / 4) * 16 * length;
  }

  /** Keys of a block, a multiple of 48: keys and values of a block fit the first-level cache beside the scores. */
  @inline
  static keyBlock(headWidth: i32): i32 {
    return max(48, min(192, 4608 / headWidth / 48 * 48));
  }
}

/** A chunk is a head of one sequence. */
export function packAttention(job: AttentionJob, chunk: i32): void {
  const length = job.length, headWidth = job.headWidth;
  const stride = <usize> job.heads * headWidth << 2;
  const source = <usize> (chunk / job.heads) * length * stride +
    (<usize> (chunk % job.heads) * headWidth << 2);
  const keyBytes = HeadPlan.keyBytes(length, headWidth);
  let to = job.packed + <usize> chunk * (keyBytes + HeadPlan.valueBytes(length, headWidth));
  for (let key = 0; key < length; key += 4) {
    Packing.panel4(to, job.k + source + <usize> key * stride, stride, false, min(4, length - key), headWidth);
    to += <usize> 16 * headWidth;
  }
  for (let c = 0; c < headWidth; c += 4) {
    Packing.panel4(to, job.v + source + (<usize> c << 2), stride, true, min(4, headWidth - c), length);
    to += <usize> 16 * length;
  }
}

/** A chunk is a block of queries of one head. Scratch: queries, running maxima and sums, output tiles, scores. */
export function attention(job: AttentionJob, chunk: i32, scratch: usize): void {
  const length = job.length, headWidth = job.headWidth;
  const head = chunk / job.queryBlocks;
  const firstQuery = chunk % job.queryBlocks * QUERY_BLOCK;
  const queries = min(QUERY_BLOCK, length - firstQuery);
  const panels = (queries + 7) / 8;
  const stride = <usize> job.heads * headWidth << 2;
  const sequence = head / job.heads;
  const rows = <usize> sequence * length * stride + (<usize> (head % job.heads) * headWidth << 2);
  const keyBytes = HeadPlan.keyBytes(length, headWidth);
  const keys = job.packed + <usize> head * (keyBytes + HeadPlan.valueBytes(length, headWidth));
  const values = keys + keyBytes;
  const valuePanels = (headWidth + 3) / 4;
  const block = HeadPlan.keyBlock(headWidth), bySix = job.bySix != 0;

  const queryAt = scratch;
  const stateAt = queryAt + <usize> panels * headWidth * 32;
  const tilesAt = stateAt + <usize> panels * 64;
  const scoresAt = tilesAt + <usize> (panels * valuePanels * TILE_BYTES);
  packQueries(job, queryAt, rows + <usize> firstQuery * stride, stride, queries);
  for (let panel = 0; panel < panels; panel++) {
    for (let half = 0; half < 32; half += 16) {
      v128.store(stateAt + <usize> (panel * 64 + half), f32x4.splat(-3e38), 0);
      v128.store(stateAt + <usize> (panel * 64 + half), f32x4.splat(0), 32);
    }
  }
  for (let key = 0; key < length; key += block) {
    const count = min(block, length - key);
    for (let panel = 0; panel < panels; panel++) {
      const query = queryAt + <usize> (panel * headWidth) * 32;
      const keysAt = keys + <usize> key * headWidth * 4, keyPanels = (count + 3) / 4;
      MicroKernel.column(keysAt, <usize> headWidth * 16, keyPanels, query, headWidth, scoresAt, false, bySix);
      if (job.keyMask != 0) hideKeys(job.keyMask + (<usize> (sequence * length + key) << 2), scoresAt, count);
      const tiles = tilesAt + <usize> (panel * valuePanels * TILE_BYTES);
      softmaxBlock(scoresAt, count, stateAt + <usize> panel * 64, tiles, key > 0 ? valuePanels : 0);
      const valuesAt = values + <usize> key * 16;
      MicroKernel.column(valuesAt, <usize> length * 16, valuePanels, scoresAt, count, tiles, key > 0, bySix);
    }
  }
  for (let panel = 0; panel < panels; panel++) {
    const query = firstQuery + panel * 8;
    const count = min(8, length - query);
    finishQueries(
      job,
      tilesAt + <usize> (panel * valuePanels * TILE_BYTES),
      stateAt + <usize> panel * 64,
      job.out + rows + <usize> query * stride,
      stride,
      head * length + query,
      count,
    );
  }
}

/** Queries as B panels (depth headWidth x 8), times the scale in powers of two. */
function packQueries(job: AttentionJob, to: usize, source: usize, stride: usize, queries: i32): void {
  const scale = f32x4.splat(job.scale * LOG2_E);
  const panelBytes = <usize> job.headWidth * 32;
  for (let query = 0; query < queries; query += 8) {
    const from = job.q + source + <usize> query * stride;
    Packing.panel8(to, from, stride, false, min(8, queries - query), job.headWidth);
    for (let at: usize = 0; at < panelBytes; at += 16) {
      v128.store(to + at, f32x4.mul(v128.load(to + at), scale));
    }
    to += panelBytes;
  }
}

/** Hidden keys score -Infinity. */
function hideKeys(mask: usize, scores: usize, count: i32): void {
  for (let i = 0; i < count; i++) {
    if (load<i32>(mask + (<usize> i << 2)) != 0) continue;
    v128.store(scores + <usize> i * 32, f32x4.splat(-Infinity), 0);
    v128.store(scores + <usize> i * 32, f32x4.splat(-Infinity), 16);
  }
}

/**
 * Turn scores (count keys x 8 queries) into weights relative to the running maximum, and bring the running sums and
 * the output tiles to the new maximum. The state holds 8 maxima, then 8 sums.
 */
function softmaxBlock(scores: usize, count: i32, state: usize, tiles: usize, tileCount: i32): void {
  const end = scores + <usize> count * 32;
  const before0 = v128.load(state, 0), before1 = v128.load(state, 16);
  let max0 = before0, max1 = before1;
  for (let at = scores; at < end; at += 32) {
    max0 = f32x4.pmax(v128.load(at, 0), max0);
    max1 = f32x4.pmax(v128.load(at, 16), max1);
  }
  const shrink0 = Lanes.powerOfNegative(f32x4.sub(before0, max0));
  const shrink1 = Lanes.powerOfNegative(f32x4.sub(before1, max1));
  let sum0 = f32x4.mul(v128.load(state, 32), shrink0), sum1 = f32x4.mul(v128.load(state, 48), shrink1);
  for (let at = scores; at < end; at += 32) {
    const weight0 = Lanes.powerOfNegative(f32x4.sub(v128.load(at, 0), max0));
    const weight1 = Lanes.powerOfNegative(f32x4.sub(v128.load(at, 16), max1));
    sum0 = f32x4.add(sum0, weight0);
    sum1 = f32x4.add(sum1, weight1);
    v128.store(at, weight0, 0);
    v128.store(at, weight1, 16);
  }
  v128.store(state, max0, 0);
  v128.store(state, max1, 16);
  v128.store(state, sum0, 32);
  v128.store(state, sum1, 48);
  const tilesEnd = tiles + <usize> (tileCount * TILE_BYTES);
  for (let at = tiles; at < tilesEnd; at += 32) {
    v128.store(at, f32x4.mul(v128.load(at, 0), shrink0), 0);
    v128.store(at, f32x4.mul(v128.load(at, 16), shrink1), 16);
  }
}

/** Divide by the sums and write `count` queries, turned back. */
function finishQueries(
  job: AttentionJob,
  tiles: usize,
  state: usize,
  out: usize,
  stride: usize,
  row: i32,
  count: i32,
): void {
  const one = f32x4.splat(1);
  for (let half = 0; half < 2; half++) {
    const at = <usize> half * 16;
    const left = count - half * 4;
    if (left <= 0) return;
    const sum = v128.load(state + at, 32);
    const some = f32x4.gt(sum, f32x4.splat(0));
    const nan = f32x4.ne(sum, sum);
    const inverse = v128.and(f32x4.div(one, sum), v128.or(some, nan));
    if (job.logSumExp != 0) {
      const logSum = Lanes.madd(v128.load(state + at), f32x4.splat(LN_2), Lanes.log(sum));
      Lanes.store(job.logSumExp + (<usize> (row + half * 4) << 2), logSum, left);
    }
    for (let c = 0; c < job.headWidth; c++) {
      const value = f32x4.mul(v128.load(tiles + <usize> c * 32 + at), inverse);
      const to = out + <usize> (half * 4) * stride + (<usize> c << 2);
      store<f32>(to, f32x4.extract_lane(value, 0));
      if (left > 1) store<f32>(to + stride, f32x4.extract_lane(value, 1));
      if (left > 2) store<f32>(to + 2 * stride, f32x4.extract_lane(value, 2));
      if (left > 3) store<f32>(to + 3 * stride, f32x4.extract_lane(value, 3));
    }
  }
}
