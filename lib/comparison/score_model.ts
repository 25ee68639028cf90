import { type Matrix, takeRows } from "../linalg/matrix.ts";
import { type Aligned, rowsOfFolds } from "./aligned.ts";
import { distanceMetrics } from "./distance_scores.ts";
import type { FoldScorer } from "./fold_scorer.ts";
import { metricList, ownGeneOut } from "./metric_list.ts";
import { RowScorer, type TruthOrders } from "./row_scores.ts";

/** Values of each metric, one a perturbation; NaN where it is undefined. */
export type Scores = Readonly<Record<string, Float64Array>>;

/**
 * All metrics of one model.
 *
 * @param prediction perturbations x genes, finite where the truth is
 * @param folds looks at the pairs of each fold
 */
export async function scoreModel(
  data: Aligned,
  orders: TruthOrders,
  prediction: Matrix,
  folds: FoldScorer,
): Promise<Scores> {
  const distances = distanceScores(data, prediction, folds);
  distances.catch(() => {}); // awaited below
  const { rows } = data.truth, names = metricList(data.significant !== null).map(({ name }) => name);
  const scores = Object.fromEntries(names.map((name) => [name, new Float64Array(rows).fill(NaN)]));
  const scorer = new RowScorer(data, orders);
  for (let p = 0; p < rows; p++) {
    const { all, ownOut } = scorer.score(prediction, p);
    for (const [name, value] of Object.entries(all)) scores[name][p] = value;
    for (const [name, value] of Object.entries(ownOut)) scores[name + ownGeneOut][p] = value;
  }
  return { ...scores, ...await distances };
}

async function distanceScores(data: Aligned, prediction: Matrix, scorer: FoldScorer): Promise<Scores> {
  const { truth, ownGene } = data;
  const scores = Object.fromEntries(
    distanceMetrics.map((name) => [name, new Float64Array(truth.rows).fill(NaN)]),
  );
  await Promise.all(
    rowsOfFolds(data).map(async (rows) => {
      if (rows.length === 0) return;
      const found = await scorer.score({
        truth: takeRows(truth, rows),
        prediction: takeRows(prediction, rows),
        ownGene: Int32Array.from(rows, (row) => ownGene[row]),
      });
      for (const name of distanceMetrics) rows.forEach((row, i) => scores[name][row] = found[name][i]);
    }),
  );
  return scores;
}
