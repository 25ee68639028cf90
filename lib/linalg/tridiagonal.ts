/** Householder reduction of a symmetric matrix to tridiagonal form. */
import type { Matrix } from "./matrix.ts";

/** A = Q T Q', with Q as the reflections that make it. */
export interface Tridiagonal {
  size: number;
  diagonal: Float64Array;
  /** offDiagonal[i] joins i and i + 1; size - 1 elements. */
  offDiagonal: Float64Array;
  /** Row i, behind its first i + 1 elements, is the vector u of the reflection I - scale[i] u u' (scale 0: none). */
  reflectors: Float64Array;
  scale: Float64Array;
}

/** @param A symmetric, elements of at most 1 in size; only its lower half is read */
export function tridiagonalise(A: Matrix<Float64Array>): Tridiagonal {
  const n = A.rows, M = A.data.slice();
  for (let i = 0; i < n; i++) for (let j = 0; j < i; j++) M[j * n + i] = M[i * n + j];
  const diagonal = new Float64Array(n), offDiagonal = new Float64Array(Math.max(0, n - 1));
  const scale = new Float64Array(n), product = new Float64Array(n);
  const negligible = (1e-3 * Number.EPSILON) ** 2;

  for (let step = 0; step < n - 1; step++) {
    const start = step * n;
    diagonal[step] = M[start + step];
    // Row `step` right of the diagonal becomes (alpha, 0, 0, ...): its reflector stays in its place.
    const first = M[start + step + 1];
    let rest = 0;
    for (let j = step + 2; j < n; j++) rest += M[start + j] ** 2;
    if (rest <= negligible) {
      offDiagonal[step] = first;
      continue;
    }
    const squares = first * first + rest;
    const alpha = offDiagonal[step] = first > 0 ? -Math.sqrt(squares) : Math.sqrt(squares);
    M[start + step + 1] = first - alpha;
    const factor = scale[step] = 1 / (squares - first * alpha); // 2 / |u|^2
    reflectTrailing(M, n, step, factor, product);
  }
  if (n > 0) diagonal[n - 1] = M[n * n - 1];
  return { size: n, diagonal, offDiagonal, reflectors: M, scale };
}

/** The trailing block B becomes H B H with H = I - factor u u': B minus u w' and w u'. */
function reflectTrailing(M: Float64Array, n: number, step: number, factor: number, w: Float64Array): void {
  const u = M.subarray(step * n, step * n + n);
  let uw = 0;
  for (let i = step + 1; i < n; i++) {
    const start = i * n;
    let sum0 = 0, sum1 = 0, j = step + 1;
    for (; j + 1 < n; j += 2) {
      sum0 += M[start + j] * u[j];
      sum1 += M[start + j + 1] * u[j + 1];
    }
    if (j < n) sum0 += M[start + j] * u[j];
    w[i] = factor * (sum0 + sum1);
    uw += w[i] * u[i];
  }
  const half = factor * uw / 2;
  for (let i = step + 1; i < n; i++) w[i] -= half * u[i];
  for (let i = step + 1; i < n; i++) {
    const start = i * n, ui = u[i], wi = w[i];
    for (let j = step + 1; j < n; j++) M[start + j] -= ui * w[j] + wi * u[j];
  }
}

/** Each row v of `vectors` becomes Q v. */
export function applyReflectors(
  { size: n, reflectors, scale }: Tridiagonal,
  vectors: Matrix<Float64Array>,
): void {
  for (let row = 0; row < vectors.rows; row++) {
    const v = vectors.data.subarray(row * n, (row + 1) * n);
    for (let step = n - 2; step >= 0; step--) {
      if (scale[step] === 0) continue;
      const u = reflectors.subarray(step * n, (step + 1) * n);
      let sum = 0;
      for (let j = step + 1; j < n; j++) sum += u[j] * v[j];
      sum *= scale[step];
      for (let j = step + 1; j < n; j++) v[j] -= sum * u[j];
    }
  }
}
