/** Training an MLP on one fold: from a perturbation's embedding to the expression of all genes. */
import type { Backend } from "../backend/backend.ts";
import { type Matrix, takeRows } from "../linalg/matrix.ts";
import {
  Adam,
  type Check,
  Dropout,
  LossLog,
  LossScaler,
  ReduceLROnPlateau,
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
  meanOf,
  noGrad,
  scope,
  type Tensor,
} from "../tensor/mod.ts";
import { Mlp } from "./mlp.ts";

export interface MlpSettings {
  readonly hiddenDims: readonly number[];
  readonly learningRate: number;
  readonly batchSize: number;
  readonly epochs: number;
  readonly weightDecay: number;
  /** Checks without improvement before training stops. */
  readonly patience: number;
  readonly restore: "best" | "last";
  /** f16 arithmetic; the backend has it. */
  readonly mixedPrecision: boolean;
}

/** A fold's numbers, standardised and filled. */
export interface MlpFold {
  /** perturbations x embedding width, all of them. */
  readonly x: Matrix;
  /** perturbations x genes. */
  readonly y: Matrix;
  readonly train: ArrayLike<number>;
  readonly test: ArrayLike<number>;
  /** Training rows whose predictions are wanted too. */
  readonly shown: ArrayLike<number>;
  /** For messages: "fold 2". */
  readonly name: string;
}

export interface FittedMlp {
  readonly model: Mlp;
  /** A row for each of the fold's test rows, and of its shown training rows. */
  readonly predictions: Matrix;
  readonly trainPredictions: Matrix;
  readonly history: TrainingHistory;
  /** Steps left out for an overflow of f16. */
  readonly skippedSteps: number;
}

const dropoutShare = 0.2;
const checkEvery = 5;

/**
 * Train with AdamW, a learning rate that falls on plateaus, and a random fifth of the training rows for validation.
 *
 * @param stream of this fold; everything random derives from it
 */
export async function fitMlp(
  backend: Backend,
  fold: MlpFold,
  settings: MlpSettings,
  stream: ModelStream,
  options: { onCheck?: (check: Check) => void; checkpoint?: TrainingCheckpoint } = {},
): Promise<FittedMlp> {
  const { learningRate, weightDecay, batchSize } = settings;
  const widths = [fold.x.columns, ...settings.hiddenDims, fold.y.columns];
  const model = Mlp.xavier(backend, widths, stream.derive("weights"));
  const optimiser = Adam.decoupled(model.parameters(), { learningRate, weightDecay });
  const trainee: Trainee = {
    parameters: model.parameters(),
    optimiser,
    losses: new LossLog(),
    scaler: settings.mixedPrecision ? new LossScaler() : null,
  };
  const dtype = settings.mixedPrecision ? "f16" : "f32";
  const onDevice = (rows: ArrayLike<number>) => {
    const x = takeRows(fold.x, rows), y = takeRows(fold.y, rows);
    return {
      x: fromArray(backend, x.data, [x.rows, x.columns], dtype),
      y: fromArray(backend, y.data, [y.rows, y.columns]),
    };
  };
  const { learned, validation } = splitOff(fold.train, stream.derive("validation"));
  const training = onDevice(learned), held = onDevice(validation);

  const dropout = new Dropout(dropoutShare, stream.derive("dropout").uint32());
  const steps = Math.ceil(learned.length / batchSize);
  const history = await train({
    ...trainee,
    ...settings,
    ...options,
    name: fold.name,
    schedule: new ReduceLROnPlateau(learningRate, { factor: 0.7, patience: 3 }),
    checkEvery,
    async trainEpoch(epoch) {
      dropout.position = epoch * steps * settings.hiddenDims.length;
      const order = steps > 1 ? stream.derive(`epoch ${epoch}`).permutation(learned.length) : null;
      for (let step = 0; step < steps; step++) {
        const rows = order?.subarray(step * batchSize, (step + 1) * batchSize);
        await trainingStep(trainee, epoch, step, () => {
          const { x, y } = rows ? batchOf(training, rows) : training;
          return maskedSquaredError(cast(model.forward(x, dropout), "f32"), y);
        });
      }
    },
    validate: () => meanSquaredError(model, held.x, held.y, batchSize),
  });
  for (const tensor of [training.x, training.y, held.x, held.y]) tensor.dispose();
  optimiser.dispose();

  const predict = async (rows: ArrayLike<number>): Promise<Matrix> => {
    const x = takeRows(fold.x, rows);
    return await predictMlp(model, x, dtype);
  };
  return {
    model,
    predictions: await predict(fold.test),
    trainPredictions: await predict(fold.shown),
    history,
    skippedSteps: trainee.scaler?.skipped ?? 0,
  };
}

/** A network's predictions for rows of standardised embeddings. */
export async function predictMlp(model: Mlp, x: Matrix, dtype: "f32" | "f16" = "f32"): Promise<Matrix> {
  const { backend } = model.layers[0].weight;
  const columns = model.layers.at(-1)!.weight.shape[0];
  if (x.rows === 0) return { data: new Float32Array(0), rows: 0, columns };
  const output = noGrad(() =>
    scope(() => cast(model.forward(fromArray(backend, x.data, [x.rows, x.columns], dtype)), "f32"))
  );
  const data = await output.read();
  output.dispose();
  return { data, rows: x.rows, columns };
}

/** Rows in random order but for a random fifth of all rows (at least one where there are two), which is put aside. */
export function splitOff(
  rows: ArrayLike<number>,
  stream: ModelStream,
): { learned: Int32Array; validation: Int32Array } {
  const shuffled = stream.shuffle(Int32Array.from(rows));
  const aside = Math.max(1, Math.round(shuffled.length / 5));
  // A fold that trains on a single row is judged by that row.
  if (shuffled.length < 2) return { learned: shuffled, validation: shuffled };
  return { learned: shuffled.subarray(aside), validation: shuffled.subarray(0, aside) };
}

function batchOf({ x, y }: { x: Tensor; y: Tensor }, rows: Int32Array): { x: Tensor; y: Tensor } {
  const indices = fromArray(x.backend, rows);
  return { x: gatherRows(x, indices), y: gatherRows(y, indices) };
}

async function meanSquaredError(model: Mlp, x: Tensor, y: Tensor, batchSize: number): Promise<number> {
  let sum = 0, cells = 0;
  for (let start = 0; start < x.rows; start += batchSize) {
    const stats = noGrad(() =>
      scope(() => {
        if (x.rows <= batchSize) return maskedSquaredError(cast(model.forward(x), "f32"), y);
        const count = Math.min(batchSize, x.rows - start);
        const batch = batchOf({ x, y }, Int32Array.from({ length: count }, (_, i) => start + i));
        return maskedSquaredError(cast(model.forward(batch.x), "f32"), batch.y);
      })
    );
    const [batchSum, batchCells] = await stats.read();
    stats.dispose();
    sum += batchSum;
    cells += batchCells;
  }
  return meanOf([sum, cells]);
}
