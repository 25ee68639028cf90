/** Flags and targets of the two linear scripts. */
import type { FlagDeclarations, Flags } from "../cli/flags.ts";
import { log } from "../cli/log.ts";
import { takeGenes, takePerturbations } from "../dataset/targets.ts";
import { centeredMetricColumns } from "../evaluation/metrics_table.ts";
import type { ExperimentFlags } from "./flags.ts";
import { type Preparation, type Prepared, prepareData } from "./prepare.ts";
import { type DataFolder, openDataFolder, readRunTargets, type ReadTargets } from "./read_data.ts";
import type { ResultLayout } from "./write_result.ts";

export const linearFlags = {
  "max-genes": {
    default: null,
    type: "integer",
    min: 1,
    group: "Data",
    shownDefault: "all",
    help: "keep the first N genes",
  },
  "max-perturbations": {
    default: null,
    type: "integer",
    min: 1,
    group: "Data",
    shownDefault: "all",
    help: "keep the first N perturbations",
  },
  "device": {
    default: "auto",
    choices: ["auto", "cpu", "webgpu"],
    group: "Device",
    help: "taken by every script; this one is float64 algebra, which runs on the CPU whatever is asked",
  },
} as const satisfies FlagDeclarations;

export interface LinearTargets extends ReadTargets {
  readonly data: DataFolder;
  readonly splitsFolder: string;
  readonly splitsName: (folds: number, seed: number) => string;
}

/** @param named values of further flags that name input files */
export async function readLinearTargets(
  flags: ExperimentFlags & Flags<typeof linearFlags>,
  named: readonly (string | null)[] = [],
): Promise<LinearTargets> {
  if (flags.device === "webgpu") log.info("Device: CPU (GPUs have no float64, which the closed form needs)");
  const data = await openDataFolder(flags.dataDir, [
    flags.targets,
    flags.geneIndex,
    flags.tfSeqCsv,
    ...named,
  ]);
  const read = await readRunTargets(flags, data, "targets_377_overlap.csv", {
    geneIndex: true,
    prefer: "first",
  });
  const { maxGenes, maxPerturbations } = flags;
  let { targets } = read;
  if (maxGenes !== null) targets = takeGenes(targets, firstOf(targets.genes.length, maxGenes));
  if (maxPerturbations !== null) {
    targets = takePerturbations(targets, firstOf(targets.perturbations.length, maxPerturbations));
  }
  return {
    ...read,
    targets,
    data,
    splitsFolder: data.artifacts,
    splitsName: (folds, seed) => `cv_splits_${folds}fold_${seed}.pkl`,
  };
}

/** Names and columns of a linear script's result. @param indexName head of the column of perturbations */
export function linearLayout(name: string, indexName: string, linearStem: string): ResultLayout {
  const label = { predictions: name, plotLabel: name };
  return { ...label, metricColumns: centeredMetricColumns, means: "nested", indexName, linearStem };
}

/** Folds and genes of a linear script: rows stay in the order of the file. */
export function prepareLinear(
  { targets, otherNames, splitsFolder, splitsName }: LinearTargets,
  { flags, folder, rows }: Pick<Preparation, "flags" | "folder" | "rows">,
): Promise<Prepared> {
  const order = "the targets' file";
  return prepareData({ flags, folder, targets, rows, order, otherNames, splitsFolder, splitsName });
}

function firstOf(count: number, most: number): number[] {
  return Array.from({ length: Math.min(count, most) }, (_, i) => i);
}
