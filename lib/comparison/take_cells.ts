import type { Matrix } from "../linalg/matrix.ts";

/** Rows and columns of a matrix, in that order, copied; `values` itself where that is all of it. */
export function takeCells(values: Matrix, rows: readonly number[], columns: readonly number[]): Matrix {
  const data = new Float32Array(rows.length * columns.length);
  const isRun = columns.length > 0 && columns.every((column, j) => column === columns[0] + j);
  rows.forEach((row, i) => {
    const start = row * values.columns, to = i * columns.length;
    if (isRun) data.set(values.data.subarray(start + columns[0], start + columns[0] + columns.length), to);
    else for (let j = 0; j < columns.length; j++) data[to + j] = values.data[start + columns[j]];
  });
  return { data, rows: rows.length, columns: columns.length };
}
