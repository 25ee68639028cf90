/** Dense matrices and, as the oracle of lib/linalg, ml-matrix' decompositions of them. */
import { Matrix as MlMatrix, SingularValueDecomposition } from "ml-matrix";
import type { Embedded, Matrix } from "../../lib/linalg/matrix.ts";

export function dense(rows: number, columns: number, element: (i: number, j: number) => number) {
  const data = Float64Array.from(
    { length: rows * columns },
    (_, at) => element(Math.floor(at / columns), at % columns),
  );
  return { data, rows, columns };
}

export function toMl({ data, rows, columns }: Embedded): MlMatrix {
  return new MlMatrix(
    Array.from({ length: rows }, (_, i) => Array.from(data.subarray(i * columns, (i + 1) * columns))),
  );
}

export function fromMl(matrix: MlMatrix): Matrix<Float64Array> {
  return dense(matrix.rows, matrix.columns, (i, j) => matrix.get(i, j));
}

/** A = U diag(values) V', the largest value first. */
export function svd(A: Embedded): { U: MlMatrix; V: MlMatrix; values: number[] } {
  const found = new SingularValueDecomposition(toMl(A), { autoTranspose: true });
  return { U: found.leftSingularVectors, V: found.rightSingularVectors, values: found.diagonal };
}

/** B (B'B + lambda I)^-1, without the directions in which B is zero but for rounding. */
export function ridgeInverse(B: Embedded, lambda: number): MlMatrix {
  const { U, V, values } = svd(B), zero = Math.max(B.rows, B.columns) * Number.EPSILON * values[0];
  const weights = values.map((value) => value > zero ? value / (value * value + lambda) : 0);
  return U.mmul(MlMatrix.diag(weights)).mmul(V.transpose());
}

/**
 * W minimising ||Y - G W P'||^2 with ridge `lambda` on both sides: (G'G + lambda I)^-1 G' Y P (P'P + lambda I)^-1.
 *
 * @param G genes x k
 * @param Y genes x perturbations
 * @param P perturbations x l
 * @returns k x l
 */
export function ridgeBothSides(G: Embedded, Y: Embedded, P: Embedded, lambda: number): Matrix<Float64Array> {
  return fromMl(ridgeInverse(G, lambda).transpose().mmul(toMl(Y)).mmul(ridgeInverse(P, lambda)));
}
