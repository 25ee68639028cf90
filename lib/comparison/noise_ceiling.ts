import type { Matrix } from "../linalg/matrix.ts";
import type { Aligned } from "./aligned.ts";
import type { FoldScorer } from "./fold_scorer.ts";
import { foldReference } from "./reference.ts";
import { truthOrders } from "./row_scores.ts";
import { scoreModel, type Scores } from "./score_model.ts";

/**
 * What a perfect model could reach: one half of each TF's guides or cells predicts the other, both ways, and the mean of the
 * two. Halves are noisier than the whole, so the true ceiling is a little higher.
 */
export async function noiseCeiling(
  data: Aligned,
  [a, b]: readonly [Matrix, Matrix],
  folds: FoldScorer,
): Promise<Scores> {
  const one = await scoreHalf(data, a, b, folds), two = await scoreHalf(data, b, a, folds);
  return Object.fromEntries(
    Object.entries(one).map(([name, values]) => [name, values.map((value, i) => (value + two[name][i]) / 2)]),
  );
}

function scoreHalf(data: Aligned, truth: Matrix, prediction: Matrix, folds: FoldScorer): Promise<Scores> {
  // Only cells that both halves have, and that the models are judged by.
  const values = truth.data.map((value, cell) =>
    Number.isFinite(prediction.data[cell]) && !Number.isNaN(data.truth.data[cell]) ? value : NaN
  );
  const half = { ...truth, data: values };
  const known = { ...data, truth: half, reference: foldReference(half, data.foldOf, data.folds) };
  // A perturbation that a half lacks has no ceiling.
  return scoreModel(known, truthOrders(known), prediction, folds);
}
