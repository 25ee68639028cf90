/** One table of bootstrap weights for all metrics and models: how often each resample drew each perturbation. */
import { percentileOfSorted } from "../evaluation/bootstrap.ts";
import { defaultRng } from "../random/pcg64.ts";

export interface Interval {
  /** NaN where no value is defined. */
  readonly mean: number;
  /** 2.5th and 97.5th percentile of the resampled means; NaN of fewer than two values, which do not vary. */
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
  /** The perturbations that have a value, and how often each resample drew any of them; by which have one. */
  readonly #drawn = new Map<string, { rows: Int32Array; totals: Float64Array }>();

  /** Draws equal NumPy's `default_rng(seed).integers(0, n, size=n)`, as those of every summary.json. */
  constructor(readonly perturbations: number, readonly resamples: number, seed: number) {
    this.#weights = new Uint8Array(resamples * perturbations);
    const random = defaultRng(seed);
    for (let start = 0; start < this.#weights.length; start += perturbations) {
      for (const drawn of random.integers(0, perturbations, perturbations)) this.#weights[start + drawn]++;
    }
  }

  /** @param values one a perturbation, NaN where undefined; `among` restricts to some of them */
  mean(values: Float64Array, among?: readonly number[]): ResampledMean {
    const has = new Uint8Array(this.perturbations);
    if (among === undefined) has.fill(1);
    else for (const row of among) has[row] = 1;
    for (let i = 0; i < has.length; i++) if (values[i] !== values[i]) has[i] = 0;
    const { rows, totals } = this.#drawnOf(has), filled = Float64Array.from(rows, (row) => values[row]);
    const resampled = new Float64Array(this.resamples), weights = this.#weights;
    for (let r = 0; r < this.resamples; r++) {
      const start = r * this.perturbations;
      let weighted = 0;
      for (let i = 0; i < rows.length; i++) weighted += weights[start + rows[i]] * filled[i];
      resampled[r] = weighted / totals[r];
    }
    const mean = filled.reduce((sum, value) => sum + value, 0) / rows.length;
    return { mean, n: rows.length, resampled, ...bounds(resampled, rows.length) };
  }

  #drawnOf(has: Uint8Array): { rows: Int32Array; totals: Float64Array } {
    const key = new TextDecoder("latin1").decode(has), known = this.#drawn.get(key);
    if (known) return known;
    const rows = Int32Array.from(Array.from(has.keys()).filter((row) => has[row] === 1));
    const totals = new Float64Array(this.resamples), weights = this.#weights;
    for (let r = 0; r < this.resamples; r++) {
      const start = r * this.perturbations;
      for (let i = 0; i < rows.length; i++) totals[r] += weights[start + rows[i]];
    }
    const drawn = { rows, totals };
    this.#drawn.set(key, drawn);
    return drawn;
  }
}

/** 95% of the resamples of `n` values; those that drew no perturbation with a value are left out. */
export function bounds(resampled: Float64Array, n: number): { lower: number; upper: number } {
  if (n < 2) return { lower: NaN, upper: NaN };
  const known = resampled.filter((value) => value === value).sort();
  return { lower: percentileOfSorted(known, 2.5), upper: percentileOfSorted(known, 97.5) };
}
