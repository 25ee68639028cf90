/** Rotary positions and masked means. */
import type { AttentionShape } from "../backend.ts";
import sequenceText from "../../../kernels/sequence.wgsl" with { type: "text" };
import { part, pieces } from "./elementwise.ts";
import type { GpuStorage, Window } from "./gpu_storage.ts";
import { Kernel } from "./kernel.ts";
import { grid, type Runtime } from "./runtime.ts";
import { upload } from "./transfer.ts";

const kernel = new Kernel("sequence", sequenceText);
const unused = {
  count: 0,
  batch: 0,
  length: 0,
  heads: 0,
  width: 0,
  block: 0,
  blocks: 0,
  first_row: 0,
  sign: 0,
};

function dispatch(
  runtime: Runtime,
  entry: string,
  what: string,
  operands: Record<string, Window>,
  params: Partial<typeof unused>,
  invocations: number,
): void {
  runtime.dispatch(kernel, what, {
    entry,
    operands,
    params: { ...unused, ...params },
    workgroups: grid(invocations, 64),
  });
}

export function rotary(
  runtime: Runtime,
  out: GpuStorage,
  x: GpuStorage,
  cos: GpuStorage,
  sin: GpuStorage,
  { batch, heads, length, headWidth }: AttentionShape,
  inverse: boolean,
): void {
  const width = heads * headWidth;
  const half = headWidth / 2;
  for (
    const [row, count] of pieces(batch * length, runtime.rowsPerWindow("rotary", [[out, width], [x, width]]))
  ) {
    const operands = {
      out: part(out, row * width, count * width),
      x: part(x, row * width, count * width),
      y: part(cos, 0, length * half),
      z: part(sin, 0, length * half),
    };
    const pairs = count * heads * half;
    const params = { count: pairs, length, heads, width: half, first_row: row, sign: inverse ? -1 : 1 };
    dispatch(runtime, "rotary", `rotary ${batch} x ${length} x ${width}`, operands, params, pairs);
  }
}

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
  x: GpuStorage,
  batch: number,
  length: number,
  width: number,
) {
  const rows = runtime.rowsPerWindow(operation, [[x, width]]);
  if (length <= rows) {
    for (const [firstBatch, count] of pieces(batch, Math.floor(rows / Math.max(1, length)))) {
      yield { firstBatch, batch: count, firstPosition: 0, length } as Run;
    }
    return;
  }
  for (let firstBatch = 0; firstBatch < batch; firstBatch++) {
    for (const [firstPosition, count] of pieces(length, Math.max(1, Math.floor(rows / block)) * block)) {
      yield { firstBatch, batch: 1, firstPosition, length: count } as Run;
    }
  }
}

export function maskedMean(
  runtime: Runtime,
  out: GpuStorage,
  x: GpuStorage,
  mask: GpuStorage,
  batch: number,
  length: number,
  width: number,
): void {
  const what = `masked mean ${batch} x ${length} x ${width}`;
  const blocks = Math.max(1, Math.ceil(length / block));
  const perBatch = blocks * (width + 1);
  runtime.scratch("f32", batch * perBatch, (sums) => {
    for (const run of runs(runtime, "maskedMean", x, batch, length, width)) {
      const at = run.firstBatch * length + run.firstPosition;
      const runBlocks = Math.max(1, Math.ceil(run.length / block));
      const size = run.batch * runBlocks * (width + 1);
      dispatch(
        runtime,
        "masked_sum",
        what,
        {
          out: part(sums, run.firstBatch * perBatch + run.firstPosition / block * (width + 1), size),
          x: part(x, at * width, run.batch * run.length * width),
          y: part(mask, at, run.batch * run.length),
        },
        { batch: run.batch, length: run.length, width, block, blocks: runBlocks },
        size,
      );
    }
    for (const [first, count] of pieces(batch, runtime.rowsPerWindow("maskedMean", [[sums, perBatch]]))) {
      const operands = {
        out: part(out, first * width, count * width),
        x: part(sums, first * perBatch, count * perBatch),
      };
      dispatch(runtime, "masked_mean", what, operands, { batch: count, width, blocks }, count * width);
    }
  });
}

export function maskedMeanBackward(
  runtime: Runtime,
  dx: GpuStorage,
  dy: GpuStorage,
  mask: GpuStorage,
  batch: number,
  length: number,
  width: number,
): void {
  const what = `gradient of masked mean ${batch} x ${length} x ${width}`;
  const counts = new Float32Array(batch);
  for (let i = 0; i < batch * length; i++) if (mask.mirror![i] !== 0) counts[Math.floor(i / length)]++;
  runtime.scratch("f32", batch, (numbers) => {
    upload(runtime, numbers, counts, 0);
    for (const run of runs(runtime, "maskedMeanBackward", dx, batch, length, width)) {
      const at = run.firstBatch * length + run.firstPosition;
      const count = run.batch * run.length * width;
      dispatch(
        runtime,
        "masked_mean_backward",
        what,
        {
          out: part(dx, at * width, count),
          x: part(dy, run.firstBatch * width, run.batch * width),
          y: part(mask, at, run.batch * run.length),
          z: part(numbers, run.firstBatch, run.batch),
        },
        { count, length: run.length, width },
        count,
      );
    }
  });
}
