#!/usr/bin/env -S deno run -P
/**
 * One MLP on [TF embedding ; gene embedding] for every single cell of Y.
 *
 *   deno run -P scripts/concat_gene_tf_mlp.ts --data-dir my-data --progress
 *   deno run -P=blas scripts/concat_gene_tf_mlp.ts --data-dir my-data --n-top-genes 500
 *   deno run -P scripts/concat_gene_tf_mlp.ts --targets my_screen.csv --embeddings tfs.npy --gene-embeddings genes.npy
 *   deno run -P scripts/concat_gene_tf_mlp.ts --data-dir my-data --resume      # after a stop
 */
import { deviceFlags } from "../lib/backend/device_flags.ts";
import { parseFlags } from "../lib/cli/flags.ts";
import { runScript } from "../lib/cli/script.ts";
import { checkpointFlags, experimentFlags } from "../lib/experiment/flags.ts";
import { geneEmbeddingFlags, ntFlags, tfEmbeddingFlags } from "../lib/experiment/read_inputs.ts";
import { runPairExperiment } from "../lib/models/concat_mlp_experiment.ts";
import { mlpFlags } from "../lib/models/mlp_flags.ts";

const script = "scripts/concat_gene_tf_mlp.ts";
const declarations = {
  ...ntFlags,
  ...tfEmbeddingFlags,
  ...geneEmbeddingFlags,
  "model-name": { default: "concat_mlp", value: "NAME", group: "Output", help: "name of the result folder" },
  ...mlpFlags,
  "hidden-dims": { ...mlpFlags["hidden-dims"], default: [512, 256, 128] },
  "learning-rate": { ...mlpFlags["learning-rate"], default: 1e-4, help: "of Adam" },
  "weight-decay": { ...mlpFlags["weight-decay"], help: "L2 weight decay, added to the gradient" },
  "batch-size": { ...mlpFlags["batch-size"], default: 4096, help: "(TF, gene) pairs a step" },
  "epochs": { ...mlpFlags["epochs"], default: 100, help: "passes over all pairs, at most" },
  "patience": {
    ...mlpFlags["patience"],
    help:
      "epochs without a lower error on the held-out fold (--strict: on a fifth of the training rows) before " +
      "training stops",
  },
  "mixed-precision": { ...mlpFlags["mixed-precision"], default: true },
  ...experimentFlags,
  ...checkpointFlags,
  ...deviceFlags,
} as const;

export async function main(args: string[]): Promise<void> {
  const flags = parseFlags(declarations, {
    script,
    about: "One MLP on [TF embedding ; gene embedding] for every single cell of Y.",
    examples: [
      "--data-dir my-data --progress",
      "--targets my_screen.csv --embeddings tfs.npy --gene-embeddings genes.npy",
    ],
  }, args);
  await runPairExperiment(script, flags);
}

if (import.meta.main) await runScript(main, import.meta);
