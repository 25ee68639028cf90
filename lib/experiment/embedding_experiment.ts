/** Reading for the models that learn from embeddings of TFs alone: trees and MLPs. */
import type { FlagDeclarations } from "../cli/flags.ts";
import { filesOf } from "../dataset/embeddings.ts";
import type { ExperimentFlags } from "./flags.ts";
import { prepareData } from "./prepare.ts";
import { openDataFolder, readRunTargets } from "./read_data.ts";
import {
  hyenaFlags,
  matchTfs,
  ntFlags,
  readTfEmbeddings,
  tellShape,
  tfEmbeddingFlags,
} from "./read_inputs.ts";
import type { ResultFolder } from "./result_folder.ts";
import type { Loaded } from "./run_experiment.ts";
import type { Embedded } from "../linalg/matrix.ts";

export const ntEmbeddingFlags = { ...ntFlags, ...tfEmbeddingFlags } as const satisfies FlagDeclarations;
export const hyenaEmbeddingFlags = { ...hyenaFlags, ...tfEmbeddingFlags } as const satisfies FlagDeclarations;

type EmbeddingFlags = ExperimentFlags & {
  embeddings: readonly string[] | null;
  ids: readonly string[] | null;
  ntv2Dir?: string | null;
  ntv2Size?: string | null;
  hyenaDir?: string | null;
};

/**
 * Targets and the embedding of each TF, rows sorted by id.
 *
 * @param pipeline whose embeddings the data folder is asked for
 */
export async function readEmbeddingData(
  flags: EmbeddingFlags,
  folder: ResultFolder,
  pipeline: "ntv2" | "hyenadna",
  options?: { allowMissing: boolean },
): Promise<Loaded<Embedded>> {
  const named = [flags.targets, ...flags.embeddings ?? [], flags.ntv2Dir ?? null, flags.hyenaDir ?? null];
  const data = await openDataFolder(flags.dataDir, named);
  const { targets, otherNames, files } = await readRunTargets(flags, data, "targets_377.csv", {
    geneIndex: false,
    prefer: "gene_id",
  });
  const embeddings = await readTfEmbeddings(pipeline, flags, data, options);
  const matched = await matchTfs(targets, embeddings, otherNames, pipeline, {
    order: "sorted",
    exactCase: pipeline === "hyenadna",
  });
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
    files: [...files, ...filesOf(embeddings)],
    facts: {
      n_tfs: perturbations.length,
      n_genes: genes.length,
      embedding_dim: matched.values.columns,
      n_dropped_without_embedding: matched.unmatched.length,
    },
  };
}
