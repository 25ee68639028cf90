/** Scripts 4 and 5: an MLP from TF embeddings to all genes, fold by fold. */
import type { Backend } from "../backend/backend.ts";
import { DataError } from "../cli/errors.ts";
import type { FlagDeclarations } from "../cli/flags.ts";
import { log } from "../cli/log.ts";
import type { FoldProgress } from "../cli/progress.ts";
import type { Fold } from "../dataset/kfold.ts";
import { crossValidate, type CrossValidated } from "../evaluation/cross_validation.ts";
import { columnMeans } from "../dataset/missing_values.ts";
import { StandardScaler } from "../dataset/standard_scaler.ts";
import type { TrainingTargets } from "../dataset/training_targets.ts";
import type { SafetensorsArray } from "../io/safetensors.ts";
import { type Matrix, takeRows } from "../linalg/matrix.ts";
import type { Checkpoint, TrainingHistory } from "../nn/mod.ts";
import { ModelStream } from "../random/model_stream.ts";
import type { FoldStore } from "./fold_store.ts";
import { fitMlp, type MlpSettings } from "./mlp_fit.ts";
import type { TrainedFold } from "./saved_model.ts";

/** Flags of the network and its training, with the defaults of scripts 4 and 5. */
export const mlpFlags = {
  "hidden-dims": {
    default: [1024, 512, 256],
    min: 1,
    value: "N ...",
    group: "Network",
    help: "widths of the hidden layers",
  },
  "learning-rate": { default: 1e-3, above: 0, group: "Training", help: "of AdamW, at the start" },
  "batch-size": { default: 512, min: 1, group: "Training", help: "perturbations a step" },
  "epochs": { default: 200, min: 1, group: "Training", help: "passes over the training rows, at most" },
  "weight-decay": { default: 1e-4, min: 0, group: "Training", help: "decoupled weight decay" },
  "patience": {
    default: 10,
    min: 0,
    group: "Training",
    help: "validation checks (every 5th epoch) without improvement before training stops",
  },
  "restore": {
    default: "best",
    choices: ["best", "last"],
    group: "Training",
    help: "weights that predict: of the best validation check, or the last (as the Python in effect did)",
  },
  "mixed-precision": {
    default: false,
    group: "Training",
    help: "compute in f16 with a dynamic loss scale, where the device can",
  },
} as const satisfies FlagDeclarations;

/** What the folds are cut from. */
export interface MlpData {
  /** perturbations x embedding width. */
  readonly x: Matrix;
  /** perturbations x genes, NaN where missing. */
  readonly y: Matrix;
  readonly ids: readonly string[];
  readonly folds: readonly Fold[];
  /** What the folds learn of y. */
  readonly training: TrainingTargets;
  /** Standardise by training rows alone. */
  readonly strict: boolean;
  readonly seed: number;
}

/** Results of all folds together. */
export interface MlpResults extends CrossValidated {
  readonly histories: TrainingHistory[];
  /** Steps left out for an overflow of f16. */
  readonly skippedSteps: number;
  /** Time that training took, over all runs that had a part in it. */
  readonly trainingSeconds: number;
  /** For --save-model. */
  readonly models: TrainedFold[];
}

/** Train the folds that `store` says this run has to do. */
export async function runMlpFolds(
  backend: Backend,
  data: MlpData,
  settings: MlpSettings,
  store: FoldStore,
  progress: FoldProgress,
): Promise<void> {
  for (const i of store.toRun) {
    const startMs = performance.now();
    const fold = data.folds[i];
    const name = `fold ${i}`;
    if (!hasFinite(data.y, fold.train)) {
      throw new DataError(
        `Cannot train ${name}: none of its ${fold.train.length} training perturbations has a measured value`,
      );
    }
    const fitted = await fitMlp(
      backend,
      {
        x: scalerOf(data, fold.train).transform(data.x),
        y: data.training.of(i).values,
        train: fold.train,
        test: fold.test,
        shown: rowsFirstTrainedIn(data.folds, i),
        name,
      },
      settings,
      new ModelStream(data.seed, name),
      {
        onCheck: ({ epoch, loss }) =>
          progress.within((epoch + 1) / settings.epochs, `loss ${loss.toFixed(5)}`),
        checkpoint: store.checkpoint(i),
      },
    );
    const tensors = new Map<string, SafetensorsArray>([
      ["predictions", asTensor(fitted.predictions)],
      ["train_predictions", asTensor(fitted.trainPredictions)],
      ["baseline", {
        shape: [data.y.columns],
        data: Float32Array.from(columnMeans(data.y, fold.train)),
      }],
    ]);
    for (const [key, tensor] of fitted.model.parameters()) {
      tensors.set(key, { shape: tensor.shape, data: await tensor.read() });
    }
    fitted.model.dispose();
    const { history, skippedSteps } = fitted;
    if (skippedSteps > 0) log.info(`${skippedSteps} steps of ${name} were left out: f16 overflowed.`);
    await store.save(i, { history, skippedSteps, seconds: (performance.now() - startMs) / 1000 }, tensors);
    const { epoch, loss } = history.checks.find(({ epoch }) => epoch === history.bestEpoch)!;
    progress.finished(
      `${store.label(i)}${fold.test.length} test perturbations, best validation loss ${
        loss.toFixed(6)
      } at epoch ${epoch}`,
    );
  }
  progress.end();
}

/** Put the finished folds together. */
export async function collectMlpFolds(
  data: MlpData,
  settings: MlpSettings,
  store: FoldStore,
): Promise<MlpResults> {
  const { rows, columns: genes } = data.y;
  const saved = data.folds.map((_, i) => store.read(i));
  const silent: FoldProgress = { within() {}, finished() {}, end() {} };
  const gathered = await crossValidate(data.folds, { rows, genes }, ({ test }, i) => {
    const own = data.training.genesOf(i), columns = own?.length ?? genes;
    const predict = (rows: Int32Array) => {
      const name = rows === test ? "predictions" : "train_predictions";
      return { data: saved[i].numbers(name, rows.length * columns), rows: rows.length, columns };
    };
    return { predict, genes: own };
  }, silent);
  return {
    ...gathered,
    histories: saved.map(({ values }) => values.history as TrainingHistory),
    skippedSteps: saved.reduce((sum, { values }) => sum + (values.skippedSteps as number), 0),
    trainingSeconds: saved.reduce((sum, { values }) => sum + (values.seconds as number), 0),
    models: data.folds.map(({ train, test }, fold) => ({
      fold,
      test: Array.from(test, (row) => data.ids[row]),
      tensors: modelTensors(saved[fold], data, settings, train, data.training.genesOf(fold)),
    })),
  };
}

/** A fold's tensors as lib/models/saved_model.ts wants them. A gene that the fold did not learn is predicted by its mean. */
function modelTensors(
  saved: Checkpoint,
  data: MlpData,
  settings: MlpSettings,
  train: ArrayLike<number>,
  own: readonly number[] | null,
) {
  const { columns: genes } = data.y, { columns: inputs } = data.x;
  const { mean, scale } = scalerOf(data, train);
  const tensors = new Map<string, SafetensorsArray>([
    ["baseline", { shape: [genes], data: saved.numbers("baseline", genes) }],
    ["scaler.mean", { shape: [inputs], data: mean }],
    ["scaler.scale", { shape: [inputs], data: scale }],
  ]);
  const widths = [inputs, ...settings.hiddenDims, own?.length ?? genes];
  for (let layer = 0; layer + 1 < widths.length; layer++) {
    const [width, outputs] = widths.slice(layer);
    const weight = saved.numbers(`layers.${layer}.weight`, outputs * width);
    const bias = saved.numbers(`layers.${layer}.bias`, outputs);
    const isLast = layer + 2 === widths.length;
    if (!isLast || own === null) {
      tensors.set(`layers.${layer}.weight`, { shape: [outputs, width], data: weight });
      tensors.set(`layers.${layer}.bias`, { shape: [outputs], data: bias });
      continue;
    }
    const allWeights = new Float32Array(genes * width), allBiases = saved.numbers("baseline", genes).slice();
    own.forEach((gene, i) => {
      allWeights.set(weight.subarray(i * width, (i + 1) * width), gene * width);
      allBiases[gene] = bias[i];
    });
    tensors.set(`layers.${layer}.weight`, { shape: [genes, width], data: allWeights });
    tensors.set(`layers.${layer}.bias`, { shape: [genes], data: allBiases });
  }
  return tensors;
}

function scalerOf({ x, strict }: MlpData, train: ArrayLike<number>): StandardScaler {
  return new StandardScaler(x, strict ? train : undefined);
}

/** Training rows of a fold that no earlier fold trained on. */
function rowsFirstTrainedIn(folds: readonly Fold[], i: number): Int32Array {
  const earlier = new Set(folds.slice(0, i).flatMap(({ train }) => Array.from(train)));
  return Int32Array.from(folds[i].train).filter((row) => !earlier.has(row));
}

function hasFinite(y: Matrix, rows: ArrayLike<number>): boolean {
  return takeRows(y, rows).data.some(Number.isFinite);
}

function asTensor({ data, rows, columns }: Matrix): SafetensorsArray {
  return { shape: [rows, columns], data };
}
