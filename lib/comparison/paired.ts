/** Every pair of models, over the perturbations for which both have a value. */
import { meanOf } from "../evaluation/bootstrap.ts";
import { type BootstrapTable, bounds, type Interval, type ResampledMean } from "./bootstrap_table.ts";
import type { Scores } from "./score_model.ts";

export interface PairedDifference extends Interval {
  readonly metric: string;
  readonly first: string;
  readonly second: string;
  /** Two-sided, of no difference in the mean. */
  readonly p: number;
  /** Adjusted by Holm over all pairs of the metric. */
  readonly pHolm: number;
}

export interface NamedScores {
  readonly name: string;
  readonly scores: Scores;
  /** Means of each metric, as the table gave them. */
  readonly means: Readonly<Record<string, ResampledMean>>;
}

/** `first` minus `second` for every pair, metric by metric. */
export function pairedDifferences(
  models: readonly NamedScores[],
  metrics: readonly string[],
  table: BootstrapTable,
): PairedDifference[] {
  return metrics.flatMap((metric) => {
    const pairs = models.flatMap((first, i) =>
      models.slice(i + 1).map((second) => ({
        metric,
        first: first.name,
        second: second.name,
        ...difference(first, second, metric, table),
      }))
    );
    const adjusted = holm(pairs.map(({ p }) => p));
    return pairs.map((pair, i) => ({ ...pair, pHolm: adjusted[i] }));
  });
}

function difference(
  first: NamedScores,
  second: NamedScores,
  metric: string,
  table: BootstrapTable,
): Interval & { p: number } {
  const a = first.scores[metric], b = second.scores[metric];
  const values = a.map((value, i) => value - b[i]);
  const isSame = a.every((value, i) => Number.isNaN(value) === Number.isNaN(b[i]));
  if (!isSame) {
    const { resampled, ...interval } = table.mean(values);
    return { ...interval, p: twoSided(resampled, interval) };
  }
  // The mean of differences is the difference of means, and those are there already.
  const mean = meanOf(values), { n, resampled: theirs } = second.means[metric];
  const resampled = first.means[metric].resampled.map((value, r) => value - theirs[r]);
  return { mean, n, ...bounds(resampled, n), p: twoSided(resampled, { mean, n }) };
}

/**
 * Twice the smaller share of resamples at or beyond zero, the data themselves counted as one of them. Where no resample is
 * there, their number sets a floor that many pairs could not get below after adjustment: then the normal tail at the
 * bootstrap's standard error counts, if it is smaller. NaN of fewer than two values.
 */
function twoSided(resampled: Float64Array, { mean, n }: { mean: number; n: number }): number {
  if (Number.isNaN(mean) || n < 2) return NaN;
  let below = 1, above = 1, count = 1, sum = 0, squares = 0;
  for (const value of resampled) {
    if (Number.isNaN(value)) continue;
    count++;
    if (value <= 0) below++;
    if (value >= 0) above++;
    sum += value - mean;
    squares += (value - mean) ** 2;
  }
  const least = Math.min(below, above), p = Math.min(1, 2 * least / count);
  if (least > 1 || count < 3) return p;
  const drawn = count - 1, deviation = Math.sqrt(Math.max(0, squares - sum * sum / drawn) / (drawn - 1));
  return Math.min(p, 2 * normalTail(Math.abs(mean) / deviation));
}

/** Probability above z of the normal distribution, by Laplace's continued fraction: to 1e-6 of itself from z = 2 on. */
export function normalTail(z: number): number {
  let fraction = z;
  for (let term = 60; term >= 1; term--) fraction = z + term / fraction;
  return Math.exp(-z * z / 2) / Math.sqrt(2 * Math.PI) / fraction;
}

/**
 * Holm's step-down adjustment; NaN stays and does not count.
 *
 * @returns as R's `p.adjust(p, "holm")` and statsmodels' `multipletests`
 */
export function holm(ps: readonly number[]): number[] {
  const known = ps.map((_, i) => i).filter((i) => !Number.isNaN(ps[i])).sort((a, b) => ps[a] - ps[b]);
  const adjusted = ps.map(() => NaN);
  let largest = 0;
  known.forEach((i, rank) => {
    largest = Math.max(largest, Math.min(1, ps[i] * (known.length - rank)));
    adjusted[i] = largest;
  });
  return adjusted;
}
