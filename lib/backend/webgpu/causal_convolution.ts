/** Depthwise causal convolution and its gradients, rows in windows. */
import convolutionText from "../../../kernels/causal_convolution.wgsl" with { type: "text" };
import { part, pieces } from "./elementwise.ts";
import { type GpuStorage, whole, type Window } from "./gpu_storage.ts";
import { Kernel } from "./kernel.ts";
import { columnSum, rowSum } from "./reductions.ts";
import { grid, type Runtime } from "./runtime.ts";

const kernel = new Kernel("causal convolution", convolutionText);

/** Sizes of one call. */
export interface ConvolutionShape {
  /** batch x channels. */
  readonly rows: number;
  readonly channels: number;
  readonly length: number;
  readonly taps: number;
}

function run(
  runtime: Runtime,
  entry: string,
  what: string,
  operands: Record<string, Window | null>,
  { rows, channels, length, taps }: ConvolutionShape,
  firstRow: number,
  block: number,
  blocks: number,
  invocations: number,
): void {
  runtime.dispatch(kernel, what, {
    entry,
    operands,
    params: { rows, first_row: firstRow, channels, length, taps, block, blocks },
    workgroups: grid(invocations, 64),
  });
}

export function causalConvolution(
  runtime: Runtime,
  out: GpuStorage,
  x: GpuStorage,
  weight: GpuStorage,
  bias: GpuStorage | null,
  shape: ConvolutionShape,
): void {
  const { rows, channels, length, taps } = shape;
  if (length === 0) return;
  const what = `causal convolution ${rows} x ${length}, ${taps} taps`;
  const most = runtime.rowsPerWindow("causalConvolution", [[out, length], [x, length]]);
  for (const [row, count] of pieces(rows, most)) {
    const operands = {
      out: part(out, row * length, count * length),
      x: part(x, row * length, count * length),
      weight: part(weight, 0, channels * taps),
      bias: bias && part(bias, 0, channels),
    };
    run(runtime, "forward", what, operands, { ...shape, rows: count }, row, 0, 0, count * length);
  }
}

export function causalConvolutionBackward(
  runtime: Runtime,
  dx: GpuStorage | null,
  dweight: GpuStorage | null,
  dbias: GpuStorage | null,
  dy: GpuStorage,
  x: GpuStorage,
  weight: GpuStorage,
  shape: ConvolutionShape,
): void {
  const { rows, channels, length, taps } = shape;
  const what = `gradient of causal convolution ${rows} x ${length}, ${taps} taps`;
  // The weights' gradients come first: dx may take the place of dy.
  if (dweight) weightGradient(runtime, what, dweight, dy, x, shape);
  if (dbias) {
    runtime.scratch("f32", rows, (sums) => {
      rowSum(runtime, sums, dy, null, rows, length, false);
      columnSum(runtime, dbias, sums, null, rows / channels, channels, false);
    });
  }
  if (!dx || length === 0) return;
  const most = runtime.rowsPerWindow("causalConvolutionBackward", [[dx, length], [dy, length]]);
  for (const [row, count] of pieces(rows, most)) {
    const operands = {
      out: part(dx, row * length, count * length),
      y: part(dy, row * length, count * length),
      weight: part(weight, 0, channels * taps),
    };
    run(runtime, "backward_input", what, operands, { ...shape, rows: count }, row, 0, 0, count * length);
  }
}

function weightGradient(
  runtime: Runtime,
  what: string,
  dweight: GpuStorage,
  dy: GpuStorage,
  x: GpuStorage,
  shape: ConvolutionShape,
): void {
  const { rows, channels, length, taps } = shape;
  const block = 256;
  const blocks = Math.max(1, Math.ceil(length / block));
  const most = runtime.rowsPerWindow("causalConvolutionBackward", [[x, length], [dy, length]]);
  if (rows === 0) columnSum(runtime, dweight, dy, null, 0, channels * taps, false);
  if (most < channels) {
    singleChannels(runtime, what, dweight, dy, x, shape, most, block, blocks);
    return;
  }
  for (const [row, count] of pieces(rows, most - most % channels)) {
    runtime.scratch("f32", count * blocks * taps, (partial) => {
      const operands = {
        out: whole(partial),
        x: part(x, row * length, count * length),
        y: part(dy, row * length, count * length),
      };
      const invocations = count * blocks * taps;
      run(
        runtime,
        "backward_weight",
        what,
        operands,
        { ...shape, rows: count },
        row,
        block,
        blocks,
        invocations,
      );
      columnSum(runtime, dweight, partial, null, count / channels * blocks, channels * taps, row > 0);
    });
  }
}

/** Where the channels of one batch do not fit a binding together: some rows at a time, as a batch of one channel each. */
function singleChannels(
  runtime: Runtime,
  what: string,
  dweight: GpuStorage,
  dy: GpuStorage,
  x: GpuStorage,
  { rows, channels, length, taps }: ConvolutionShape,
  most: number,
  block: number,
  blocks: number,
): void {
  runtime.scratch("f32", rows * taps, (sums) => {
    for (const [row, count] of pieces(rows, most)) {
      runtime.scratch("f32", count * blocks * taps, (partial) => {
        const operands = {
          out: whole(partial),
          x: part(x, row * length, count * length),
          y: part(dy, row * length, count * length),
        };
        // Taken as one batch of `count` channels, the partial sums are (blocks, count x taps).
        const shape = { rows: count, channels: count, length, taps };
        run(runtime, "backward_weight", what, operands, shape, 0, block, blocks, count * blocks * taps);
        runtime.scratch("f32", count * taps, (part_) => {
          columnSum(runtime, part_, partial, null, blocks, count * taps, false);
          runtime.copy(part_.buffers[0], 0, sums.buffers[0], row * taps * 4, count * taps * 4);
        });
      });
    }
    columnSum(runtime, dweight, sums, null, rows / channels, channels * taps, false);
  });
}
