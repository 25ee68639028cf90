/** Folds inside a fold's training rows, for settings that are chosen without a look at its test rows. */
import { UsageError } from "../cli/errors.ts";
import { groupKFold } from "../dataset/group_folds.ts";
import { type Fold, kFold } from "../dataset/kfold.ts";

/**
 * Split training rows as the run splits all rows: by chance, or where it keeps groups together (`GroupKFold`) so too.
 *
 * @param train rows of the run
 * @param how.groups of all rows of the run; null without
 * @param how.name of the fold, for messages
 * @returns positions among `train`; fewer folds than asked where there are fewer rows or groups
 * @throws {UsageError} when they cannot be parted
 */
export function innerFolds(
  train: Int32Array,
  how: { folds: number; seed: number; groups: Int32Array | null; name: string },
): Fold[] {
  const { groups, seed, name } = how;
  const own = groups && renumbered(train.map((row) => groups[row]));
  const parts = own ? Math.max(-1, ...own) + 1 : train.length, folds = Math.min(how.folds, parts);
  if (folds < 2) {
    throw new UsageError(
      `Cannot tune in ${name}: its training rows are one ${
        own ? "group" : "row"
      } (without --tune it can be learned)`,
    );
  }
  return own ? groupKFold(own, folds) : kFold(train.length, folds, seed);
}

/** Numbers from 0 without gaps, in the same order. */
function renumbered(numbers: Int32Array): Int32Array {
  const place = new Map([...new Set(numbers)].sort((a, b) => a - b).map((number, i) => [number, i]));
  return numbers.map((number) => place.get(number)!);
}
