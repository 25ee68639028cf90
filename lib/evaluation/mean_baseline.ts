import type { Fold } from "../dataset/kfold.ts";
import { columnMeans } from "../dataset/missing_values.ts";
import type { Matrix } from "../linalg/matrix.ts";

/**
 * The baseline that every model has to beat: each held-out row predicted by the mean of its fold's training rows, gene by
 * gene. NaN where `predictions` is, so that both are judged by the same cells.
 *
 * @param values perturbations x genes; means are over finite values
 */
export function meanBaseline(values: Matrix, folds: readonly Fold[], predictions: Matrix): Matrix {
  const data = new Float32Array(values.data.length).fill(NaN), { columns } = values;
  for (const { train, test } of folds) {
    const means = columnMeans(values, train);
    for (const row of test) {
      for (let j = 0, at = row * columns; j < columns; j++, at++) {
        if (!Number.isNaN(predictions.data[at])) data[at] = means[j];
      }
    }
  }
  return { ...values, data };
}
