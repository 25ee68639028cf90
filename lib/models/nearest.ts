/**
 * Nearest neighbours: a TF answers as the mean of the k training TFs whose embeddings are nearest to its own, by Euclidean
 * distance or by the angle between them (scikit-learn's KNeighborsRegressor). Of equally near ones the earlier row is taken.
 *
 * Saved beside what weighted_rows.ts keeps: k (1), cosine (1): 1 for angles, 0 for distances.
 */
import { pairwiseCosineDistances, pairwiseSquaredDistances } from "../linalg/distances.ts";
import { type Weigher, weightedRowsFamily } from "./weighted_rows.ts";

export type NearestSettings = {
  /** Neighbours; all training rows where it is more. */
  readonly k: number;
};

/** @param metric what "near" means */
export function nearestWeigher(metric: "euclidean" | "cosine"): Weigher<NearestSettings> {
  return {
    prepare(known, x) {
      const { data } = metric === "cosine"
        ? pairwiseCosineDistances(x, known)
        : pairwiseSquaredDistances(x, known);
      const order = Array.from({ length: x.rows }, (_, i) => {
        const own = data.subarray(i * known.rows, (i + 1) * known.rows);
        return Array.from(own.keys()).sort((a, b) => own[a] - own[b] || a - b);
      });
      return ({ k }) => {
        const weights = new Float64Array(x.rows * known.rows), count = Math.min(k, known.rows);
        order.forEach((rows, i) => {
          for (const row of rows.slice(0, count)) weights[i * known.rows + row] = 1 / count;
        });
        return { data: weights, rows: x.rows, columns: known.rows };
      };
    },
    tensors: ({ k }) => ({ k, cosine: metric === "cosine" ? 1 : 0 }),
  };
}

export const nearest = weightedRowsFamily("nearest", ["k", "cosine"], ({ k, cosine }) => ({
  weigher: nearestWeigher(cosine === 1 ? "cosine" : "euclidean"),
  settings: { k },
}));
