/** Predictions of a saved model for new perturbations: which folds predict which rows, and their mean. */
import { UsageError } from "../cli/errors.ts";
import { counted, log } from "../cli/log.ts";
import type { Matrix } from "../linalg/matrix.ts";
import type { OpenedModel, SavedFold } from "../models/saved_model.ts";
import { type FoldPredictor } from "./fold_predictor.ts";

export interface Predicted {
  /** perturbations x genes. */
  readonly predictions: Matrix;
  /** What predicting by the mean of the training rows would give, for every perturbation. */
  readonly baseline: Matrix;
}

/** Rows of the input and the folds whose mean predicts them. */
export interface FoldChoice {
  readonly folds: readonly SavedFold[];
  readonly rows: readonly number[];
}

/**
 * Decide which folds predict which perturbations.
 *
 * @param asked folds by number; all where empty
 * @param heldOut predict a perturbation that a fold held out by that fold
 * @throws {UsageError} when there is no such fold
 */
export function chooseFolds(
  model: OpenedModel,
  ids: readonly string[],
  asked: readonly number[],
  heldOut: boolean,
): FoldChoice[] {
  const unknown = asked.find((fold) => model.folds.every((saved) => saved.fold !== fold));
  if (unknown !== undefined) {
    const known = model.folds.map(({ fold }) => fold).join(", ");
    throw new UsageError(`Cannot use --fold ${unknown}: the model has folds ${known}`);
  }
  const folds = model.folds.filter(({ fold }) => asked.length === 0 || asked.includes(fold));
  const rows = ids.map((_, row) => row);
  if (!heldOut) {
    warnOfTrainingRows(model, folds, ids);
    return [{ folds, rows }];
  }
  const foldOf = new Map(folds.flatMap((fold) => fold.test.map((id) => [id, fold] as const)));
  const own = folds.map((fold) => ({
    folds: [fold],
    rows: rows.filter((row) => foldOf.get(ids[row]) === fold),
  }));
  const strangers = rows.filter((row) => !foldOf.has(ids[row]));
  if (strangers.length > 0) {
    log.info(
      `${counted(strangers.length, "perturbation")} of ${ids.length} were held out by no fold: ` +
        `predicted by the mean over ${counted(folds.length, "fold")}.`,
    );
  }
  return [...own, { folds, rows: strangers }].filter(({ rows }) => rows.length > 0);
}

function warnOfTrainingRows(model: OpenedModel, folds: readonly SavedFold[], ids: readonly string[]): void {
  const known = new Set(model.folds.flatMap(({ test }) => test));
  const heldOutByAll = (id: string) => folds.every(({ test }) => test.includes(id));
  const seen = ids.filter((id) => known.has(id) && !heldOutByAll(id));
  if (seen.length === 0) return;
  log.warn(
    `${counted(seen.length, "perturbation")} of ${ids.length} were in the training data (${
      seen.slice(0, 3).join(", ")
    }${seen.length > 3 ? ", ..." : ""}): their predictions look better than those of new ones will ` +
      `(--held-out predicts each by the fold that did not see it).`,
  );
}

/** Predict every row by the mean over its folds. @param open a fold's model; called once a fold */
export async function predictRows(
  model: OpenedModel,
  rows: number,
  choices: readonly FoldChoice[],
  open: (fold: SavedFold) => Promise<FoldPredictor>,
): Promise<Predicted> {
  const columns = model.genes.length;
  const sums = new Float64Array(rows * columns), baselineSums = new Float64Array(rows * columns);
  for (const fold of model.folds) {
    const own = choices.filter(({ folds }) => folds.includes(fold));
    if (own.length === 0) continue;
    const predictor = await open(fold);
    try {
      for (const choice of own) {
        const { data } = await predictor.predict(choice.rows);
        choice.rows.forEach((row, i) => {
          for (let gene = 0; gene < columns; gene++) {
            sums[row * columns + gene] += data[i * columns + gene] / choice.folds.length;
            baselineSums[row * columns + gene] += predictor.baseline[gene] / choice.folds.length;
          }
        });
      }
    } finally {
      predictor.close();
    }
  }
  const matrix = (data: Float64Array): Matrix => ({ data: Float32Array.from(data), rows, columns });
  return { predictions: matrix(sums), baseline: matrix(baselineSums) };
}
