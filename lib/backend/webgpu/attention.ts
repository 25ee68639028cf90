/** Attention over batches in windows; heads whose width is no multiple of four, or too long, by padded copies. */
import type { AttentionShape, Storage } from "../backend.ts";
import attentionText from "../../../kernels/attention.wgsl" with { type: "text" };
import { copy2d, fill } from "./elementwise.ts";
import { part, whole, type Window } from "./gpu_storage.ts";
import { Kernel } from "./kernel.ts";
import type { Operation, Operations } from "./operation.ts";
import type { Runtime } from "./runtime.ts";
import { pieces, roundUp } from "./splitting.ts";

const kernel = new Kernel("attention", attentionText);

const attention: Operation<"attention"> = (runtime, { out, logSumExp, q, k, v, keyMask }, shape) => {
  forEachPiece(runtime, shape, [q, k, v], [out], (piece, [qw, kw, vw], [outw]) => {
    const { statistics, mask } = positions(piece, shape);
    dispatch(runtime, "attention", "forward", piece, {
      out: outw,
      second: logSumExp && statistics(logSumExp),
      q: qw,
      k: kw,
      v: vw,
      mask: keyMask && mask(keyMask),
    });
  });
};

const attentionBackward: Operation<"attentionBackward"> = (runtime, operands, shape) => {
  const { dq, dk, dv, dout, out, logSumExp, q, k, v, keyMask } = operands;
  const what = "gradient of attention";
  forEachPiece(runtime, shape, [q, k, v, dout, out], [dq, dk, dv], (piece, inputs, [dqw, dkw, dvw]) => {
    const [qw, kw, vw, doutw, outw] = inputs;
    const { statistics, mask } = positions(piece, shape);
    const maskw = keyMask && mask(keyMask);
    runtime.scratch("f32", 2 * piece.batch * piece.heads * piece.length, (pairs) => {
      dispatch(runtime, what, "pair", piece, {
        out: whole(pairs),
        q: outw,
        dout: doutw,
        pairs: statistics(logSumExp),
      });
      const shared = { q: qw, k: kw, v: vw, mask: maskw, dout: doutw, pairs: whole(pairs) };
      dispatch(runtime, what, "backward_query", piece, { ...shared, out: dqw });
      dispatch(runtime, what, "backward_key", piece, { ...shared, out: dkw, second: dvw });
    });
  });
};

/** Part of a call: batches from `firstBatch`, heads from `firstHead`, of padded width `headWidth`. */
interface Piece extends AttentionShape {
  readonly firstBatch: number;
  readonly firstHead: number;
}

/** Windows of what has one number a position, for a piece of the whole `shape`. */
function positions(piece: Piece, shape: AttentionShape) {
  const { firstBatch, firstHead, batch, heads, length } = piece;
  return {
    statistics: (storage: Storage) =>
      part(storage, (firstBatch * shape.heads + firstHead) * length, batch * heads * length),
    mask: (storage: Storage) => part(storage, firstBatch * length, batch * length),
  };
}

function forEachPiece(
  runtime: Runtime,
  shape: AttentionShape,
  inputs: Storage[],
  outputs: Storage[],
  run: (piece: Piece, inputs: Window[], outputs: Window[]) => void,
): void {
  const { batch, heads, length, headWidth } = shape;
  const width = heads * headWidth;
  if (batch * length * width === 0) return;
  const bytes = 4 * length * width;
  if (headWidth % 4 === 0 && bytes <= runtime.maxWindowBytes) {
    const most = Math.min(Math.floor(runtime.maxWindowBytes / bytes), Math.max(1, Math.floor(65535 / heads)));
    for (const [firstBatch, count] of pieces(batch, most)) {
      const window = (storage: Storage) => part(storage, firstBatch * length * width, count * length * width);
      run({ ...shape, firstBatch, firstHead: 0, batch: count }, inputs.map(window), outputs.map(window));
    }
    return;
  }
  const padded = roundUp(headWidth, 4);
  const together = 4 * length * heads * padded <= runtime.maxWindowBytes ? heads : 1;
  const scratch = [...inputs, ...outputs].map((storage) =>
    runtime.allocate(storage.dtype, length * together * padded)
  );
  for (let firstBatch = 0; firstBatch < batch; firstBatch++) {
    for (let firstHead = 0; firstHead < heads; firstHead += together) {
      const offset = firstBatch * length * width + firstHead * headWidth;
      // All heads: a row a (position, head). One head: a row a position.
      const [rows, stride] = together === heads ? [length * heads, headWidth] : [length, width];
      inputs.forEach((storage, i) => {
        if (padded !== headWidth) fill(runtime, scratch[i], 0);
        copy2d(runtime, { storage: scratch[i], stride: padded }, { storage, offset, stride }, {
          rows,
          columns: headWidth,
        });
      });
      const windows = scratch.map(whole);
      const piece = { ...shape, batch: 1, heads: together, headWidth: padded, firstBatch, firstHead };
      run(piece, windows.slice(0, inputs.length), windows.slice(inputs.length));
      outputs.forEach((storage, i) =>
        copy2d(
          runtime,
          { storage, offset, stride },
          { storage: scratch[inputs.length + i], stride: padded },
          { rows, columns: headWidth },
        )
      );
    }
  }
  scratch.forEach((storage) => runtime.release(storage));
}

function dispatch(
  runtime: Runtime,
  what: string,
  entry: string,
  { batch, heads, length, headWidth, scale }: Piece,
  operands: Record<string, Window | null>,
): void {
  runtime.dispatch(kernel, `${what} ${batch} x ${heads} x ${length} x ${headWidth}`, {
    entry,
    operands,
    params: { length, heads, scale },
    sizes: { HEAD4: headWidth / 4 },
    // A workgroup of `forward` takes 128 queries, two an invocation.
    work: [Math.ceil(length / (entry === "forward" ? 128 : 64)), batch * heads, 1],
  });
}

export const attentions: Operations<"attention" | "attentionBackward"> = { attention, attentionBackward };
