/** Folds for --group-by: fresh ones that keep groups together, and the refusal of a file's that do not. */
import { DataError, UsageError } from "../cli/errors.ts";
import { counted, log } from "../cli/log.ts";
import { groupKFold, shuffledGroupKFold, stratifiedGroupKFold } from "./group_folds.ts";
import type { RowGroups } from "./groups.ts";
import { shortId } from "./ids.ts";
import type { Fold } from "./kfold.ts";

/** How groups are dealt to folds: scikit-learn's GroupKFold, or StratifiedGroupKFold, with or without shuffling. */
export const groupFoldKinds = ["balanced", "shuffled", "stratified", "stratified-shuffled"] as const;

export type GroupFoldKind = typeof groupFoldKinds[number];

/** Fresh folds that keep the groups together. @throws {UsageError} when there are too few groups, or no strata */
export function groupedFolds(
  groups: RowGroups,
  { folds, seed, groupFolds }: { folds: number; seed: number; groupFolds: GroupFoldKind },
): Fold[] {
  if (groups.names.length < folds) {
    throw new UsageError(
      `Cannot split ${
        counted(groups.names.length, "group")
      } of "${groups.path}" into ${folds} folds: at least one a ` +
        `fold is needed`,
    );
  }
  const fresh = dealt(groups, folds, seed, groupFolds);
  log.info(
    `Drew ${folds} folds that keep the ${counted(groups.names.length, "group")} of ${groups.path} together ` +
      `(${groupFolds}; test rows ${fresh.map(({ test }) => test.length).join(", ")}).`,
  );
  return fresh;
}

function dealt(groups: RowGroups, folds: number, seed: number, kind: GroupFoldKind): Fold[] {
  if (kind === "balanced") return groupKFold(groups.of, folds);
  if (kind === "shuffled") return shuffledGroupKFold(groups.of, folds, seed);
  if (groups.strata === null) {
    throw new UsageError(
      `Cannot use --group-folds ${kind}: "${groups.path}" has no column "stratum" that gives each perturbation a class`,
    );
  }
  return stratifiedGroupKFold(groups.of, groups.strata, folds, kind === "stratified" ? null : seed);
}

/** @throws {DataError} when a fold trains on relatives of what it tests */
export function refuseBrokenGroups(
  folds: readonly Fold[],
  file: string,
  { groups, ids }: { groups: RowGroups | null; ids: readonly string[] },
): void {
  if (!groups) return;
  for (const [fold, { train, test }] of folds.entries()) {
    const member = new Map(Array.from(train, (row) => [groups.of[row], row]));
    const row = test.find((row) => member.has(groups.of[row]));
    if (row === undefined) continue;
    const group = groups.of[row];
    throw new DataError(
      `Cannot use the splits of "${file}" with --group-by "${groups.path}": fold ${fold} tests ${
        shortId(ids[row])
      } and ` +
        `trains on ${shortId(ids[member.get(group)!])}, both of group "${shortId(groups.names[group])}" ` +
        `(a file that does not exist yet gets folds that keep groups together)`,
    );
  }
}
