/** Flags of scripts/hs27_xgboost.ts, which part of a run they ask for, and what beside predictions it writes. */
import { join } from "@std/path";
import { importanceTypes } from "../boosting/importance.ts";
import { askedEngine, engineFlags } from "../boosting/open_engine.ts";
import { parameterFlags } from "../boosting/parameter_flags.ts";
import { UsageError } from "../cli/errors.ts";
import type { FlagDeclarations, Flags } from "../cli/flags.ts";
import { log } from "../cli/log.ts";
import {
  crossValidationFlags,
  foldCountFlags,
  outputDirFlags,
  outputFlags,
  topGenesFlags,
} from "../dataset/run_flags.ts";
import type { ResultFolder } from "../evaluation/result_folder.ts";
import { writeFileAtomic } from "../io/atomic_write.ts";
import { encodeCsv } from "../io/csv.ts";
import { writeParquetFrame } from "../io/parquet.ts";
import type { Matrix } from "../linalg/matrix.ts";
import { fingerprint } from "./fingerprint.ts";
import type { TreeData } from "./tree_cross_validation.ts";
import type { GeneRange } from "./tree_parts.ts";

const partFlags = {
  "folds": {
    default: [],
    integer: true,
    min: 0,
    value: "N ...",
    group: "Cross-validation",
    shownDefault: "all",
    help: "fit only these folds, counted from 0; the run that fits the last missing part writes the result",
  },
  "genes": {
    default: null,
    type: "text",
    value: "A:B",
    group: "Cross-validation",
    shownDefault: "all",
    help: "fit only the genes from the A-th on, counted from 0, up to but without the B-th",
  },
  "resume": {
    default: false,
    group: "Cross-validation",
    help: "go on where a run with the same flags was stopped",
  },
} as const satisfies FlagDeclarations;

const importanceFlags = {
  "importance": {
    default: null,
    type: "text",
    choices: importanceTypes,
    group: "Output",
    help:
      "also write how much each embedding dimension matters to each gene: mean gain of its splits, their number " +
      "(weight), or the mean number of rows they divide (cover)",
  },
} as const satisfies FlagDeclarations;

/** All flags but those that name inputs. */
export const treeExperimentFlags = {
  ...topGenesFlags,
  ...parameterFlags,
  ...engineFlags,
  ...crossValidationFlags,
  ...foldCountFlags,
  ...partFlags,
  ...outputDirFlags,
  ...outputFlags,
  "save-model": {
    ...outputFlags["save-model"],
    help:
      "also save the models: one for scripts/predict.ts, and for each gene and fold one in XGBoost's JSON " +
      "(about 0.2 MB each)",
  },
  ...importanceFlags,
} as const satisfies FlagDeclarations;

export type TreeFlags = Omit<Flags<typeof treeExperimentFlags>, "given">;

/**
 * The folds that --folds asks for, ascending.
 *
 * @throws {UsageError} when one is none
 */
export function askedFolds(asked: readonly number[], count: number): number[] {
  const strange = asked.find((fold) => fold >= count);
  if (strange !== undefined) {
    throw new UsageError(
      `Cannot use --folds ${strange}: there are ${count} folds, counted from 0 to ${count - 1}`,
    );
  }
  if (asked.length === 0) return Array.from({ length: count }, (_, fold) => fold);
  return [...new Set(asked)].sort((a, b) => a - b);
}

/**
 * The genes that --genes A:B asks for; either end may be left out.
 *
 * @throws {UsageError} when it is no range, or has no gene
 */
export function askedGenes(asked: string | null, count: number): GeneRange {
  if (asked === null) return { from: 0, to: count };
  const match = /^(\d*):(\d*)$/.exec(asked);
  const from = Number(match?.[1] || 0), to = Number(match?.[2] || count);
  if (!match || from >= to || to > count) {
    throw new UsageError(
      `Cannot use --genes "${asked}": it must be A:B with 0 <= A < B <= ${count}, the number of genes`,
    );
  }
  return { from, to };
}

/** Everything that the numbers depend on. */
export async function treeIdentity(data: TreeData, flags: TreeFlags): Promise<Record<string, unknown>> {
  const names = Object.keys(parameterFlags) as (keyof typeof parameterFlags)[];
  const camel = (name: string) => name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
  const trees = names.map((name) => [`--${name}`, flags[camel(name) as keyof TreeFlags]]);
  return {
    ...Object.fromEntries(trees),
    "--engine": askedEngine(flags),
    "--n-folds": flags.nFolds,
    "--n-top-genes": flags.nTopGenes,
    "--seed": flags.seed,
    "--strict": flags.strict,
    "--importance": flags.importance,
    "--save-model": flags.saveModel,
    perturbations: await fingerprint(data.ids),
    genes: await fingerprint(data.genes),
    targets: await fingerprint(data.y.data),
    embeddings: await fingerprint(data.x.data),
    folds: await fingerprint(data.folds.map(({ test }) => test.join(" "))),
  };
}

/** `importance_<type>.parquet`, genes x embedding dimensions, and the mean over genes as `importance_<type>.csv`. */
export async function writeImportance(
  folder: ResultFolder,
  type: string,
  genes: readonly string[],
  values: Matrix,
): Promise<void> {
  const features = Array.from({ length: values.columns }, (_, feature) => `f${feature}`);
  const path = join(folder.path, `importance_${type}.parquet`);
  await writeParquetFrame(path, { index: [...genes], columns: features, values });
  const means = features.map((name, feature) => {
    let sum = 0;
    for (let gene = 0; gene < values.rows; gene++) sum += values.data[gene * values.columns + feature];
    return [name, sum / values.rows];
  });
  await writeFileAtomic(join(folder.path, `importance_${type}.csv`), encodeCsv(["feature", type], means));
  log.info(`Saved importances to ${path}`);
}
