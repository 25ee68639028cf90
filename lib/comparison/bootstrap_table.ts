/** One table of bootstrap weights for all metrics and models: how often each resample drew each perturbation. */
import { percentile } from "../evaluation/bootstrap.ts";
import { defaultRng } from "../random/pcg64.ts";

export interface Interval {
  /** NaN where no value is defined. */
  readonly mean: number;
  /** 2.5th and 97.5th percentile of the resampled means. */
  readonly lower: number;
  readonly upper: number;
  /** Perturbations with a value. */
  readonly n: number;
}

/** The mean of a column, and of each of its resamples. */
export interface ResampledMean extends Interval {
  readonly resampled: Float64Array;
}

export class BootstrapTable {
  readonly #weights: Uint8Array;
  /** Weight in all of the perturbations that have a value, by which have one. */
  readonly #totals = new Map<string, Float64Array>();

  /** Draws equal NumPy's `default_rng(seed).integers(0, n, size=n)`, as those of every summary.json. */
  constructor(readonly perturbations: number, readonly resamples: number, seed: number) {
    this.#weights = new Uint8Array(resamples * perturbations);
    const random = defaultRng(seed);
    for (let start = 0; start < this.#weights.length; start += perturbations) {
      for (const drawn of random.integers(0, perturbations, perturbations)) this.#weights[start + drawn]++;
    }
  }

  /** @param values one a perturbation, NaN where undefined; `rows` restricts to some of them */
  mean(values: Float64Array, rows?: (row: number) => boolean): ResampledMean {
    const count = this.perturbations, filled = new Float64Array(count), has = new Uint8Array(count);
    let n = 0, sum = 0;
    for (let i = 0; i < count; i++) {
      if (Number.isNaN(values[i]) || (rows && !rows(i))) continue;
      filled[i] = values[i];
      has[i] = 1;
      n++;
      sum += values[i];
    }
    const totals = this.#totalsOf(has), resampled = new Float64Array(this.resamples);
    const weights = this.#weights;
    for (let r = 0, at = 0; r < this.resamples; r++) {
      let weighted = 0;
      for (let i = 0; i < count; i++, at++) weighted += weights[at] * filled[i];
      resampled[r] = weighted / totals[r];
    }
    return { mean: sum / n, n, resampled, ...bounds(resampled) };
  }

  #totalsOf(has: Uint8Array): Float64Array {
    const key = new TextDecoder("latin1").decode(has), known = this.#totals.get(key);
    if (known) return known;
    const totals = new Float64Array(this.resamples), weights = this.#weights;
    for (let r = 0, at = 0; r < this.resamples; r++) {
      for (let i = 0; i < has.length; i++, at++) totals[r] += weights[at] * has[i];
    }
    this.#totals.set(key, totals);
    return totals;
  }
}

/** 95% of the resamples; those that drew no perturbation with a value are left out. */
export function bounds(resampled: Float64Array): { lower: number; upper: number } {
  const known = resampled.filter((value) => !Number.isNaN(value));
  return { lower: percentile(known, 2.5), upper: percentile(known, 97.5) };
}
