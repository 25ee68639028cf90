/**
 * Gradients of attention for a whole head, by recomputing its weights P = exp(S - logSumExp) block by block:
 * dV = P' dO, dP = dO V', dS = P (dP - rowsum(dO O)) scale, dQ = dS K, dK = dS' Q.
 *
 * Scores are made as tiles of 4 queries x 8 keys, which lie ready as B panels (depth: queries) for dV' and dK'; for dQ' they are
 * turned into B panels of 8 queries (depth: keys).
 */
import { LOG2_E } from "./attention";
import { beat } from "./control";
import { Lanes } from "./lanes";
import { MicroKernel, TILE_BYTES } from "./micro_kernel";
import { Packing } from "./packing";

/** Queries of a block: a multiple of 8. */
const QUERY_BLOCK: i32 = 96;
/** Keys of a block: a multiple of 8. */
const KEY_BLOCK: i32 = 64;

@unmanaged
export class AttentionBackwardJob {
  dq: usize;
  dk: usize;
  dv: usize;
  dout: usize;
  out: usize;
  logSumExp: usize;
  q: usize;
  k: usize;
  v: usize;
  keyMask: usize;
  heads: i32;
  length: i32;
  headWidth: i32;
  scale: f32;
  /** Where the packed operands of thread 0 lie, bytes from thread to thread, and scratch memory likewise. */
  packed: usize;
  packedBytes: usize;
  firstScratch: usize;
  scratchBytes: usize;
  /** As in a product. */
  bySix: i32;
}

/** Addresses of one head's operands, in every arrangement that the products need. */
@unmanaged
class Head {
  /** Panels of 4 queries, depth headWidth: Q, scaled so that scores count in powers of two, and dO. */
  queries: usize;
  slopes: usize;
  /** Panels of 8 keys, depth headWidth. */
  keys: usize;
  values: usize;
  /** Panels of 4 columns, depth length. */
  queryColumns: usize;
  slopeColumns: usize;
  keyColumns: usize;
  /** dQ' as tiles: for each 8 queries, its panels of 4 columns. */
  queryTiles: usize;
  /** For each query: logSumExp in powers of two, and rowsum(dO O). */
  logSums: usize;
  outProducts: usize;
}

/** A chunk is a head of one sequence. */
export function attentionBackward(job: AttentionBackwardJob, chunk: i32, scratch: usize): void {
  const thread = (scratch - job.firstScratch) / job.scratchBytes;
  const length = job.length, headWidth = job.headWidth;
  const stride = <usize> job.heads * headWidth << 2;
  const sequence = chunk / job.heads;
  const rows = <usize> sequence * length * stride + (<usize> (chunk % job.heads) * headWidth << 2);
  const head = changetype<Head>(scratch);
  packHead(job, head, job.packed + thread * job.packedBytes, rows, stride, chunk);
  const columnPanels = (headWidth + 3) / 4;
  const blockScratch = scratch + 64;
  // dK' and dV' tiles of a block of keys, then weights and slopes of 96 queries x 8 keys, then the turned slopes.
  const keyTiles = blockScratch;
  const valueTiles = keyTiles + <usize> (KEY_BLOCK / 8 * columnPanels * TILE_BYTES);
  const weights = valueTiles + <usize> (KEY_BLOCK / 8 * columnPanels * TILE_BYTES);
  const slopes = weights + <usize> (QUERY_BLOCK * 32);
  const turned = slopes + <usize> (QUERY_BLOCK * 32);
  const panelBytes = <usize> columnPanels * TILE_BYTES;
  // From one panel of columns to the next.
  const panelStep = <usize> length * 16;
  const bySix = job.bySix != 0;
  for (let key = 0; key < length; key += KEY_BLOCK) {
    beat();
    const keyCount = min(KEY_BLOCK, length - key);
    const keyPanels = (keyCount + 7) / 8;
    for (let query = 0; query < length; query += QUERY_BLOCK) {
      const queryCount = min(QUERY_BLOCK, length - query);
      for (let panel = 0; panel < keyPanels; panel++) {
        const keyAt = key + panel * 8;
        scoreTiles(head, headWidth, query, queryCount, keyAt, weights, slopes, bySix);
        const mask = job.keyMask != 0 ? job.keyMask + (<usize> (sequence * length + keyAt) << 2) : 0;
        slopesOfScores(job.scale, head, query, queryCount, weights, slopes, mask, min(8, length - keyAt));
        const valueTile = valueTiles + <usize> panel * panelBytes;
        const keyTile = keyTiles + <usize> panel * panelBytes;
        const from = <usize> query * 16, join = query > 0;
        const slopesAt = head.slopeColumns + from, queriesAt = head.queryColumns + from;
        MicroKernel.column(slopesAt, panelStep, columnPanels, weights, queryCount, valueTile, join, bySix);
        MicroKernel.column(queriesAt, panelStep, columnPanels, slopes, queryCount, keyTile, join, bySix);
        turnSlopes(slopes, turned, panel, queryCount);
      }
      for (let i = 0; i < queryCount; i += 8) {
        const to = head.queryTiles + <usize> ((query + i) / 8) * panelBytes;
        const from = turned + <usize> (i / 8) * KEY_BLOCK * 32;
        const columns = head.keyColumns + <usize> key * 16;
        MicroKernel.column(columns, panelStep, columnPanels, from, keyCount, to, key > 0, bySix);
      }
    }
    for (let panel = 0; panel < keyPanels; panel++) {
      const keyAt = key + panel * 8;
      const at = rows + <usize> keyAt * stride;
      const tile = <usize> panel * panelBytes;
      writeTurned(job.dv + at, valueTiles + tile, stride, headWidth, min(8, length - keyAt));
      writeTurned(job.dk + at, keyTiles + tile, stride, headWidth, min(8, length - keyAt));
    }
  }
  for (let query = 0; query < length; query += 8) {
    const tile = head.queryTiles + <usize> (query / 8) * panelBytes;
    writeTurned(job.dq + rows + <usize> query * stride, tile, stride, headWidth, min(8, length - query));
  }
}

/** S (as `weights`) and dP (as `slopes`) of some queries and 8 keys. */
function scoreTiles(
  head: Head,
  headWidth: i32,
  query: i32,
  queryCount: i32,
  key: i32,
  weights: usize,
  slopes: usize,
  bySix: bool,
): void {
  const queries = <usize> query * headWidth * 4, keys = <usize> key * headWidth * 4;
  const step = <usize> headWidth * 16, panels = (queryCount + 3) / 4;
  MicroKernel.column(
    head.queries + queries,
    step,
    panels,
    head.keys + keys,
    headWidth,
    weights,
    false,
    bySix,
  );
  MicroKernel.column(
    head.slopes + queries,
    step,
    panels,
    head.values + keys,
    headWidth,
    slopes,
    false,
    bySix,
  );
}

/** In place: weights from scores, and slopes of scores from slopes of weights. */
function slopesOfScores(
  scale: f32,
  head: Head,
  query: i32,
  queryCount: i32,
  weights: usize,
  slopes: usize,
  mask: usize,
  keyCount: i32,
): void {
  let shown0 = i32x4.splat(-1), shown1 = shown0;
  if (mask != 0) {
    const zero = i32x4.splat(0);
    shown0 = i32x4.ne(v128.load(mask, 0), zero);
    shown1 = i32x4.ne(v128.load(mask, 16), zero);
  }
  // Keys beyond the last hold scores of zeros; what follows the mask in memory is no mask.
  const lanes = i32x4(0, 1, 2, 3);
  shown0 = v128.and(shown0, i32x4.lt_s(lanes, i32x4.splat(keyCount)));
  shown1 = v128.and(shown1, i32x4.lt_s(lanes, i32x4.splat(keyCount - 4)));
  const scales = f32x4.splat(scale);
  for (let i = 0; i < queryCount; i++) {
    const at = <usize> i * 32;
    const logSum = v128.load32_splat(head.logSums + (<usize> (query + i) << 2));
    const product = v128.load32_splat(head.outProducts + (<usize> (query + i) << 2));
    const w0 = v128.and(Lanes.powerOfNegative(f32x4.sub(v128.load(weights + at, 0), logSum)), shown0);
    const w1 = v128.and(Lanes.powerOfNegative(f32x4.sub(v128.load(weights + at, 16), logSum)), shown1);
    v128.store(weights + at, w0, 0);
    v128.store(weights + at, w1, 16);
    const s0 = f32x4.mul(f32x4.mul(w0, scales), f32x4.sub(v128.load(slopes + at, 0), product));
    const s1 = f32x4.mul(f32x4.mul(w1, scales), f32x4.sub(v128.load(slopes + at, 16), product));
    v128.store(slopes + at, s0, 0);
    v128.store(slopes + at, s1, 16);
  }
  // The last panel of 8 queries is turned whole.
  for (let i = queryCount; i & 7; i++) {
    v128.store(slopes + <usize> i * 32, f32x4.splat(0), 0);
    v128.store(slopes + <usize> i * 32, f32x4.splat(0), 16);
  }
}

/** Queries x 8 keys into panels of 8 queries, at the place of this panel of keys. */
function turnSlopes(slopes: usize, turned: usize, panel: i32, queryCount: i32): void {
  for (let i = 0; i < queryCount; i += 8) {
    const to = turned + <usize> (i / 8) * KEY_BLOCK * 32 + <usize> panel * 256;
    const from = slopes + <usize> i * 32;
    Packing.transposed4(to, from, 32, 8, 32);
    Packing.transposed4(to + 16, from + 128, 32, 8, 32);
  }
}

/** Tiles of 4 columns x 8 rows, written as rows. */
function writeTurned(to: usize, tiles: usize, stride: usize, columns: i32, rows: i32): void {
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) {
      store<f32>(to + (<usize> c << 2), load<f32>(tiles + <usize> c * 32 + (<usize> r << 2)));
    }
    to += stride;
  }
}

/** Lay a head out in all the ways that it is read; lib/backend/cpu/attention.ts makes room for it. */
function packHead(
  job: AttentionBackwardJob,
  head: Head,
  at: usize,
  rows: usize,
  stride: usize,
  chunk: i32,
): void {
  const length = job.length, headWidth = job.headWidth;
  const fours = <usize> ((length + 3) / 4) * 16 * headWidth;
  const eights = <usize> ((length + 7) / 8) * 32 * headWidth;
  const columnPanels = (headWidth + 3) / 4;
  const columns = <usize> columnPanels * 16 * length;
  head.queries = at;
  head.slopes = head.queries + fours;
  head.keys = head.slopes + fours;
  head.values = head.keys + eights;
  head.queryColumns = head.values + eights;
  head.slopeColumns = head.queryColumns + columns;
  head.keyColumns = head.slopeColumns + columns;
  head.queryTiles = head.keyColumns + columns;
  head.logSums = head.queryTiles + <usize> ((length + 7) / 8 * columnPanels * TILE_BYTES);
  head.outProducts = head.logSums + (<usize> length << 2);
  for (let row = 0; row < length; row += 4) {
    const to = <usize> row * headWidth * 4, from = rows + <usize> row * stride, lines = min(4, length - row);
    Packing.panel4(head.queries + to, job.q + from, stride, false, lines, headWidth);
    Packing.panel4(head.slopes + to, job.dout + from, stride, false, lines, headWidth);
  }
  const scale = f32x4.splat(job.scale * LOG2_E);
  for (let byte: usize = 0; byte < fours; byte += 16) {
    v128.store(head.queries + byte, f32x4.mul(v128.load(head.queries + byte), scale));
  }
  for (let row = 0; row < length; row += 8) {
    const to = <usize> row * headWidth * 4, from = rows + <usize> row * stride, lines = min(8, length - row);
    Packing.panel8(head.keys + to, job.k + from, stride, false, lines, headWidth);
    Packing.panel8(head.values + to, job.v + from, stride, false, lines, headWidth);
  }
  for (let c = 0; c < headWidth; c += 4) {
    const to = <usize> (c / 4) * length * 16, from = rows + (<usize> c << 2), lines = min(4, headWidth - c);
    Packing.panel4(head.queryColumns + to, job.q + from, stride, true, lines, length);
    Packing.panel4(head.slopeColumns + to, job.dout + from, stride, true, lines, length);
    Packing.panel4(head.keyColumns + to, job.k + from, stride, true, lines, length);
  }
  for (let row = 0; row < length; row++) {
    const logSum = load<f32>(job.logSumExp + (<usize> (chunk * length + row) << 2));
    store<f32>(head.logSums + (<usize> row << 2), logSum * LOG2_E);
    const from = rows + <usize> row * stride;
    let sum: f64 = 0;
    for (let c = 0; c < headWidth; c++) {
      const byte = from + (<usize> c << 2);
      sum += <f64> load<f32>(job.dout + byte) * load<f32>(job.out + byte);
    }
    store<f32>(head.outProducts + (<usize> row << 2), <f32> sum);
  }
}
