/** Depthwise causal convolution and its gradients, rows in windows. */
import type { ConvolutionShape, Storage } from "../backend.ts";
import convolutionText from "../../../kernels/causal_convolution.wgsl" with { type: "text" };
import { part, whole } from "./gpu_storage.ts";
import { Kernel } from "./kernel.ts";
import type { Operation, Operations } from "./operation.ts";
import { columnSum, rowSum } from "./reductions.ts";
import type { Runtime } from "./runtime.ts";
import { pieces } from "./splitting.ts";

const kernel = new Kernel("causal convolution", convolutionText);

const causalConvolution: Operation<"causalConvolution"> = (runtime, { out, x, weight, bias }, shape) => {
  const { rows, channels, length, taps } = shape;
  if (length === 0) return;
  const what = `causal convolution ${rows} x ${length}, ${taps} taps`;
  for (const [row, count] of runtime.rowPieces("causalConvolution", rows, [[out, length], [x, length]])) {
    runtime.dispatch(kernel, what, {
      entry: "forward",
      operands: {
        out: part(out, row * length, count * length),
        x: part(x, row * length, count * length),
        weight: part(weight, 0, channels * taps),
        bias: bias && part(bias, 0, channels),
      },
      params: { ...shape, rows: count, first_row: row },
      work: count * length,
    });
  }
};

const causalConvolutionBackward: Operation<"causalConvolutionBackward"> = (runtime, operands, shape) => {
  const { dx, dweight, dbias, dy, x, weight } = operands;
  const { rows, channels, length, taps } = shape;
  const what = `gradient of causal convolution ${rows} x ${length}, ${taps} taps`;
  // The weights' gradients come first: dx may take the place of dy.
  if (dweight) weightGradient(runtime, what, { dweight, dy, x }, shape);
  if (dbias) {
    runtime.scratch("f32", rows, (sums) => {
      rowSum(runtime, sums, dy, null, rows, length);
      columnSum(runtime, dbias, sums, null, rows / channels, channels);
    });
  }
  if (!dx || length === 0) return;
  const lengths = [[dx, length], [dy, length]] as const;
  for (const [row, count] of runtime.rowPieces("causalConvolutionBackward", rows, lengths)) {
    runtime.dispatch(kernel, what, {
      entry: "backward_input",
      operands: {
        out: part(dx, row * length, count * length),
        y: part(dy, row * length, count * length),
        weight: part(weight, 0, channels * taps),
      },
      params: { ...shape, rows: count, first_row: row },
      work: count * length,
    });
  }
};

interface WeightOperands {
  readonly dweight: Storage;
  readonly dy: Storage;
  readonly x: Storage;
}

/** Positions that one invocation adds up. */
const block = 256;

function weightGradient(
  runtime: Runtime,
  what: string,
  operands: WeightOperands,
  shape: ConvolutionShape,
): void {
  const { dweight, dy, x } = operands;
  const { rows, channels, length, taps } = shape;
  const most = runtime.rowsPerWindow("causalConvolutionBackward", [[x, length], [dy, length]]);
  if (rows === 0) columnSum(runtime, dweight, dy, null, 0, channels * taps);
  if (most < channels) {
    singleChannels(runtime, what, operands, shape, most);
    return;
  }
  for (const [row, count] of pieces(rows, most - most % channels)) {
    partialSums(runtime, what, operands, { ...shape, rows: count }, row, (partial, blocks) => {
      const sums = count / channels * blocks;
      columnSum(runtime, dweight, partial, null, sums, channels * taps, { accumulate: row > 0 });
    });
  }
}

/** Where the channels of one batch do not fit a binding together: some rows at a time, as a batch of one channel each. */
function singleChannels(
  runtime: Runtime,
  what: string,
  operands: WeightOperands,
  { rows, channels, length, taps }: ConvolutionShape,
  most: number,
): void {
  runtime.scratch("f32", rows * taps, (sums) => {
    for (const [row, count] of pieces(rows, most)) {
      // Taken as one batch of `count` channels, the partial sums are (blocks, count x taps).
      const shape = { rows: count, channels: count, length, taps };
      partialSums(
        runtime,
        what,
        operands,
        shape,
        row,
        (partial, blocks) =>
          runtime.scratch("f32", count * taps, (totals) => {
            columnSum(runtime, totals, partial, null, blocks, count * taps);
            runtime.copy(totals.buffers[0], 0, sums.buffers[0], row * taps * 4, count * taps * 4);
          }),
      );
    }
    columnSum(runtime, operands.dweight, sums, null, rows / channels, channels * taps);
  });
}

/** Sums of dy times x over blocks of positions of the rows from `firstRow` on, for each tap. */
function partialSums(
  runtime: Runtime,
  what: string,
  { dy, x }: WeightOperands,
  shape: ConvolutionShape,
  firstRow: number,
  use: (partial: Storage, blocks: number) => void,
): void {
  const { rows, length, taps } = shape;
  const blocks = Math.max(1, Math.ceil(length / block));
  runtime.scratch("f32", rows * blocks * taps, (partial) => {
    runtime.dispatch(kernel, what, {
      entry: "backward_weight",
      operands: {
        out: whole(partial),
        x: part(x, firstRow * length, rows * length),
        y: part(dy, firstRow * length, rows * length),
      },
      params: { ...shape, block, blocks },
      work: rows * blocks * taps,
    });
    use(partial, blocks);
  });
}

export const convolutions: Operations<"causalConvolution" | "causalConvolutionBackward"> = {
  causalConvolution,
  causalConvolutionBackward,
};
