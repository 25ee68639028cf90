#!/usr/bin/env -S deno run -P
/**
 * Expression of all genes for new transcription factors, from a model that one of the scripts trained.
 *
 *   deno run -P scripts/predict.ts --result results/mlp_nt --embeddings new_tfs.npy --output new_tfs.parquet
 *   deno run -P scripts/predict.ts --result results/nt_ia3 --sequences new_tfs.csv --output new_tfs.csv
 *   deno run -P=hub scripts/predict.ts --result results/xgboost_hyena --sequences new_tfs.fasta \
 *     --model LongSafari/hyenadna-large-1m-seqlen
 *   deno run -P scripts/predict.ts --result results/linear_pca --ids TP53,GATA1 --tf-seq-csv tf_sequences.csv
 */
import type { Backend } from "../lib/backend/backend.ts";
import type { OpenedBackend } from "../lib/backend/device.ts";
import { openDevice, printProfile } from "../lib/backend/device_flags.ts";
import { UsageError } from "../lib/cli/errors.ts";
import { parseFlags } from "../lib/cli/flags.ts";
import { counted, resultLine } from "../lib/cli/log.ts";
import { runScript } from "../lib/cli/script.ts";
import { readTfSequences } from "../lib/dataset/tf_sequences.ts";
import { openSavedModel } from "../lib/experiment/saved_model.ts";
import type { SavedFold } from "../lib/experiment/saved_model_json.ts";
import { familyOf } from "../lib/models/registry.ts";
import { predictFlags } from "../lib/prediction/flags.ts";
import { perturbationNames } from "../lib/prediction/names.ts";
import { openFold } from "../lib/prediction/open_fold.ts";
import { chooseFolds, foldsOf, predictBlocks } from "../lib/prediction/predict.ts";
import { readPredictionRows } from "../lib/prediction/read_input.ts";
import { baselinePath, checkOutput, writePredictions } from "../lib/prediction/write_frame.ts";

export async function main(args: string[]): Promise<void> {
  const flags = parseFlags(predictFlags, {
    script: "scripts/predict.ts",
    about:
      "Expression of all genes for new transcription factors, from a model that one of the scripts trained.",
    examples: [
      "--result results/mlp_nt --embeddings new_tfs.npy --output new_tfs.parquet",
      "--result results/nt_ia3 --sequences new_tfs.csv --output new_tfs.csv",
    ],
  }, args);
  if (flags.result === null) {
    throw new UsageError("Flag --result is needed: the result folder of a trained model");
  }
  await checkOutput(flags.output);
  const model = await openSavedModel(flags.result);
  const family = await familyOf(model.kind, flags.modelCode);
  const folds = foldsOf(model, flags.fold);

  let opened: OpenedBackend | null = null;
  const device = async (): Promise<Backend> => (opened ??= await openDevice(flags)).backend;
  try {
    const tfSequences = flags.tfSeqCsv === null ? null : await readTfSequences(flags.tfSeqCsv);
    const { ids, input } = await readPredictionRows(model, flags, tfSequences, device);
    const choices = chooseFolds(model, folds, ids, flags.heldOut, perturbationNames(tfSequences));
    const open = (fold: SavedFold) => openFold(model, fold, family, device, flags.batchSize);
    const blocks = predictBlocks({ model, input, ids, choices, open });
    await writePredictions(flags.output, { ids, genes: model.genes }, blocks);
    if (opened) await printProfile(opened);
    resultLine(
      `Predicted ${counted(ids.length, "perturbation")} x ${
        counted(model.genes.length, "gene")
      } with the ${model.kind} ` +
        `model of "${flags.result}": ${flags.output}, mean baseline ${baselinePath(flags.output)}`,
    );
  } finally {
    await (opened as OpenedBackend | null)?.backend.close();
  }
}

if (import.meta.main) await runScript(main, import.meta);
