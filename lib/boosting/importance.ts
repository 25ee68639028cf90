/** How much each feature matters to a model, as XGBoost's `Booster.get_score` counts it. */
import type { BoostedModel } from "./tree.ts";

/** Mean gain of a feature's splits, their number, or their mean hessian sum. */
export type ImportanceType = "gain" | "weight" | "cover";

export const importanceTypes = ["gain", "weight", "cover"] as const;

/** One value a feature; 0 where no split uses it. */
export function featureImportance(model: BoostedModel, type: ImportanceType): Float32Array {
  const sums = new Float64Array(model.features);
  const splits = new Float64Array(model.features);
  for (const tree of model.trees) {
    for (let node = 0; node < tree.left.length; node++) {
      if (tree.left[node] < 0) continue;
      splits[tree.feature[node]]++;
      sums[tree.feature[node]] += type === "gain" ? tree.lossChange[node] : tree.sumHessian[node];
    }
  }
  if (type === "weight") return Float32Array.from(splits);
  return Float32Array.from(sums, (sum, feature) => splits[feature] > 0 ? sum / splits[feature] : 0);
}
