#!/usr/bin/env -S deno run -P
/**
 * Expression of all genes for new transcription factors, from a model that one of the scripts trained.
 *
 *   deno run -P scripts/predict.ts --result results/mlp_nt --embeddings new_tfs.npy --output new_tfs.parquet
 *   deno run -P scripts/predict.ts --result results/nt_ia3 --sequences new_tfs.csv --output new_tfs.csv
 *   deno run -P=hub scripts/predict.ts --result results/xgboost_hyena --sequences new_tfs.fasta \
 *     --model LongSafari/hyenadna-large-1m-seqlen
 *   deno run -P scripts/predict.ts --result results/linear_pca --ids TP53,GATA1 --tf-seq-csv tf_sequences.csv
 *   deno run -P scripts/predict.ts --result seed_1/mlp_nt seed_2/mlp_nt --embeddings new_tfs.npy --spread
 */
import type { Backend } from "../lib/backend/backend.ts";
import type { OpenedBackend } from "../lib/backend/device.ts";
import { openDevice, printProfile } from "../lib/backend/device_flags.ts";
import { UsageError } from "../lib/cli/errors.ts";
import { parseFlags } from "../lib/cli/flags.ts";
import { counted, log, resultLine } from "../lib/cli/log.ts";
import { runScript } from "../lib/cli/script.ts";
import { readTfSequences } from "../lib/dataset/tf_sequences.ts";
import type { OpenedModel } from "../lib/experiment/saved_model.ts";
import type { SavedFold } from "../lib/experiment/saved_model_json.ts";
import { predictFlags } from "../lib/prediction/flags.ts";
import { openMembers } from "../lib/prediction/members.ts";
import { perturbationNames } from "../lib/prediction/names.ts";
import { openFold } from "../lib/prediction/open_fold.ts";
import { chooseFolds, modelsOfRows, predictBlocks, warnOfTrainingRows } from "../lib/prediction/predict.ts";
import { readPredictionRows } from "../lib/prediction/read_input.ts";
import {
  besideOutput,
  checkOutput,
  refuseOwnInputs,
  writePredictions,
} from "../lib/prediction/write_frame.ts";

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
  await refuseOwnInputs(flags.output, [
    ...flags.embeddings ?? [],
    ...flags.ids ?? [],
    flags.sequences,
    flags.tfSeqCsv,
  ]);
  const members = await openMembers(flags.result, flags), [{ model }] = members;

  let opened: OpenedBackend | null = null;
  const device = async (): Promise<Backend> => (opened ??= await openDevice(flags)).backend;
  try {
    const tfSequences = flags.tfSeqCsv === null ? null : await readTfSequences(flags.tfSeqCsv);
    const { ids, input } = await readPredictionRows(model, flags, tfSequences, device);
    const namesOf = perturbationNames(tfSequences);
    const chosen = members.map((member) => ({
      ...member,
      ...chooseFolds(member, ids, flags.heldOut, namesOf),
    }));
    const seen = new Set(chosen.flatMap((member) => member.seen));
    warnOfTrainingRows(ids.filter((_, row) => seen.has(row)), ids.length);
    const models = modelsOfRows(chosen.flatMap(({ choices }) => choices), ids.length);
    if (flags.spread) checkSpread(models);
    const open = (model: OpenedModel, fold: SavedFold) =>
      openFold(model, fold, members[0].family, device, flags.batchSize);
    const blocks = predictBlocks({ members: chosen, input, ids, spread: flags.spread, open });
    const names = { ids, genes: model.genes };
    await writePredictions(flags.output, names, blocks, { withSpread: flags.spread });
    if (opened) await printProfile(opened);
    resultLine(
      `Predicted ${counted(ids.length, "perturbation")} x ${
        counted(model.genes.length, "gene")
      } with the ${model.kind} ` +
        `model of ${
          flags.result.map((result) => `"${result}"`).join(" and ")
        }: ${flags.output}, mean baseline ${besideOutput(flags.output, "baseline")}` +
        (flags.spread
          ? `, spread over ${counted(Math.max(...models), "model")} ${besideOutput(flags.output, "spread")}`
          : ""),
    );
  } finally {
    await (opened as OpenedBackend | null)?.backend.close();
  }
}

/** @param models how many predict each row */
function checkSpread(models: Int32Array): void {
  const alone = models.filter((count) => count < 2).length;
  if (alone === models.length) {
    throw new UsageError(
      "Cannot use --spread where one model predicts: it is the deviation over folds (several of --fold, no --held-out) or " +
        "over several --result",
    );
  }
  if (alone > 0) log.warn(`${counted(alone, "perturbation")} predicted by one model: without a spread.`);
}

if (import.meta.main) await runScript(main, import.meta);
