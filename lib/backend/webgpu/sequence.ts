/** Rotary positions and masked means. */
import type { AttentionShape } from "../backend.ts";
import sequenceText from "../../../kernels/sequence.wgsl" with { type: "text" };
import { part, pieces } from "./elementwise.ts";
import { type GpuStorage, whole, type Window } from "./gpu_storage.ts";
import { Kernel } from "./kernel.ts";
import { grid, type Runtime } from "./runtime.ts";

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

function run(
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
    run(runtime, "rotary", `rotary ${batch} x ${length} x ${width}`, operands, params, pairs);
  }
}

/** Positions a block of the first pass. */
const block = 128;

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
  for (
    const [first, count] of pieces(
      batch,
      runtime.rowsPerWindow("maskedMean", [[x, length * width], [out, width]]),
    )
  ) {
    const size = count * blocks * (width + 1);
    runtime.scratch("f32", size, (sums) => {
      const params = { batch: count, length, width, block, blocks };
      run(
        runtime,
        "masked_sum",
        what,
        {
          out: whole(sums),
          x: part(x, first * length * width, count * length * width),
          y: part(mask, first * length, count * length),
        },
        params,
        size,
      );
      const operands = { out: part(out, first * width, count * width), x: whole(sums) };
      run(runtime, "masked_mean", what, operands, params, count * width);
    });
  }
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
    runtime.writeBuffer(numbers.buffers[0], 0, new Uint8Array(counts.buffer));
    for (
      const [first, count] of pieces(
        batch,
        runtime.rowsPerWindow("maskedMeanBackward", [[dx, length * width]]),
      )
    ) {
      run(
        runtime,
        "masked_mean_backward",
        what,
        {
          out: part(dx, first * length * width, count * length * width),
          x: part(dy, first * width, count * width),
          y: part(mask, first * length, count * length),
          z: part(numbers, first, count),
        },
        { count: count * length * width, length, width },
        count * length * width,
      );
    }
  });
}
