#!/usr/bin/env -S deno run -P
/**
 * Three-layer MLP from a TF's HyenaDNA embedding to the expression of all genes.
 *
 *   deno run -P scripts/hs_27_mlp_hyena.ts --data-dir my-data --progress
 *   deno run -P scripts/hs_27_mlp_hyena.ts --targets my_screen.csv --embeddings tfs.npy
 *   deno run -P scripts/hs_27_mlp_hyena.ts --data-dir my-data --resume          # after a stop
 */
import { parseFlags } from "../lib/cli/flags.ts";
import { runScript } from "../lib/cli/script.ts";
import { hyenaEmbeddingFlags } from "../lib/experiment/embedding_experiment.ts";
import { mlpExperimentFlags, runMlpExperiment } from "../lib/models/mlp_experiment.ts";

const script = "scripts/hs_27_mlp_hyena.ts";
const declarations = {
  ...hyenaEmbeddingFlags,
  "model-name": { default: "mlp_hyena", value: "NAME", group: "Output", help: "name of the result folder" },
  ...mlpExperimentFlags,
} as const;

export async function main(args: string[]): Promise<void> {
  const flags = parseFlags(declarations, {
    script,
    about: "Three-layer MLP from a TF's HyenaDNA embedding to the expression of all genes.",
    examples: ["--data-dir my-data --progress", "--targets my_screen.csv --embeddings tfs.npy"],
  }, args);
  await runMlpExperiment({ script, flags, pipeline: "hyenadna", embeddingName: "HyenaDNA" });
}

if (import.meta.main) await runScript(main, import.meta);
