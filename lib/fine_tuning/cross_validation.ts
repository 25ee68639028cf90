/** Script 7: Nucleotide Transformer with IA3, from promoter DNA to all genes, fold by fold. */
import type { Backend } from "../backend/backend.ts";
import type { FlagDeclarations } from "../cli/flags.ts";
import { counted, log } from "../cli/log.ts";
import type { FoldProgress } from "../cli/progress.ts";
import type { Fold } from "../dataset/kfold.ts";
import { columnMeans, fillMissing } from "../dataset/missing_values.ts";
import { meanMetric, perturbationMetrics } from "../evaluation/metrics.ts";
import { type Matrix, takeRows } from "../linalg/matrix.ts";
import { ModelStream } from "../random/model_stream.ts";
import type { FoldStore } from "../models/fold_store.ts";
import { Ia3Regressor } from "../models/ia3.ts";
import { predictSequences } from "./predict_sequences.ts";
import { type EpochResult, type Ia3TrainingSettings, totalSteps, trainIa3 } from "./training.ts";
import type { NucleotideTransformer } from "../models/nucleotide_transformer.ts";
import type { Adapter } from "../models/peft_adapter.ts";
import type { TrainedFold } from "../models/saved_model.ts";
import { TrainingClock } from "./clock.ts";
import type { Tokenizer } from "../models/token_batch.ts";

/** Flags of the fine-tuning, with the defaults of the Python's trainer. */
export const ia3Flags = {
  "learning-rate": { default: 1e-3, above: 0, group: "Training", help: "of Adam, constant" },
  "batch-size": { default: 4, min: 1, group: "Training", help: "sequences of one update" },
  "gradient-accumulation-steps": {
    default: 1,
    min: 1,
    group: "Training",
    help: "batches whose gradients make one update",
  },
  "eval-batch-size": { default: 1, min: 1, group: "Training", help: "sequences at a time in evaluation" },
  "num-epochs": { default: 20, min: 1, group: "Training", help: "passes over the training rows" },
  "max-steps": {
    default: null,
    type: "integer",
    min: 1,
    group: "Training",
    shownDefault: "as --num-epochs says",
    help: "end each fold after this many updates",
  },
  "max-grad-norm": {
    default: 1,
    above: 0,
    integer: false,
    group: "Training",
    help: "joint norm to which gradients are clipped",
  },
  "restore": {
    default: "best",
    choices: ["best", "last"],
    group: "Training",
    help: "weights that predict: of the epoch of highest mean Pearson, or the last",
  },
  "mixed-precision": {
    default: false,
    group: "Training",
    help: "compute in f16 with a dynamic loss scale, where the device can",
  },
  "checkpoint-activations": {
    default: "auto",
    choices: ["auto", "on", "off"],
    group: "Memory",
    help: "compute layers again in the backward pass instead of keeping their activations",
  },
  "micro-batch-size": {
    default: null,
    type: "integer",
    min: 1,
    group: "Memory",
    shownDefault: "what --memory-gb allows",
    help: "sequences that go through the model at once; an update adds the gradients of its parts",
  },
  "memory-gb": {
    default: null,
    type: "number",
    above: 0,
    group: "Memory",
    shownDefault: "8 on a GPU, 2.5 on the CPU",
    help: "device memory that a training step may take",
  },
  "evaluate-training": {
    default: false,
    group: "Output",
    help: "predict each fold's training rows too, for training metrics in summary.json",
  },
} as const satisfies FlagDeclarations;

/** What the folds are cut from. */
export interface Ia3Data {
  readonly ids: readonly string[];
  /** One sequence a perturbation. */
  readonly tokenIds: readonly Int32Array[];
  readonly tokenizer: Tokenizer;
  /** perturbations x genes, NaN where missing. */
  readonly y: Matrix;
  readonly folds: readonly Fold[];
  /** Fill missing values from, and choose the best epoch on, training rows only. */
  readonly strict: boolean;
}

export interface Ia3RunSettings extends Ia3TrainingSettings {
  readonly evalBatchSize: number;
  readonly evaluateTraining: boolean;
}

/** One fold's line of summary.json. */
export interface FoldReport {
  readonly fold: number;
  readonly trainRows: number;
  /** Rows that the best epoch was chosen on. */
  readonly selectionRows: number;
  readonly bestEpoch: number;
  readonly epochs: EpochResult[];
  readonly skippedSteps: number;
  /** Mean per-perturbation Pearson of the training rows, where it was asked for. */
  readonly trainPearson: number | null;
  readonly seconds: number;
}

/** Train the folds that `store` says this run has to do, and hand each one's adapter to `onAdapter`. */
export async function runIa3Folds(
  encoder: NucleotideTransformer,
  data: Ia3Data,
  settings: Ia3RunSettings,
  store: FoldStore,
  progress: FoldProgress,
  options: {
    baseModel: string;
    checkpointSteps: number | null;
    /** Log lines on the way; off where a bar shows how far a fold is. */
    showLines: boolean;
    onAdapter: (fold: number, adapter: Adapter) => Promise<void>;
  },
): Promise<void> {
  for (const i of store.toRun) {
    const startMs = performance.now();
    const { train, selection, test } = rowsOfFold(data, settings.seed, i);
    const targets = fillMissing(data.y, data.strict ? train : undefined).filled;
    const model = Ia3Regressor.untrained(
      encoder,
      data.y.columns,
      new ModelStream(settings.seed, `fold ${i}`).derive("head"),
    );
    const predict = (rows: ArrayLike<number>, onBatch?: (tokens: number) => void) =>
      predictSequences(model, data.tokenIds, rows, data.tokenizer, settings.evalBatchSize, onBatch);
    const meanPearson = async (rows: Int32Array, onBatch?: (tokens: number) => void) =>
      meanMetric(perturbationMetrics(takeRows(data.y, rows), await predict(rows, onBatch)), "pearson");

    const steps = totalSteps(train.length, settings);
    const clock = new TrainingClock(data.tokenIds, train, selection, {
      steps,
      stepsOfEpoch: Math.ceil(train.length / settings.batchSize),
    });
    const checkpoint = store.checkpoint(i);
    const tell = new Reporter(options.showLines);
    const record = await trainIa3({
      model,
      examples: { tokenIds: data.tokenIds, targets, tokenizer: data.tokenizer },
      rows: train,
      fold: i,
      settings,
      evaluate: () => meanPearson(selection, (tokens) => clock.evaluated(tokens)),
      onStep: ({ epoch, step, loss, tokens }) => {
        clock.trained(step, tokens);
        const text = `epoch ${epoch + 1}, step ${step}/${steps}, loss ${loss.toFixed(5)}, ${clock.text()}`;
        progress.within(clock.share, text);
        tell.now(`Fold ${i}, ${text}`);
      },
      onEpoch: ({ epoch, trainLoss, score }) =>
        tell.always(
          `Fold ${i}, epoch ${epoch + 1}: training loss ${trainLoss.toFixed(6)}, ` +
            `mean Pearson ${score.toFixed(4)} on ${selection.length} rows, ${clock.text()}`,
        ),
      checkpoint: { ...checkpoint, everySteps: options.checkpointSteps },
    });
    if (record.skippedSteps > 0) {
      log.info(`${record.skippedSteps} steps of fold ${i} were left out: f16 overflowed.`);
    }
    const isJudged = record.bestEpoch >= 0;
    if (!isJudged && settings.restore === "best") {
      log.warn(
        `No measured value in the ${
          counted(selection.length, "row")
        } that would choose the best epoch of fold ${i}: ` +
          `the last epoch's weights are used.`,
      );
    }
    const report: FoldReport = {
      fold: i,
      trainRows: train.length,
      selectionRows: selection.length,
      ...record,
      trainPearson: settings.evaluateTraining ? await meanPearson(train) : null,
      seconds: (performance.now() - startMs) / 1000,
    };
    const { data: predictions } = await predict(test);
    await options.onAdapter(i, await model.adapter(options.baseModel));
    model.dispose();
    await store.save(
      i,
      { report },
      new Map([
        ["predictions", { shape: [test.length, data.y.columns], data: predictions }],
        ["baseline", {
          shape: [data.y.columns],
          data: Float32Array.from(columnMeans(data.y, data.folds[i].train)),
        }],
      ]),
    );
    const best = isJudged ? `best epoch ${record.bestEpoch + 1} of` : "no best epoch of";
    progress.finished(`${test.length} test perturbations, ${best} ${record.epochs.length}`);
  }
  progress.end();
}

/** Results of all folds together. */
export interface Ia3Results {
  /** perturbations x genes, each row by the fold that held it out. */
  readonly predictions: Matrix;
  readonly reports: FoldReport[];
  /** For predict.ts. */
  readonly models: TrainedFold[];
}

/** Put the finished folds together. @param adapterFolder of a fold, relative to model.json */
export function collectIa3Folds(
  data: Pick<Ia3Data, "ids" | "y" | "folds">,
  store: FoldStore,
  adapterFolder: (fold: number) => string,
): Ia3Results {
  const { rows, columns } = data.y;
  const predictions = { data: new Float32Array(rows * columns).fill(NaN), rows, columns };
  const results: Ia3Results = { predictions, reports: [], models: [] };
  data.folds.forEach(({ test }, fold) => {
    const saved = store.read(fold);
    const numbers = saved.numbers("predictions", test.length * columns);
    test.forEach((row, r) =>
      predictions.data.set(numbers.subarray(r * columns, (r + 1) * columns), row * columns)
    );
    results.reports.push(saved.values.report as FoldReport);
    results.models.push({
      fold,
      test: Array.from(test, (row) => data.ids[row]),
      tensors: new Map([["baseline", { shape: [columns], data: saved.numbers("baseline", columns) }]]),
      adapter: adapterFolder(fold),
    });
  });
  return results;
}

/**
 * Rows that a fold trains on, rows that choose its best epoch, rows that it predicts. The Python chose on the test rows;
 * under `strict` a random fifth of the training rows is put aside for that.
 */
export function rowsOfFold(
  { folds, strict }: Pick<Ia3Data, "folds" | "strict">,
  seed: number,
  fold: number,
): { train: Int32Array; selection: Int32Array; test: Int32Array } {
  const { train, test } = folds[fold];
  if (!strict || train.length < 2) {
    return { train: Int32Array.from(train), selection: Int32Array.from(test), test: Int32Array.from(test) };
  }
  const shuffled = new ModelStream(seed, `fold ${fold}`).derive("selection").shuffle(Int32Array.from(train));
  const aside = Math.max(1, Math.round(shuffled.length / 5));
  return { train: shuffled.slice(aside), selection: shuffled.slice(0, aside), test: Int32Array.from(test) };
}

/** Log lines of a long fold: every epoch, and in long epochs one a minute. */
class Reporter {
  static readonly #intervalMs = 60_000;
  #lastMs = performance.now();

  constructor(readonly isOn: boolean) {}

  now(text: string): void {
    if (performance.now() - this.#lastMs >= Reporter.#intervalMs) this.always(text);
  }

  always(text: string): void {
    this.#lastMs = performance.now();
    if (this.isOn) log.info(text);
  }
}

/** Bytes that a training step may take where the user says nothing: WebGPU does not tell what there is. */
export function defaultMemoryBytes(backend: Backend): number {
  return (backend.name === "webgpu" ? 8 : 2.5) * 2 ** 30;
}
