import type { Matrix } from "../linalg/matrix.ts";
import type { Aligned } from "./aligned.ts";
import { distanceScores } from "./distance_scores.ts";
import { metricList, ownGeneOut } from "./metric_list.ts";
import { RowScorer, type TruthOrders } from "./row_scores.ts";

/** Values of each metric, one a perturbation; NaN where it is undefined. */
export type Scores = Readonly<Record<string, Float64Array>>;

/**
 * All metrics of one model.
 *
 * @param prediction perturbations x genes, finite where the truth is
 */
export function scoreModel(data: Aligned, orders: TruthOrders, prediction: Matrix): Scores {
  const { rows } = data.truth, names = metricList(data.significant !== null).map(({ name }) => name);
  const scores = Object.fromEntries(names.map((name) => [name, new Float64Array(rows).fill(NaN)]));
  const scorer = new RowScorer(data, orders);
  for (let p = 0; p < rows; p++) {
    const { all, ownOut } = scorer.score(prediction, p);
    for (const [name, value] of Object.entries(all)) scores[name][p] = value;
    for (const [name, value] of Object.entries(ownOut)) scores[name + ownGeneOut][p] = value;
  }
  return { ...scores, ...distanceScores(data, prediction) };
}
