/**
 * Which truth a prediction is nearest to, among those of its test fold: centroid accuracy, discrimination, rank. Every pair of
 * a fold is looked at once, for all distances; nothing is kept of a pair, so memory is linear in the fold.
 */
import { row } from "../linalg/matrix.ts";
import type { Matrix } from "../linalg/matrix.ts";
import { type Aligned, rowsOfFolds } from "./aligned.ts";
import { ownGeneOut } from "./metric_list.ts";
import { PairSums } from "./pair_sums.ts";

export const distanceMetrics = [
  "centroid_accuracy",
  "discrimination_l1",
  "discrimination_l2",
  "discrimination_cosine",
  "rank",
  `centroid_accuracy${ownGeneOut}`,
  `rank${ownGeneOut}`,
] as const;

/**
 * Scores of every perturbation. With N candidates, the test rows of the fold:
 *
 * - `centroid_accuracy`: share of the others' truths strictly farther from the prediction (L2) than the right one (Systema)
 * - `discrimination_*`: 1 - rank / N, rank = truths strictly nearer, without the TF's own gene (cell-eval);
 *   no cosine where the prediction is zero
 * - `rank`: predictions strictly nearer to the truth (L2) than the right one, equal ones counted half, / N (PerturBench, which
 *   draws the order of equal ones)
 *
 * Where cells are missing, a distance is over those that both have, scaled to all (as scikit-learn's `nan_euclidean_distances`).
 *
 * @param prediction perturbations x genes, finite where the truth is
 */
export function distanceScores(data: Aligned, prediction: Matrix): Record<string, Float64Array> {
  const { truth } = data;
  const scores: Record<string, Float64Array> = Object.fromEntries(
    distanceMetrics.map((name) => [name, new Float64Array(truth.rows).fill(NaN)]),
  );
  for (const rows of rowsOfFolds(data)) if (rows.length > 0) scoreFold(data, prediction, rows, scores);
  return scores;
}

function scoreFold(
  data: Aligned,
  prediction: Matrix,
  rows: readonly number[],
  scores: Record<string, Float64Array>,
): void {
  const count = rows.length, { ownGene } = data;
  const sums = new PairSums(data.truth, rows);
  const own = ownDistances(data, prediction, rows, sums);
  const nearer = Object.fromEntries(
    ["l1", "l2", "cosine"].map((name) => [name, new Float64Array(count)]),
  ) as Record<"l1" | "l2" | "cosine", Float64Array>;
  const farther = new Float64Array(count), fartherOut = new Float64Array(count);
  const before = new Float64Array(count), beforeOut = new Float64Array(count);
  for (let p = 0; p < count; p++) {
    const f = row(prediction, rows[p]);
    sums.of(f);
    const gene = ownGene[rows[p]];
    for (let q = 0; q < count; q++) {
      if (q === p) continue;
      const l2 = sums.l2(q, -1);
      if (l2 > own.l2[p]) farther[p]++;
      before[q] += half(l2, own.l2[q]);
      const l2Out = gene < 0 ? l2 : sums.l2(q, gene);
      if (l2Out > own.l2Out[p]) fartherOut[p]++;
      if (l2Out < own.l2Out[p]) nearer.l2[p]++;
      if (sums.l1(q, gene) < own.l1Out[p]) nearer.l1[p]++;
      if (sums.cosine(q, gene) < own.cosineOut[p]) nearer.cosine[p]++;
      beforeOut[q] += half(sums.l2(q, ownGene[rows[q]]), own.l2Out[q]);
    }
  }
  rows.forEach((at, p) => {
    if (!sums.isDefined(p)) return;
    scores.centroid_accuracy[at] = farther[p] / (count - 1);
    scores[`centroid_accuracy${ownGeneOut}`][at] = fartherOut[p] / (count - 1);
    for (const name of ["l1", "l2", "cosine"] as const) {
      const isKnown = name !== "cosine" || !Number.isNaN(own.cosineOut[p]);
      if (isKnown) scores[`discrimination_${name}`][at] = 1 - nearer[name][p] / count;
    }
    scores.rank[at] = before[p] / count;
    scores[`rank${ownGeneOut}`][at] = beforeOut[p] / count;
  });
}

/** What another prediction adds to the rank of the right one. */
function half(distance: number, own: number): number {
  return distance < own ? 1 : distance === own ? 0.5 : 0;
}

/** Distances of each prediction to its own truth, computed as those to the others are: equal rows are equal to the bit. */
function ownDistances(data: Aligned, prediction: Matrix, rows: readonly number[], sums: PairSums) {
  const column = () => new Float64Array(rows.length);
  const own = { l2: column(), l1Out: column(), l2Out: column(), cosineOut: column() };
  rows.forEach((at, p) => {
    sums.of(row(prediction, at), p, p + 1);
    const gene = data.ownGene[at];
    own.l2[p] = sums.l2(p, -1);
    own.l2Out[p] = sums.l2(p, gene);
    own.l1Out[p] = sums.l1(p, gene);
    own.cosineOut[p] = sums.cosine(p, gene);
  });
  return own;
}
