/** Mean or median expression of each perturbation, of its halves, and of all rows. */
import type { ExpressionMatrix } from "./expression_block.ts";
import { groupMedians } from "./group_medians.ts";
import { groupSums, type SumRequest } from "./group_sums.ts";
import { controlSlot, type RowGroups, slotCount } from "./row_groups.ts";

export interface GroupCentres {
  readonly genes: number;
  /** slot x genes. */
  readonly whole: Float64Array;
  /** (slot * 2 + half) x genes; NaN where a slot has rows in one half only. */
  readonly halves: Float64Array;
  /** Over all rows: whole, and in each half. */
  readonly all: readonly [Float64Array, Float64Array, Float64Array];
  /** Mean of each gene over the controls and over all rows, whatever the centre is. */
  readonly means: { readonly controls: Float64Array; readonly all: Float64Array };
  /** For tests, whatever the centre is; null where not asked for. */
  readonly moments: Moments | null;
}

export interface Moments {
  /** slot x genes each; the variance with n - 1. */
  readonly mean: Float64Array;
  readonly variance: Float64Array;
  /** Rows that a slot's mean of a gene is of. */
  rows(slot: number, gene: number): number;
}

/** Sums become centres in their own memory: these tables are what a run with many perturbations needs most of. */
export async function groupCentres(
  matrix: ExpressionMatrix,
  request: SumRequest,
  aggregate: "mean" | "median",
): Promise<GroupCentres> {
  const { groups, genes } = request, slots = slotCount(groups);
  const { sums, squares, missing } = await groupSums(matrix, request);
  const weightOf = slotWeights(groups), whole = new Float64Array(slots * genes);
  const all = [0, 1, 2].map(() => new Float64Array(genes)), allWeights = new Float64Array(2 * genes);
  for (let slot = 0; slot < slots; slot++) {
    for (let gene = 0; gene < genes; gene++) {
      const a = 2 * slot * genes + gene, b = a + genes, sumA = sums[a], sumB = sums[b];
      const weightA = weightOf[2 * slot] - (missing === null ? 0 : missing[a]);
      const weightB = weightOf[2 * slot + 1] - (missing === null ? 0 : missing[b]);
      whole[slot * genes + gene] = ratio(sumA + sumB, weightA + weightB);
      sums[a] = weightB > 0 ? ratio(sumA, weightA) : NaN;
      sums[b] = weightA > 0 ? ratio(sumB, weightB) : NaN;
      all[1][gene] += sumA;
      all[2][gene] += sumB;
      allWeights[gene] += weightA;
      allWeights[genes + gene] += weightB;
    }
  }
  for (let gene = 0; gene < genes; gene++) {
    const [weightA, weightB] = [allWeights[gene], allWeights[genes + gene]];
    all[0][gene] = ratio(all[1][gene] + all[2][gene], weightA + weightB);
    all[1][gene] = ratio(all[1][gene], weightA);
    all[2][gene] = ratio(all[2][gene], weightB);
  }
  const moments = squares === null ? null : momentsOf(whole, squares, missing, request);
  const control = controlSlot(groups) * genes;
  const means = { controls: whole.slice(control, control + genes), all: all[0].slice() };
  if (aggregate === "median") return { ...await groupMedians(matrix, request), means, moments };
  return { genes, whole, halves: sums, all: [all[0], all[1], all[2]], means, moments };
}

/** Mean and variance of rows that count alike; squares become variances in place. */
function momentsOf(
  mean: Float64Array,
  squares: Float64Array,
  missing: Float64Array | null,
  { groups, genes }: SumRequest,
): Moments {
  const rows = (slot: number, gene: number) => {
    const place = 2 * slot * genes + gene, count = groups.counts[2 * slot] + groups.counts[2 * slot + 1];
    return missing === null ? count : count - missing[place] - missing[place + genes];
  };
  for (let slot = 0; slot < slotCount(groups); slot++) {
    for (let gene = 0; gene < genes; gene++) {
      const at = slot * genes + gene, n = rows(slot, gene);
      squares[at] = n > 1 ? Math.max(0, (squares[at] - n * mean[at] ** 2) / (n - 1)) : NaN;
    }
  }
  return { mean, variance: squares, rows };
}

function slotWeights({ slotOf, halfOf, weights, counts }: RowGroups): Float64Array {
  if (weights === null) return counts;
  const sums = new Float64Array(counts.length);
  slotOf.forEach((slot, row) => slot >= 0 && (sums[2 * slot + halfOf[row]] += weights[row]));
  return sums;
}

function ratio(sum: number, weight: number): number {
  return weight > 1e-9 ? sum / weight : NaN;
}
