/** Predictions of a saved model for new perturbations: which folds predict which rows, and their mean. */
import { join } from "@std/path";
import { DataError, UsageError } from "../cli/errors.ts";
import { counted, log } from "../cli/log.ts";
import { someIds } from "../dataset/ids.ts";
import { countNonFinite } from "../evaluation/non_finite.ts";
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
  /** Their standard deviations (n - 1), NaN in rows that one model predicts; null where they are not wanted. */
  readonly spread: Matrix | null;
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

/** Cells of predictions that are in memory at once, at the most one row more. */
const blockCells = 2 ** 23;
/** Models of all folds stay open from block to block where their files are smaller together. */
const keptOpenBytes = 2 ** 30;

export interface PredictionRun {
  /** Results, and which folds of each predict which rows. */
  readonly members: readonly { readonly model: OpenedModel; readonly choices: readonly FoldChoice[] }[];
  readonly input: PredictionInput;
  /** One a row of the input. */
  readonly ids: readonly string[];
  /** Whether the deviations over models are wanted too. */
  readonly spread: boolean;
  /** A fold's model. */
  open(model: OpenedModel, fold: SavedFold): Promise<OpenedFold>;
  readonly cells?: number;
}

/**
 * Predict every row by the mean over its models, a block of rows at a time.
 *
 * @throws {DataError} naming a perturbation without a finite prediction
 */
export async function* predictBlocks(run: PredictionRun): AsyncGenerator<Predicted> {
  const { members, ids, cells = blockCells } = run;
  const rows = Math.max(1, Math.floor(cells / members[0].model.genes.length));
  const folds = members.flatMap(({ model, choices }) =>
    model.folds.filter((fold) => choices.some((choice) => choice.folds.includes(fold)))
      .map((fold) => join(model.folder, fold.weights))
  );
  const keepsOpen = rows < ids.length && await bytesOf(folds) <= keptOpenBytes;
  const kept = new Map<SavedFold, OpenedFold>();
  try {
    for (let from = 0; from < ids.length; from += rows) {
      const range = { from, to: Math.min(ids.length, from + rows) };
      const predicted = await predictBlock(run, range, async (model, fold, body) => {
        const opened = kept.get(fold) ?? await run.open(model, fold);
        if (keepsOpen) kept.set(fold, opened);
        try {
          await body(opened);
        } finally {
          if (!keepsOpen) opened.close?.();
        }
      });
      refuseUnpredicted(predicted, ids.slice(from, range.to));
      yield predicted;
    }
  } finally {
    for (const opened of kept.values()) opened.close?.();
  }
}

async function predictBlock(
  { members, input, spread }: PredictionRun,
  { from, to }: { from: number; to: number },
  use: (model: OpenedModel, fold: SavedFold, body: (opened: OpenedFold) => Promise<void>) => Promise<void>,
): Promise<Predicted> {
  const columns = members[0].model.genes.length;
  const here = members.map(({ model, choices }) => ({
    model,
    choices: choices.map(({ folds, rows }) => ({
      folds,
      rows: rows.filter((row) => row >= from && row < to),
    }))
      .filter(({ rows }) => rows.length > 0),
  }));
  const counts = new Int32Array(to - from);
  for (const { folds, rows } of here.flatMap(({ choices }) => choices)) {
    for (const row of rows) counts[row - from] += folds.length;
  }
  const predictions = new RunningMoments(counts, columns, { deviations: spread });
  const baselines = new RunningMoments(counts, columns, { deviations: false });
  for (const { model, choices } of here) {
    for (const fold of model.folds) {
      const own = choices.filter(({ folds }) => folds.includes(fold));
      if (own.length === 0) continue;
      await use(model, fold, async (opened) => {
        for (const { rows } of own) {
          const { data } = await opened.predict(input, rows);
          rows.forEach((row, i) => {
            predictions.add(row - from, data.subarray(i * columns, (i + 1) * columns));
            baselines.add(row - from, opened.baseline);
          });
        }
      });
    }
  }
  return {
    predictions: predictions.means(),
    spread: predictions.deviations(),
    baseline: baselines.means(),
  };
}

/** Where the baseline is finite, a prediction must be: a few cells are told, a whole row or more than one in a hundred refused. */
function refuseUnpredicted({ predictions, baseline }: Predicted, ids: readonly string[]): void {
  const found = countNonFinite(baseline, predictions);
  if (found.count === 0) return;
  const rows = found.wholeRows.length > 0 ? found.wholeRows : found.rows;
  const what = `${found.count} of ${counted(found.measured, "value")} ${
    found.count === 1 ? "is" : "are"
  } NaN or infinite, in ${counted(found.rows.length, "perturbation")} (${
    someIds(rows.map((row) => ids[row]))
  })`;
  if (found.wholeRows.length === 0 && found.count <= found.measured / 100) log.warn(`${what}.`);
  else {
    throw new DataError(
      `Cannot predict: ${what} (do their inputs hold numbers as large as those of the training set?)`,
    );
  }
}

async function bytesOf(files: readonly string[]): Promise<number> {
  let bytes = 0;
  for (const file of files) bytes += (await Deno.stat(file).catch(() => null))?.size ?? 0;
  return bytes;
}
