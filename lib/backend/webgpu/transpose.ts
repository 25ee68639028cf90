/** Transposes, and packed, zero-padded copies of matrices with any strides. */
import transposeText from "../../../kernels/transpose.wgsl" with { type: "text" };
import { part, type Window } from "./gpu_storage.ts";
import { Kernel } from "./kernel.ts";
import type { Operation, Operations } from "./operation.ts";
import type { Runtime } from "./runtime.ts";
import { grid, pieces } from "./splitting.ts";

const kernel = new Kernel("transpose", transposeText);

const transpose: Operation<"transpose"> = (runtime, out, x, batch, rows, columns) => {
  const what = `transpose ${batch} x ${rows} x ${columns}`;
  const size = rows * columns;
  if (size === 0 || batch === 0) return;
  if (size * 4 <= runtime.maxWindowBytes) {
    const barriers = runtime.kernels === "gpu";
    const tiles = Math.ceil(rows / 16) * Math.ceil(columns / 16);
    for (const [first, count] of runtime.rowPieces("transpose", batch, [[out, size], [x, size]])) {
      runtime.dispatch(kernel, what, {
        entry: barriers ? "transpose" : "transpose_plain",
        operands: { out: part(out, first * size, count * size), x: part(x, first * size, count * size) },
        params: { batch: count, rows, columns },
        work: barriers ? grid(count * tiles, 1) : count * size,
      });
    }
    return;
  }
  // A matrix larger than a binding: a band of rows of x becomes a band of columns of out, by way of a packed copy.
  const linesOf = (length: number) => Math.max(1, Math.floor(runtime.maxWindowBytes / 4 / length));
  for (let b = 0; b < batch; b++) {
    for (const [column, count] of pieces(columns, linesOf(rows))) {
      // Columns `column...` of x are rows `column...` of out: one window of out, filled from bands of x.
      for (const [row, height] of pieces(rows, linesOf(columns))) {
        runtime.dispatch(kernel, what, {
          entry: "scatter_transpose",
          operands: {
            out: part(out, b * size + column * rows, count * rows),
            x: part(x, b * size + row * columns, height * columns),
          },
          params: {
            rows: height,
            columns: count,
            x_rows: row,
            x_columns: column,
            row_step: columns,
            column_step: rows,
          },
          work: height * count,
        });
      }
    }
  }
};

/** A matrix in a window: element (i, j) at i rowStep + j columnStep. */
interface SteppedMatrix {
  readonly window: Window;
  readonly rows: number;
  readonly columns: number;
  readonly rowStep: number;
  readonly columnStep: number;
}

/** out, rows x columns from the start of its storage, = the matrix x, padded by zeros. */
export function pack(
  runtime: Runtime,
  out: { storage: Window["storage"]; rows: number; columns: number },
  x: SteppedMatrix,
): void {
  const { rows, columns } = out;
  runtime.dispatch(kernel, `pack ${rows} x ${columns}`, {
    entry: "pack",
    operands: { out: part(out.storage, 0, rows * columns), x: x.window },
    params: {
      rows,
      columns,
      x_rows: x.rows,
      x_columns: x.columns,
      row_step: x.rowStep,
      column_step: x.columnStep,
    },
    work: rows * columns,
  });
}

export const transposes: Operations<"transpose"> = { transpose };
