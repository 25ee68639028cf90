#!/usr/bin/env -S deno run -P
/**
 * Three-layer MLP from a TF's Nucleotide Transformer embedding to the expression of all genes.
 *
 *   deno run -P scripts/hs_27_mlp_nt.ts --data-dir my-data --progress
 *   deno run -P=blas scripts/hs_27_mlp_nt.ts --data-dir my-data            # faster, where the system has OpenBLAS
 *   deno run -P scripts/hs_27_mlp_nt.ts --targets my_screen.csv --embeddings tfs.npy
 *   deno run -P scripts/hs_27_mlp_nt.ts --data-dir my-data --folds 0 2     # and the others on another machine
 */
import { parseFlags } from "../lib/cli/flags.ts";
import { runScript } from "../lib/cli/script.ts";
import { ntEmbeddingFlags } from "../lib/experiment/embedding_experiment.ts";
import { mlpExperimentFlags, runMlpExperiment } from "../lib/models/mlp_experiment.ts";

const script = "scripts/hs_27_mlp_nt.ts";
const declarations = {
  ...ntEmbeddingFlags,
  "model-name": { default: "mlp_nt", value: "NAME", group: "Output", help: "name of the result folder" },
  ...mlpExperimentFlags,
} as const;

export async function main(args: string[]): Promise<void> {
  const flags = parseFlags(declarations, {
    script,
    about: "Three-layer MLP from a TF's Nucleotide Transformer embedding to the expression of all genes.",
    examples: ["--data-dir my-data --progress", "--targets my_screen.csv --embeddings tfs.npy"],
  }, args);
  await runMlpExperiment({ script, flags, pipeline: "ntv2", embeddingName: "NT embeddings" });
}

if (import.meta.main) await runScript(main, import.meta);
