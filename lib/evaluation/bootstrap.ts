import { defaultRng } from "../random/pcg64.ts";

export interface ConfidenceInterval {
  mean: number;
  /** 2.5th and 97.5th percentile of the resampled means; NaN without resamples. */
  lower: number;
  upper: number;
}

/**
 * Bootstrap interval of a mean over perturbations. Draws equal `default_rng(seed).integers(0, n, size=n)`, number for
 * number, as the Python scripts drew them.
 *
 * @param values one a perturbation, such as its Pearson r; NaN for one that has no part in the means
 */
export function bootstrapMean(
  values: Float64Array,
  options: { resamples: number; seed: number },
): ConfidenceInterval {
  const means = bootstrapMeans(values, options).filter((mean) => !Number.isNaN(mean)); // a draw may hold no value
  return { mean: meanOf(values), lower: percentile(means, 2.5), upper: percentile(means, 97.5) };
}

/** The mean of every resample. */
export function bootstrapMeans(
  values: Float64Array,
  { resamples, seed }: { resamples: number; seed: number },
): Float64Array {
  const random = defaultRng(seed), count = values.length;
  return Float64Array.from({ length: resamples }, () => {
    const drawn = random.integers(0, count, count);
    return meanOf(Float64Array.from(drawn, (index) => values[index]));
  });
}

/**
 * Percentile with linear interpolation between neighbours, as `numpy.percentile`.
 *
 * @param share 0 to 100
 * @returns NaN when there are no values or one of them is NaN
 */
export function percentile(values: Float64Array, share: number): number {
  if (values.length === 0 || values.some(Number.isNaN)) return NaN;
  const sorted = values.slice().sort(), position = (share / 100) * (sorted.length - 1);
  const below = Math.floor(position), fraction = position - below;
  const low = sorted[below], high = sorted[Math.min(below + 1, sorted.length - 1)];
  // NumPy steps from the nearer neighbour, so that both ends come out exactly.
  return fraction < 0.5 ? low + (high - low) * fraction : high - (high - low) * (1 - fraction);
}

function meanOf(values: Float64Array): number {
  let sum = 0, count = 0;
  for (const value of values) {
    if (Number.isNaN(value)) continue;
    sum += value;
    count++;
  }
  return sum / count;
}
