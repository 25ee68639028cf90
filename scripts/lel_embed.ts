#!/usr/bin/env -S deno run -P
/**
 * Linear expression model (LEL) of TF responses with Nucleotide Transformer embeddings on both sides: Y ~ G W P^T.
 *
 *   deno run -P scripts/lel_embed.ts                                 (demo data)
 *   deno run -P scripts/lel_embed.ts --data-dir my-data --ntv2-dir my-data/NT-v2-50M
 *   deno run -P scripts/lel_embed.ts --targets my_screen.csv --embeddings tfs.npy --gene-embeddings genes.npy
 */
import { parseFlags } from "../lib/cli/flags.ts";
import { log } from "../lib/cli/log.ts";
import { runScript } from "../lib/cli/script.ts";
import { filesOf } from "../lib/dataset/embeddings.ts";
import { takeRows } from "../lib/linalg/matrix.ts";
import { experimentFlags } from "../lib/experiment/flags.ts";
import { requireGenesMadeAsTfs } from "../lib/experiment/gene_embeddings_check.ts";
import { fingerprint } from "../lib/experiment/identity.ts";
import {
  linearFlags,
  linearLayout,
  prepareLinear,
  readLinearTargets,
} from "../lib/experiment/linear_inputs.ts";
import * as inputs from "../lib/experiment/read_inputs.ts";
import { runExperiment } from "../lib/experiment/run_experiment.ts";
import { tuningFlags, tuningGrid } from "../lib/tuning/flags.ts";
import { linearNtEmbedModel } from "../lib/models/linear_nt_embed.ts";

const script = "scripts/lel_embed.ts";
const declarations = {
  "model-name": {
    default: "linear_nt_embed",
    value: "NAME",
    group: "Model",
    help: "name of the result folder",
  },
  "lambda-ridge": { default: 0.1, min: 0, group: "Model", help: "ridge penalty, on both sides" },
  ...tuningFlags,
  ...inputs.ntFlags,
  ...inputs.tfEmbeddingFlags,
  ...inputs.geneEmbeddingFlags,
  ...linearFlags,
  ...experimentFlags,
} as const;

export async function main(args: string[]): Promise<void> {
  const flags = parseFlags(declarations, {
    script,
    about:
      "Linear model of TF responses with Nucleotide Transformer embeddings of genes and TFs, cross-validated.",
    examples: [
      "--data-dir my-data",
      "--targets my_screen.csv --embeddings tfs.npy --gene-embeddings genes.npy",
    ],
  }, args);
  const lambda = { flag: "lambda-ridge", value: flags.lambdaRidge, grid: flags.lambdaGrid };
  const grid = tuningGrid(flags, { lambda });
  const named = [...flags.embeddings ?? [], flags.geneEmbeddings, flags.ntv2Dir];
  const read = await readLinearTargets(flags, named), { targets, otherNames, files, data } = read;

  await runExperiment({
    script,
    flags,
    modelName: flags.modelName,
    modelType: "NT-embedding linear model",
    layout: linearLayout(flags.modelName, targets.idColumn, "linear_nt"),
    async read(folder) {
      const tfs = await inputs.readTfEmbeddings("ntv2", flags, data);
      const genes = await inputs.readGeneEmbeddings(flags, data);
      await requireGenesMadeAsTfs(tfs, genes, flags);
      const matched = await inputs.matchTfs(targets, tfs, otherNames, "ntv2", { order: "file" });
      const geneRows = inputs.matchAllGenes(targets, genes);
      const prepared = await prepareLinear(read, { flags, folder, rows: matched.rows });
      const geneValues = takeRows(genes.values, prepared.columns.map((column) => geneRows[column]));
      log.info(
        `Gene embeddings ${geneValues.rows} × ${geneValues.columns}, TF embeddings ${matched.values.rows} × ` +
          `${matched.values.columns}, ${
            grid ? `the best of ${grid.length} ridges` : `ridge ${flags.lambdaRidge}`
          }.`,
      );
      return {
        ...prepared,
        inputs: { tfs: matched.values, genes: geneValues },
        modelInput: matched.input,
        identity: { ...matched.identity, "gene embeddings": await fingerprint(geneValues.data) },
        files: [...files, ...filesOf(tfs), ...filesOf(genes)],
        facts: { dropped_perturbations: matched.unmatched.length },
      };
    },
    model: (prepared) =>
      linearNtEmbedModel(prepared, {
        ...prepared.inputs,
        lambda: flags.lambdaRidge,
        grid,
        innerFolds: flags.innerFolds,
      }),
  });
}

if (import.meta.main) await runScript(main, import.meta);
