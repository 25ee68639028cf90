/** Layer normalisation and its gradient, rows in windows. */
import layerNormText from "../../../kernels/layer_norm.wgsl" with { type: "text" };
import { copy2d, part, pieces } from "./elementwise.ts";
import { type GpuStorage, whole } from "./gpu_storage.ts";
import { Kernel } from "./kernel.ts";
import type { KernelSet } from "./matmul.ts";
import { columnSum } from "./reductions.ts";
import { grid, type Runtime } from "./runtime.ts";

const kernel = new Kernel("layer norm", layerNormText);

function rowShape(kernels: KernelSet, columns: number): { LANES: number; ROWS: number } {
  if (kernels === "software") return { LANES: 1, ROWS: 32 };
  return columns >= 256 ? { LANES: 64, ROWS: 1 } : { LANES: 16, ROWS: 4 };
}

export function layerNorm(
  runtime: Runtime,
  kernels: KernelSet,
  out: GpuStorage,
  stats: GpuStorage,
  x: GpuStorage,
  gamma: GpuStorage | null,
  beta: GpuStorage | null,
  rows: number,
  columns: number,
  epsilon: number,
): void {
  if (columns === 0) return;
  const constants = rowShape(kernels, columns);
  for (
    const [row, count] of pieces(rows, runtime.rowsPerWindow("layerNorm", [[out, columns], [x, columns]]))
  ) {
    runtime.dispatch(kernel, `layer norm ${rows} x ${columns}`, {
      entry: "forward",
      operands: {
        out: part(out, row * columns, count * columns),
        statistics: part(stats, 0, 2 * rows),
        x: part(x, row * columns, count * columns),
        gamma: gamma && part(gamma, 0, columns),
        beta: beta && part(beta, 0, columns),
      },
      params: { rows: count, columns, first_row: row, all_rows: rows, block: 0, epsilon },
      constants,
      workgroups: grid(count, constants.ROWS),
    });
  }
}

export function layerNormBackward(
  runtime: Runtime,
  kernels: KernelSet,
  dx: GpuStorage,
  dgamma: GpuStorage | null,
  dbeta: GpuStorage | null,
  dy: GpuStorage,
  x: GpuStorage,
  stats: GpuStorage,
  gamma: GpuStorage | null,
  rows: number,
  columns: number,
): void {
  if (columns === 0) return;
  const what = `gradient of layer norm ${rows} x ${columns}`;
  // The weights' gradient comes first: dx may take the place of dy.
  if (dgamma || dbeta) weightGradients(runtime, what, dgamma, dbeta, dy, x, stats, rows, columns);
  const constants = rowShape(kernels, columns);
  const most = runtime.rowsPerWindow("layerNormBackward", [[dx, columns], [dy, columns], [x, columns]]);
  for (const [row, count] of pieces(rows, most)) {
    runtime.dispatch(kernel, what, {
      entry: "backward_input",
      operands: {
        out: part(dx, row * columns, count * columns),
        statistics: part(stats, 0, 2 * rows),
        x: part(x, row * columns, count * columns),
        gamma: gamma && part(gamma, 0, columns),
        dy: part(dy, row * columns, count * columns),
      },
      params: { rows: count, columns, first_row: row, all_rows: rows, block: 0, epsilon: 0 },
      constants,
      workgroups: grid(count, constants.ROWS),
    });
  }
}

function weightGradients(
  runtime: Runtime,
  what: string,
  dgamma: GpuStorage | null,
  dbeta: GpuStorage | null,
  dy: GpuStorage,
  x: GpuStorage,
  stats: GpuStorage,
  rows: number,
  columns: number,
): void {
  runtime.scratch("f32", 2 * columns, (sums) => {
    if (rows === 0) columnSum(runtime, sums, dy, null, 0, 2 * columns, false);
    for (
      const [row, count] of pieces(
        rows,
        runtime.rowsPerWindow("layerNormBackward", [[dy, columns], [x, columns]]),
      )
    ) {
      const block = Math.min(256, Math.max(16, Math.ceil(Math.sqrt(count))));
      const blocks = Math.ceil(count / block);
      runtime.scratch("f32", blocks * 2 * columns, (partial) => {
        runtime.dispatch(kernel, what, {
          entry: "backward_weights",
          operands: {
            out: whole(partial),
            statistics: part(stats, 0, 2 * rows),
            x: part(x, row * columns, count * columns),
            dy: part(dy, row * columns, count * columns),
          },
          params: { rows: count, columns, first_row: row, all_rows: rows, block, epsilon: 0 },
          workgroups: grid(blocks * columns, 64),
        });
        columnSum(runtime, sums, partial, null, blocks, 2 * columns, row > 0);
      });
    }
    if (dgamma) copy2d(runtime, dgamma, 0, columns, sums, 0, columns, 1, columns);
    if (dbeta) copy2d(runtime, dbeta, 0, columns, sums, columns, columns, 1, columns);
  });
}
