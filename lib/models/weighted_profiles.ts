/** Weighted sums of training profiles. */
import type { Matrix } from "../linalg/matrix.ts";
import { multiplyTransposed } from "../linalg/products.ts";
import { isSparse, nonZeros } from "../linalg/sparse.ts";

/** mu + H (Y - mu), x rows x genes. @param responses Y', genes x training rows */
export function combined(H: Matrix<Float64Array>, responses: Matrix, intercept: Float64Array): Matrix {
  const { data, rows, columns } = isSparse(H)
    ? sparseProduct(H, responses)
    : multiplyTransposed(H, responses);
  const sums = new Float32Array(data.length);
  for (let i = 0, at = 0; i < rows; i++) {
    let weight = 0;
    for (let j = 0; j < H.columns; j++) weight += H.data[i * H.columns + j];
    for (let g = 0; g < columns; g++, at++) sums[at] = data[at] + (1 - weight) * intercept[g];
  }
  return { data: sums, rows, columns };
}

/** H times the transpose of `responses`, by the weights that are not 0. */
function sparseProduct(
  H: Matrix<Float64Array>,
  { data: responses, rows: genes, columns: known }: Matrix,
): Matrix<Float64Array> {
  const data = new Float64Array(H.rows * genes);
  for (let i = 0; i < H.rows; i++) {
    const weights = H.data.subarray(i * known, (i + 1) * known), used = nonZeros(weights);
    for (let g = 0; g < genes; g++) {
      let sum = 0;
      for (const j of used) sum += weights[j] * responses[g * known + j];
      data[i * genes + g] = sum;
    }
  }
  return { data, rows: H.rows, columns: genes };
}
