/**
 * Attention whose products a BLAS library makes: for a block of queries, scores of all keys, then weights by a kernel of
 * our own, then their product with the values. Blocks are of a size that stays in cache, whatever the length.
 */
import { Kernel } from "../../../kernels/cpu/kernels.ts";
import type { AttentionGradientOperands, AttentionOperands, AttentionShape } from "../backend.ts";
import type { Blas } from "./blas.ts";
import type { Engine } from "./engine.ts";
import { float } from "./thread_pool.ts";

/** Most floats of scores that are held at once. */
const heldScores = 1 << 21;
/** Scores count in powers of two. */
const log2E = Math.LOG2E;
/** Floats of scores that a chunk of the kernels takes. */
const chunkScores = 1 << 15;

/** Whether the library is faster than the engine's own kernel. */
export function attentionWorthBlas({ length, headWidth }: AttentionShape): boolean {
  return length >= 256 && headWidth >= 16;
}

/** Queries of some heads of one sequence. */
interface Block {
  sequence: number;
  firstHead: number;
  heads: number;
  firstQuery: number;
  queries: number;
}

/** Floats from one row of scores to the next: whole vectors, and no power of two, which caches do not like. */
function rowStride(length: number): number {
  return Math.ceil(length / 16) * 16 + 16;
}

/** Floats of scores to hold: twice an operand at most, so that small models take little. */
function held({ batch, heads, length, headWidth }: AttentionShape): number {
  return Math.min(heldScores, 2 * batch * heads * length * headWidth);
}

/** As many heads as may be held at once, or as many queries of one head. */
function blocksOf({ batch, heads, length }: AttentionShape, most: number): Block[] {
  const rows = Math.max(16, Math.floor(most / rowStride(length)));
  const parts = Math.ceil(length / rows), together = Math.max(1, Math.floor(rows / length));
  const queries = Math.ceil(length / parts);
  const blocks: Block[] = [];
  for (let sequence = 0; sequence < batch; sequence++) {
    for (let firstHead = 0; firstHead < heads; firstHead += together) {
      for (let firstQuery = 0; firstQuery < length; firstQuery += queries) {
        blocks.push({
          sequence,
          firstHead,
          heads: Math.min(together, heads - firstHead),
          firstQuery,
          queries: Math.min(queries, length - firstQuery),
        });
      }
    }
  }
  return blocks;
}

/** Places of a block's operands, in bytes. */
function placesOf({ heads, length, headWidth }: AttentionShape, block: Block) {
  const row = 4 * heads * headWidth, sequence = block.sequence * length * row;
  return {
    /** Of a head's first key, and of its first query of the block. */
    keys: (head: number) => sequence + 4 * (block.firstHead + head) * headWidth,
    queries: (head: number) => sequence + 4 * (block.firstHead + head) * headWidth + block.firstQuery * row,
    /** In arrays of a number for each head and query. */
    number: 4 * ((block.sequence * heads + block.firstHead) * length + block.firstQuery),
    /** Of the head's rows in the scores. */
    scores: (head: number) => 4 * head * block.queries * rowStride(length),
    mask: (pointer: number) => pointer && pointer + 4 * block.sequence * length,
  };
}

/** Words of AttentionRowsJob (kernels/cpu/float32/attention_rows.ts), and its chunks. */
function rowsJob({ length }: AttentionShape, block: Block): { size: number[]; chunks: number } {
  const stride = rowStride(length), rows = block.heads * block.queries;
  const chunkRows = Math.max(1, Math.floor(chunkScores / stride));
  return { size: [4 * stride, block.queries, length, chunkRows, rows], chunks: Math.ceil(rows / chunkRows) };
}

/** As `Backend.attention`. */
export function attendByBlas(
  engine: Engine,
  blas: Blas,
  { out, logSumExp, q, k, v, keyMask }: AttentionOperands,
  shape: AttentionShape,
): void {
  const { batch, heads, length, headWidth, scale } = shape;
  const blocks = blocksOf(shape, held(shape)), stride = rowStride(length), width = heads * headWidth;
  const scores = engine.heap.allocate("f32", stride * Math.max(...blocks.map((x) => x.heads * x.queries)));
  const state = engine.heap.allocate("f32", 2 * batch * heads * length);
  const [maxima, sums] = [state.pointer, state.pointer + 4 * batch * heads * length];
  const [outAt, qAt, kAt, vAt] = [out, q, k, v].map(engine.pointer);
  try {
    for (const block of blocks) {
      const at = placesOf(shape, block);
      const { size, chunks } = rowsJob(shape, block);
      for (let head = 0; head < block.heads; head++) {
        blas.sgemm(
          ...[false, true, block.queries, length, headWidth, scale * log2E] as const,
          ...[qAt + at.queries(head), width, kAt + at.keys(head), width] as const,
          ...[0, scores.pointer + at.scores(head), stride] as const,
        );
      }
      engine.run(Kernel.AttentionWeights, chunks, [
        ...[
          scores.pointer,
          0,
          ...size,
          at.mask(engine.pointer(keyMask)),
          maxima + at.number,
          sums + at.number,
        ],
        ...[0, 0, 0, headWidth, float(scale)],
      ]);
      for (let head = 0; head < block.heads; head++) {
        blas.sgemm(
          ...[false, false, block.queries, headWidth, length, 1] as const,
          ...[scores.pointer + at.scores(head), stride, vAt + at.keys(head), width] as const,
          ...[0, outAt + at.queries(head), width] as const,
        );
      }
    }
    const rows = batch * heads * length, chunkRows = Math.ceil(chunkScores / headWidth);
    engine.run(Kernel.FinishAttention, Math.ceil(rows / chunkRows), [
      ...[outAt, engine.pointer(logSumExp), maxima, sums, heads, length, headWidth, chunkRows, rows],
    ]);
  } finally {
    engine.heap.release(state);
    engine.heap.release(scores);
  }
}

/** As `Backend.attentionBackward`. */
export function attendBackwardByBlas(
  engine: Engine,
  blas: Blas,
  { dq, dk, dv, dout, out, logSumExp, q, k, v, keyMask }: AttentionGradientOperands,
  shape: AttentionShape,
): void {
  const { heads, length, headWidth, scale } = shape;
  const blocks = blocksOf(shape, held(shape) / 2), stride = rowStride(length), width = heads * headWidth;
  const room = stride * Math.max(...blocks.map((x) => x.heads * x.queries));
  const scratch = engine.heap.allocate("f32", 2 * room);
  const scores = scratch.pointer, slopes = scores + 4 * room;
  const [dqAt, dkAt, dvAt, doutAt, outAt, qAt, kAt, vAt] = [dq, dk, dv, dout, out, q, k, v].map(
    engine.pointer,
  );
  try {
    for (const block of blocks) {
      const at = placesOf(shape, block), { queries } = block;
      const { size, chunks } = rowsJob(shape, block);
      /** A block's queries times all keys. */
      const rowsBy = (left: number, right: number, alpha: number, to: number, head: number) =>
        blas.sgemm(
          ...[false, true, queries, length, headWidth, alpha] as const,
          ...[left + at.queries(head), width, right + at.keys(head), width] as const,
          ...[0, to + at.scores(head), stride] as const,
        );
      /** Adds to what all keys get from a block's queries. */
      const toKeys = (from: number, by: number, to: number, head: number) =>
        blas.sgemm(
          ...[true, false, length, headWidth, queries, 1] as const,
          ...[from + at.scores(head), stride, by + at.queries(head), width] as const,
          ...[block.firstQuery > 0 ? 1 : 0, to + at.keys(head), width] as const,
        );
      for (let head = 0; head < block.heads; head++) {
        rowsBy(qAt, kAt, scale * log2E, scores, head);
        rowsBy(doutAt, vAt, 1, slopes, head);
      }
      engine.run(Kernel.AttentionSlopes, chunks, [
        ...[scores, slopes, ...size, at.mask(engine.pointer(keyMask))],
        ...[engine.pointer(logSumExp) + at.number, 0, outAt + at.queries(0), doutAt + at.queries(0)],
        ...[4 * width, headWidth, float(scale)],
      ]);
      for (let head = 0; head < block.heads; head++) {
        toKeys(scores, doutAt, dvAt, head);
        toKeys(slopes, qAt, dkAt, head);
        blas.sgemm(
          ...[false, false, queries, headWidth, length, 1] as const,
          ...[slopes + at.scores(head), stride, kAt + at.keys(head), width] as const,
          ...[0, dqAt + at.queries(head), width] as const,
        );
      }
    }
  } finally {
    engine.heap.release(scratch);
  }
}
