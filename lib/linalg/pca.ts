/** Principal components in float64, from a Gram matrix: the data's smaller side squared is all that is decomposed. */
import type { Matrix } from "./matrix.ts";
import { gramOfRows, multiplyTransposed, transposed } from "./products.ts";
import { largestEigenpairs } from "./symmetric_eigen.ts";

export interface PrincipalComponents {
  /** Mean of each column. */
  mean: Float64Array;
  /** samples x count: coordinates of the centred samples. */
  scores: Matrix<Float64Array>;
  /** count x columns, unit rows; the largest loading of each is positive. */
  components: Matrix<Float64Array>;
  singularValues: Float64Array;
}

/**
 * @param X samples x columns
 * @param count components wanted, at most the smaller side of X
 */
export function principalComponents(
  X: Matrix<Float32Array | Float64Array>,
  count: number,
): PrincipalComponents {
  const { rows, columns } = X;
  const byColumn = transposed(X), mean = new Float64Array(columns);
  for (let j = 0; j < columns; j++) {
    const column = byColumn.data.subarray(j * rows, (j + 1) * rows);
    mean[j] = column.reduce((sum, value) => sum + value, 0) / rows;
    for (let i = 0; i < rows; i++) column[i] -= mean[j];
  }
  const centred = transposed(byColumn);
  const components = columns <= rows
    ? largestEigenpairs(gramOfRows(byColumn), count).vectors
    : componentsOfWide(centred, byColumn, count);
  const scores = multiplyTransposed(centred, components);
  return { mean, scores, components, singularValues: columnNorms(scores) };
}

/** With fewer samples than columns: left singular vectors from X X', then X' u, of unit length. */
function componentsOfWide(
  centred: Matrix<Float64Array>,
  byColumn: Matrix<Float64Array>,
  count: number,
): Matrix<Float64Array> {
  const left = largestEigenpairs(gramOfRows(centred), count).vectors;
  const components = multiplyTransposed(left, byColumn);
  for (let i = 0; i < count; i++) {
    const component = components.data.subarray(i * components.columns, (i + 1) * components.columns);
    const length = Math.sqrt(component.reduce((sum, value) => sum + value * value, 0));
    if (length > 0) { for (let j = 0; j < component.length; j++) component[j] /= length; }
  }
  return components;
}

function columnNorms(A: Matrix<Float64Array>): Float64Array {
  const squares = new Float64Array(A.columns);
  A.data.forEach((value, at) => squares[at % A.columns] += value * value);
  return squares.map(Math.sqrt);
}
