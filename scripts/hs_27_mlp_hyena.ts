#!/usr/bin/env -S deno run -P
/**
 * Three-layer MLP from a TF's HyenaDNA embedding to the expression of all genes.
 *
 *   deno run -P scripts/hs_27_mlp_hyena.ts --data-dir my-data --progress
 *   deno run -P=blas scripts/hs_27_mlp_hyena.ts --data-dir my-data        # faster, where the system has OpenBLAS
 *   deno run -P scripts/hs_27_mlp_hyena.ts --data-dir my-data --folds 0 2     # and the others on another machine
 */
import { parseFlags } from "../lib/cli/flags.ts";
import { runScript } from "../lib/cli/script.ts";
import { dataDirFlags, dataDirFolder } from "../lib/dataset/data_folder.ts";
import { alignById, readHyenaEmbeddings } from "../lib/dataset/embeddings.ts";
import { readTargets } from "../lib/dataset/targets.ts";
import { openResultFolder } from "../lib/evaluation/result_folder.ts";
import { mlpExperimentFlags, runMlpExperiment } from "../lib/models/mlp_experiment.ts";

export async function main(args: string[]): Promise<void> {
  const flags = parseFlags(
    {
      ...dataDirFlags,
      "hyena-dir": {
        default: null,
        type: "text",
        value: "DIR",
        group: "Data",
        shownDefault: "HyenaDNA_outputs of the data folder",
        help: "folder of hyenadna_tf_embeddings_mean.npy and hyenadna_tf_gene_index.txt",
      },
      "model-name": {
        default: "mlp_hyena",
        value: "NAME",
        group: "Output",
        help: "name of the result folder",
      },
      ...mlpExperimentFlags,
    },
    {
      script: "scripts/hs_27_mlp_hyena.ts",
      about: "Three-layer MLP from a TF's HyenaDNA embedding to the expression of all genes.",
      examples: ["--data-dir my-data --progress", "--data-dir my-data --folds 0 2"],
    },
    args,
  );
  const startMs = performance.now();

  const data = await dataDirFolder(flags.dataDir, [flags.hyenaDir], flags.outputDir);
  const folder = await openResultFolder(data.results, flags.modelName);
  const targets = await readTargets(data.targets);
  const embeddings = await readHyenaEmbeddings(flags.hyenaDir ?? data.hyenaFolder);
  const alignment = alignById(targets, embeddings);

  await runMlpExperiment({
    script: "scripts/hs_27_mlp_hyena.ts",
    embeddingName: "HyenaDNA",
    pipeline: "hyenadna",
    flags,
    folder,
    targets,
    embeddings,
    alignment,
    startMs,
  });
}

if (import.meta.main) await runScript(main, import.meta);
