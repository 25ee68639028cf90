/** Mean or median expression of each perturbation, of its halves, and of all rows. */
import type { ExpressionMatrix } from "./expression_block.ts";
import { groupMedians } from "./group_medians.ts";
import { groupSums, type SumRequest } from "./group_sums.ts";
import { type RowGroups, slotCount } from "./row_groups.ts";

export interface GroupCentres {
  readonly genes: number;
  /** slot x genes. */
  readonly whole: Float64Array;
  /** slot x genes each; NaN where a slot has rows in one half only. */
  readonly halves: readonly [Float64Array, Float64Array];
  /** Over all rows: whole, and in each half. */
  readonly all: readonly [Float64Array, Float64Array, Float64Array];
  /** Mean over all rows of each slot whatever the centre is, and variance (n - 1) and rows that it is of: for tests. */
  readonly moments: Moments | null;
}

export interface Moments {
  /** slot x genes each. */
  readonly mean: Float64Array;
  readonly variance: Float64Array;
  readonly rows: Float64Array;
}

export async function groupCentres(
  matrix: ExpressionMatrix,
  request: SumRequest,
  aggregate: "mean" | "median",
): Promise<GroupCentres> {
  const { groups, genes } = request, slots = slotCount(groups);
  const { sums, squares, missing } = await groupSums(matrix, request);
  const weightOf = slotWeights(groups);
  const whole = new Float64Array(slots * genes),
    halves = [new Float64Array(slots * genes), new Float64Array(slots * genes)];
  const all = [0, 1, 2].map(() => new Float64Array(genes)),
    allWeights = [0, 1, 2].map(() => new Float64Array(genes));
  for (let slot = 0; slot < slots; slot++) {
    for (let gene = 0; gene < genes; gene++) {
      const places = [0, 1].map((half) => (2 * slot + half) * genes + gene);
      const weights = places.map((place, half) => weightOf[2 * slot + half] - (missing?.[place] ?? 0));
      const at = slot * genes + gene;
      whole[at] = ratio(sums[places[0]] + sums[places[1]], weights[0] + weights[1]);
      for (const half of [0, 1]) {
        halves[half][at] = weights[1 - half] > 0 ? ratio(sums[places[half]], weights[half]) : NaN;
        all[1 + half][gene] += sums[places[half]];
        allWeights[1 + half][gene] += weights[half];
      }
    }
  }
  for (let gene = 0; gene < genes; gene++) {
    all[0][gene] = ratio(all[1][gene] + all[2][gene], allWeights[1][gene] + allWeights[2][gene]);
    for (const half of [1, 2]) all[half][gene] = ratio(all[half][gene], allWeights[half][gene]);
  }
  const moments = squares === null ? null : momentsOf(whole, squares, missing, request);
  const means: GroupCentres = {
    genes,
    whole,
    halves: [halves[0], halves[1]],
    all: [all[0], all[1], all[2]],
    moments,
  };
  return aggregate === "mean" ? means : { ...await groupMedians(matrix, request), moments };
}

/** Mean and variance of rows that count alike. */
function momentsOf(
  mean: Float64Array,
  squares: Float64Array,
  missing: Float64Array | null,
  { groups, genes }: SumRequest,
): Moments {
  const rows = new Float64Array(mean.length), variance = new Float64Array(mean.length);
  for (let slot = 0; slot < slotCount(groups); slot++) {
    const count = groups.counts[2 * slot] + groups.counts[2 * slot + 1];
    for (let gene = 0; gene < genes; gene++) {
      const at = slot * genes + gene, place = 2 * slot * genes + gene;
      const n = count - (missing === null ? 0 : missing[place] + missing[place + genes]);
      rows[at] = n;
      variance[at] = n > 1 ? Math.max(0, (squares[at] - n * mean[at] ** 2) / (n - 1)) : NaN;
    }
  }
  return { mean, variance, rows };
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
