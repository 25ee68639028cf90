/** Transposes, and packed, zero-padded copies of matrices with any strides. */
import transposeText from "../../../kernels/transpose.wgsl" with { type: "text" };
import { part, pieces } from "./elementwise.ts";
import type { GpuStorage, Window } from "./gpu_storage.ts";
import { Kernel } from "./kernel.ts";
import { grid, type Runtime } from "./runtime.ts";

const kernel = new Kernel("transpose", transposeText);
const unused = { batch: 0, rows: 0, columns: 0, x_rows: 0, x_columns: 0, row_step: 0, column_step: 0 };

/** out (batch, columns, rows) = transposes of x (batch, rows, columns). @param barriers workgroup memory is fast here */
export function transpose(
  runtime: Runtime,
  barriers: boolean,
  out: GpuStorage,
  x: GpuStorage,
  batch: number,
  rows: number,
  columns: number,
): void {
  const what = `transpose ${batch} x ${rows} x ${columns}`;
  const size = rows * columns;
  const run = (o: Window, i: Window, count: number) =>
    runtime.dispatch(kernel, what, {
      entry: barriers ? "transpose" : "transpose_plain",
      operands: { out: o, x: i },
      params: { ...unused, batch: count, rows, columns },
      workgroups: barriers
        ? grid(count * Math.ceil(rows / 16) * Math.ceil(columns / 16), 1)
        : grid(count * size, 64),
    });
  if (size === 0 || batch === 0) return;
  if (size * 4 <= runtime.maxWindowBytes) {
    for (
      const [first, count] of pieces(batch, runtime.rowsPerWindow("transpose", [[out, size], [x, size]]))
    ) {
      run(part(out, first * size, count * size), part(x, first * size, count * size), count);
    }
    return;
  }
  // A matrix larger than a binding: a band of rows of x becomes a band of columns of out, by way of a packed copy.
  for (let b = 0; b < batch; b++) {
    for (
      const [column, count] of pieces(columns, Math.max(1, Math.floor(runtime.maxWindowBytes / 4 / rows)))
    ) {
      // Columns `column...` of x are rows `column...` of out: one window of out, filled from bands of x.
      for (
        const [row, height] of pieces(rows, Math.max(1, Math.floor(runtime.maxWindowBytes / 4 / columns)))
      ) {
        runtime.dispatch(kernel, what, {
          entry: "scatter_transpose",
          operands: {
            out: part(out, b * size + column * rows, count * rows),
            x: part(x, b * size + row * columns, height * columns),
          },
          params: {
            ...unused,
            rows: height,
            columns: count,
            x_rows: row,
            x_columns: column,
            row_step: columns,
            column_step: rows,
          },
          workgroups: grid(height * count, 64),
        });
      }
    }
  }
}

/** out (rows x columns, from its start) = the x_rows x x_columns matrix at x with the given steps, padded by zeros. */
export function pack(
  runtime: Runtime,
  out: Window,
  rows: number,
  columns: number,
  x: Window,
  xRows: number,
  xColumns: number,
  rowStep: number,
  columnStep: number,
): void {
  runtime.dispatch(kernel, `pack ${rows} x ${columns}`, {
    entry: "pack",
    operands: { out, x },
    params: {
      ...unused,
      rows,
      columns,
      x_rows: xRows,
      x_columns: xColumns,
      row_step: rowStep,
      column_step: columnStep,
    },
    workgroups: grid(rows * columns, 64),
  });
}
