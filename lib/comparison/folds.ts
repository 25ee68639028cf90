/** Which fold tests which perturbation: candidates of ranks and the mean baseline follow from it. */
import { DataError } from "../cli/errors.ts";
import { counted } from "../cli/log.ts";
import { matchIds } from "../dataset/matching.ts";
import { readSplitsFile } from "../dataset/splits_file.ts";
import type { ModelSource } from "./model_source.ts";
import type { Truth } from "./truth.ts";

export interface FoldChoice {
  /** For each row of the targets the fold that tests it; -1 where none does. */
  readonly foldOf: Int32Array;
  readonly folds: number;
  /** What each fold is called. */
  readonly names: readonly string[];
  /** Where they come from. */
  readonly from: string;
  /** Whether all results have these folds: only then are they compared pair by pair. */
  readonly isPaired: boolean;
}

interface FoldFlags {
  readonly cvSplitsFile: string | null;
  readonly allowOtherFolds: boolean;
}

/** @throws {DataError} when results come from different folds, unless that is allowed */
export async function chooseFolds(
  truth: Truth,
  sources: readonly ModelSource[],
  flags: FoldFlags,
  note: (text: string) => void,
): Promise<FoldChoice> {
  const results = sources.filter(({ folds }) => folds !== null);
  const partitions = results.map(({ folds }) => partition(truth, folds!));
  if (flags.cvSplitsFile !== null) {
    const stored = await storedPartition(truth, flags.cvSplitsFile);
    return numbered(
      stored,
      flags.cvSplitsFile,
      refuseOthers(results, partitions, { stored, name: flags.cvSplitsFile, flags, note }),
    );
  }
  if (results.length === 0) {
    note(
      `No result tells the folds: all perturbations count as one, and the mean baseline is the mean of all of them, test rows ` +
        `included (--cv-splits-file names the folds).`,
    );
    return numbered(truth.targets.perturbations.map(() => "all"), "none", true);
  }
  const [first] = partitions;
  const isPaired = refuseOthers(results, partitions, { stored: first, name: results[0].path, flags, note });
  // Rows that only a later result has count as its folds say, where these are the same.
  const joined = first.map((fold, row) => fold ?? (isPaired ? sameFold(partitions, row, first) : null));
  return numbered(joined, results[0].path, isPaired);
}

type Partition = readonly (string | null)[];

function partition({ targets, otherNames }: Truth, folds: ReadonlyMap<string, string>): Partition {
  const ids = [...folds.keys()];
  const { rows } = matchIds({ ids: targets.perturbations, otherNames }, { ids });
  return Array.from(rows, (row) => row < 0 ? null : folds.get(ids[row])!);
}

function sameFold(partitions: readonly Partition[], row: number, first: Partition): string | null {
  for (const other of partitions) {
    if (other[row] === null) continue;
    const twin = other.findIndex((fold, at) => fold === other[row] && first[at] !== null);
    if (twin >= 0) return first[twin];
  }
  return null;
}

async function storedPartition({ targets, otherNames }: Truth, path: string): Promise<Partition> {
  const stored = await readSplitsFile(path);
  if (stored === null) throw new DataError(`Cannot read splits "${path}": there is no such file`);
  const testOf = new Map<number, string>();
  stored.folds.forEach(({ test }, fold) => test.forEach((row) => testOf.set(row, String(fold))));
  if (stored.perturbations !== null) {
    const { rows } = matchIds({ ids: targets.perturbations, otherNames }, { ids: stored.perturbations });
    return Array.from(rows, (row) => testOf.get(row) ?? null);
  }
  if (stored.totalSamples !== targets.perturbations.length) {
    throw new DataError(
      `Cannot use splits "${path}": they are of ${stored.totalSamples} perturbations, the targets have ` +
        `${targets.perturbations.length}`,
    );
  }
  return targets.perturbations.map((_, row) => testOf.get(row) ?? null);
}

/** @returns whether all partitions agree */
function refuseOthers(
  results: readonly ModelSource[],
  partitions: readonly Partition[],
  { stored, name, flags, note }: {
    stored: Partition;
    name: string;
    flags: FoldFlags;
    note: (text: string) => void;
  },
): boolean {
  const others = results.filter((_, i) => !isSamePartition(stored, partitions[i]));
  if (others.length === 0) return true;
  const what =
    `${counted(others.length, "result")} (${others.slice(0, 3).map(({ path }) => `"${path}"`).join(", ")}) ` +
    `${others.length === 1 ? "was" : "were"} made with other folds than "${name}"`;
  if (!flags.allowOtherFolds) {
    throw new DataError(
      `Cannot compare pair by pair: ${what} (--cv-splits-file in the training script shares folds; --allow-other-folds compares ` +
        `all the same)`,
    );
  }
  note(`${what}: each model learned from other rows, so differences between models are not paired.`);
  return false;
}

/** Whether two partitions put the same rows together, whatever they call the folds. */
function isSamePartition(a: Partition, b: Partition): boolean {
  const there = new Map<string, string>(), back = new Map<string, string>();
  return a.every((fold, row) => {
    const other = b[row];
    if (fold === null || other === null) return true;
    if (!there.has(fold) && !back.has(other)) {
      there.set(fold, other);
      back.set(other, fold);
    }
    return there.get(fold) === other && back.get(other) === fold;
  });
}

function numbered(folds: Partition, from: string, isPaired: boolean): FoldChoice {
  const names = [...new Set(folds.filter((fold) => fold !== null))].sort((a, b) =>
    Number(a) - Number(b) || (a < b ? -1 : 1)
  );
  const foldOf = Int32Array.from(folds, (fold) => fold === null ? -1 : names.indexOf(fold));
  return { foldOf, folds: names.length, names, from, isPaired };
}
