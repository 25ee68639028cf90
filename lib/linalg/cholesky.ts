import type { Matrix } from "./matrix.ts";

/** The factor L of a symmetric positive definite A = L L', for solving A x = b any number of times. */
export class Cholesky {
  readonly size: number;
  /** Row-major; the upper half is not used. */
  readonly #factor: Float64Array;

  /**
   * Factor A + `shift` I.
   *
   * @param A symmetric; only its lower half is read
   * @throws {RangeError} when the matrix is not positive definite
   */
  constructor(A: Matrix<Float64Array>, shift = 0) {
    const n = this.size = A.rows, L = this.#factor = A.data.slice();
    const smallest = largestDiagonal(A, shift) * n * Number.EPSILON; // below it a pivot is rounding
    for (let i = 0; i < n; i++) {
      const iStart = i * n;
      for (let j = 0; j <= i; j++) {
        const jStart = j * n;
        let sum = L[iStart + j] + (i === j ? shift : 0);
        for (let c = 0; c < j; c++) sum -= L[iStart + c] * L[jStart + c];
        if (i > j) L[iStart + j] = sum / L[jStart + j];
        else if (sum > smallest) L[iStart + i] = Math.sqrt(sum);
        else throw new RangeError("the matrix is not positive definite");
      }
    }
  }

  /**
   * Solve A X = B for many right-hand sides.
   *
   * @param B size x m
   * @returns X, size x m
   */
  solve(B: Matrix<Float64Array>): Matrix<Float64Array> {
    const n = this.size, m = B.columns, L = this.#factor, X = B.data.slice();
    for (let i = 0; i < n; i++) {
      for (let c = 0; c < i; c++) subtractRow(X, m, i, c, L[i * n + c]);
      scaleRow(X, m, i, 1 / L[i * n + i]);
    }
    for (let i = n - 1; i >= 0; i--) {
      for (let c = i + 1; c < n; c++) subtractRow(X, m, i, c, L[c * n + i]);
      scaleRow(X, m, i, 1 / L[i * n + i]);
    }
    return { data: X, rows: n, columns: m };
  }
}

function largestDiagonal(A: Matrix<Float64Array>, shift: number): number {
  let largest = 0;
  for (let i = 0; i < A.rows; i++) largest = Math.max(largest, A.data[i * A.columns + i] + shift);
  return largest;
}

/** Row i minus `factor` times row c. */
function subtractRow(X: Float64Array, columns: number, i: number, c: number, factor: number): void {
  const to = i * columns, from = c * columns;
  for (let j = 0; j < columns; j++) X[to + j] -= factor * X[from + j];
}

function scaleRow(X: Float64Array, columns: number, i: number, factor: number): void {
  for (let at = i * columns, end = at + columns; at < end; at++) X[at] *= factor;
}
