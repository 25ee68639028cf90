import { columnMeans } from "../dataset/missing_values.ts";
import { type Matrix, zeros } from "../linalg/matrix.ts";

/**
 * mu: the mean of each fold's training rows, gene by gene, in float32 as predictions are, so that the mean baseline differs
 * from it in nothing.
 *
 * @param foldOf which fold tests each row of `values`; -1 for a row that takes no part
 * @returns folds x genes
 */
export function foldReference(values: Matrix, foldOf: Int32Array, folds: number): Matrix {
  const reference = zeros(folds, values.columns);
  for (let fold = 0; fold < folds; fold++) {
    const training = Array.from(foldOf.keys()).filter((row) => foldOf[row] >= 0 && foldOf[row] !== fold);
    // With a single fold there is no training row: the mean of all rows stands for it.
    const rows = training.length > 0 ? training : Array.from(foldOf.keys()).filter((row) => foldOf[row] >= 0);
    reference.data.set(columnMeans(values, rows), fold * values.columns);
  }
  return reference;
}
