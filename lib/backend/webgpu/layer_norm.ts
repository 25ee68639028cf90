/** Layer normalisation and its gradient, rows in windows. */
import type { LayerNormGradientOperands, Storage } from "../backend.ts";
import layerNormText from "../../../kernels/layer_norm.wgsl" with { type: "text" };
import { copy2d } from "./elementwise.ts";
import { part, whole } from "./gpu_storage.ts";
import { Kernel } from "./kernel.ts";
import type { Operation, Operations } from "./operation.ts";
import { columnSum } from "./reductions.ts";
import type { Runtime } from "./runtime.ts";
import { grid } from "./splitting.ts";

const kernel = new Kernel("layer norm", layerNormText);

/** Lanes that share a row, and rows of a workgroup. */
function rowShape({ kernels }: Runtime, columns: number): { LANES: number; ROWS: number } {
  if (kernels === "software") return { LANES: 1, ROWS: 32 };
  return columns >= 256 ? { LANES: 64, ROWS: 1 } : { LANES: 16, ROWS: 4 };
}

const layerNorm: Operation<"layerNorm"> = (runtime, operands, { rows, columns, epsilon }) => {
  const { out, stats, x, gamma, beta } = operands;
  if (columns === 0) return;
  const constants = rowShape(runtime, columns);
  for (const [row, count] of runtime.rowPieces("layerNorm", rows, [[out, columns], [x, columns]])) {
    runtime.dispatch(kernel, `layer norm ${rows} x ${columns}`, {
      entry: "forward",
      operands: {
        out: part(out, row * columns, count * columns),
        statistics: part(stats, 0, 2 * rows),
        x: part(x, row * columns, count * columns),
        gamma: gamma && part(gamma, 0, columns),
        beta: beta && part(beta, 0, columns),
      },
      params: { rows: count, columns, first_row: row, all_rows: rows, epsilon },
      constants,
      work: grid(count, constants.ROWS),
    });
  }
};

const layerNormBackward: Operation<"layerNormBackward"> = (runtime, operands, { rows, columns }) => {
  const { dx, dgamma, dbeta, dy, x, stats, gamma } = operands;
  if (columns === 0) return;
  const what = `gradient of layer norm ${rows} x ${columns}`;
  // The weights' gradient comes first: dx may take the place of dy.
  if (dgamma || dbeta) weightGradients(runtime, what, operands, rows, columns);
  const constants = rowShape(runtime, columns);
  const widths = [[dx, columns], [dy, columns], [x, columns]] as const;
  for (const [row, count] of runtime.rowPieces("layerNormBackward", rows, widths)) {
    runtime.dispatch(kernel, what, {
      entry: "backward_input",
      operands: {
        out: part(dx, row * columns, count * columns),
        statistics: part(stats, 0, 2 * rows),
        x: part(x, row * columns, count * columns),
        gamma: gamma && part(gamma, 0, columns),
        dy: part(dy, row * columns, count * columns),
      },
      params: { rows: count, columns, first_row: row, all_rows: rows },
      constants,
      work: grid(count, constants.ROWS),
    });
  }
};

function weightGradients(
  runtime: Runtime,
  what: string,
  { dgamma, dbeta, dy, x, stats }: LayerNormGradientOperands,
  rows: number,
  columns: number,
): void {
  const copyOut = (out: Storage | null, sums: Storage, offset: number) => {
    if (out) copy2d(runtime, { storage: out }, { storage: sums, offset }, { rows: 1, columns });
  };
  runtime.scratch("f32", 2 * columns, (sums) => {
    if (rows === 0) columnSum(runtime, sums, dy, null, 0, 2 * columns);
    for (const [row, count] of runtime.rowPieces("layerNormBackward", rows, [[dy, columns], [x, columns]])) {
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
          params: { rows: count, columns, first_row: row, all_rows: rows, block },
          work: blocks * columns,
        });
        columnSum(runtime, sums, partial, null, blocks, 2 * columns, { accumulate: row > 0 });
      });
    }
    copyOut(dgamma, sums, 0);
    copyOut(dbeta, sums, columns);
  });
}

export const layerNorms: Operations<"layerNorm" | "layerNormBackward"> = { layerNorm, layerNormBackward };
