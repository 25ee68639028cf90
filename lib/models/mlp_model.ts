/**
 * An MLP from TF embeddings to all genes, as an experiment.
 *
 * Saved: scaler.mean, scaler.scale (width) in float64, so that an input is scaled as in training; layers.<i>.weight and .bias
 * with ReLU between them. A gene that a fold did not learn is predicted by its training mean.
 */
import type { Backend } from "../backend/backend.ts";
import { DataError } from "../cli/errors.ts";
import { log } from "../cli/log.ts";
import { shortId } from "../dataset/ids.ts";
import { StandardScaler } from "../dataset/standard_scaler.ts";
import type { ExperimentData, FoldTask, ModelFamily, WholeFoldModel } from "../experiment/model.ts";
import type { SafetensorsArray } from "../io/safetensors.ts";
import type { Embedded, Matrix } from "../linalg/matrix.ts";
import { ModelStream } from "../random/model_stream.ts";
import { engineOf } from "./engine_name.ts";
import { scaledRows } from "./linear_prediction.ts";
import { Mlp } from "./mlp.ts";
import { fitMlp, type MlpSettings, predictMlp } from "./mlp_fit.ts";
import { bestCheck, networkIdentity, type NetworkReport, networkSummary } from "./network_summary.ts";
import { layerShapes, loadLayers } from "./saved_layers.ts";

export const mlp: ModelFamily = {
  kind: "mlp",
  input: "embedding",
  shapes: ({ genes, width }, tensors) => ({
    "scaler.mean": [width],
    "scaler.scale": [width],
    ...layerShapes(tensors, width, genes),
  }),
  async load({ tensors, device }) {
    const network = new Mlp(loadLayers(await device(), tensors));
    return {
      predict: (input, rows) => predictMlp(network, scaledRows(input, rows, tensors)),
      close: () => network.dispose(),
    };
  },
};

/** @param x perturbations x embedding width */
export function mlpModel(
  data: ExperimentData,
  x: Embedded,
  settings: MlpSettings,
  backend: Backend,
): WholeFoldModel {
  return {
    family: mlp,
    identity: networkIdentity(settings),
    engine: engineOf(backend),
    isQuick: false,
    predictsTraining: true,
    async fit(task) {
      refuseUntrainable(data, task);
      const scaler = new StandardScaler(x, data.strict ? task.train : undefined);
      const fitted = await fitMlp(
        backend,
        { ...task, x: scaler.transform(x), y: task.targets },
        settings,
        new ModelStream(data.seed, task.name),
        {
          onCheck: ({ epoch, loss }) =>
            task.progress((epoch + 1) / settings.epochs, `loss ${loss.toFixed(5)}`),
          checkpoint: task.checkpoint,
        },
      );
      const { history, skippedSteps, model } = fitted, best = bestCheck(history);
      if (skippedSteps > 0) log.info(`${skippedSteps} steps of ${task.name} were left out: f16 overflowed.`);
      return {
        predict: (rows): Matrix => rows === task.test ? fitted.predictions : fitted.trainPredictions,
        tensors: () => tensorsOf(model, scaler, task),
        report: { history, skippedSteps } satisfies NetworkReport,
        note: `best validation loss ${best?.loss.toFixed(6)} at epoch ${best?.epoch}`,
        close: () => model.dispose(),
      };
    },
    summary: (reports) => networkSummary(settings, reports as readonly NetworkReport[]),
    close: () => backend.close(),
  };
}

/** Values whose squared error float32 still holds, with room for sums over a batch. */
const largestTarget = 1e15;

/**
 * Before training, what no setting could mend.
 *
 * @throws {DataError} when a target is so large that its squared error overflows, or no training row has a value
 */
export function refuseUntrainable(data: ExperimentData, { train, name }: FoldTask): void {
  const { targets: { values, perturbations, genes, path } } = data;
  const huge = values.data.findIndex((value) =>
    Math.abs(value) > largestTarget && Math.abs(value) < Infinity
  );
  if (huge >= 0) {
    const [row, column] = [Math.floor(huge / values.columns), huge % values.columns];
    throw new DataError(
      `Cannot train on "${path}": the target of ${shortId(perturbations[row])} at gene ${
        shortId(genes[column])
      } is ${
        values.data[huge]
      }, its squared error is beyond float32 (divide the targets by their size, or take logarithms)`,
    );
  }
  const isMeasured = (row: number) =>
    values.data.subarray(row * values.columns, (row + 1) * values.columns).some(Number.isFinite);
  if (train.some(isMeasured)) return;
  throw new DataError(
    `Cannot train ${name}: none of its ${train.length} training perturbations has a measured value`,
  );
}

async function tensorsOf(model: Mlp, { mean, scale }: StandardScaler, task: FoldTask) {
  const tensors = new Map<string, SafetensorsArray>([
    ["scaler.mean", { shape: [mean.length], data: mean }],
    ["scaler.scale", { shape: [scale.length], data: scale }],
  ]);
  const last = model.layers.length - 1;
  for (const [name, tensor] of model.parameters()) {
    const own = { shape: tensor.shape, data: await tensor.read() };
    const isOutput = name.startsWith(`layers.${last}.`);
    tensors.set(name, isOutput ? task.overAllGenes(own, name.endsWith("bias") ? "means" : "zeros") : own);
  }
  return tensors;
}
