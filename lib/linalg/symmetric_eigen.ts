/** The largest eigenvalues of a symmetric matrix, and their vectors. */
import type { Matrix } from "./matrix.ts";
import { applyReflectors, tridiagonalise } from "./tridiagonal.ts";
import { tridiagonalEigenvalues, tridiagonalEigenvectors } from "./tridiagonal_eigen.ts";

export interface Eigen {
  /** Largest first. */
  values: Float64Array;
  /** count x n: row i is the unit vector of values[i], its largest element positive. */
  vectors: Matrix<Float64Array>;
}

/**
 * By reduction to tridiagonal form, implicit QL for the values and inverse iteration for the vectors that are asked
 * for: 4/3 n^3 multiplications, whatever `count`.
 *
 * @param A n x n, symmetric
 * @param count how many of the largest eigenvalues, at most n
 * @throws {RangeError} when an element is not finite
 */
export function largestEigenpairs(A: Matrix<Float64Array>, count: number): Eigen {
  // Scaled to elements of at most 1, so that no square or product overflows or vanishes.
  const largest = largestElement(A), size = largest || 1;
  if (!Number.isFinite(largest)) {
    throw new RangeError("largestEigenpairs(): the matrix holds a value that is not finite");
  }
  const reduced = tridiagonalise({ ...A, data: A.data.map((value) => value / size) });
  const values = tridiagonalEigenvalues(reduced.diagonal, reduced.offDiagonal).reverse().slice(0, count);
  const vectors = tridiagonalEigenvectors(reduced.diagonal, reduced.offDiagonal, values);
  applyReflectors(reduced, vectors);
  for (let i = 0; i < count; i++) fixSign(vectors.data.subarray(i * A.rows, (i + 1) * A.rows));
  return { values: values.map((value) => value * size), vectors };
}

/** NaN where there is one. */
function largestElement(A: Matrix<Float64Array>): number {
  let largest = 0;
  for (const value of A.data) largest = Math.max(largest, Math.abs(value));
  return largest;
}

function fixSign(vector: Float64Array): void {
  let largest = 0;
  for (const value of vector) if (Math.abs(value) > Math.abs(largest)) largest = value;
  if (largest < 0) { for (let i = 0; i < vector.length; i++) vector[i] = -vector[i]; }
}
