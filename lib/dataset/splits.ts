/**
 * Cross-validation splits: those of a file where it fits, otherwise fresh ones, saved to that file. What stood there is
 * kept beside it as `<name>.bak`.
 *
 *     const splits = await crossValidationSplits({ ids, folds: 5, seed: 42, file, rule: "n_splits" });
 *     for (const { train, test } of splits.folds) ...
 */
import { UsageError } from "../cli/errors.ts";
import { counted, log, warnWithExamples } from "../cli/log.ts";
import { writeFileAtomic } from "../io/atomic_write.ts";
import { encodeSplitsPickle } from "../io/pickle.ts";
import { readFileBytes } from "../io/read_file.ts";
import type { Fold } from "./kfold.ts";
import { kFold } from "./kfold.ts";
import { readSplitsFile, type StoredSplits } from "./splits_file.ts";

export interface SplitsRequest {
  /** Perturbations in row order. */
  ids: readonly string[];
  /** Other names of each row, such as its symbol: a file of another script may know it by one of them. */
  aliases?: readonly (readonly string[])[] | null;
  folds: number;
  seed: number;
  /** Where splits are looked for and fresh ones are saved. */
  file: string;
  /** A file that came with the data: looked into first, never written. */
  shared?: string;
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
 * @throws {DataError} when a file is no splits file, or its indices are none of rows
 */
export async function crossValidationSplits(request: SplitsRequest): Promise<CrossValidationSplits> {
  const { ids, folds, seed, file, shared } = request;
  let replaced: string | null = null; // why the file does not fit
  for (const path of shared === undefined ? [file] : [shared, file]) {
    const stored = await readSplitsFile(path);
    if (stored === null) continue;
    log.info(`Loaded CV splits from ${path}`);
    const rows = stored.perturbations && rowsByName(stored.perturbations, request);
    const misfit = misfitOf(stored, rows, request);
    if (misfit === null) {
      log.info(`Using existing ${stored.method} splits with ${stored.folds.length} folds.`);
      const rowFolds = rowsOf(stored, rows);
      warnOfNeverHeldOut(rowFolds, ids);
      return { folds: rowFolds, method: stored.method, file: path };
    }
    if (path === file) replaced = misfit;
    else log.warn(`Stored splits do not fit (${misfit}); taking those of ${file} instead.`);
  }
  if (ids.length < folds) {
    throw new UsageError(
      `Cannot split ${ids.length} perturbations into ${folds} folds: at least one a fold is needed`,
    );
  }
  if (replaced !== null) {
    const kept = await setAside(file);
    log.warn(`Stored splits do not fit (${replaced}); making new ones and replacing the file, ${kept}.`);
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

/** Keep a file of splits beside those that replace it: the first one, which is the user's own. @returns what was done */
async function setAside(file: string): Promise<string> {
  const aside = `${file}.bak`;
  if (await Deno.stat(aside).then(() => true, () => false)) return `"${aside}" holds an earlier one`;
  await writeFileAtomic(aside, await readFileBytes(file), "--cv-splits-file names another file");
  return `kept as "${aside}"`;
}

/** The row of each stored perturbation, by its id or another name; -1 where none has it. */
function rowsByName(stored: readonly string[], { ids, aliases }: SplitsRequest): Int32Array {
  const row = new Map(ids.map((id, i) => [id, i]));
  aliases?.forEach((names, i) => {
    for (const name of names) if (!row.has(name)) row.set(name, i);
  });
  return Int32Array.from(stored, (name) => row.get(name) ?? -1);
}

/** Why stored splits cannot serve, or null when they can. */
function misfitOf(
  stored: StoredSplits,
  rows: Int32Array | null,
  { ids, folds, rule }: SplitsRequest,
): string | null {
  if (stored.totalSamples !== ids.length) {
    return `they are for ${stored.totalSamples} samples, there are ${ids.length}`;
  }
  if (rule === "method" && stored.method !== `${folds}fold`) {
    return `their method is "${stored.method}", not "${folds}fold"`;
  }
  if (rule === "n_splits" && stored.nSplits !== folds) {
    return `they have ${stored.nSplits} folds, --n-folds is ${folds}`;
  }
  if (rows === null) return null;
  const strangers = stored.perturbations!.filter((_, i) => rows[i] < 0);
  if (strangers.length > 0) {
    return `${strangers.length} of their perturbations are not in this data set, such as ${strangers[0]}`;
  }
  return new Set(rows).size < rows.length ? "two of their perturbations are the same here" : null;
}

/** Folds as rows of this data set: found by name where the file tells names, else as they stand. */
function rowsOf(stored: StoredSplits, rows: Int32Array | null): Fold[] {
  if (rows === null) {
    log.warn(
      "The splits file does not name its perturbations: its indices are taken as row numbers of this script's row order.",
    );
    return stored.folds;
  }
  const toRows = (indices: Int32Array) => indices.map((index) => rows[index]);
  return stored.folds.map(({ train, test }) => ({ train: toRows(train), test: toRows(test) }));
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
