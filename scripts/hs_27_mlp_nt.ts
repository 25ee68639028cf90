#!/usr/bin/env -S deno run -P
/**
 * Three-layer MLP from a TF's Nucleotide Transformer embedding to the expression of all genes.
 *
 *   deno run -P scripts/hs_27_mlp_nt.ts --data-dir my-data --progress
 *   deno run -P=blas scripts/hs_27_mlp_nt.ts --data-dir my-data        # faster, where the system has OpenBLAS
 *   deno run -P scripts/hs_27_mlp_nt.ts --data-dir my-data --folds 0 2     # and the others on another machine
 */
import { parseFlags } from "../lib/cli/flags.ts";
import { runScript } from "../lib/cli/script.ts";
import { dataDirFlags, dataDirFolder } from "../lib/dataset/data_folder.ts";
import { alignById, readNtEmbeddings } from "../lib/dataset/embeddings.ts";
import { readTargets } from "../lib/dataset/targets.ts";
import { openResultFolder } from "../lib/evaluation/result_folder.ts";
import { mlpExperimentFlags, runMlpExperiment } from "../lib/models/mlp_experiment.ts";

export async function main(args: string[]): Promise<void> {
  const flags = parseFlags(
    {
      ...dataDirFlags,
      "ntv2-dir": {
        default: null,
        type: "text",
        value: "DIR",
        group: "Data",
        shownDefault: "NT-v2-50M of the data folder",
        help: "folder of NTv2_50m_tf_embeddings.npy and NTv2_50m_tf_ids.npy",
      },
      "model-name": { default: "mlp_nt", value: "NAME", group: "Output", help: "name of the result folder" },
      ...mlpExperimentFlags,
    },
    {
      script: "scripts/hs_27_mlp_nt.ts",
      about: "Three-layer MLP from a TF's Nucleotide Transformer embedding to the expression of all genes.",
      examples: ["--data-dir my-data --progress", "--data-dir my-data --folds 0 2"],
    },
    args,
  );
  const startMs = performance.now();

  const data = await dataDirFolder(flags.dataDir, [flags.ntv2Dir], flags.outputDir);
  const folder = await openResultFolder(data.results, flags.modelName);
  const targets = await readTargets(data.targets);
  const embeddings = await readNtEmbeddings(flags.ntv2Dir ?? data.ntFolder, "tf");
  const alignment = alignById(targets, embeddings, { ignoreCase: true });

  await runMlpExperiment({
    script: "scripts/hs_27_mlp_nt.ts",
    embeddingName: "NT embeddings",
    pipeline: "ntv2",
    flags,
    folder,
    targets,
    embeddings,
    alignment,
    startMs,
  });
}

if (import.meta.main) await runScript(main, import.meta);
