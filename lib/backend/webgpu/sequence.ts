/** Rotary positions and masked means. */
import type { Storage } from "../backend.ts";
import sequenceText from "../../../kernels/sequence.wgsl" with { type: "text" };
import { own, part } from "./gpu_storage.ts";
import { Kernel } from "./kernel.ts";
import type { Operation, Operations } from "./operation.ts";
import type { Runtime } from "./runtime.ts";
import { pieces } from "./splitting.ts";
import { upload } from "./transfer.ts";

const kernel = new Kernel("sequence", sequenceText);

const rotary: Operation<"rotary"> = (runtime, out, x, cos, sin, shape, { inverse = false } = {}) => {
  const { batch, heads, length, headWidth } = shape;
  const width = heads * headWidth;
  const half = headWidth / 2;
  for (const [row, count] of runtime.rowPieces("rotary", batch * length, [[out, width], [x, width]])) {
    const pairs = count * heads * half;
    runtime.dispatch(kernel, `rotary ${batch} x ${length} x ${width}`, {
      entry: "rotary",
      operands: {
        out: part(out, row * width, count * width),
        x: part(x, row * width, count * width),
        y: part(cos, 0, length * half),
        z: part(sin, 0, length * half),
      },
      params: { count: pairs, length, heads, width: half, first_row: row, sign: inverse ? -1 : 1 },
      work: pairs,
    });
  }
};

/** Positions a block of the first pass. */
const block = 128;

/** A piece of a batch of sequences: whole ones, or a run of positions of one. */
interface Run {
  readonly firstBatch: number;
  readonly batch: number;
  readonly firstPosition: number;
  readonly length: number;
}

/** Pieces whose rows of `width` fit a binding; runs of positions begin at multiples of `block`. */
function* runs(
  runtime: Runtime,
  operation: string,
  x: Storage,
  { batch, length, width }: { batch: number; length: number; width: number },
): Generator<Run> {
  const rows = runtime.rowsPerWindow(operation, [[x, width]]);
  if (length <= rows) {
    for (const [firstBatch, count] of pieces(batch, Math.floor(rows / Math.max(1, length)))) {
      yield { firstBatch, batch: count, firstPosition: 0, length };
    }
    return;
  }
  for (let firstBatch = 0; firstBatch < batch; firstBatch++) {
    for (const [firstPosition, count] of pieces(length, Math.max(1, Math.floor(rows / block)) * block)) {
      yield { firstBatch, batch: 1, firstPosition, length: count };
    }
  }
}

const maskedMean: Operation<"maskedMean"> = (runtime, out, x, mask, batch, length, width) => {
  const what = `masked mean ${batch} x ${length} x ${width}`;
  const blocks = Math.max(1, Math.ceil(length / block));
  const perBatch = blocks * (width + 1);
  runtime.scratch("f32", batch * perBatch, (sums) => {
    for (const run of runs(runtime, "maskedMean", x, { batch, length, width })) {
      const at = run.firstBatch * length + run.firstPosition;
      const runBlocks = Math.max(1, Math.ceil(run.length / block));
      const size = run.batch * runBlocks * (width + 1);
      runtime.dispatch(kernel, what, {
        entry: "masked_sum",
        operands: {
          out: part(sums, run.firstBatch * perBatch + run.firstPosition / block * (width + 1), size),
          x: part(x, at * width, run.batch * run.length * width),
          y: part(mask, at, run.batch * run.length),
        },
        params: { batch: run.batch, length: run.length, width, block, blocks: runBlocks },
        work: size,
      });
    }
    for (const [first, count] of runtime.rowPieces("maskedMean", batch, [[sums, perBatch]])) {
      runtime.dispatch(kernel, what, {
        entry: "masked_mean",
        operands: {
          out: part(out, first * width, count * width),
          x: part(sums, first * perBatch, count * perBatch),
        },
        params: { batch: count, width, blocks },
        work: count * width,
      });
    }
  });
};

const maskedMeanBackward: Operation<"maskedMeanBackward"> = (runtime, dx, dy, mask, batch, length, width) => {
  const shown = own(mask).mirror!;
  const counts = new Float32Array(batch);
  for (let i = 0; i < batch * length; i++) if (shown[i] !== 0) counts[Math.floor(i / length)]++;
  runtime.scratch("f32", batch, (numbers) => {
    upload(runtime, numbers, counts, 0);
    for (const run of runs(runtime, "maskedMeanBackward", dx, { batch, length, width })) {
      const at = run.firstBatch * length + run.firstPosition;
      const count = run.batch * run.length * width;
      runtime.dispatch(kernel, `gradient of masked mean ${batch} x ${length} x ${width}`, {
        entry: "masked_mean_backward",
        operands: {
          out: part(dx, at * width, count),
          x: part(dy, run.firstBatch * width, run.batch * width),
          y: part(mask, at, run.batch * run.length),
          z: part(numbers, run.firstBatch, run.batch),
        },
        params: { count, length: run.length, width },
        work: count,
      });
    }
  });
};

export const sequenceOperations: Operations<"rotary" | "maskedMean" | "maskedMeanBackward"> = {
  rotary,
  maskedMean,
  maskedMeanBackward,
};
