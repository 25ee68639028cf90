/**
 * Which truth a prediction is nearest to, among those of its test fold: centroid accuracy, discrimination, rank. Every pair of
 * a fold is looked at once, for all distances; nothing is kept of a pair, so memory is linear in the fold.
 */
import { type Matrix, row } from "../linalg/matrix.ts";
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

/** The test rows of a fold. */
export interface FoldRows {
  /** rows x genes; NaN where nothing is judged. */
  readonly truth: Matrix;
  /** rows x genes, finite where the truth is. */
  readonly prediction: Matrix;
  /** Column of each row's own gene; -1 for none. */
  readonly ownGene: Int32Array;
}

/** Values of each metric, one a row. */
export type FoldScores = Record<(typeof distanceMetrics)[number], Float64Array>;

/**
 * Scores of a fold. With N candidates, its test rows:
 *
 * - `centroid_accuracy`: share of the others' truths strictly farther from the prediction (L2) than the right one (Systema)
 * - `discrimination_*`: 1 - rank / N, rank = truths strictly nearer, without the TF's own gene (cell-eval);
 *   no cosine where the prediction is zero
 * - `rank`: predictions strictly nearer to the truth (L2) than the right one, equal ones counted half, / N (PerturBench, which
 *   draws the order of equal ones)
 *
 * Where cells are missing, a distance is over those that both have, scaled to all (as scikit-learn's `nan_euclidean_distances`).
 */
export function foldScores({ truth, prediction, ownGene }: FoldRows): FoldScores {
  const count = truth.rows, column = () => new Float64Array(count);
  const sums = new PairSums(truth), own = ownDistances({ truth, prediction, ownGene }, sums);
  const nearer = { l1: column(), l2: column(), cosine: column() };
  const farther = column(), fartherOut = column(), before = column(), beforeOut = column();
  for (let p = 0; p < count; p++) {
    sums.of(row(prediction, p));
    const gene = ownGene[p];
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
      beforeOut[q] += half(sums.l2(q, ownGene[q]), own.l2Out[q]);
    }
  }
  const defined = (values: Float64Array) => values.map((value, p) => own.isDefined[p] ? value : NaN);
  return {
    centroid_accuracy: defined(farther.map((value) => value / (count - 1))),
    discrimination_l1: defined(nearer.l1.map((value) => 1 - value / count)),
    discrimination_l2: defined(nearer.l2.map((value) => 1 - value / count)),
    discrimination_cosine: defined(
      nearer.cosine.map((value, p) => Number.isNaN(own.cosineOut[p]) ? NaN : 1 - value / count),
    ),
    rank: defined(before.map((value) => value / count)),
    centroid_accuracy_own_gene_out: defined(fartherOut.map((value) => value / (count - 1))),
    rank_own_gene_out: defined(beforeOut.map((value) => value / count)),
  };
}

/** What another prediction adds to the rank of the right one. */
function half(distance: number, own: number): number {
  return distance < own ? 1 : distance === own ? 0.5 : 0;
}

/** Distances of each prediction to its own truth, computed as those to the others are: equal rows are equal to the bit. */
function ownDistances({ truth, prediction, ownGene }: FoldRows, sums: PairSums) {
  const column = () => new Float64Array(truth.rows);
  const own = {
    l2: column(),
    l1Out: column(),
    l2Out: column(),
    cosineOut: column(),
    isDefined: [] as boolean[],
  };
  for (let p = 0; p < truth.rows; p++) {
    sums.of(row(prediction, p), p, p + 1);
    own.l2[p] = sums.l2(p, -1);
    own.l2Out[p] = sums.l2(p, ownGene[p]);
    own.l1Out[p] = sums.l1(p, ownGene[p]);
    own.cosineOut[p] = sums.cosine(p, ownGene[p]);
    own.isDefined.push(sums.isDefined(p));
  }
  return own;
}
