/** Script 6: one network on (TF, gene) pairs, fold by fold. */
import type { Backend } from "../backend/backend.ts";
import { DataError } from "../cli/errors.ts";
import { counted, log } from "../cli/log.ts";
import type { FoldProgress } from "../cli/progress.ts";
import type { Fold } from "../dataset/kfold.ts";
import { columnMeans } from "../dataset/missing_values.ts";
import { crossValidate, type CrossValidated } from "../evaluation/cross_validation.ts";
import type { SafetensorsArray } from "../io/safetensors.ts";
import { type Matrix, takeColumns, takeRows } from "../linalg/matrix.ts";
import type { Checkpoint, TrainingHistory } from "../nn/mod.ts";
import { ModelStream } from "../random/model_stream.ts";
import { fitConcatMlp } from "./concat_mlp_fit.ts";
import type { FoldStore } from "./fold_store.ts";
import { type MlpSettings, splitOff } from "./mlp_fit.ts";
import type { TrainedFold } from "./saved_model.ts";

/** What the folds are cut from. */
export interface PairData {
  /** perturbations x TF embedding width. */
  readonly tfs: Matrix;
  /** genes x gene embedding width. */
  readonly genes: Matrix;
  /** perturbations x genes, NaN where missing. */
  readonly y: Matrix;
  readonly ids: readonly string[];
  readonly folds: readonly Fold[];
  /** Each fold's genes as positions in `genes`, where it has not all. */
  readonly genesByFold: number[][] | null;
  readonly seed: number;
  /** Stop by a fifth of the training rows instead of by the held-out rows, as the Python did. */
  readonly strict: boolean;
}

export interface PairResults extends CrossValidated {
  readonly histories: TrainingHistory[];
  /** Steps left out for an overflow of f16. */
  readonly skippedSteps: number;
  /** Time that training took, over all runs that had a part in it. */
  readonly trainingSeconds: number;
  /** For --save-model. */
  readonly models: TrainedFold[];
}

/** Train the folds that `store` says this run has to do. */
export async function runPairFolds(
  backend: Backend,
  data: PairData,
  settings: MlpSettings,
  store: FoldStore,
  progress: FoldProgress,
): Promise<void> {
  for (const i of store.toRun) {
    const startMs = performance.now();
    const fold = data.folds[i];
    const name = `fold ${i}`;
    const stream = new ModelStream(data.seed, name);
    const own = data.genesByFold?.[i];
    const y = own ? takeColumns(data.y, own) : data.y;
    const { learned, validation } = rowsOfFold(y, fold, name, stream, data.strict);
    let validationLoss = "";
    const fitted = await fitConcatMlp(
      backend,
      {
        tfs: data.tfs,
        genes: own ? takeRows(data.genes, own) : data.genes,
        y,
        train: learned,
        validation,
        test: fold.test,
        name,
      },
      settings,
      stream,
      {
        onCheck: ({ loss }) => validationLoss = `, MSE ${loss.toFixed(6)}`,
        onBatch: (epoch, share) =>
          progress.within((epoch + share) / settings.epochs, `epoch ${epoch}${validationLoss}`),
        checkpoint: store.checkpoint(i),
      },
    );
    const { predictions, model, history, skippedSteps } = fitted;
    const tensors = new Map<string, SafetensorsArray>([
      ["predictions", { shape: [predictions.rows, predictions.columns], data: predictions.data }],
    ]);
    for (const [key, tensor] of model.parameters()) {
      tensors.set(key, { shape: tensor.shape, data: await tensor.read() });
    }
    model.dispose();
    if (skippedSteps > 0) log.info(`${skippedSteps} steps of ${name} were left out: f16 overflowed.`);
    await store.save(i, { history, skippedSteps, seconds: (performance.now() - startMs) / 1000 }, tensors);
    const best = history.checks.find(({ epoch }) => epoch === history.bestEpoch)!;
    progress.finished(
      `${store.label(i)}${fold.test.length} test perturbations, best MSE ${
        best.loss.toFixed(6)
      } at epoch ${best.epoch}`,
    );
  }
  progress.end();
}

/** Put the finished folds together. */
export async function collectPairFolds(
  data: PairData,
  settings: MlpSettings,
  store: FoldStore,
): Promise<PairResults> {
  const { rows, columns: genes } = data.y;
  const saved = data.folds.map((_, i) => store.read(i));
  const silent: FoldProgress = { within() {}, finished() {}, end() {} };
  const gathered = await crossValidate(
    data.folds,
    { rows, genes },
    (_, i) => {
      const own = data.genesByFold?.[i] ?? null, columns = own?.length ?? genes;
      const predict = (rows: Int32Array) => ({
        data: saved[i].numbers("predictions", rows.length * columns),
        rows: rows.length,
        columns,
      });
      return { predict, genes: own };
    },
    silent,
    { training: false },
  );
  return {
    ...gathered,
    histories: saved.map(({ values }) => values.history as TrainingHistory),
    skippedSteps: saved.reduce((sum, { values }) => sum + (values.skippedSteps as number), 0),
    trainingSeconds: saved.reduce((sum, { values }) => sum + (values.seconds as number), 0),
    models: data.folds.map(({ train, test }, fold) => ({
      fold,
      test: Array.from(test, (row) => data.ids[row]),
      tensors: modelTensors(saved[fold], data, settings, train),
    })),
  };
}

/** A fold's tensors as lib/models/saved_model.ts wants them: the first layer's halves side by side. */
function modelTensors(
  saved: Checkpoint,
  data: PairData,
  { hiddenDims }: MlpSettings,
  train: ArrayLike<number>,
): Map<string, SafetensorsArray> {
  const [width] = hiddenDims, tf = data.tfs.columns, gene = data.genes.columns;
  const tfHalf = saved.numbers("tf.weight", width * tf),
    geneHalf = saved.numbers("gene.weight", width * gene);
  const first = new Float32Array(width * (tf + gene));
  for (let i = 0; i < width; i++) {
    first.set(tfHalf.subarray(i * tf, (i + 1) * tf), i * (tf + gene));
    first.set(geneHalf.subarray(i * gene, (i + 1) * gene), i * (tf + gene) + tf);
  }
  const tensors = new Map<string, SafetensorsArray>([
    ["baseline", { shape: [data.y.columns], data: Float32Array.from(columnMeans(data.y, train)) }],
    ["gene_embeddings", { shape: [data.genes.rows, gene], data: data.genes.data }],
    ["layers.0.weight", { shape: [width, tf + gene], data: first }],
    ["layers.0.bias", { shape: [width], data: saved.numbers("tf.bias", width) }],
  ]);
  const widths = [...hiddenDims, 1];
  for (let layer = 1; layer < widths.length; layer++) {
    const [inputs, outputs] = widths.slice(layer - 1);
    const name = `rest.layers.${layer - 1}`;
    tensors.set(`layers.${layer}.weight`, {
      shape: [outputs, inputs],
      data: saved.numbers(`${name}.weight`, outputs * inputs),
    });
    tensors.set(`layers.${layer}.bias`, { shape: [outputs], data: saved.numbers(`${name}.bias`, outputs) });
  }
  return tensors;
}

/**
 * Rows that a fold learns from, and rows whose error stops it: the held-out rows, as in the Python; under `strict`, or
 * where these have no measured value, a fifth of the training rows.
 *
 * @throws {DataError} when no training row has a measured value
 */
function rowsOfFold(
  y: Matrix,
  { train, test }: Fold,
  name: string,
  stream: ModelStream,
  strict: boolean,
): { learned: ArrayLike<number>; validation: ArrayLike<number> } {
  const isMeasured = (row: number) =>
    y.data.subarray(row * y.columns, (row + 1) * y.columns).some(Number.isFinite);
  const measured = Int32Array.from(train).filter(isMeasured);
  if (measured.length === 0) {
    throw new DataError(
      `Cannot train ${name}: none of its ${train.length} training perturbations has a measured value`,
    );
  }
  if (!strict) {
    if (test.some(isMeasured)) return { learned: train, validation: test };
    log.warn(
      `No measured value in the ${counted(test.length, "test perturbation")} of ${name}: ` +
        `a fifth of its training rows decides when it stops.`,
    );
  }
  return splitOff(measured, stream.derive("validation"));
}
