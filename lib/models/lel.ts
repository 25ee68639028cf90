/** What both linear expression models share. */
import type { Tensors } from "../experiment/part.ts";
import type { Matrix } from "../linalg/matrix.ts";

/** A linear model of one fold: predictions, and the numbers that `--save-model` keeps. */
export interface FittedLinearFold {
  /** rows.length x genes. */
  predict(rows: Int32Array): Matrix;
  tensors(): Tensors;
  /** What the fold's line in the log says. */
  readonly note: string;
}

/** Mean over `rows` of each column of `values`, in float64. All must be finite. */
export function meanOfRows(values: Matrix, rows: ArrayLike<number>): Float64Array {
  const mean = new Float64Array(values.columns), { columns, data } = values;
  for (let i = 0; i < rows.length; i++) {
    for (let j = 0, at = rows[i] * columns; j < columns; j++, at++) mean[j] += data[at];
  }
  return mean.map((sum) => sum / rows.length);
}

/** Columns of `matrix` at `columns`, copied. */
export function columnsOf(matrix: Matrix<Float64Array>, columns: ArrayLike<number>): Matrix<Float64Array> {
  const data = new Float64Array(matrix.rows * columns.length);
  for (let i = 0, next = 0; i < matrix.rows; i++) {
    for (let j = 0; j < columns.length; j++) data[next++] = matrix.data[i * matrix.columns + columns[j]];
  }
  return { data, rows: matrix.rows, columns: columns.length };
}

/** What a fold's line says of directions that a regression has left out; nothing where it has none. */
export function dependent(of: "gene" | "TF", count: number): string {
  return count === 0 ? "" : `, ${of} embeddings linearly dependent in ${count} of their directions`;
}

/**
 * `intercept` (genes) and `coefficients` (genes x width), in float64: with a small ridge the terms of a prediction are much
 * larger than their sum.
 */
export function linearTensors(intercept: Float64Array, coefficients: Matrix<Float64Array>): Tensors {
  return new Map([
    ["intercept", { shape: [intercept.length], data: intercept }],
    ["coefficients", { shape: [coefficients.rows, coefficients.columns], data: coefficients.data }],
  ]);
}
