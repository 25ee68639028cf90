import type { Fold } from "../dataset/kfold.ts";
import { columnMeans } from "../dataset/missing_values.ts";
import type { Matrix } from "../linalg/matrix.ts";

/**
 * The baseline that every model has to beat: each held-out row predicted by the mean of its fold's training rows, gene by
 * gene. NaN in rows that no fold holds out, and for genes that a fold does not learn.
 *
 * @param values perturbations x genes; means are over finite values
 * @param genesOf positions of a fold's genes; null where it has all
 */
export function meanBaseline(
  values: Matrix,
  folds: readonly Fold[],
  genesOf: (fold: number) => readonly number[] | null = () => null,
): Matrix {
  const data = new Float32Array(values.data.length).fill(NaN), { columns } = values;
  for (const [fold, { train, test }] of folds.entries()) {
    const means = columnMeans(values, train), own = genesOf(fold);
    for (const row of test) {
      if (own === null) data.set(means, row * columns);
      else for (const gene of own) data[row * columns + gene] = means[gene];
    }
  }
  return { ...values, data };
}
