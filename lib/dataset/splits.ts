/**
 * Cross-validation splits: those of a file where it fits, otherwise fresh ones, saved to that file.
 *
 *     const splits = await crossValidationSplits({ ids, folds: 5, seed: 42, file, rule: "n_splits" });
 *     for (const { train, test } of splits.folds) ...
 */
import { UsageError } from "../cli/errors.ts";
import { log } from "../cli/log.ts";
import { writeFileAtomic } from "../io/atomic_write.ts";
import { encodeSplitsPickle } from "../io/pickle.ts";
import type { Fold } from "./kfold.ts";
import { kFold } from "./kfold.ts";
import { readSplitsFile, type StoredSplits } from "./splits_file.ts";

export interface SplitsRequest {
  /** Perturbations in row order. */
  ids: readonly string[];
  folds: number;
  seed: number;
  /** Where splits are looked for and fresh ones are saved. */
  file: string;
  /** What a file must match beside the number of rows: its `method` (linear models) or its `n_splits` (all others). */
  rule: "method" | "n_splits";
}

export interface CrossValidationSplits {
  folds: Fold[];
  /** "5fold" where there are five. */
  method: string;
  /** The file they came from or were saved to. */
  file: string;
}

/**
 * @throws {UsageError} when there are fewer rows than folds
 * @throws {DataError} when the file is no splits file, or its indices are none of rows
 */
export async function crossValidationSplits(request: SplitsRequest): Promise<CrossValidationSplits> {
  const { ids, folds, seed, file } = request;
  const stored = await readSplitsFile(file);
  if (stored !== null) {
    log.info(`Loaded CV splits from ${file}`);
    const misfit = misfitOf(stored, request);
    if (misfit === null) {
      log.info(`Using existing ${stored.method} splits with ${stored.folds.length} folds.`);
      return { folds: rowsOf(stored, ids), method: stored.method, file };
    }
    log.warn(`Stored splits do not fit (${misfit}); making new ones and replacing the file.`);
  }
  if (ids.length < folds) {
    throw new UsageError(
      `Cannot split ${ids.length} perturbations into ${folds} folds: at least one a fold is needed`,
    );
  }
  const fresh = kFold(ids.length, folds, seed);
  const method = `${folds}fold`;
  await writeFileAtomic(
    file,
    encodeSplitsPickle({
      method,
      nSplits: folds,
      randomState: seed,
      totalSamples: ids.length,
      folds: fresh,
      perturbations: ids,
    }),
  );
  log.info(`Saved CV splits to ${file}`);
  return { folds: fresh, method, file };
}

/** Why stored splits cannot serve, or null when they can. */
function misfitOf(stored: StoredSplits, { ids, folds, rule }: SplitsRequest): string | null {
  if (stored.totalSamples !== ids.length) {
    return `they are for ${stored.totalSamples} samples, there are ${ids.length}`;
  }
  if (rule === "method" && stored.method !== `${folds}fold`) {
    return `their method is "${stored.method}", not "${folds}fold"`;
  }
  if (rule === "n_splits" && stored.nSplits !== folds) {
    return `they have ${stored.nSplits} folds, --n-folds is ${folds}`;
  }
  if (stored.perturbations !== null) {
    const known = new Set(ids), strangers = stored.perturbations.filter((id) => !known.has(id));
    if (strangers.length > 0) {
      return `${strangers.length} of their perturbations are not in this data set, such as ${strangers[0]}`;
    }
  }
  return null;
}

/** Folds as rows of this data set: found by id where the file tells ids, else as they stand. */
function rowsOf(stored: StoredSplits, ids: readonly string[]): Fold[] {
  const { perturbations } = stored;
  if (perturbations === null) {
    log.warn(
      "The splits file does not name its perturbations: its indices are taken as row numbers of this script's row order.",
    );
    return stored.folds;
  }
  const row = new Map(ids.map((id, i) => [id, i]));
  const toRows = (indices: Int32Array) => indices.map((index) => row.get(perturbations[index])!);
  return stored.folds.map(({ train, test }) => ({ train: toRows(train), test: toRows(test) }));
}
