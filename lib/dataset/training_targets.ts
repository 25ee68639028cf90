import { counted, log } from "../cli/log.ts";
import type { Matrix } from "../linalg/matrix.ts";
import { takeColumns } from "../linalg/matrix.ts";
import type { Fold } from "./kfold.ts";
import { fillMissing } from "./missing_values.ts";
import type { GeneChoice } from "./top_genes.ts";

/** What one fold learns from. */
export interface FoldTargets {
  /** perturbations x genes, without missing values. Only training rows may be looked at. */
  values: Matrix;
  /** Positions of its genes among those of the run; null where it has all. */
  genes: readonly number[] | null;
}

/**
 * The targets that folds learn from: one filled matrix for all of them, or under --strict one a fold, filled from its
 * training rows and cut to the genes chosen from them.
 *
 * @param values perturbations x genes of the run (`GeneChoice.columns` already taken), NaN where missing
 *
 * @internal
 */
export class TrainingTargets {
  readonly #values: Matrix;
  readonly #folds: readonly Fold[];
  readonly #genesByFold: number[][] | null;
  /** Cells without a value. */
  readonly missing: number;
  /** What every fold shares; null where each has its own. */
  readonly shared: FoldTargets | null;

  constructor(values: Matrix, choice: GeneChoice, folds: readonly Fold[], strict: boolean) {
    this.#values = values;
    this.#folds = folds;
    this.#genesByFold = choice.byFold;
    const { filled, count } = fillMissing(values);
    this.missing = count;
    const perFold = strict && (count > 0 || choice.byFold !== null);
    this.shared = perFold ? null : { values: filled, genes: null };
    if (count > 0) {
      log.info(
        `Filled ${counted(count, "missing value")} with gene means over ${strict ? "training" : "all"} rows.`,
      );
    }
  }

  /** Positions of a fold's genes among those of the run; null where it has all. */
  genesOf(fold: number): readonly number[] | null {
    return this.#genesByFold?.[fold] ?? null;
  }

  of(fold: number): FoldTargets {
    if (this.shared) return this.shared;
    const genes = this.genesOf(fold);
    const own = genes ? takeColumns(this.#values, genes) : this.#values;
    return { values: fillMissing(own, this.#folds[fold].train).filled, genes };
  }

  /** `prepare` run once for all folds where they share their targets, else once a fold. */
  prepared<T>(prepare: (targets: FoldTargets) => T): (fold: number) => T {
    if (this.shared === null) return (fold) => prepare(this.of(fold));
    const targets = this.shared;
    let result: { value: T } | null = null;
    return () => (result ??= { value: prepare(targets) }).value;
  }
}
