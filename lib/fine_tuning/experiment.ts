/** What script 7 does once its inputs are read: split, train fold by fold, evaluate, write. */
import { dirname, join } from "@std/path";
import { deviceFlags, openDevice, printProfile } from "../backend/device_flags.ts";
import type { Flags } from "../cli/flags.ts";
import { log } from "../cli/log.ts";
import { foldProgress } from "../cli/progress.ts";
import { crossValidationFlags, foldCountFlags, outputFlags } from "../dataset/run_flags.ts";
import { crossValidationSplits } from "../dataset/splits.ts";
import { symbolsById } from "../dataset/targets.ts";
import { type ResultFolder, writeSummary } from "../evaluation/result_folder.ts";
import { fingerprint } from "../models/fingerprint.ts";
import { FoldStore, foldStoreFlags } from "../models/fold_store.ts";
import { halfPrecision } from "../models/half_precision.ts";
import {
  collectIa3Folds,
  defaultMemoryBytes,
  type Ia3Data,
  ia3Flags,
  type Ia3RunSettings,
  runIa3Folds,
} from "./cross_validation.ts";
import { type ia3InputFlags, type Ia3Inputs } from "./inputs.ts";
import { writeMergedModel } from "../models/ia3_merge.ts";
import { writeIa3Results } from "./results.ts";
import type { NucleotideTransformer } from "../models/nucleotide_transformer.ts";
import { countParameters, trainableParametersLine } from "../models/parameter_count.ts";
import { writeAdapter } from "../models/peft_adapter.ts";
import { writeSavedModel } from "../models/saved_model.ts";
import { planBatches, trainingBytes } from "./batches.ts";

/** Flags of training, cross-validation and device. */
export const ia3ExperimentFlags = {
  ...ia3Flags,
  ...crossValidationFlags,
  "strict": {
    ...crossValidationFlags.strict,
    help: "fill missing values from training rows only, and choose the best epoch on a fifth of them",
  },
  "cv-splits-file": {
    ...crossValidationFlags["cv-splits-file"],
    shownDefault: "beside the targets where it fits, else in the result folder",
  },
  ...foldCountFlags,
  ...foldStoreFlags,
  "checkpoint-steps": {
    default: null,
    type: "integer",
    min: 1,
    group: "Cross-validation",
    shownDefault: "after every epoch, and as --checkpoint-seconds says",
    help: "save the state of training after every so many updates too",
  },
  "merge-to": {
    default: null,
    type: "text",
    value: "DIR",
    group: "Output",
    help: "also write plain models with the vectors merged into the weights, for inference.ts",
  },
  ...deviceFlags,
  "plot-format": outputFlags["plot-format"],
  "progress": outputFlags.progress,
} as const;

export interface Ia3Experiment {
  readonly script: string;
  readonly flags: Omit<Flags<typeof ia3ExperimentFlags & typeof ia3InputFlags>, "given">;
  readonly folder: ResultFolder;
  readonly inputs: Ia3Inputs;
  /** When the script began. */
  readonly startMs: number;
}

/** Cross-validate and write the results, if this run completes them. */
export async function runIa3Experiment(
  { script, flags, folder, inputs, startMs }: Ia3Experiment,
): Promise<void> {
  const { targets, tokenIds, model } = inputs;
  const { perturbations: ids, genes } = targets;
  const splits = await crossValidationSplits({
    ids,
    aliases: targets.symbols?.map((symbol) => [symbol]),
    folds: flags.nFolds,
    seed: flags.seed,
    ...splitsFiles(flags, targets.path, folder),
    rule: "n_splits",
  });
  const data: Ia3Data = {
    ids,
    tokenIds,
    tokenizer: model.tokenizer,
    y: targets.values,
    folds: splits.folds,
    strict: flags.strict,
  };
  const parameters = countParameters(model.modelConfig, genes.length);
  log.info(trainableParametersLine(parameters));

  const opened = await openDevice(flags);
  const { backend, reason } = opened;
  try {
    const mixedPrecision = halfPrecision(flags.mixedPrecision, true, backend);
    const store = await FoldStore.open(folder.path, {
      count: splits.folds.length,
      folds: flags.folds,
      resume: flags.resume,
      checkpointSeconds: flags.checkpointSeconds,
      device: backend.name,
      identity: await identityOf(data, flags, genes, mixedPrecision),
    });
    if (store.isFinished) return;
    const loadedMs = performance.now();
    const adapterFolder = (fold: number) => join(folder.path, "adapters", `fold_${fold}`);
    if (store.toRun.length > 0) {
      const encoder = await model.load(backend, mixedPrecision ? "f16" : "f32");
      const settings = settingsOf(flags, encoder, data, mixedPrecision);
      await runIa3Folds(encoder, data, settings, store, foldProgress(flags.progress, store.toRun.length), {
        baseModel: flags.model,
        checkpointSteps: flags.checkpointSteps,
        showLines: !(flags.progress && Deno.stderr.isTerminal()),
        async onAdapter(fold, adapter) {
          await writeAdapter(adapterFolder(fold), adapter);
          log.info(`Saved the adapter of fold ${fold} to ${adapterFolder(fold)}`);
          if (flags.mergeTo === null) return;
          const merged = join(flags.mergeTo, `fold_${fold}`);
          await writeMergedModel(merged, model.source, adapter);
          log.info(`Saved the merged model of fold ${fold} to ${merged}`);
        },
      });
      log.info(`Peak device memory: ${(backend.memory.peak / 2 ** 20).toFixed(0)} MiB.`);
      await printProfile(opened);
      encoder.dispose();
    }
    if (!await store.isComplete()) return;

    const results = collectIa3Folds(data, store, (fold) => join("..", "adapters", `fold_${fold}`));
    const means = await writeIa3Results(folder, { ...data, genes, ...results }, flags.plotFormat);
    await writeSavedModel(folder.path, {
      kind: "nt_ia3",
      genes,
      input: { kind: "sequence", model: flags.model, maxLength: flags.maxLength, upper: flags.upper },
      script,
      flags: { ...flags, given: undefined },
      aliases: symbolsById(targets),
    }, results.models);
    const seconds = results.reports.reduce((sum, report) => sum + report.seconds, 0);
    await writeSummary(folder, {
      model_name: folder.modelName,
      model_type: "Nucleotide Transformer v2 with IA3, regression",
      pretrained_model: flags.model,
      cv_method: splits.method,
      cv_splits_file: splits.file,
      n_tfs: ids.length,
      n_genes: genes.length,
      n_dropped_without_sequence: inputs.dropped,
      n_truncated_sequences: inputs.truncated,
      trainable_params: parameters.trainable,
      all_params: parameters.all,
      ...means,
      training_params: {
        learning_rate: flags.learningRate,
        batch_size: flags.batchSize,
        gradient_accumulation_steps: flags.gradientAccumulationSteps,
        num_epochs: flags.numEpochs,
        max_steps: flags.maxSteps,
        max_grad_norm: flags.maxGradNorm,
        restore: flags.restore,
        max_length: flags.maxLength,
        mixed_precision: mixedPrecision,
      },
      seed: flags.seed,
      strict: flags.strict,
      device: store.tellDevices(),
      device_reason: reason,
      run_id: store.runId,
      timings_seconds: {
        load_data: (loadedMs - startMs) / 1000,
        training: seconds,
        total: (performance.now() - startMs) / 1000,
      },
    });
    await store.remove();
  } finally {
    await backend.close();
  }
}

/** The file that --cv-splits-file names, else one in the result folder, after those beside the targets. */
function splitsFiles(
  { cvSplitsFile, nFolds, seed }: { cvSplitsFile: string | null; nFolds: number; seed: number },
  targets: string,
  folder: ResultFolder,
): { file: string; shared?: string } {
  if (cvSplitsFile !== null) return { file: cvSplitsFile };
  const name = `cv_splits_${nFolds}fold_${seed}.pkl`;
  return { file: join(folder.path, name), shared: join(dirname(targets), name) };
}

function settingsOf(
  flags: Ia3Experiment["flags"],
  encoder: NucleotideTransformer,
  data: Ia3Data,
  mixedPrecision: boolean,
): Ia3RunSettings {
  const batchSize = flags.batchSize * flags.gradientAccumulationSteps;
  const sizes = stepSizes(encoder, data, mixedPrecision);
  const bytes = flags.memoryGb === null ? defaultMemoryBytes(encoder.backend) : flags.memoryGb * 2 ** 30;
  const plan = planBatches(sizes, batchSize, bytes, {
    mode: flags.checkpointActivations,
    rows: flags.microBatchSize,
  });
  log.info(
    `An update of ${batchSize} sequences goes through in pieces of ${plan.rows}, ` +
      `${
        plan.checkpointLayers ? "computing layers again in the backward pass" : "keeping all activations"
      } ` +
      `(about ${(trainingBytes(sizes, plan) / 2 ** 30).toFixed(1)} GiB).`,
  );
  return {
    learningRate: flags.learningRate,
    batchSize,
    epochs: flags.numEpochs,
    maxSteps: flags.maxSteps,
    maxGradientNorm: flags.maxGradNorm,
    restore: flags.restore,
    seed: flags.seed,
    plan,
    mixedPrecision,
    evalBatchSize: flags.evalBatchSize,
    evaluateTraining: flags.evaluateTraining,
  };
}

function stepSizes(encoder: NucleotideTransformer, data: Ia3Data, mixedPrecision: boolean) {
  const weights = [...encoder.parameters.values()].reduce((sum, { size }) => sum + size, 0);
  const length = Math.max(...data.tokenIds.map((tokens) => tokens.length));
  const bytesPerNumber = mixedPrecision ? 2 as const : 4 as const;
  return { ...encoder.config, outputs: data.y.columns, weights, length, bytesPerNumber };
}

/** Everything that a fold's numbers depend on. */
async function identityOf(
  data: Ia3Data,
  flags: Ia3Experiment["flags"],
  genes: readonly string[],
  mixedPrecision: boolean,
): Promise<Record<string, unknown>> {
  return {
    "--model": flags.model,
    "--learning-rate": flags.learningRate,
    "--batch-size": flags.batchSize,
    "--gradient-accumulation-steps": flags.gradientAccumulationSteps,
    "--num-epochs": flags.numEpochs,
    "--max-steps": flags.maxSteps,
    "--max-grad-norm": flags.maxGradNorm,
    "--restore": flags.restore,
    "--mixed-precision": mixedPrecision,
    "--n-folds": flags.nFolds,
    "--seed": flags.seed,
    "--strict": flags.strict,
    perturbations: await fingerprint(data.ids),
    genes: await fingerprint(genes),
    targets: await fingerprint(data.y.data),
    sequences: await fingerprint(data.tokenIds.map((tokens) => tokens.join(" "))),
    folds: await fingerprint(data.folds.map(({ test }) => test.join(" "))),
  };
}
