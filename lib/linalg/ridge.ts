import { Cholesky } from "./cholesky.ts";
import type { Matrix } from "./matrix.ts";
import { gramOfRows, multiplyTransposed, transposed } from "./products.ts";

/**
 * W minimising ||Y - G W P'||^2 with ridge `lambda` on both sides (Ahlmann-Eltze et al. 2025, eq. 2):
 * W = (G'G + lambda I)^-1 G' Y P (P'P + lambda I)^-1.
 *
 * @param G genes x k
 * @param Y genes x perturbations, centred per gene
 * @param P perturbations x l
 * @returns k x l, float64
 * @throws {RangeError} if lambda is negative, or 0 with linearly dependent columns
 */
export function ridgeBothSides(
  G: Matrix<Float32Array | Float64Array>,
  Y: Matrix<Float32Array | Float64Array>,
  P: Matrix<Float32Array | Float64Array>,
  lambda: number,
): Matrix<Float64Array> {
  if (lambda < 0) throw new RangeError(`ridgeBothSides(): lambda is ${lambda}, it must be at least 0`);
  return ridgeRight(ridgeLeft(transposed(G), transposed(Y), lambda), transposed(P), lambda);
}

/**
 * (G'G + lambda I)^-1 G'Y: the left half of `ridgeBothSides`.
 *
 * @param Gt the transpose of G, k x genes
 * @param Yt the transpose of Y, perturbations x genes
 * @returns k x perturbations
 * @throws {RangeError} if the system is singular
 */
export function ridgeLeft(
  Gt: Matrix<Float64Array>,
  Yt: Matrix<Float64Array>,
  lambda: number,
): Matrix<Float64Array> {
  return new Cholesky(gramOfRows(Gt), lambda).solve(multiplyTransposed(Gt, Yt));
}

/**
 * A P (P'P + lambda I)^-1: the right half of `ridgeBothSides`.
 *
 * @param A k x perturbations
 * @param Pt the transpose of P, l x perturbations
 * @returns k x l
 * @throws {RangeError} if the system is singular
 */
export function ridgeRight(
  A: Matrix<Float64Array>,
  Pt: Matrix<Float64Array>,
  lambda: number,
): Matrix<Float64Array> {
  return transposed(new Cholesky(gramOfRows(Pt), lambda).solve(multiplyTransposed(Pt, A)));
}
