/** Flags and inputs of the two linear scripts. */
import type { FlagDeclarations, Flags } from "../cli/flags.ts";
import { counted, log, warnWithExamples } from "../cli/log.ts";
import { type DataFolder, repoRootFlags, repoRootFolder } from "./data_folder.ts";
import { matchIds } from "./matching.ts";
import { crossValidationFlags, outputFlags, topGenesFlags } from "./run_flags.ts";
import { readGeneIndex, readOverlapTargets, takeGenes, takePerturbations, type Targets } from "./targets.ts";
import { readTfSequences, type TfSequences } from "./tf_sequences.ts";
import { chooseGenes } from "./top_genes.ts";

/** Flags that both scripts take. */
export const linearFlags = {
  ...repoRootFlags,
  "targets-path": {
    default: null,
    type: "text",
    value: "FILE",
    group: "Data",
    shownDefault: "artifacts/targets_377_overlap.csv",
    help: "expression changes, csv or parquet",
  },
  "gene-index": {
    default: null,
    type: "text",
    value: "FILE",
    group: "Data",
    shownDefault: "artifacts/gene_index.txt",
    help: "read-out genes in the order of columns, one id a line",
  },
  "tf-seq-csv": {
    default: null,
    type: "text",
    value: "FILE",
    group: "Data",
    shownDefault: "tf_sequences.csv beside artifacts/",
    help: "table that gives the gene id of a symbol",
  },
  "max-genes": {
    default: null,
    type: "integer",
    min: 1,
    group: "Data",
    shownDefault: "all",
    help: "keep the first N genes of the gene index",
  },
  ...topGenesFlags,
  "max-perturbations": {
    default: null,
    type: "integer",
    min: 1,
    group: "Data",
    shownDefault: "all",
    help: "keep the first N perturbations",
  },
  ...crossValidationFlags,
  "device": {
    default: "auto",
    choices: ["auto", "cpu", "webgpu"],
    group: "Device",
    help: "taken by every script; this one is float64 algebra, which runs on the CPU whatever is asked",
  },
  "bootstrap": {
    default: 200,
    min: 0,
    group: "Evaluation",
    help: "resamples for the confidence interval of the mean Pearson r",
  },
  "output-dir": {
    default: null,
    type: "text",
    value: "DIR",
    group: "Output",
    shownDefault: "<repo root>/results; results for the demo data",
    help: "results go to DIR/<model name>/",
  },
  ...outputFlags,
} as const satisfies FlagDeclarations;

type LinearFlags = Flags<typeof linearFlags>;

export interface LinearInputs {
  folder: DataFolder;
  targets: Targets;
  tfSequences: TfSequences | null;
}

/**
 * Read targets, gene index and the table of symbols, and cut them to what the flags ask for (not yet to top genes where
 * --strict leaves that choice to each fold).
 *
 * @param otherPaths values of further flags that name inputs
 * @param needsSymbols whether a missing default table of symbols is an error
 */
export async function readLinearInputs(
  flags: LinearFlags,
  otherPaths: readonly (string | null)[] = [],
  needsSymbols = false,
): Promise<LinearInputs> {
  if (flags.device === "webgpu") log.info("Device: CPU (GPUs have no float64, which the closed form needs)");
  const paths = [flags.targetsPath, flags.geneIndex, flags.tfSeqCsv, ...otherPaths];
  const folder = await repoRootFolder(flags.repoRoot, paths, flags.outputDir);
  const genes = await readGeneIndex(flags.geneIndex ?? folder.geneIndex);
  const all = await readOverlapTargets(
    flags.targetsPath ?? folder.overlapTargets,
    genes.slice(0, flags.maxGenes ?? genes.length),
  );
  let targets = all;
  if (flags.maxPerturbations !== null && flags.maxPerturbations < all.perturbations.length) {
    targets = takePerturbations(all, Array.from({ length: flags.maxPerturbations }, (_, row) => row));
  }
  if (flags.nTopGenes !== null && flags.nTopGenes < targets.genes.length && !flags.strict) {
    targets = takeGenes(targets, chooseGenes(targets.values, flags.nTopGenes, [], false).columns);
    log.info(`Selected top ${flags.nTopGenes} genes by mean absolute expression.`);
  }
  log.info(`Loaded targets: ${targets.perturbations.length} perturbations × ${targets.genes.length} genes.`);
  return {
    folder,
    targets,
    tfSequences: await readSymbols(flags.tfSeqCsv, folder.tfSequences, needsSymbols),
  };
}

/**
 * For each perturbation the column of its own gene: by its id, else by its other name; -1 where it is no read-out gene.
 *
 * @param genes read-out genes in the order of columns
 */
export function ownGenes(
  perturbations: readonly string[],
  genes: readonly string[],
  tfSequences: TfSequences | null,
): Int32Array {
  const otherNames = (id: string) => tfSequences?.otherNames(id) ?? [];
  const wanted = { ids: perturbations, what: "perturbation", path: "the targets", otherNames };
  return matchIds(wanted, { ids: genes, path: "the read-out genes" }).rows;
}

/** Warn of perturbations without a read-out gene of their own. */
export function warnOfUnmapped(perturbations: readonly string[], ownGene: Int32Array): number {
  const unmapped = perturbations.filter((_, row) => ownGene[row] < 0);
  if (unmapped.length > 0) {
    warnWithExamples(
      `${
        counted(unmapped.length, "perturbation")
      } could not be mapped to read-out genes (will use mean baseline).`,
      unmapped,
    );
  }
  return unmapped.length;
}

async function readSymbols(
  given: string | null,
  usual: string,
  needed: boolean,
): Promise<TfSequences | null> {
  if (given !== null || needed) return await readTfSequences(given ?? usual);
  try {
    await Deno.stat(usual);
  } catch {
    log.warn(
      `There is no "${usual}": perturbations named by symbol cannot be mapped to genes (see --tf-seq-csv).`,
    );
    return null;
  }
  return await readTfSequences(usual);
}
