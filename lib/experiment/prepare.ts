/** From what a script has read to what its folds are cut from: rows in order, splits, genes, filled targets. */
import { basename, dirname, join } from "@std/path";
import { UsageError } from "../cli/errors.ts";
import { log } from "../cli/log.ts";
import { groupsOfRows, readGroupTable } from "../dataset/groups.ts";
import type { GeneChoice } from "../dataset/top_genes.ts";
import { chooseGenes } from "../dataset/top_genes.ts";
import { type CrossValidationSplits, crossValidationSplits } from "../dataset/splits.ts";
import { takeGenes, takePerturbations, type Targets } from "../dataset/targets.ts";
import { TrainingTargets } from "../dataset/training_targets.ts";
import type { ExperimentFlags } from "./flags.ts";
import type { ExperimentData } from "./model.ts";
import type { ResultFolder } from "./result_folder.ts";

export interface Preparation {
  readonly flags: ExperimentFlags;
  readonly folder: ResultFolder;
  /** As read. */
  readonly targets: Targets;
  /** Rows of the targets that take part, in the order of the run. */
  readonly rows: readonly number[];
  /** Genes that can take part; all without it. */
  readonly columns?: readonly number[];
  /** How the order of rows is told: "the targets' file" or "sorted ids". */
  readonly order: string;
  /** What else a perturbation is called. */
  otherNames(id: string): readonly string[];
  /** Folder of targets, where a splits file may lie. */
  readonly splitsFolder: string;
  /** Name of the splits file in the result folder. @param rows perturbations */
  splitsName?(folds: number, seed: number, rows: number): string;
}

/** Targets and folds of a run, aligned and filled. */
export interface Prepared extends ExperimentData {
  /** The folds and their file. */
  readonly splits: CrossValidationSplits;
  /** Columns of the targets as read that the run keeps. */
  readonly columns: readonly number[];
  /** What else a perturbation may be called. */
  readonly otherNames: (id: string) => readonly string[];
}

/**
 * @throws {UsageError} when there are fewer rows or groups than folds
 * @throws {DataError} when a splits file does not fit, or breaks groups
 */
export async function prepareData(preparation: Preparation): Promise<Prepared> {
  const { flags, folder, otherNames } = preparation;
  const possible = preparation.columns ?? preparation.targets.genes.map((_, column) => column);
  const all = takeGenes(preparation.targets, possible);
  const aligned = takePerturbations(all, preparation.rows);
  const ids = aligned.perturbations;
  const name = preparation.splitsName?.(flags.nFolds, flags.seed, ids.length) ??
    `cv_splits_${flags.nFolds}fold_${flags.seed}_${ids.length}.pkl`;
  if (flags.groupBy === null && flags.given.has("group-folds")) {
    throw new UsageError("Cannot use --group-folds without --group-by: it deals groups to folds");
  }
  const groups = flags.groupBy === null ? null : groupsOfRows(
    await readGroupTable(flags.groupBy),
    { ids, otherNames, path: preparation.targets.path },
  );
  const splits = await crossValidationSplits({
    ids,
    otherNames,
    fileOrder: preparation.targets.perturbations,
    order: preparation.order,
    folds: flags.nFolds,
    foldsAsked: flags.given.has("n-folds"),
    seed: flags.seed,
    named: flags.cvSplitsFile,
    shared: join(preparation.splitsFolder, `cv_splits_${flags.nFolds}fold_${flags.seed}.pkl`),
    own: folder.final(name),
    groups,
    groupFolds: flags.groupFolds,
  });
  const choice: GeneChoice = chosenGenes(preparation, all, aligned, splits);
  const targets = takeGenes(aligned, choice.columns);
  return {
    targets,
    folds: splits.folds,
    training: new TrainingTargets(targets.values, choice, splits.folds, flags.strict),
    strict: flags.strict,
    seed: flags.seed,
    groups: groups?.of ?? null,
    splits,
    columns: choice.columns.map((column) => possible[column]),
    otherNames,
  };
}

/** Rows that take no part have a say in the choice of genes, as in the Python; not so under --strict. */
function chosenGenes(
  { flags }: Preparation,
  all: Targets,
  aligned: Targets,
  { folds }: CrossValidationSplits,
): GeneChoice {
  const judged = flags.strict ? aligned.values : all.values;
  const choice = chooseGenes(judged, flags.nTopGenes, folds, flags.strict);
  if (flags.nTopGenes !== null && choice.columns.length < all.genes.length) {
    log.info(`Selected top ${flags.nTopGenes} genes by mean absolute expression.`);
  }
  return choice;
}

/** Folder of a targets file. */
export function folderOf(path: string): string {
  return basename(path) === path ? "." : dirname(path);
}
