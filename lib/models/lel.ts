/** What both linear expression models share. */
import { DataError } from "../cli/errors.ts";
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

/**
 * What `solve` gives.
 *
 * @throws {DataError} when its system is singular, which takes a lambda of (nearly) 0
 */
export function solvedRidge<T>(lambda: number, solve: () => T): T {
  try {
    return solve();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new DataError(
      `Cannot solve the ridge regression with --lambda-ridge ${lambda}: embeddings are linearly dependent ` +
        `(use a larger value)`,
      { cause: error },
    );
  }
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

/** `intercept` (genes) and `coefficients` (genes x width) as float32 tensors. */
export function linearTensors(intercept: Float64Array, coefficients: Matrix<Float64Array>): Tensors {
  return new Map([
    ["intercept", { shape: [intercept.length], data: Float32Array.from(intercept) }],
    ["coefficients", {
      shape: [coefficients.rows, coefficients.columns],
      data: Float32Array.from(coefficients.data),
    }],
  ]);
}
