/**
 * Cross-validation splits: of the file that the user names, of the data folder, or fresh ones.
 *
 *     const splits = await crossValidationSplits({ ids, named: flags.cvSplitsFile, ... });
 *     for (const { train, test } of splits.folds) ...
 *
 * Files of ours know their perturbations by id, and so do their folds here, whatever the order of rows. A file without ids
 * (the Python's) counts rows. A file that the user named is used or refused, never replaced.
 */
import { DataError, UsageError } from "../cli/errors.ts";
import { log, warnWithExamples } from "../cli/log.ts";
import { counted } from "../cli/log.ts";
import { writeFileAtomic } from "../io/atomic_write.ts";
import { encodeSplitsPickle } from "../io/pickle.ts";
import { groupedFolds, type GroupFoldKind, refuseBrokenGroups } from "./grouped_splits.ts";
import type { RowGroups } from "./groups.ts";
import { type Fold, kFold } from "./kfold.ts";
import { readSplitsFile, type StoredSplits } from "./splits_file.ts";

export interface SplitsRequest {
  /** Perturbations in row order. */
  readonly ids: readonly string[];
  /** What else a perturbation is called, such as its symbol: a file of another script may know it by that. */
  otherNames(id: string): readonly string[];
  /** All ids of the targets in the order of their file: what the indices of a file without ids count in. */
  readonly fileOrder: readonly string[];
  /** What row order this script draws in, for the log: "the targets' file" or "sorted ids". */
  readonly order: string;
  readonly folds: number;
  /** Whether the user asked for that number. */
  readonly foldsAsked: boolean;
  readonly seed: number;
  /** --cv-splits-file. */
  readonly named: string | null;
  /** A file that came with the data. */
  readonly shared: string;
  /** A file that an earlier run left in the result folder. */
  readonly own: string;
  /** Groups of the rows, which no fold may part; null without. */
  readonly groups: RowGroups | null;
  readonly groupFolds: GroupFoldKind;
}

/** The folds of a run, and where they come from. */
export interface CrossValidationSplits {
  /** Training and test rows of each. */
  readonly folds: Fold[];
  /** "5fold" where there are five. */
  readonly method: string;
  /** The file that holds them, once the result is written. */
  readonly file: string;
  /** The content of `file` where the result has to keep it; null where it lies elsewhere. */
  readonly pickle: Uint8Array | null;
  /** Groups that the folds keep together; null without. */
  readonly groups: RowGroups | null;
}

/**
 * @throws {UsageError} when there are fewer rows than folds, or a named file has another number of folds than asked for
 * @throws {DataError} when a file is no splits file, or the named one does not fit
 */
export async function crossValidationSplits(request: SplitsRequest): Promise<CrossValidationSplits> {
  const { named, shared, own, ids, folds, seed } = request;
  if (named !== null) {
    const stored = await readSplitsFile(named);
    if (stored !== null) return used(stored, named, request, refuseMisfit(named, request));
  } else if (request.groups === null) {
    for (const file of [shared, own]) {
      const stored = await readSplitsFile(file);
      if (stored === null) continue;
      const misfit = misfitOf(stored, request) ?? incompleteness(stored, request);
      if (misfit === null) {
        const splits = used(stored, file, request, () => {});
        return file === own ? { ...splits, pickle: pickleOf(splits.folds, splits.method, request) } : splits;
      }
      log.warn(`The splits of "${file}" do not fit (${misfit}): not used.`);
    }
  }
  if (ids.length < folds) {
    throw new UsageError(
      `Cannot split ${ids.length} perturbations into ${folds} folds: at least one a fold is needed`,
    );
  }
  const { groups } = request, fresh = groups ? groupedFolds(groups, request) : kFold(ids.length, folds, seed);
  const method = groups ? `${folds}fold_group` : `${folds}fold`;
  const pickle = pickleOf(fresh, method, request);
  if (named !== null) {
    await writeFileAtomic(named, pickle, "--cv-splits-file names another file");
    log.info(`Saved CV splits to ${named}`);
    return { folds: fresh, method, file: named, pickle: null, groups };
  }
  if (groups) return { folds: fresh, method, file: own, pickle, groups };
  log.info(
    `Drew ${folds} folds, seed ${seed}, in the order of ${request.order}; a script with another row order draws others ` +
      `(--cv-splits-file ${own} in both shares these).`,
  );
  return { folds: fresh, method, file: own, pickle, groups };
}

/** The folds of a file that fits, as rows of this data set. */
function used(
  stored: StoredSplits,
  file: string,
  request: SplitsRequest,
  check: (stored: StoredSplits) => void,
): CrossValidationSplits {
  check(stored);
  const rows = rowsOf(stored, request);
  const toRows = (indices: Int32Array) => indices.map((index) => rows[index]).filter((row) => row >= 0);
  const folds = stored.folds.map(({ train, test }) => ({ train: toRows(train), test: toRows(test) }));
  log.info(`Using the ${stored.method} splits of ${file}: ${counted(folds.length, "fold")}.`);
  if (stored.perturbations === null) {
    log.warn(
      "The splits file does not name its perturbations: its indices are taken as row numbers" +
        `${countsFileOrder(stored, request) ? " of the targets' file" : " of this script's row order"}.`,
    );
  }
  const left = stored.totalSamples - new Set(rows).size + (rows.includes(-1) ? 1 : 0);
  if (left > 0) {
    log.warn(`${counted(left, "perturbation")} of the splits file are not in this run: left out.`);
  }
  warnOfNeverHeldOut(folds, request.ids);
  refuseBrokenGroups(folds, file, request);
  return { folds, method: stored.method, file, pickle: null, groups: request.groups };
}

function refuseMisfit(file: string, request: SplitsRequest): (stored: StoredSplits) => void {
  return (stored) => {
    if (request.foldsAsked && stored.nSplits !== request.folds) {
      throw new UsageError(
        `Cannot use --n-folds ${request.folds} with --cv-splits-file "${file}": its splits have ${stored.nSplits} folds`,
      );
    }
    const misfit = misfitOf(stored, { ...request, folds: stored.nSplits });
    if (misfit === null) return;
    throw new DataError(
      `Cannot use the splits of "${file}": ${misfit} (a file that does not exist yet gets fresh folds)`,
    );
  };
}

/** Why stored splits cannot serve, or null when they can. */
function misfitOf(stored: StoredSplits, request: SplitsRequest): string | null {
  const { ids, folds } = request;
  if (stored.nSplits !== folds) return `they have ${stored.nSplits} folds, not ${folds}`;
  if (
    stored.perturbations === null && stored.totalSamples !== ids.length && !countsFileOrder(stored, request)
  ) {
    return `they are for ${stored.totalSamples} samples and name none, there are ${ids.length}`;
  }
  const rows = rowsOf(stored, request), found = rows.filter((row) => row >= 0);
  if (found.length === 0) {
    return `none of their perturbations (${
      stored.perturbations?.slice(0, 3).join(", ")
    }, ...) is in this data set`;
  }
  if (new Set(found).size < found.length) return "two of their perturbations are the same here";
  const empty = stored.folds.findIndex(({ train, test }) =>
    [train, test].some((side) => side.every((index) => rows[index] < 0))
  );
  return empty < 0 ? null : `all perturbations of one side of fold ${empty} are missing here`;
}

/** For files that the user did not name: some rows would be in no fold. */
function incompleteness(stored: StoredSplits, request: SplitsRequest): string | null {
  const known = new Set(rowsOf(stored, request));
  const strangers = request.ids.filter((_, row) => !known.has(row));
  return strangers.length === 0
    ? null
    : `${strangers.length} perturbations are in no fold, such as ${strangers[0]}`;
}

/** Whether the indices of a file without ids count the rows of the targets' file rather than those of this run. */
function countsFileOrder(stored: StoredSplits, { fileOrder, ids, named }: SplitsRequest): boolean {
  if (stored.perturbations !== null || stored.totalSamples !== fileOrder.length) return false;
  return named === null || stored.totalSamples !== ids.length;
}

/** The row of each stored perturbation; -1 where none has it. */
function rowsOf(stored: StoredSplits, request: SplitsRequest): Int32Array {
  const { ids, fileOrder } = request;
  const names = stored.perturbations ?? (countsFileOrder(stored, request) ? fileOrder : null);
  if (names === null) return Int32Array.from({ length: stored.totalSamples }, (_, row) => row);
  const row = new Map(ids.map((id, i) => [id, i]));
  ids.forEach((id, i) => {
    for (const name of request.otherNames(id)) if (!row.has(name)) row.set(name, i);
  });
  return Int32Array.from(names, (name) => row.get(name) ?? -1);
}

function pickleOf(folds: readonly Fold[], method: string, { ids, seed }: SplitsRequest): Uint8Array {
  return encodeSplitsPickle({
    method,
    nSplits: folds.length,
    randomState: seed,
    totalSamples: ids.length,
    folds,
    perturbations: ids,
  });
}

function warnOfNeverHeldOut(folds: readonly Fold[], ids: readonly string[]): void {
  const heldOut = new Set(folds.flatMap(({ test }) => [...test]));
  const left = ids.filter((_, row) => !heldOut.has(row));
  if (left.length === 0) return;
  warnWithExamples(
    `${
      counted(left.length, "perturbation")
    } of ${ids.length} held out by no fold of the splits file: no prediction.`,
    left,
  );
}
