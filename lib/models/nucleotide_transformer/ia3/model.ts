/**
 * Nucleotide Transformer v2 fine-tuned with IA3, from promoter DNA to all genes, as an experiment.
 *
 * Saved: each fold's PEFT adapter in `adapters/fold_<n>/` of the result folder; the tensors hold nothing but the baseline.
 */
import { join } from "@std/path";
import type { Backend } from "../../../backend/backend.ts";
import { counted, log } from "../../../cli/log.ts";
import { meanMetric, perturbationMetrics } from "../../../evaluation/metrics.ts";
import type {
  ExperimentData,
  FittedFold,
  FoldTask,
  LoadedFold,
  ModelFamily,
  PredictionInput,
  WholeFoldModel,
} from "../../../experiment/model.ts";
import type { Part, Report } from "../../../experiment/part.ts";
import type { SafetensorsArray } from "../../../io/safetensors.ts";
import { takeRows } from "../../../linalg/matrix.ts";
import { ModelStream } from "../../../random/model_stream.ts";
import { engineOf } from "../../engine_name.ts";
import { Ia3Regressor } from "./vectors.ts";
import type { Ia3Config } from "./config.ts";
import { writeMergedModel } from "./merge.ts";
import type { PretrainedNt } from "../pretrained.ts";
import type { NucleotideTransformer } from "../model.ts";
import { type Adapter, type AdapterTensor, readAdapter, writeAdapter } from "../../peft_adapter.ts";
import type { Tokenizer } from "../../token_batch.ts";
import { TrainingClock } from "./clock.ts";
import { EpochReporter } from "./epoch_reporter.ts";
import { predictSequences } from "./predict_sequences.ts";
import {
  type EpochResult,
  type Ia3TrainingSettings,
  totalSteps,
  trainIa3,
  type TrainingRecord,
} from "./training.ts";

export const ntIa3: ModelFamily = {
  kind: "nt_ia3",
  input: "sequence",
  shapes: () => ({}),
  load: loadAdapter,
};

export interface Ia3Options {
  readonly backend: Backend;
  readonly pretrained: PretrainedNt;
  /** Hub id or folder of the pretrained weights. */
  readonly modelId: string;
  /** Tokens of each perturbation's sequence. */
  readonly tokenIds: readonly Int32Array[];
  /** Settings of training, once the encoder's sizes are known. */
  settings(encoder: NucleotideTransformer): Ia3TrainingSettings;
  readonly mixedPrecision: boolean;
  readonly evalBatchSize: number;
  readonly evaluateTraining: boolean;
  readonly checkpointSteps: number | null;
  /** Log lines on the way; off where a bar shows how far a fold is. */
  readonly showsLines: boolean;
  readonly mergeTo: string | null;
  /** Flags that the numbers depend on, and what the summary says of them. */
  readonly identity: Readonly<Record<string, unknown>>;
  readonly facts: Readonly<Record<string, unknown>>;
}

/** What a fold's training reports. */
interface Ia3Report extends Report, TrainingRecord {
  readonly trainRows: number;
  /** Rows that the best epoch was chosen on. */
  readonly selectionRows: number;
  /** Mean Pearson of the training rows, where it was asked for. */
  readonly trainPearson: number | null;
  readonly config: Ia3Config;
  readonly seconds: number;
}

export function ia3Model(data: ExperimentData, options: Ia3Options): WholeFoldModel {
  const { backend, pretrained } = options;
  let encoder: Promise<NucleotideTransformer> | null = null;
  return {
    family: ntIa3,
    identity: options.identity,
    engine: engineOf(backend),
    isQuick: false,
    predictsTraining: false,
    async fit(task) {
      encoder ??= pretrained.load(backend, options.mixedPrecision ? "f16" : "f32");
      return await fitFold(await encoder, data, options, task);
    },
    mergeTensors: () => new Map(),
    adapterFolder: (fold) => join("..", "adapters", `fold_${fold}`),
    async writeMore(file, parts) {
      for (let fold = 0; fold < data.folds.length; fold++) {
        const [part] = await Array.fromAsync(parts(fold));
        const adapter = adapterOf(part);
        await writeAdapter(file(join("adapters", `fold_${fold}`)), adapter);
        if (options.mergeTo === null) continue;
        const merged = join(options.mergeTo, `fold_${fold}`);
        await writeMergedModel(merged, pretrained.source, adapter);
        log.info(`Saved the merged model of fold ${fold} to ${merged}`);
      }
    },
    summary: (reports, means) => ({
      ...options.facts,
      fold_results: reports.map((report, fold) => ({ ...foldSummary(report, fold), ...means[fold] })),
    }),
    async close() {
      if (encoder) log.info(`Peak device memory: ${(backend.memory.peak / 2 ** 20).toFixed(0)} MiB.`);
      (await encoder)?.dispose();
      await backend.close();
    },
  };
}

async function fitFold(
  encoder: NucleotideTransformer,
  data: ExperimentData,
  options: Ia3Options,
  task: FoldTask,
): Promise<FittedFold> {
  const startMs = performance.now(), { tokenIds } = options, { tokenizer } = options.pretrained;
  const settings = options.settings(encoder), { values: y } = data.targets;
  const { train, selection } = rowsOfFold(data, task);
  const head = new ModelStream(data.seed, task.name).derive("head");
  const model = Ia3Regressor.untrained(encoder, y.columns, head);
  const predict = (rows: ArrayLike<number>, onBatch?: (tokens: number) => void) =>
    predictSequences(model, tokenIds, rows, tokenizer, options.evalBatchSize, onBatch);
  const judge = async (rows: Int32Array, onBatch?: (tokens: number) => void) => {
    const metrics = perturbationMetrics(takeRows(y, rows), await predict(rows, onBatch));
    return { pearson: meanMetric(metrics, "pearson"), mse: meanMetric(metrics, "mse") };
  };
  const steps = totalSteps(train.length, settings);
  const clock = new TrainingClock(tokenIds, train, selection, {
    steps,
    stepsOfEpoch: Math.ceil(train.length / settings.batchSize),
  });
  const reporter = new EpochReporter(task.index, options.showsLines);
  const record = await trainIa3({
    model,
    examples: { tokenIds, targets: task.targets, tokenizer },
    rows: train,
    fold: task.index,
    settings,
    evaluate: () => judge(selection, (tokens) => clock.evaluated(tokens)),
    onStep: ({ epoch, step, loss, tokens }) => {
      clock.trained(step, tokens);
      const text = `epoch ${epoch + 1}, step ${step}/${steps}, loss ${loss.toFixed(5)}, ${clock.text()}`;
      task.progress(clock.share, text);
      reporter.step(text);
    },
    onEpoch: (result) => reporter.epoch(result, selection.length, clock.text()),
    checkpoint: { ...task.checkpoint, everySteps: options.checkpointSteps },
  });
  tellOddities(record, task, settings, selection.length);
  const adapter = await model.adapter(options.modelId);
  const report: Ia3Report = {
    ...record,
    trainRows: train.length,
    selectionRows: selection.length,
    trainPearson: options.evaluateTraining ? (await judge(train)).pearson : null,
    config: adapter.config,
    seconds: (performance.now() - startMs) / 1000,
  };
  const best = record.bestEpoch >= 0 ? `best epoch ${record.bestEpoch + 1} of` : "no best epoch of";
  return {
    predict: (rows) => predict(rows),
    tensors: () => adapterTensors(adapter),
    report,
    note: `${best} ${record.epochs.length}`,
    close: () => model.dispose(),
  };
}

/**
 * Rows that a fold trains on, and rows that choose its best epoch: the test rows, as in the Python script; under `strict` a
 * random fifth of the training rows.
 */
export function rowsOfFold(
  { strict, seed }: Pick<ExperimentData, "strict" | "seed">,
  { train, test, name }: Pick<FoldTask, "train" | "test" | "name">,
): { train: Int32Array; selection: Int32Array } {
  if (!strict || train.length < 2) return { train: Int32Array.from(train), selection: Int32Array.from(test) };
  const shuffled = new ModelStream(seed, name).derive("selection").shuffle(Int32Array.from(train));
  const aside = Math.max(1, Math.round(shuffled.length / 5));
  return { train: shuffled.slice(aside), selection: shuffled.slice(0, aside) };
}

function tellOddities(
  { skippedSteps, bestEpoch, epochs }: TrainingRecord,
  { name }: FoldTask,
  { restore }: Ia3TrainingSettings,
  selectionRows: number,
): void {
  if (skippedSteps > 0) log.info(`${skippedSteps} steps of ${name} were left out: f16 overflowed.`);
  if (restore !== "best") return;
  if (bestEpoch < 0) {
    log.warn(
      `No measured value in the ${
        counted(selectionRows, "row")
      } that would choose the best epoch of ${name}: ` +
        `the last epoch's weights are used.`,
    );
  } else if (epochs[bestEpoch].chosenBy === "mse") {
    log.info(`r across genes is undefined in ${name}: the epoch of the lowest squared error predicts.`);
  }
}

function foldSummary(report: Report, fold: number): Record<string, unknown> {
  const { bestEpoch, epochs, trainPearson, trainRows, selectionRows, skippedSteps, seconds } =
    report as Ia3Report;
  return {
    fold,
    n_train: trainRows,
    n_selection: selectionRows,
    best_epoch: bestEpoch < 0 ? null : bestEpoch,
    epochs: epochs.map(({ epoch, steps, trainLoss, pearson, mse }: EpochResult) => ({
      epoch,
      steps,
      train_loss: trainLoss,
      selection_pearson: pearson,
      selection_mse: mse,
    })),
    ...(trainPearson !== null && { mean_train_pearson: trainPearson }),
    skipped_steps: skippedSteps,
    training_seconds: seconds,
  };
}

function adapterTensors({ vectors, head }: Adapter): Map<string, SafetensorsArray> {
  const all = [
    ...[...vectors].map(([name, tensor]) => [`vectors.${name}`, tensor] as const),
    ...[...head].map(([name, tensor]) => [`head.${name}`, tensor] as const),
  ];
  return new Map(all);
}

function adapterOf({ tensors, report }: Part): Adapter {
  const vectors = new Map<string, AdapterTensor>(), head = new Map<string, AdapterTensor>();
  for (const [name, { shape, data }] of tensors) {
    const tensor = { shape, data: data as Float32Array };
    if (name.startsWith("vectors.")) vectors.set(name.slice("vectors.".length), tensor);
    else head.set(name.slice("head.".length), tensor);
  }
  return { config: (report as Ia3Report).config, vectors, head };
}

async function loadAdapter({ folder, batchSize, device }: LoadedFold) {
  const adapter = await readAdapter(folder!);
  let regressor: Promise<Ia3Regressor> | null = null;
  return {
    async predict(input: PredictionInput, rows: readonly number[]) {
      if (input.kind !== "sequence") throw new TypeError("nt_ia3 reads sequences");
      const { encoder, tokenIds } = input;
      regressor ??= device().then((backend) => encoder.load(backend))
        .then((weights) => Ia3Regressor.fromAdapter(weights as NucleotideTransformer, adapter));
      return await predictSequences(
        await regressor,
        tokenIds,
        rows,
        encoder.tokenizer as Tokenizer,
        batchSize,
      );
    },
    close: () => void regressor?.then((model) => model.dispose(), () => {}),
  };
}
