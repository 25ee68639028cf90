/** Distances between the rows of two matrices, from their products. */
import type { Matrix } from "./matrix.ts";
import { multiplyTransposed } from "./products.ts";

type Doubles = Matrix<Float64Array>;

/** Squared Euclidean distance of each row of A to each of B, A.rows x B.rows. */
export function pairwiseSquaredDistances(A: Doubles, B: Doubles): Doubles {
  const a = squaredLengths(A), b = squaredLengths(B);
  return changed(multiplyTransposed(A, B), (product, i, j) => Math.max(0, a[i] + b[j] - 2 * product));
}

/** 1 - cos of the angle between each row of A and each of B, A.rows x B.rows; 1 where one of them is zero. */
export function pairwiseCosineDistances(A: Doubles, B: Doubles): Doubles {
  const a = squaredLengths(A).map(Math.sqrt), b = squaredLengths(B).map(Math.sqrt);
  return changed(multiplyTransposed(A, B), (product, i, j) => 1 - (product / (a[i] || 1)) / (b[j] || 1));
}

function squaredLengths({ data, rows, columns }: Doubles): Float64Array {
  const squares = new Float64Array(rows);
  for (let i = 0, at = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++, at++) squares[i] += data[at] * data[at];
  }
  return squares;
}

function changed(matrix: Doubles, value: (product: number, i: number, j: number) => number): Doubles {
  for (let i = 0, at = 0; i < matrix.rows; i++) {
    for (let j = 0; j < matrix.columns; j++, at++) matrix.data[at] = value(matrix.data[at], i, j);
  }
  return matrix;
}
