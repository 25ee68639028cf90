import { defaultRng } from "../random/pcg64.ts";

export interface ConfidenceInterval {
  mean: number;
  /** 2.5th and 97.5th percentile of the resampled means; NaN without resamples. */
  lower: number;
  upper: number;
}

export interface Resampling {
  /** How often the perturbations are drawn anew; without any, intervals have no bounds. */
  resamples: number;
  seed: number;
}

/**
 * Bootstrap intervals of means over perturbations, of several quantities of the same ones. Draws equal
 * `default_rng(seed).integers(0, n, size=n)`, number for number, as the Python scripts drew them. All columns share the draws,
 * so each has the interval that it would have alone.
 *
 * @param columns of equal length: values one a perturbation, such as its Pearson r; NaN for one that has no part in the means
 */
export function bootstrapIntervals(
  columns: readonly Float64Array[],
  options: Resampling,
): ConfidenceInterval[] {
  const resampled = bootstrapMeans(columns, options);
  return columns.map((values, i) => {
    const means = resampled[i].filter((mean) => !Number.isNaN(mean)); // a draw may hold no value
    return { mean: meanOf(values), lower: percentile(means, 2.5), upper: percentile(means, 97.5) };
  });
}

/** The mean of every resample, for each column. */
export function bootstrapMeans(
  columns: readonly Float64Array[],
  { resamples, seed }: Resampling,
): Float64Array[] {
  const means = columns.map(() => new Float64Array(resamples).fill(NaN));
  const count = columns[0].length;
  if (count === 0) return means;
  const random = defaultRng(seed), drawn = new Float64Array(count);
  for (let resample = 0; resample < resamples; resample++) {
    const indices = random.integers(0, count, count);
    columns.forEach((values, column) => {
      for (let i = 0; i < count; i++) drawn[i] = values[indices[i]];
      means[column][resample] = meanOf(drawn);
    });
  }
  return means;
}

/**
 * Percentile with linear interpolation between neighbours, as `numpy.percentile`.
 *
 * @param share 0 to 100
 * @returns NaN when there are no values or one of them is NaN
 */
export function percentile(values: Float64Array, share: number): number {
  return percentileOfSorted(values.slice().sort(), share);
}

/** As `percentile`, of values that ascend (NaN last). */
export function percentileOfSorted(sorted: Float64Array, share: number): number {
  if (sorted.length === 0 || Number.isNaN(sorted[sorted.length - 1])) return NaN;
  const position = (share / 100) * (sorted.length - 1);
  const below = Math.floor(position), fraction = position - below;
  const low = sorted[below], high = sorted[Math.min(below + 1, sorted.length - 1)];
  // NumPy steps from the nearer neighbour, so that both ends come out exactly.
  return fraction < 0.5 ? low + (high - low) * fraction : high - (high - low) * (1 - fraction);
}

/** Mean of the values that are not NaN; NaN where there is none. */
export function meanOf(values: Float64Array): number {
  let sum = 0, count = 0;
  for (const value of values) {
    if (Number.isNaN(value)) continue;
    sum += value;
    count++;
  }
  return sum / count;
}
