/** Layer norm, rotary positions, attention. */
import { Kernel } from "../../../kernels/cpu/kernel_ids.ts";
import type { AttentionShape, Backend, Storage } from "../backend.ts";
import { type Engine, rowChunks } from "./engine.ts";
import { sumColumns } from "./reductions.ts";
import { float, scratchAt, scratchBytes } from "./thread_pool.ts";

type Layers = Pick<
  Backend,
  "layerNorm" | "layerNormBackward" | "rotary" | "attention" | "attentionBackward"
>;

/** Queries of a chunk (QUERY_BLOCK of kernels/cpu/float32/attention.ts). */
const queryBlock = 64;
/** Heads wider than this do not fit a thread's scratch memory. */
const widestHead = 1024;

export function layers(engine: Engine): Layers {
  return {
    layerNorm(out, stats, x, gamma, beta, rows, columns, epsilon) {
      const what = `layerNorm of ${rows} x ${columns}`;
      engine.check(`${what}: out`, out, rows * columns);
      engine.check(`${what}: stats`, stats, 2 * rows);
      engine.check(`${what}: x`, x, rows * columns);
      engine.check(`${what}: gamma`, gamma, columns);
      engine.check(`${what}: beta`, beta, columns);
      const [chunkRows, chunks] = rowChunks(rows, columns);
      engine.run(Kernel.LayerNorm, chunks, [
        ...[out, stats, x, gamma, beta].map(engine.pointer),
        ...[rows, columns, float(epsilon), chunkRows],
      ]);
    },

    layerNormBackward(dx, dgamma, dbeta, dy, x, stats, gamma, rows, columns) {
      const what = `gradient of layerNorm of ${rows} x ${columns}`;
      for (const [name, storage] of Object.entries({ dx, dy, x })) {
        engine.check(`${what}: ${name}`, storage, rows * columns);
      }
      for (const [name, storage] of Object.entries({ dgamma, dbeta, gamma })) {
        engine.check(`${what}: ${name}`, storage, columns);
      }
      engine.check(`${what}: stats`, stats, 2 * rows);
      // Before dx, which may take the place of dy or x.
      if (dgamma) sumColumns(engine, { out: dgamma, x, y: dy, stats, rows, columns });
      if (dbeta) sumColumns(engine, { out: dbeta, x: dy, rows, columns });
      const [chunkRows, chunks] = rowChunks(rows, columns);
      engine.run(Kernel.LayerNormBackward, chunks, [
        ...[dx, dy, x, stats, gamma].map(engine.pointer),
        ...[rows, columns, chunkRows],
      ]);
    },

    rotary(out, x, cos, sin, shape, inverse) {
      const { batch, heads, length, headWidth } = shape;
      const what = `rotary of ${describe(shape)}`;
      if (headWidth % 2 !== 0) throw new RangeError(`${what}: a head's width must be even`);
      const rows = batch * length, columns = heads * headWidth;
      engine.check(`${what}: out`, out, rows * columns);
      engine.check(`${what}: x`, x, rows * columns);
      engine.check(`${what}: cos`, cos, length * headWidth / 2);
      engine.check(`${what}: sin`, sin, length * headWidth / 2);
      const [chunkRows, chunks] = rowChunks(rows, columns);
      engine.run(Kernel.Rotary, chunks, [
        ...[out, x, cos, sin].map(engine.pointer),
        ...[rows, heads, length, headWidth / 2, float(inverse ? -1 : 1), chunkRows],
      ]);
    },

    attention(out, logSumExp, q, k, v, keyMask, shape) {
      const { batch, heads, length, headWidth, scale } = shape;
      checkAttention(engine, `attention of ${describe(shape)}`, shape, { out, q, k, v }, logSumExp, keyMask);
      if (batch * heads * length * headWidth === 0) return;
      const packedPerHead = Math.ceil(length / 4) * 4 * headWidth + Math.ceil(headWidth / 4) * 4 * length;
      const packed = engine.heap.allocate("f32", batch * heads * packedPerHead);
      const queryBlocks = Math.ceil(length / queryBlock);
      const args = [
        ...[out, logSumExp, q, k, v, keyMask].map(engine.pointer),
        ...[heads, length, headWidth, float(scale), packed.pointer, queryBlocks],
      ];
      try {
        engine.run(Kernel.PackAttention, batch * heads, args);
        engine.run(Kernel.Attention, batch * heads * queryBlocks, args);
      } finally {
        engine.heap.release(packed);
      }
    },

    attentionBackward(dq, dk, dv, dout, out, logSumExp, q, k, v, keyMask, shape) {
      const { batch, heads, length, headWidth, scale } = shape;
      const what = `gradient of attention of ${describe(shape)}`;
      checkAttention(engine, what, shape, { dq, dk, dv, dout, out, q, k, v }, logSumExp, keyMask);
      if (batch * heads * length * headWidth === 0) return;
      // packHead of kernels/cpu/float32/attention_backward.ts lays these out.
      const columns = Math.ceil(headWidth / 4);
      const perThread = 2 * Math.ceil(length / 4) * 4 * headWidth +
        2 * Math.ceil(length / 8) * 8 * headWidth +
        3 * columns * 4 * length + Math.ceil(length / 8) * columns * 32 + 2 * length + 16;
      const packed = engine.heap.allocate("f32", engine.pool.options.threads * perThread);
      try {
        engine.run(Kernel.AttentionBackward, batch * heads, [
          ...[dq, dk, dv, dout, out, logSumExp, q, k, v, keyMask].map(engine.pointer),
          ...[heads, length, headWidth, float(scale)],
          ...[packed.pointer, 4 * perThread, scratchAt, scratchBytes],
        ]);
      } finally {
        engine.heap.release(packed);
      }
    },
  };
}

function describe({ batch, heads, length, headWidth }: AttentionShape): string {
  return `${batch} x ${length} x ${heads} heads of ${headWidth}`;
}

function checkAttention(
  engine: Engine,
  what: string,
  { batch, heads, length, headWidth }: AttentionShape,
  tensors: Record<string, Storage>,
  logSumExp: Storage | null,
  keyMask: Storage | null,
): void {
  if (headWidth > widestHead) throw new RangeError(`${what}: heads may be ${widestHead} wide at most`);
  for (const [name, storage] of Object.entries(tensors)) {
    engine.check(`${what}: ${name}`, storage, batch * length * heads * headWidth);
  }
  engine.check(`${what}: logSumExp`, logSumExp, batch * heads * length);
  engine.check(`${what}: keyMask`, keyMask, batch * length, "i32");
}
