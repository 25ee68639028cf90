/** How well the size of a prediction finds the genes that are significant in the measurement. */
import { correlation } from "./correlation.ts";
import { averageRanks } from "./ordering.ts";

export interface DeRow {
  /** Truth and prediction of a perturbation. */
  readonly y: Float32Array;
  readonly f: Float32Array;
  /** 1 significant, 0 not, 2 not tested. */
  readonly marks: Uint8Array;
  /** Measured genes by |f|, the largest first. */
  readonly order: Int32Array;
  /** A gene that does not count; -1 for none. */
  readonly leftOut: number;
}

/**
 * `de_auprc` (average precision) and `de_auroc` of |f| against significance, equal values sharing a threshold as in
 * scikit-learn; `de_spearman` of truth and prediction over the significant genes.
 *
 * @returns NaN where there is no significant gene or no other, or fewer than two for the correlation
 */
export function deScores({ y, f, marks, order, leftOut }: DeRow): Record<string, number> {
  const tested = order.filter((gene) => gene !== leftOut && marks[gene] !== 2);
  const significant = tested.filter((gene) => marks[gene] === 1);
  const positives = significant.length, negatives = tested.length - positives;
  let precisions = 0, area = 0, truePositives = 0, falsePositives = 0;
  for (let start = 0; start < tested.length;) {
    let end = start, found = 0;
    const size = Math.abs(f[tested[start]]);
    for (; end < tested.length && Math.abs(f[tested[end]]) === size; end++) found += marks[tested[end]];
    const missed = end - start - found;
    area += missed * (truePositives + found / 2);
    truePositives += found;
    falsePositives += missed;
    precisions += found * truePositives / (truePositives + falsePositives);
    start = end;
  }
  const isDefined = positives > 0 && negatives > 0;
  const ranks = (values: Float32Array) => averageRanks(Array.from(significant, (gene) => values[gene]));
  return {
    de_auprc: isDefined ? precisions / positives : NaN,
    de_auroc: isDefined ? area / (positives * negatives) : NaN,
    de_spearman: correlation(ranks(y), ranks(f)),
  };
}
