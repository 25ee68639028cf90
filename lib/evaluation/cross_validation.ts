import type { FoldProgress } from "../cli/progress.ts";
import type { Fold } from "../dataset/kfold.ts";
import { type Matrix, row } from "../linalg/matrix.ts";

/** A model that was trained on one fold. */
export interface FittedFold {
  /** Predictions of some rows: rows.length x genes. */
  predict(rows: Int32Array): Matrix | Promise<Matrix>;
  /** Positions of the predicted genes among those of the run; all of them without it. */
  genes?: readonly number[] | null;
  /** What the fold's line in the log says. */
  note?: string;
}

export interface CrossValidated {
  /** perturbations x genes: each row predicted by the fold that held it out; NaN where none did. */
  heldOut: Matrix;
  /** The same by the first fold that trained on the row. */
  training: Matrix;
}

/**
 * Fit every fold and gather what it predicts.
 *
 * @param size.rows perturbations
 * @param options.training false spares the predictions of training rows
 */
export async function crossValidate(
  folds: readonly Fold[],
  size: { rows: number; genes: number },
  fit: (fold: Fold, index: number) => FittedFold | Promise<FittedFold>,
  progress: FoldProgress,
  options: { training: boolean } = { training: true },
): Promise<CrossValidated> {
  const heldOut = emptyPredictions(size), training = emptyPredictions(size);
  const trained = new Uint8Array(size.rows);
  for (let index = 0; index < folds.length; index++) {
    const fold = folds[index], fitted = await fit(fold, index);
    put(await fitted.predict(fold.test), fold.test, fitted.genes, heldOut);
    const fresh = fold.train.filter((row) => !trained[row]);
    if (options.training && fresh.length > 0) {
      put(await fitted.predict(fresh), fresh, fitted.genes, training);
      for (const row of fresh) trained[row] = 1;
    }
    progress.finished(fitted.note);
  }
  progress.end();
  return { heldOut, training };
}

function emptyPredictions({ rows, genes }: { rows: number; genes: number }): Matrix {
  return { data: new Float32Array(rows * genes).fill(NaN), rows, columns: genes };
}

function put(
  predicted: Matrix,
  rows: Int32Array,
  genes: readonly number[] | null | undefined,
  into: Matrix,
): void {
  rows.forEach((target, i) => {
    const source = row(predicted, i), start = target * into.columns;
    if (genes) genes.forEach((column, j) => into.data[start + column] = source[j]);
    else into.data.set(source, start);
  });
}
