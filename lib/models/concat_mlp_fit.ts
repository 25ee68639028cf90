/** Training the network of concat_mlp.ts on one fold: batches of (TF, gene) pairs that are never laid out in memory. */
import type { Backend, DType } from "../backend/backend.ts";
import type { Matrix } from "../linalg/matrix.ts";
import { takeRows } from "../linalg/matrix.ts";
import {
  Adam,
  type Check,
  LossLog,
  LossScaler,
  train,
  type Trainee,
  type TrainingCheckpoint,
  type TrainingHistory,
  trainingStep,
} from "../nn/mod.ts";
import type { ModelStream } from "../random/model_stream.ts";
import {
  cast,
  fromArray,
  gatherRows,
  maskedSquaredError,
  noGrad,
  scope,
  type Tensor,
} from "../tensor/mod.ts";
import { ConcatMlp } from "./concat_mlp.ts";
import type { MlpSettings } from "./mlp_fit.ts";

/** A fold's numbers. Cells of Y without a measured value are in no batch. */
export interface PairFold {
  /** perturbations x TF embedding width, all of them. */
  readonly tfs: Matrix;
  /** genes x gene embedding width. */
  readonly genes: Matrix;
  /** perturbations x genes, NaN where missing. */
  readonly y: Matrix;
  readonly train: ArrayLike<number>;
  /** Rows whose error decides when training stops and which weights are the best; they are not learned from. */
  readonly validation: ArrayLike<number>;
  readonly test: ArrayLike<number>;
  /** For messages: "fold 2". */
  readonly name: string;
}

export interface FittedConcatMlp {
  readonly model: ConcatMlp;
  /** A row for each of the fold's test rows. */
  readonly predictions: Matrix;
  readonly history: TrainingHistory;
  readonly skippedSteps: number;
}

/** Pairs that go through the network at once when it predicts. */
const predictionPairs = 16384;

/**
 * Train with Adam on the training rows' cells, stopping by the error on the validation rows.
 *
 * @param stream of this fold; everything random derives from it
 * @param options.onBatch told the share of an epoch that is through
 */
export async function fitConcatMlp(
  backend: Backend,
  fold: PairFold,
  settings: MlpSettings,
  stream: ModelStream,
  options: {
    onCheck?: (check: Check) => void;
    onBatch?: (epoch: number, share: number) => void;
    checkpoint?: TrainingCheckpoint;
  } = {},
): Promise<FittedConcatMlp> {
  const { learningRate, weightDecay, batchSize } = settings;
  const dtype = settings.mixedPrecision ? "f16" : "f32";
  const widths = { tf: fold.tfs.columns, gene: fold.genes.columns };
  const model = ConcatMlp.torchDefault(backend, widths, settings.hiddenDims, stream.derive("weights"));
  const optimiser = new Adam(model.parameters(), { learningRate, weightDecay });
  const trainee: Trainee = {
    parameters: model.parameters(),
    optimiser,
    losses: new LossLog(),
    scaler: settings.mixedPrecision ? new LossScaler() : null,
  };
  const tables = {
    tfs: upload(backend, takeRows(fold.tfs, fold.train), dtype),
    genes: upload(backend, fold.genes, dtype),
  };
  const targets = takeRows(fold.y, fold.train);
  const validationTargets = takeRows(fold.y, fold.validation).data;
  const cells = finiteCells(targets.data);
  const order = new Int32Array(cells.length);
  const steps = Math.ceil(cells.length / batchSize);

  const history = await train({
    ...trainee,
    ...settings,
    ...options,
    name: fold.name,
    checkEvery: 1,
    async trainEpoch(epoch) {
      order.set(cells);
      stream.derive(`epoch ${epoch}`).shuffle(order);
      for (let step = 0; step < steps; step++) {
        const batch = order.subarray(step * batchSize, (step + 1) * batchSize);
        await trainingStep(trainee, epoch, step, () => batchLoss(model, tables, targets, batch));
        options.onBatch?.(epoch, (step + 1) / steps);
      }
    },
    async validate() {
      const { data } = await predictPairs(model, takeRows(fold.tfs, fold.validation), tables.genes, dtype);
      return meanSquaredError(data, validationTargets);
    },
  });
  const predictions = await predictPairs(model, takeRows(fold.tfs, fold.test), tables.genes, dtype);
  tables.tfs.dispose();
  tables.genes.dispose();
  optimiser.dispose();
  return { model, predictions, history, skippedSteps: trainee.scaler?.skipped ?? 0 };
}

/** Loss of a batch of cells; only the TFs and genes that occur in it are projected. */
export function batchLoss(
  model: ConcatMlp,
  tables: { tfs: Tensor; genes: Tensor },
  targets: Matrix,
  cells: Int32Array,
): Tensor {
  const { backend } = tables.genes;
  // Pairs of one gene side by side: its row is read, and its gradient added to, while it is in the cache.
  const byGene = cells.map((cell) =>
    cell % targets.columns * targets.rows + Math.floor(cell / targets.columns)
  )
    .sort();
  const tfs = distinct(byGene.map((key) => key % targets.rows), tables.tfs.rows);
  const genes = distinct(byGene.map((key) => Math.floor(key / targets.rows)), tables.genes.rows);
  const rowsOf = (table: Tensor, { rows }: Distinct) =>
    rows.length === table.rows ? table : gatherRows(table, fromArray(backend, rows));
  const prediction = model.forward(
    model.projectTfs(rowsOf(tables.tfs, tfs)),
    fromArray(backend, tfs.positions),
    model.projectGenes(rowsOf(tables.genes, genes)),
    fromArray(backend, genes.positions),
  );
  const truth = Float32Array.from(byGene, (key) => {
    return targets.data[key % targets.rows * targets.columns + Math.floor(key / targets.rows)];
  });
  return maskedSquaredError(cast(prediction, "f32"), fromArray(backend, truth));
}

interface Distinct {
  /** The different values, ascending. */
  rows: Int32Array;
  /** For each value its place in `rows`. */
  positions: Int32Array;
}

/** @param values from 0 to count - 1 */
function distinct(values: Int32Array, count: number): Distinct {
  const place = new Int32Array(count).fill(-1);
  for (const value of values) place[value] = 0;
  let found = 0;
  for (let value = 0; value < count; value++) if (place[value] === 0) place[value] = found++;
  const rows = new Int32Array(found);
  place.forEach((at, value) => at >= 0 && (rows[at] = value));
  return { rows, positions: values.map((value) => place[value]) };
}

/**
 * Predictions for every gene and each of some TFs.
 *
 * @param tfs rows of TF embeddings
 * @param genes gene embeddings, on the device
 * @returns TFs x genes
 */
export async function predictPairs(
  model: ConcatMlp,
  tfs: Matrix,
  genes: Tensor,
  dtype: DType = "f32",
): Promise<Matrix> {
  const { backend } = genes;
  const columns = genes.rows;
  const projected = noGrad(() =>
    scope(() => ({
      tfs: model.projectTfs(upload(backend, tfs, dtype)),
      genes: model.projectGenes(genes),
    }))
  );
  const data = new Float32Array(tfs.rows * columns);
  for (let start = 0; start < data.length; start += predictionPairs) {
    const cells = Int32Array.from(
      { length: Math.min(predictionPairs, data.length - start) },
      (_, i) => start + i,
    );
    const output = noGrad(() =>
      scope(() =>
        cast(
          model.forward(
            projected.tfs,
            fromArray(backend, cells.map((cell) => Math.floor(cell / columns))),
            projected.genes,
            fromArray(backend, cells.map((cell) => cell % columns)),
          ),
          "f32",
        )
      )
    );
    data.set(await output.read(), start);
    output.dispose();
  }
  projected.tfs.dispose();
  projected.genes.dispose();
  return { data, rows: tfs.rows, columns };
}

function upload(backend: Backend, matrix: Matrix, dtype: DType): Tensor {
  return fromArray(backend, matrix.data, [matrix.rows, matrix.columns], dtype);
}

function finiteCells(targets: Float32Array): Int32Array {
  const cells = new Int32Array(targets.length);
  let count = 0;
  targets.forEach((target, cell) => Number.isFinite(target) && (cells[count++] = cell));
  return cells.slice(0, count);
}

/** Over the cells with a finite target, summed in float64; a prediction that is not finite makes it NaN. */
function meanSquaredError(predictions: Float32Array, targets: Float32Array): number {
  let sum = 0, cells = 0;
  for (let i = 0; i < targets.length; i++) {
    if (!Number.isFinite(targets[i])) continue;
    sum += (predictions[i] - targets[i]) ** 2;
    cells++;
  }
  return sum / cells;
}
