/** Which of several settings predicts held-out rows best, and what the summary says of the choice. */
import type { Report } from "../experiment/part.ts";

/** Settings by name, such as `{ lambda: 10, gamma: 0.002 }`. */
export type Settings = Readonly<Record<string, number>>;

/** What is said of a fold whose settings were chosen. */
export interface TuningReport<S extends Settings = Settings> {
  readonly chosen: S;
  /** Folds of the training rows that judged. */
  readonly inner_folds: number;
  /** Of the mean of the training rows, judged in the same way. */
  readonly mse_of_mean: number;
  /** Mean squared error of all settings, in the order of the grid; null for one that could not be computed. */
  readonly curve: readonly (S & { readonly mse: number | null })[];
  /** Parameters whose choice is the smallest or largest value of several: a wider grid may have a better one. */
  readonly at_the_edge: readonly string[];
}

/** What the criterion is, for summary.json. */
export const criterion =
  "least mean squared error over all genes of the held-out rows of inner folds of the fold's training rows";

/** Sums of squared errors over held-out cells, added up over inner folds. */
export class TuningScores<S extends Settings> {
  readonly #grid: readonly S[];
  readonly #squares: Float64Array;
  #meanSquares = 0;
  #cells = 0;
  #folds = 0;

  /** @param grid settings to choose from; of equally good ones the first is taken */
  constructor(grid: readonly S[]) {
    this.#grid = grid;
    this.#squares = new Float64Array(grid.length);
  }

  /**
   * Add an inner fold.
   *
   * @param cells held-out rows times genes
   * @param meanSquares sum of squared errors of the mean of its training rows
   * @param squaresOf the same of some settings; NaN or infinite where they cannot be computed
   */
  add(cells: number, meanSquares: number, squaresOf: (settings: S) => number): void {
    this.#cells += cells;
    this.#meanSquares += meanSquares;
    this.#folds++;
    this.#grid.forEach((settings, i) => this.#squares[i] += squaresOf(settings));
  }

  /** The best settings, and what to report; null when none could be computed. */
  choose(): TuningReport<S> | null {
    let best = -1;
    this.#squares.forEach((sum, i) => {
      if (Number.isFinite(sum) && (best < 0 || sum < this.#squares[best])) best = i;
    });
    if (best < 0) return null;
    const chosen = this.#grid[best];
    const edges = Object.keys(chosen).filter((name) => {
      const values = [...new Set(this.#grid.map((settings) => settings[name]))];
      return values.length > 1 && [Math.min(...values), Math.max(...values)].includes(chosen[name]);
    });
    return {
      chosen,
      inner_folds: this.#folds,
      mse_of_mean: this.#meanSquares / this.#cells,
      curve: this.#grid.map((settings, i) => {
        const mse = this.#squares[i] / this.#cells;
        return { ...settings, mse: Number.isFinite(mse) ? mse : null };
      }),
      at_the_edge: edges,
    };
  }
}

/** "lambda 10, k 5 (edge of the grid)" for a fold's line in the log. */
export function chosenNote({ chosen, at_the_edge: edges }: TuningReport): string {
  return Object.entries(chosen)
    .map(([name, value]) =>
      `${name} ${Number(value.toPrecision(4))}${edges.includes(name) ? " (edge of the grid)" : ""}`
    )
    .join(", ");
}

/** The block `tuning` of a summary, from the reports of folds that were tuned; empty without. */
export function tuningSummary(reports: readonly Report[]): Record<string, unknown> {
  const folds = reports.map(({ tuning }) => tuning as TuningReport | undefined);
  if (folds.every((fold) => fold === undefined)) return {};
  return { tuning: { criterion, folds: folds.map((fold, i) => ({ fold: i, ...fold })) } };
}
