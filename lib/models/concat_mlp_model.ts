/**
 * One MLP on [TF embedding ; gene embedding] for every cell of the targets, as an experiment.
 *
 * Saved: gene_embeddings (genes x gene width), layers.<i>.weight and .bias; the first layer's inputs are the pair, its two
 * halves side by side. Files of earlier versions may have a scaler over the pair.
 */
import type { Backend } from "../backend/backend.ts";
import { DataError } from "../cli/errors.ts";
import { counted, log } from "../cli/log.ts";
import type {
  ExperimentData,
  FoldTask,
  LoadedFold,
  ModelFamily,
  WholeFoldModel,
} from "../experiment/model.ts";
import type { SafetensorsArray } from "../io/safetensors.ts";
import { type Embedded, type Matrix, takeColumns, takeRows } from "../linalg/matrix.ts";
import { Linear } from "../nn/layers.ts";
import { ModelStream } from "../random/model_stream.ts";
import { fromArray, parameter } from "../tensor/mod.ts";
import { ConcatMlp } from "./concat_mlp.ts";
import { fitConcatMlp, predictPairs } from "./concat_mlp_fit.ts";
import { engineOf } from "./engine_name.ts";
import { savedMatrix, scaled, scaledRows } from "./linear_prediction.ts";
import { Mlp } from "./mlp.ts";
import { type MlpSettings, splitOff } from "./mlp_fit.ts";
import { refuseUntrainable } from "./mlp_model.ts";
import { bestCheck, networkIdentity, type NetworkReport, networkSummary } from "./network_summary.ts";
import { layerShapes, loadLayers } from "./saved_layers.ts";

export const concatMlp: ModelFamily = {
  kind: "concat_mlp",
  input: "embedding",
  shapes({ genes, width }, tensors) {
    const geneWidth = tensors.get("gene_embeddings")?.shape[1] ?? null;
    const both = width !== null && geneWidth !== null ? width + geneWidth : null;
    return { gene_embeddings: [genes, geneWidth], ...layerShapes(tensors, both, 1) };
  },
  load: loadPairs,
};

/**
 * @param tfs perturbations x TF embedding width
 * @param genes read-out genes x gene embedding width
 */
export function concatMlpModel(
  data: ExperimentData,
  { tfs, genes }: { tfs: Matrix; genes: Matrix },
  settings: MlpSettings,
  backend: Backend,
): WholeFoldModel {
  return {
    family: concatMlp,
    identity: networkIdentity(settings),
    engine: engineOf(backend),
    isQuick: false,
    predictsTraining: false,
    async fit(task) {
      refuseUntrainable(data, task);
      const stream = new ModelStream(data.seed, task.name);
      // Not the filled targets: cells without a measured value are in no batch.
      const y = task.genes ? takeColumns(data.targets.values, task.genes) : data.targets.values;
      const { learned, validation } = rowsOf(y, task, stream, data.strict);
      let validationLoss = "";
      const fitted = await fitConcatMlp(
        backend,
        {
          tfs,
          genes: task.genes ? takeRows(genes, task.genes) : genes,
          y,
          train: learned,
          validation,
          test: task.test,
          name: task.name,
        },
        settings,
        stream,
        {
          onCheck: ({ loss }) => validationLoss = `, MSE ${loss.toFixed(6)}`,
          onBatch: (epoch, share) =>
            task.progress((epoch + share) / settings.epochs, `epoch ${epoch}${validationLoss}`),
          checkpoint: task.checkpoint,
        },
      );
      const { predictions, model, history, skippedSteps } = fitted, best = bestCheck(history);
      if (skippedSteps > 0) log.info(`${skippedSteps} steps of ${task.name} were left out: f16 overflowed.`);
      return {
        predict: () => predictions,
        tensors: () => tensorsOf(model, genes),
        report: { history, skippedSteps } satisfies NetworkReport,
        note: `best MSE ${best?.loss.toFixed(6)} at epoch ${best?.epoch}`,
        close: () => model.dispose(),
      };
    },
    summary: (reports) => ({
      ...networkSummary(settings, reports as readonly NetworkReport[]),
      stopping: data.strict
        ? "by a fifth of the training rows"
        : "by the error on the held-out rows, as in the Python script: means may look better than they are (--strict)",
    }),
    close: () => backend.close(),
  };
}

async function tensorsOf(model: ConcatMlp, genes: Matrix) {
  const numbers = new Map<string, { shape: readonly number[]; data: Float32Array }>();
  for (const [name, tensor] of model.parameters()) {
    numbers.set(name, { shape: tensor.shape, data: await tensor.read() });
  }
  const tensors = new Map<string, SafetensorsArray>([
    ["gene_embeddings", { shape: [genes.rows, genes.columns], data: genes.data }],
    ["layers.0.weight", sideBySide(numbers.get("tf.weight")!, numbers.get("gene.weight")!)],
    ["layers.0.bias", numbers.get("tf.bias")!],
  ]);
  for (const [name, tensor] of numbers) {
    const match = /^rest\.layers\.(\d+)\.(weight|bias)$/.exec(name);
    if (match) tensors.set(`layers.${Number(match[1]) + 1}.${match[2]}`, tensor);
  }
  return tensors;
}

/** Two matrices with the same rows as one. */
function sideBySide(left: SafetensorsArray, right: SafetensorsArray): SafetensorsArray {
  const [rows, a] = left.shape, [, b] = right.shape;
  const data = new Float32Array(rows * (a + b));
  for (let i = 0; i < rows; i++) {
    data.set((left.data as Float32Array).subarray(i * a, (i + 1) * a), i * (a + b));
    data.set((right.data as Float32Array).subarray(i * b, (i + 1) * b), i * (a + b) + a);
  }
  return { shape: [rows, a + b], data };
}

async function loadPairs({ tensors, device }: LoadedFold) {
  const backend = await device();
  const first = savedMatrix(tensors, "layers.0.weight");
  const geneWidth = tensors.get("gene_embeddings")!.shape[1], tfWidth = first.columns - geneWidth;
  const half = (from: number, width: number) => {
    const data = new Float32Array(first.rows * width);
    for (let i = 0; i < first.rows; i++) {
      const start = i * first.columns + from;
      data.set(first.data.subarray(start, start + width), i * width);
    }
    return parameter(backend, data, [first.rows, width]);
  };
  const network = new ConcatMlp(
    new Linear(half(0, tfWidth), parameter(backend, tensors.get("layers.0.bias")!.data, [first.rows])),
    new Linear(half(tfWidth, geneWidth), null),
    new Mlp(loadLayers(backend, tensors, 1)),
  );
  const geneRows = scaled(savedMatrix(tensors, "gene_embeddings"), tensors, tfWidth);
  const genes = fromArray(backend, geneRows.data, [geneRows.rows, geneRows.columns]);
  return {
    predict: (input: Parameters<typeof scaledRows>[0], rows: readonly number[]) =>
      predictPairs(network, scaledRows(input, rows, tensors), genes),
    close() {
      network.dispose();
      genes.dispose();
    },
  };
}

/**
 * Rows that a fold learns from, and rows whose error stops it: the held-out rows, as in the Python script; under `strict`, or
 * where these have no measured value, a fifth of the training rows.
 */
function rowsOf(
  y: Matrix,
  { train, test, name }: FoldTask,
  stream: ModelStream,
  strict: boolean,
): { learned: ArrayLike<number>; validation: ArrayLike<number> } {
  const isMeasured = (row: number) =>
    y.data.subarray(row * y.columns, (row + 1) * y.columns).some(Number.isFinite);
  const measured = Int32Array.from(train).filter(isMeasured);
  if (!strict) {
    if (test.some(isMeasured)) return { learned: train, validation: test };
    log.warn(
      `No measured value in the ${counted(test.length, "test perturbation")} of ${name}: ` +
        `a fifth of its training rows decides when it stops.`,
    );
  }
  return splitOff(measured, stream.derive("validation"));
}

/** Embeddings in float32; says where columns lose their differences by it, since this network does not scale them. */
export function asFloat32(matrix: Embedded, path: string): Matrix {
  if (matrix.data instanceof Float32Array) return { ...matrix, data: matrix.data };
  const { rows, columns } = matrix, data = Float32Array.from(matrix.data);
  const beyond = data.findIndex((value) => Math.abs(value) === Infinity);
  if (beyond >= 0) {
    throw new DataError(
      `Cannot use "${path}": column ${beyond % columns} holds ${
        matrix.data[beyond]
      }, beyond float32 (this network does not scale its inputs: scale them first)`,
    );
  }
  const lost = Array.from({ length: columns }, (_, j) => j).filter((j) => {
    const exact = new Set<number>(), rounded = new Set<number>();
    for (let i = 0; i < rows; i++) {
      exact.add(matrix.data[i * columns + j]);
      rounded.add(data[i * columns + j]);
    }
    return rounded.size < exact.size / 2;
  });
  if (lost.length > 0) {
    log.warn(
      `${
        counted(lost.length, "column")
      } of "${path}" lose differences between rows in float32, such as column ${lost[0]} ` +
        `(this network does not scale its inputs: scale them first).`,
    );
  }
  return { data, rows, columns };
}
