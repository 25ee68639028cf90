#!/usr/bin/env -S deno run -P
/**
 * Boosted trees from a TF's HyenaDNA embedding to the expression of each gene: one XGBoost regressor a gene.
 *
 *   deno run -P scripts/hs27_xgboost.ts --data-dir my-data --progress
 *   deno run -P scripts/hs27_xgboost.ts --data-dir my-data --n-top-genes 40
 *   deno run -P scripts/hs27_xgboost.ts --targets my_screen.csv --embeddings tfs.npy
 *   deno run -P scripts/hs27_xgboost.ts --data-dir my-data --resume              # after a stop
 *   deno run -P scripts/hs27_xgboost.ts --data-dir my-data --genes 0:2456        # and 2456: on another machine
 */
import { parseFlags } from "../lib/cli/flags.ts";
import { runScript } from "../lib/cli/script.ts";
import { hyenaEmbeddingFlags } from "../lib/experiment/embedding_experiment.ts";
import { runTreeExperiment, treeFlags } from "../lib/models/xgboost_experiment.ts";

const script = "scripts/hs27_xgboost.ts";
const declarations = {
  ...hyenaEmbeddingFlags,
  "model-name": {
    default: "xgboost_hyena",
    value: "NAME",
    group: "Output",
    help: "name of the result folder",
  },
  ...treeFlags,
} as const;

export async function main(args: string[]): Promise<void> {
  const flags = parseFlags(declarations, {
    script,
    about: "Boosted trees from a TF's HyenaDNA embedding to the expression of each gene.",
    examples: [
      "--data-dir my-data --progress",
      "--data-dir my-data --n-top-genes 40 --save-model",
      "--targets my_screen.csv --embeddings tfs.npy",
    ],
  }, args);
  await runTreeExperiment(script, flags);
}

if (import.meta.main) await runScript(main, import.meta);
