/** The experiment of scripts/nt_v2_ia3_regression.ts. */
import type { Backend } from "../../../backend/backend.ts";
import { deviceFlags, openDevice } from "../../../backend/device_flags.ts";
import type { FlagDeclarations, Flags } from "../../../cli/flags.ts";
import { log } from "../../../cli/log.ts";
import { weightsRecord } from "../../../embedding/weights_hash.ts";
import { rawAndCenteredColumns } from "../../../evaluation/metrics_table.ts";
import { checkpointFlags, crossValidationFlags, experimentFlags } from "../../../experiment/flags.ts";
import { fingerprint } from "../../../experiment/identity.ts";
import { prepareData } from "../../../experiment/prepare.ts";
import { openDataFolder, readRunTargets } from "../../../experiment/read_data.ts";
import type { ResultFolder } from "../../../experiment/result_folder.ts";
import { type Loaded, runExperiment } from "../../../experiment/run_experiment.ts";
import { halfPrecision } from "../../half_precision.ts";
import type { NucleotideTransformer } from "../model.ts";
import { onDevice } from "../../on_device.ts";
import { countParameters, trainableParametersLine } from "../../parameter_count.ts";
import { planBatches, trainingBytes } from "./batches.ts";
import { ia3Flags } from "./flags.ts";
import { ia3InputFlags, type Ia3Inputs, readIa3Inputs } from "./inputs.ts";
import { ia3Model } from "./model.ts";
import type { Ia3TrainingSettings } from "./training.ts";

export const ia3ExperimentFlags = {
  ...ia3InputFlags,
  ...ia3Flags,
  ...experimentFlags,
  "strict": {
    ...crossValidationFlags.strict,
    help: "fill missing values from training rows only, and choose the best epoch on a fifth of them",
  },
  ...checkpointFlags,
  ...deviceFlags,
} as const satisfies FlagDeclarations;

export type Ia3ExperimentFlags = Flags<typeof ia3ExperimentFlags>;

export async function runIa3Experiment(
  script: string,
  flags: Ia3ExperimentFlags,
  modelName: string,
): Promise<void> {
  await runExperiment({
    script,
    flags,
    modelName,
    modelType: "Nucleotide Transformer v2 with IA3, regression",
    layout: {
      predictions: `${modelName}_cv`,
      plotLabel: modelName,
      metricColumns: rawAndCenteredColumns,
      withoutValues: "n_perturbations_without_measured_genes",
      means: "flat",
      indexName: "",
    },
    checkpointSeconds: flags.checkpointSeconds,
    alwaysSaves: true,
    read: (folder) => readIa3Data(flags, folder),
    async model(data) {
      const { inputs, targets } = data, { model: pretrained, tokenIds } = inputs;
      const parameters = countParameters(pretrained.modelConfig, targets.genes.length);
      log.info(trainableParametersLine(parameters));
      if (!flags.strict && flags.restore === "best") {
        log.info(
          "The best epoch is chosen on the held-out rows, as in the Python script (--strict: on training rows).",
        );
      }
      const opened = await openDevice(flags), { backend } = opened;
      const mixedPrecision = halfPrecision(flags.mixedPrecision, backend);
      const model = ia3Model(data, {
        backend,
        pretrained,
        modelId: flags.model,
        tokenIds,
        mixedPrecision,
        settings: (encoder) => settingsOf(flags, encoder, data, mixedPrecision),
        evalBatchSize: flags.evalBatchSize,
        evaluateTraining: flags.evaluateTraining,
        checkpointSteps: flags.checkpointSteps,
        showsLines: !(flags.progress && Deno.stderr.isTerminal()),
        mergeTo: flags.mergeTo,
        identity: identityOf(flags, mixedPrecision),
        facts: {
          trainable_params: parameters.trainable,
          all_params: parameters.all,
          training_params: trainingParameters(flags, mixedPrecision),
          epoch_choice: flags.strict
            ? "on a fifth of the training rows"
            : "on the held-out rows, as in the Python script: means may look better than they are (--strict)",
        },
      });
      return onDevice(model, opened);
    },
  });
}

async function readIa3Data(flags: Ia3ExperimentFlags, folder: ResultFolder): Promise<Loaded<Ia3Inputs>> {
  const data = await openDataFolder(flags.dataDir, [flags.targets, flags.sequences]);
  const { targets, otherNames, files } = await readRunTargets(flags, data, "targets_377.csv", {
    geneIndex: false,
    prefer: "gene_id",
  });
  const inputs = await readIa3Inputs(flags, data, targets, otherNames);
  const prepared = await prepareData({
    flags,
    folder,
    targets,
    rows: inputs.targetRows,
    order: "the targets' file",
    otherNames,
    splitsFolder: data.artifacts,
    splitsName: (folds, seed) => `cv_splits_${folds}fold_${seed}.pkl`,
  });
  return {
    ...prepared,
    inputs,
    modelInput: {
      kind: "sequence",
      model: flags.model,
      maxLength: flags.maxLength,
      upper: flags.upper,
      record: await weightsRecord(inputs.model.source),
    },
    identity: { sequences: await fingerprint(inputs.tokenIds.map((tokens) => tokens.join(" "))) },
    files: [...new Set([...files, inputs.file])],
    facts: {
      pretrained_model: flags.model,
      n_tfs: prepared.targets.perturbations.length,
      n_genes: prepared.targets.genes.length,
      n_dropped_without_sequence: inputs.dropped,
      n_truncated_sequences: inputs.truncated,
    },
  };
}

function settingsOf(
  flags: Ia3ExperimentFlags,
  encoder: NucleotideTransformer,
  data: Loaded<Ia3Inputs>,
  mixedPrecision: boolean,
): Ia3TrainingSettings {
  const batchSize = flags.batchSize * flags.gradientAccumulationSteps;
  const sizes = {
    ...encoder.config,
    outputs: data.targets.genes.length,
    weights: [...encoder.parameters.values()].reduce((sum, { size }) => sum + size, 0),
    length: Math.max(...data.inputs.tokenIds.map((tokens) => tokens.length)),
    bytesPerNumber: mixedPrecision ? 2 as const : 4 as const,
  };
  const bytes = flags.memoryGb === null ? defaultMemoryBytes(encoder.backend) : flags.memoryGb * 2 ** 30;
  const plan = planBatches(sizes, batchSize, bytes, {
    mode: flags.checkpointActivations,
    rows: flags.microBatchSize,
  });
  const how = plan.checkpointLayers
    ? "computing layers again in the backward pass"
    : "keeping all activations";
  log.info(
    `An update of ${batchSize} sequences goes through in pieces of ${plan.rows}, ${how} ` +
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
  };
}

/** Bytes that a training step may take where the user says nothing: WebGPU does not tell what there is. */
function defaultMemoryBytes(backend: Backend): number {
  return (backend.name === "webgpu" ? 8 : 2.5) * 2 ** 30;
}

function identityOf(flags: Ia3ExperimentFlags, mixedPrecision: boolean): Record<string, unknown> {
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
  };
}

function trainingParameters(flags: Ia3ExperimentFlags, mixedPrecision: boolean): Record<string, unknown> {
  return {
    learning_rate: flags.learningRate,
    batch_size: flags.batchSize,
    gradient_accumulation_steps: flags.gradientAccumulationSteps,
    num_epochs: flags.numEpochs,
    max_steps: flags.maxSteps,
    max_grad_norm: flags.maxGradNorm,
    restore: flags.restore,
    max_length: flags.maxLength,
    mixed_precision: mixedPrecision,
  };
}
