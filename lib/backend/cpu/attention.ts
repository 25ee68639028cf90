/** Attention and its gradient. */
import { Kernel } from "../../../kernels/cpu/kernels.ts";
import type { AttentionShape, Backend, Storage } from "../backend.ts";
import { attendBackwardByBlas, attendByBlas, attentionWorthBlas } from "./attention_blas.ts";
import type { Blas } from "./blas.ts";
import type { Engine } from "./engine.ts";
import { describeHeads } from "./layers.ts";
import { secondsOfProduct } from "./matmul.ts";
import { float, scratchAt, scratchBytes } from "./thread_pool.ts";
import { TileChoice } from "./tile_choice.ts";

/** Queries of a chunk (QUERY_BLOCK of kernels/cpu/float32/attention.ts). */
const queryBlock = 64;
/** Heads wider than this do not fit a thread's scratch memory. */
const widestHead = 1024;

/**
 * @param blas makes the products of longer sequences, where there is one
 * @param choice between the two inner loops of the others
 */
export function attentions(
  engine: Engine,
  blas: Blas | null = null,
  choice: TileChoice = new TileChoice(),
): Pick<Backend, "attention" | "attentionBackward"> {
  /** Whether by six rows, for the two products of attention or the five of its gradient. */
  const bySix = ({ batch, heads, length, headWidth }: AttentionShape, products: number) =>
    +choice.bySix(products * batch * heads * length ** 2 * headWidth, (six) => secondsOfProduct(engine, six));
  return {
    attention(operands, shape) {
      const { out, logSumExp, q, k, v, keyMask } = operands;
      const { batch, heads, length, headWidth, scale } = shape;
      checkAttention(
        engine,
        `attention of ${describeHeads(shape)}`,
        shape,
        { out, q, k, v },
        logSumExp,
        keyMask,
      );
      if (batch * heads * length * headWidth === 0) return;
      if (blas && attentionWorthBlas(shape)) return attendByBlas(engine, blas, operands, shape);
      const packedPerHead = Math.ceil(length / 4) * 4 * headWidth + Math.ceil(headWidth / 4) * 4 * length;
      const packed = engine.heap.allocate("f32", batch * heads * packedPerHead);
      const queryBlocks = Math.ceil(length / queryBlock);
      const args = [
        ...[out, logSumExp, q, k, v, keyMask].map(engine.pointer),
        ...[heads, length, headWidth, float(scale), packed.pointer, queryBlocks, bySix(shape, 2)],
      ];
      try {
        engine.run(Kernel.PackAttention, batch * heads, args);
        engine.run(Kernel.Attention, batch * heads * queryBlocks, args);
      } finally {
        engine.heap.release(packed);
      }
    },

    attentionBackward(operands, shape) {
      const { dq, dk, dv, dout, out, logSumExp, q, k, v, keyMask } = operands;
      const { batch, heads, length, headWidth, scale } = shape;
      const what = `gradient of attention of ${describeHeads(shape)}`;
      checkAttention(engine, what, shape, { dq, dk, dv, dout, out, q, k, v }, logSumExp, keyMask);
      if (batch * heads * length * headWidth === 0) return;
      if (blas && attentionWorthBlas(shape)) return attendBackwardByBlas(engine, blas, operands, shape);
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
          ...[packed.pointer, 4 * perThread, scratchAt, scratchBytes, bySix(shape, 5)],
        ]);
      } finally {
        engine.heap.release(packed);
      }
    },
  };
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
