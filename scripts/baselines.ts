#!/usr/bin/env -S deno run -P
/**
 * What every model should be compared with, on the same folds: no change, the mean of the training TFs, nearest neighbours,
 * kernel ridge, and kernel ridge on shuffled embeddings. One result folder each.
 *
 *   deno run -P scripts/baselines.ts                                               (demo data)
 *   deno run -P scripts/baselines.ts --data-dir my-data --tune
 *   deno run -P scripts/baselines.ts --targets my_screen.csv --embeddings nt.npy hyena.npy
 *   deno run -P scripts/baselines.ts --data-dir my-data --models nearest kernel-ridge --pipeline hyenadna --model-name hyena
 */
import { UsageError } from "../lib/cli/errors.ts";
import { parseFlags } from "../lib/cli/flags.ts";
import { log } from "../lib/cli/log.ts";
import { runScript } from "../lib/cli/script.ts";
import {
  forFolder,
  prepareEmbeddingData,
  readEmbeddingInputs,
  readTargetsAlone,
} from "../lib/experiment/embedding_experiment.ts";
import { experimentFlags } from "../lib/experiment/flags.ts";
import { plainLayout } from "../lib/experiment/own_model.ts";
import { hyenaFlags, ntFlags, tfEmbeddingFlags } from "../lib/experiment/read_inputs.ts";
import { type Loaded, runExperiment } from "../lib/experiment/run_experiment.ts";
import type { Embedded } from "../lib/linalg/matrix.ts";
import {
  baselineModel,
  baselineModelFlags,
  baselineNames,
  baselineTitles,
  readsEmbeddings,
} from "../lib/models/baselines.ts";

const script = "scripts/baselines.ts";
const declarations = {
  "models": {
    default: baselineNames,
    choices: baselineNames,
    group: "Model",
    help: "which of them",
  },
  "model-name": {
    default: "baseline",
    value: "NAME",
    group: "Output",
    help: "results go to NAME_zero, NAME_mean, NAME_nearest, NAME_kernel_ridge, ...",
  },
  ...baselineModelFlags,
  "pipeline": {
    default: "ntv2",
    choices: ["ntv2", "hyenadna", "both"],
    group: "Data",
    help: "whose embeddings the data folder is asked for; both stand side by side",
  },
  ...tfEmbeddingFlags,
  ...ntFlags,
  ...hyenaFlags,
  ...experimentFlags,
} as const;

export async function main(args: string[]): Promise<void> {
  const flags = parseFlags(declarations, {
    script,
    about: "Baselines of TF responses, cross-validated: constants, nearest neighbours and kernel ridge.",
    examples: ["--data-dir my-data --tune", "--targets my_screen.csv --embeddings nt.npy hyena.npy"],
  }, args);
  const models = [...new Set(flags.models)];
  if (flags.tune && !models.some(readsEmbeddings)) {
    throw new UsageError(`Cannot use --tune with --models ${models.join(" ")}: they have nothing to choose`);
  }
  const named = ["embeddings", "pipeline", "ntv2-dir", "hyena-dir"].some((flag) => flags.given.has(flag));
  const inputs = named || models.some(readsEmbeddings)
    ? await readEmbeddingInputs(flags, flags.pipeline, { allowMissing: false, exactCase: false })
    : await readTargetsAlone(flags);

  let shared: Loaded<Embedded> | null = null;
  for (const name of models) {
    const modelName = `${flags.modelName}_${name.replaceAll("-", "_")}`;
    await runExperiment({
      script,
      flags,
      modelName,
      modelType: `baseline: ${baselineTitles[name]}`,
      layout: plainLayout(modelName),
      async read(folder) {
        shared ??= await prepareEmbeddingData(inputs, flags, folder);
        const data = forFolder(shared, folder);
        return readsEmbeddings(name) ? data : { ...data, modelInput: { kind: "none" } };
      },
      model(data) {
        log.info(`Baseline: ${baselineTitles[name]}.`);
        return baselineModel(name, data, data.inputs, flags);
      },
    });
  }
}

if (import.meta.main) await runScript(main, import.meta);
