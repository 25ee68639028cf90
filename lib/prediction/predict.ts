/** Predictions of a saved model for new perturbations: which folds predict which rows, and their mean. */
import { UsageError } from "../cli/errors.ts";
import { counted, log } from "../cli/log.ts";
import type { Matrix } from "../linalg/matrix.ts";
import type { PredictionInput } from "../experiment/model.ts";
import type { OpenedModel } from "../experiment/saved_model.ts";
import type { SavedFold } from "../experiment/saved_model_json.ts";
import type { Member } from "./members.ts";
import type { NamesOf } from "./names.ts";
import type { OpenedFold } from "./open_fold.ts";
import { RunningMoments } from "./running_moments.ts";

export interface Predicted {
  /** perturbations x genes: means over the models that predict a row. */
  readonly predictions: Matrix;
  /** Their standard deviations (n - 1); NaN in rows that one model predicts. */
  readonly spread: Matrix;
  /** What predicting by the mean of the training rows would give, for every perturbation. */
  readonly baseline: Matrix;
}

/** Rows of the input and the folds whose mean predicts them. */
export interface FoldChoice {
  readonly folds: readonly SavedFold[];
  readonly rows: readonly number[];
}

/** The folds by number; all where none is named. @throws {UsageError} when there is no such fold */
export function foldsOf(model: OpenedModel, asked: readonly number[]): SavedFold[] {
  const unknown = asked.find((fold) => model.folds.every((saved) => saved.fold !== fold));
  if (unknown !== undefined) {
    const known = model.folds.map(({ fold }) => fold).join(", ");
    throw new UsageError(`Cannot use --fold ${unknown}: the model has folds ${known}`);
  }
  return model.folds.filter(({ fold }) => asked.length === 0 || asked.includes(fold));
}

/**
 * Decide which folds predict which perturbations: all of `folds`, or with `heldOut` the one that held the perturbation
 * out, where there is one.
 *
 * @param namesOf every name of an id, in upper case: training may have known it by another, and by its aliases
 * @returns `seen`: rows that one of the folds was trained on; none with `heldOut`
 */
export function chooseFolds(
  { model, folds }: Pick<Member, "model" | "folds">,
  ids: readonly string[],
  heldOut: boolean,
  namesOf: NamesOf,
): { choices: FoldChoice[]; seen: number[] } {
  const testOf = foldsByName(model);
  const holders = ids.map((id) => testOf.get(namesOf(id).find((name) => testOf.has(name)) ?? "") ?? null);
  const rows = ids.map((_, row) => row);
  if (!heldOut) {
    const seen = rows.filter((row) => holders[row] && folds.some((fold) => fold !== holders[row]));
    return { choices: [{ folds, rows }], seen };
  }
  const own = folds.map((fold) => ({ folds: [fold], rows: rows.filter((row) => holders[row] === fold) }));
  const others = rows.filter((row) => !folds.some((fold) => fold === holders[row]));
  if (others.length > 0) {
    log.info(
      `${counted(others.length, "perturbation")} of ${ids.length} were held out by no fold: ` +
        `predicted by the mean over ${counted(folds.length, "fold")}.`,
    );
  }
  return { choices: [...own, { folds, rows: others }].filter(({ rows }) => rows.length > 0), seen: [] };
}

/** How many models predict each of `rows` rows. */
export function modelsOfRows(choices: readonly FoldChoice[], rows: number): Int32Array {
  const counts = new Int32Array(rows);
  for (const { folds, rows: own } of choices) for (const row of own) counts[row] += folds.length;
  return counts;
}

/** The fold that held out a perturbation, by all its names in upper case: by its id first, which is its own alone. */
function foldsByName({ folds, aliases = {} }: OpenedModel): Map<string, SavedFold> {
  const found = new Map<string, SavedFold>();
  const add = (name: string, fold: SavedFold) => {
    if (!found.has(name.toUpperCase())) found.set(name.toUpperCase(), fold);
  };
  for (const fold of folds) fold.test.forEach((id) => add(id, fold));
  for (const fold of folds) fold.test.forEach((id) => aliases[id]?.forEach((alias) => add(alias, fold)));
  return found;
}

/** @param seen ids that the training data held, of `count` */
export function warnOfTrainingRows(seen: readonly string[], count: number): void {
  if (seen.length === 0) return;
  log.warn(
    `${counted(seen.length, "perturbation")} of ${count} were in the training data (${
      seen.slice(0, 3).join(", ")
    }${seen.length > 3 ? ", ..." : ""}): their predictions look better than those of new ones will ` +
      `(--held-out predicts each by the fold that did not see it).`,
  );
}

/**
 * Predict every row by the mean over its models.
 *
 * @param members results, and which folds of each predict which rows
 * @param open a fold's model; called once a fold
 */
export async function predictRows(
  members: readonly { model: OpenedModel; choices: readonly FoldChoice[] }[],
  input: PredictionInput,
  rows: number,
  open: (model: OpenedModel, fold: SavedFold) => Promise<OpenedFold>,
): Promise<Predicted> {
  const columns = members[0].model.genes.length;
  const predictions = new RunningMoments(rows, columns), baselines = new RunningMoments(rows, columns);
  for (const { model, choices } of members) {
    for (const fold of model.folds) {
      const own = choices.filter(({ folds }) => folds.includes(fold));
      if (own.length === 0) continue;
      const predictor = await open(model, fold);
      try {
        for (const choice of own) {
          const { data } = await predictor.predict(input, choice.rows);
          choice.rows.forEach((row, i) => {
            predictions.add(row, data.subarray(i * columns, (i + 1) * columns));
            baselines.add(row, predictor.baseline);
          });
        }
      } finally {
        predictor.close?.();
      }
    }
  }
  return {
    predictions: predictions.means(),
    spread: predictions.deviations(),
    baseline: baselines.means(),
  };
}
