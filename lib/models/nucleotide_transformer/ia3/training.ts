/**
 * Fine-tuning one fold: Adam with clipped gradients, an evaluation after every epoch, the best epoch's weights in the
 * end, and a state on disk from which a stopped run goes on to the same numbers.
 */
import { DataError } from "../../../cli/errors.ts";
import type { Matrix } from "../../../linalg/matrix.ts";
import { takeRows } from "../../../linalg/matrix.ts";
import {
  Adam,
  assertLearned,
  clipFactor,
  loadTensors,
  LossScaler,
  Snapshot,
  type TrainingCheckpoint,
  writeCheckpoint,
} from "../../../nn/mod.ts";
import { backward, fromArray, maskedSquaredError, meanOf, scope } from "../../../tensor/mod.ts";
import type { Ia3Regressor } from "./vectors.ts";
import { type BatchPlan, piecesOf, stepsOfEpoch } from "./batches.ts";
import { padBatch, type Tokenizer } from "../../token_batch.ts";

/** Tokenised sequences and what is to be predicted from them, a row each. */
export interface Examples {
  readonly tokenIds: readonly Int32Array[];
  /** rows x outputs, all finite. */
  readonly targets: Matrix;
  readonly tokenizer: Pick<Tokenizer, "padId" | "paddingSide">;
}

export interface Ia3TrainingSettings {
  readonly learningRate: number;
  /** Rows of one update. */
  readonly batchSize: number;
  readonly epochs: number;
  /** Updates after which training ends, whatever `epochs` says. */
  readonly maxSteps: number | null;
  /** Joint norm to which gradients are clipped. */
  readonly maxGradientNorm: number;
  /** Which weights the model has in the end: the best epoch's or the last. */
  readonly restore: "best" | "last";
  readonly seed: number;
  readonly plan: BatchPlan;
  /** Compute in f16 with a scaled loss; the encoder's weights are f16 then. */
  readonly mixedPrecision: boolean;
}

export interface EpochResult {
  /** From 0. */
  readonly epoch: number;
  /** Updates so far. */
  readonly steps: number;
  /** Mean loss of the epoch's updates. */
  readonly trainLoss: number;
  /** What `evaluate` gave, and which of it decides which weights are kept: r where it is defined, else the error. */
  readonly pearson: number;
  readonly mse: number;
  readonly chosenBy: "pearson" | "mse";
}

/** Quality of weights on the rows that choose among epochs: NaN where r, or both, are undefined. */
export interface EpochScore {
  readonly pearson: number;
  readonly mse: number;
}

export interface StepReport {
  readonly epoch: number;
  /** Updates so far, this one included, of `totalSteps`. */
  readonly step: number;
  readonly totalSteps: number;
  readonly loss: number;
  /** Tokens that went through the model in this step, padding left out. */
  readonly tokens: number;
}

export interface Ia3Training {
  readonly model: Ia3Regressor;
  readonly examples: Examples;
  /** Rows of `examples` to train on. */
  readonly rows: ArrayLike<number>;
  readonly fold: number;
  readonly settings: Ia3TrainingSettings;
  /** Quality of the present weights; undefined values never become the best. */
  evaluate(epoch: number): Promise<EpochScore>;
  onStep?(report: StepReport): void;
  onEpoch?(result: EpochResult): void;
  /** Where the state is saved: after every epoch, and within it every so many seconds or updates. */
  readonly checkpoint?: TrainingCheckpoint & { readonly everySteps?: number | null };
}

export interface TrainingRecord {
  readonly epochs: EpochResult[];
  /** Epoch of the best evaluation; -1 where none gave a number. */
  bestEpoch: number;
  /** Updates left out because of f16 overflow. */
  skippedSteps: number;
}

/** Updates that a fold of `rows` training rows takes. */
export function totalSteps(
  rows: number,
  { batchSize, epochs, maxSteps }: Pick<Ia3TrainingSettings, "batchSize" | "epochs" | "maxSteps">,
): number {
  return maxSteps ?? epochs * Math.ceil(rows / batchSize);
}

/**
 * Train the model to the end of the last epoch, then give it the weights that `settings.restore` says.
 *
 * @throws {DataError} when a loss is not finite: with step and advice; or when f16 overflowed in all steps
 */
export async function trainIa3(training: Ia3Training): Promise<TrainingRecord> {
  const { model, rows, fold, settings } = training;
  const { batchSize, seed } = settings;
  const parameters = model.parameters();
  const optimiser = new Adam(parameters, { learningRate: settings.learningRate });
  const scaler = settings.mixedPrecision ? new LossScaler() : null;
  const best = new Snapshot(parameters);
  const record: TrainingRecord = { epochs: [], bestEpoch: -1, skippedSteps: 0 };
  const last = totalSteps(rows.length, settings);
  const at: Place = { epoch: 0, step: 0, stepOfEpoch: 0, lossSum: 0 };

  const state = new TrainingState(training, { at, record, best, optimiser, scaler });
  state.resume();

  try {
    while (at.step < last || at.stepOfEpoch > 0) {
      const steps = stepsOfEpoch(rows, batchSize, { seed, fold, epoch: at.epoch });
      while (at.stepOfEpoch < steps.length && at.step < last) {
        const batch = steps[at.stepOfEpoch];
        const loss = await trainOnBatch(training, batch, optimiser, scaler);
        if (!Number.isFinite(loss)) throw notFinite(loss, at.step + 1, at.epoch, training);
        at.lossSum += loss;
        at.step++;
        at.stepOfEpoch++;
        record.skippedSteps = scaler?.skipped ?? 0;
        const tokens = batch.reduce((sum, row) => sum + training.examples.tokenIds[row].length, 0);
        training.onStep?.({ epoch: at.epoch, step: at.step, totalSteps: last, loss, tokens });
        if (state.isDue()) await state.save();
      }
      const { pearson, mse } = await training.evaluate(at.epoch);
      // r of a single gene is undefined at every epoch: then the error decides.
      const chosenBy = Number.isNaN(pearson) ? "mse" as const : "pearson" as const;
      const result = {
        epoch: at.epoch,
        steps: at.step,
        trainLoss: at.lossSum / at.stepOfEpoch,
        pearson,
        mse,
        chosenBy,
      };
      const bestSoFar = record.epochs[record.bestEpoch];
      record.epochs.push(result);
      if (scoreOf(result) > (bestSoFar ? scoreOf(bestSoFar) : -Infinity)) {
        record.bestEpoch = at.epoch;
        if (settings.restore === "best") best.store();
      }
      Object.assign(at, { epoch: at.epoch + 1, stepOfEpoch: 0, lossSum: 0 });
      training.onEpoch?.(result);
      await state.save();
    }
    assertLearned({ optimiser, scaler }, `fold ${fold}`);
    best.restore();
    return record;
  } finally {
    best.dispose();
    optimiser.dispose();
  }
}

/** Where a run stands: updates so far, and of the present epoch the updates and the sum of their losses. */
interface Place {
  epoch: number;
  step: number;
  stepOfEpoch: number;
  lossSum: number;
}

/** What a checkpoint holds beside the weights. */
interface Progress {
  readonly at: Place;
  readonly record: TrainingRecord;
  readonly best: Snapshot;
  readonly optimiser: Adam;
  readonly scaler: LossScaler | null;
}

/** Saves a training and goes on from what was saved. */
class TrainingState {
  readonly #training: Ia3Training;
  readonly #progress: Progress;
  #savedAtMs = performance.now();

  constructor(training: Ia3Training, progress: Progress) {
    this.#training = training;
    this.#progress = progress;
  }

  isDue(): boolean {
    const { checkpoint } = this.#training, { step } = this.#progress.at;
    if (!checkpoint) return false;
    const { everySeconds, everySteps } = checkpoint;
    return performance.now() - this.#savedAtMs >= 1000 * everySeconds ||
      (everySteps ? step % everySteps === 0 : false);
  }

  async save(): Promise<void> {
    const { checkpoint } = this.#training;
    if (!checkpoint) return;
    const { at, record, scaler, optimiser } = this.#progress;
    const { path, identity, devices } = checkpoint;
    const values = {
      at,
      record,
      scaler,
      optimiserSteps: optimiser.steps,
      nextEpoch: at.epoch,
      identity,
      devices,
    };
    await writeCheckpoint(path, values, this.#tensors());
    this.#savedAtMs = performance.now();
  }

  /** Go on from the checkpoint, where there is one. */
  resume(): void {
    const { checkpoint, settings } = this.#training;
    if (!checkpoint?.resume) return;
    const { at, record, best, optimiser, scaler } = this.#progress, { values } = checkpoint.resume;
    if ((values.record as TrainingRecord).bestEpoch >= 0 && settings.restore === "best") best.store();
    loadTensors(checkpoint.resume, this.#tensors());
    Object.assign(at, values.at);
    Object.assign(record, values.record);
    optimiser.steps = values.optimiserSteps as number;
    if (scaler) Object.assign(scaler, values.scaler);
  }

  #tensors() {
    const { best, optimiser } = this.#progress;
    const copies = [...best.tensors()].map(([name, copy]) => [`best.${name}`, copy] as const);
    return new Map([...this.#training.model.parameters(), ...optimiser.state(), ...copies]);
  }
}

/** Higher is better. NaN in JSON is null: a checkpoint may bring that back. */
function scoreOf({ pearson, mse, chosenBy }: EpochResult): number {
  return chosenBy === "pearson" ? pearson : -mse;
}

/**
 * One update from the rows of a batch, piece by piece. Left out where the loss is not finite, or f16 gradients overflow.
 *
 * @returns the mean loss before the update
 */
export async function trainOnBatch(
  { model, examples, settings }: Pick<Ia3Training, "model" | "examples"> & {
    settings: Pick<Ia3TrainingSettings, "plan" | "maxGradientNorm">;
  },
  batch: readonly number[],
  optimiser: Adam,
  scaler: LossScaler | null,
): Promise<number> {
  const { plan: { rows, checkpointLayers }, maxGradientNorm } = settings;
  const { backend } = model;
  const parameters = model.parameters();
  const lossScale = scaler?.scale ?? 1;
  let loss = 0;
  for (const piece of piecesOf(batch, rows)) {
    const share = piece.length / batch.length;
    const stats = scope(() => {
      const tokens = padBatch(piece.map((row) => examples.tokenIds[row]), examples.tokenizer);
      const targets = takeRows(examples.targets, piece);
      const logits = model.forward(model.encoder.batch(tokens), { checkpointLayers });
      return maskedSquaredError(logits, fromArray(backend, targets.data, logits.shape));
    });
    backward(stats, share * lossScale);
    loss += share * meanOf(await stats.read());
    stats.dispose();
  }
  if (!Number.isFinite(loss)) return loss;
  if (scaler && !await scaler.gradientsAreFinite(parameters)) {
    optimiser.forgetGradients();
    return loss;
  }
  const factor = clipFactor(parameters, maxGradientNorm, lossScale);
  optimiser.step(factor);
  factor.dispose();
  return loss;
}

function notFinite(loss: number, step: number, epoch: number, { fold, settings }: Ia3Training): DataError {
  const advice = settings.mixedPrecision
    ? "leave out --mixed-precision or try a smaller --learning-rate"
    : "try a smaller --learning-rate, and look for extreme values in the targets";
  return new DataError(
    `Cannot go on training: the loss is ${loss} at step ${step} of fold ${fold}, epoch ${epoch}; ${advice}`,
  );
}
