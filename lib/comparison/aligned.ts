import type { Matrix } from "../linalg/matrix.ts";

/** What all models of a comparison are judged by: the perturbations, genes and cells that all of them have. */
export interface Aligned {
  readonly perturbations: readonly string[];
  readonly genes: readonly string[];
  /** perturbations x genes; NaN where nothing was measured or a model has no prediction. */
  readonly truth: Matrix;
  /** Which fold tests each perturbation, from 0. */
  readonly foldOf: Int32Array;
  readonly folds: number;
  /** mu: folds x genes, the mean of each fold's training rows. */
  readonly reference: Matrix;
  /** Column of each perturbation's own gene; -1 where it is no read-out gene. */
  readonly ownGene: Int32Array;
  /** perturbations x genes: 1 significant, 0 not, 2 not tested; null without a table. */
  readonly significant: Uint8Array | null;
}

/** The rows that each fold tests. */
export function rowsOfFolds({ foldOf, folds }: Pick<Aligned, "foldOf" | "folds">): number[][] {
  const rows: number[][] = Array.from({ length: folds }, () => []);
  foldOf.forEach((fold, row) => rows[fold].push(row));
  return rows;
}
