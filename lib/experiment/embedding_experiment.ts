/** Reading for the models that learn from embeddings of TFs alone: trees and MLPs. */
import { basename } from "@std/path";
import type { FlagDeclarations } from "../cli/flags.ts";
import { filesOf } from "../dataset/embeddings.ts";
import { sortedOrder } from "../dataset/ids.ts";
import type { ExperimentFlags } from "./flags.ts";
import { prepareData } from "./prepare.ts";
import { type DataFolder, openDataFolder, readRunTargets, type ReadTargets } from "./read_data.ts";
import {
  hyenaFlags,
  type MatchedTfs,
  matchTfs,
  ntFlags,
  type Pipeline,
  readTfEmbeddings,
  tellShape,
  tfEmbeddingFlags,
} from "./read_inputs.ts";
import type { ResultFolder } from "./result_folder.ts";
import type { Loaded } from "./run_experiment.ts";
import type { Embedded } from "../linalg/matrix.ts";

export const ntEmbeddingFlags = { ...ntFlags, ...tfEmbeddingFlags } as const satisfies FlagDeclarations;
export const hyenaEmbeddingFlags = { ...hyenaFlags, ...tfEmbeddingFlags } as const satisfies FlagDeclarations;

/** The flags that `readEmbeddingData` looks at. */
export type EmbeddingFlags = ExperimentFlags & {
  embeddings: readonly string[] | null;
  ids: readonly string[] | null;
  ntv2Dir?: string | null;
  ntv2Size?: string | null;
  hyenaDir?: string | null;
};

/** Targets and embeddings as read: what the results of several models can be made from. */
export interface EmbeddingInputs {
  readonly data: DataFolder;
  readonly read: ReadTargets;
  readonly matched: MatchedTfs;
  readonly files: readonly string[];
}

/**
 * Read targets and the embedding of each TF.
 *
 * @param pipeline whose embeddings the data folder is asked for
 * @param options.exactCase whether ids in another case are others
 */
export async function readEmbeddingInputs(
  flags: EmbeddingFlags,
  pipeline: Pipeline,
  options: { allowMissing: boolean; exactCase: boolean },
): Promise<EmbeddingInputs> {
  const named = [flags.targets, ...flags.embeddings ?? [], flags.ntv2Dir ?? null, flags.hyenaDir ?? null];
  const data = await openDataFolder(flags.dataDir, named);
  const read = await readRunTargets(flags, data, "targets_377.csv", { geneIndex: false, prefer: "gene_id" });
  const embeddings = await readTfEmbeddings(pipeline, flags, data, options);
  const matched = await matchTfs(read.targets, embeddings, read.otherNames, pipeline, {
    order: "sorted",
    exactCase: options.exactCase,
  });
  return { data, read, matched, files: [...read.files, ...filesOf(embeddings)] };
}

/** For models that read nothing of a TF: all rows of the targets, sorted by id. */
export async function readTargetsAlone(flags: ExperimentFlags): Promise<EmbeddingInputs> {
  const data = await openDataFolder(flags.dataDir, [flags.targets]);
  const read = await readRunTargets(flags, data, "targets_377.csv", { geneIndex: false, prefer: "gene_id" });
  const rows = sortedOrder(read.targets.perturbations);
  const values = { data: new Float32Array(0), rows: rows.length, columns: 0 };
  const matched = { rows, values, unmatched: [], input: { kind: "none" } as const, identity: {} };
  return { data, read, matched, files: read.files };
}

/** From what was read to what a run is made from, rows sorted by id. */
export async function prepareEmbeddingData(
  { data, read: { targets, otherNames }, matched, files }: EmbeddingInputs,
  flags: ExperimentFlags,
  folder: ResultFolder,
): Promise<Loaded<Embedded>> {
  const prepared = await prepareData({
    flags,
    folder,
    targets,
    rows: matched.rows,
    order: "sorted ids",
    otherNames,
    splitsFolder: data.artifacts,
  });
  const { perturbations, genes } = prepared.targets;
  tellShape(perturbations.length, matched.values.columns, genes.length);
  return {
    ...prepared,
    inputs: matched.values,
    modelInput: matched.input,
    identity: matched.identity,
    files,
    facts: {
      n_tfs: perturbations.length,
      n_genes: genes.length,
      embedding_dim: matched.values.columns,
      n_dropped_without_embedding: matched.unmatched.length,
    },
  };
}

/** The same data and folds for the result of another model: fresh folds are kept in its folder too. */
export function forFolder<Inputs>(data: Loaded<Inputs>, folder: ResultFolder): Loaded<Inputs> {
  if (data.splits.pickle === null) return data;
  return { ...data, splits: { ...data.splits, file: folder.final(basename(data.splits.file)) } };
}

/** Both for one result. */
export async function readEmbeddingData(
  flags: EmbeddingFlags,
  folder: ResultFolder,
  pipeline: "ntv2" | "hyenadna",
  options?: { allowMissing: boolean },
): Promise<Loaded<Embedded>> {
  const read = { allowMissing: false, ...options, exactCase: pipeline === "hyenadna" };
  return await prepareEmbeddingData(await readEmbeddingInputs(flags, pipeline, read), flags, folder);
}
