/** The training loop: epochs, validation checks, early stopping, the best weights, and going on after a stop. */
import { DataError } from "../cli/errors.ts";
import type { Tensor } from "../tensor/mod.ts";
import { type Checkpoint, type CheckpointValues, loadTensors, writeCheckpoint } from "./checkpoint_file.ts";
import { EarlyStopping, type ReduceLROnPlateau } from "./plateau.ts";
import { Snapshot } from "./snapshot.ts";
import { assertLearned, type Trainee } from "./training_step.ts";

/** A training run: what is trained, for how long, and by which losses it is judged. */
export interface Training extends Trainee {
  /** What is trained, for messages: "fold 2". */
  readonly name: string;
  /** Takes the validation loss of each check; its learning rate becomes the optimiser's. */
  readonly schedule?: ReduceLROnPlateau;
  readonly epochs: number;
  /** A check follows epochs 0, n, 2n, ... and the last one. */
  readonly checkEvery: number;
  /** Checks without a new lowest loss before training ends. */
  readonly patience: number;
  /** Which weights the parameters hold in the end: those of the best check or of the last epoch. */
  readonly restore: "best" | "last";
  /** One pass over the training data. Depends on the epoch's number alone, not on what ran before in this process. */
  trainEpoch(epoch: number): Promise<void> | void;
  /** Loss on the validation data. */
  validate(): Promise<number>;
  /** Told after every check. */
  onCheck?(check: Check): void;
  readonly checkpoint?: TrainingCheckpoint;
}

/**
 * Where the state of a training is saved, after a check, when so many seconds have passed.
 *
 * @internal
 */
export interface TrainingCheckpoint {
  readonly path: string;
  readonly everySeconds: number;
  /** What stands there from an earlier run, to go on from. */
  readonly resume: Checkpoint | null;
  /** Saved along, to tell whose it is. */
  readonly identity: CheckpointValues;
  /** Saved along: kinds of device that had a part in it. */
  readonly devices?: readonly string[];
}

/** One validation check. */
export interface Check {
  readonly epoch: number;
  /** Mean loss of the training steps since the check before. */
  readonly trainLoss: number;
  readonly loss: number;
  /** After the schedule saw this check. */
  readonly learningRate: number;
}

/** What happened in a training, check by check. */
export interface TrainingHistory {
  readonly checks: Check[];
  /** Epoch of the lowest validation loss. */
  bestEpoch: number;
  stoppedEarly: boolean;
}

/**
 * Train to the end.
 *
 * @throws {DataError} when a loss is not finite: says at which step; or when f16 overflowed in all steps
 */
export async function train(training: Training): Promise<TrainingHistory> {
  const { parameters, optimiser, schedule, scaler, epochs, checkEvery, checkpoint } = training;
  const stopping = new EarlyStopping(training.patience);
  const best = new Snapshot(parameters);
  const history: TrainingHistory = { checks: [], bestEpoch: -1, stoppedEarly: false };
  const state = () => ({ history, optimiserSteps: optimiser.steps, schedule, stopping, scaler });
  const tensors = () => new Map([...parameters, ...optimiser.state(), ...prefixed("best.", best.tensors())]);

  let epoch = 0;
  if (checkpoint?.resume) {
    if (training.restore === "best") best.store();
    loadTensors(checkpoint.resume, tensors());
    const saved = checkpoint.resume.values as unknown as ReturnType<typeof state> & { nextEpoch: number };
    for (
      const [live, kept] of [[history, saved.history], [stopping, saved.stopping], [schedule, saved.schedule]]
    ) {
      if (live && kept) Object.assign(live, fromJson(kept));
    }
    if (scaler && saved.scaler) Object.assign(scaler, saved.scaler);
    optimiser.steps = saved.optimiserSteps;
    if (schedule) optimiser.learningRate = schedule.learningRate;
    epoch = saved.nextEpoch;
  }

  let savedAtMs = performance.now();
  for (; epoch < epochs && !history.stoppedEarly; epoch++) {
    await training.trainEpoch(epoch);
    if (epoch % checkEvery !== 0 && epoch !== epochs - 1) continue;

    const trained = await training.losses.drain();
    if (trained.broken) {
      const { epoch, step, loss } = trained.broken;
      fail(training.name, `the loss is ${loss} at epoch ${epoch}, step ${step}`);
    }
    const loss = await training.validate();
    if (!Number.isFinite(loss)) fail(training.name, `the validation loss is ${loss} after epoch ${epoch}`);
    const { improved, stop } = stopping.step(loss);
    if (improved) {
      history.bestEpoch = epoch;
      if (training.restore === "best") best.store();
    }
    if (schedule) optimiser.learningRate = schedule.step(loss);
    history.stoppedEarly = stop;
    const check = { epoch, trainLoss: trained.mean, loss, learningRate: optimiser.learningRate };
    history.checks.push(check);
    training.onCheck?.(check);

    if (checkpoint && performance.now() - savedAtMs >= 1000 * checkpoint.everySeconds) {
      const { identity, devices, path } = checkpoint;
      await writeCheckpoint(path, { identity, devices, ...state(), nextEpoch: epoch + 1 }, tensors());
      savedAtMs = performance.now();
    }
  }
  assertLearned(training, training.name);
  best.restore();
  best.dispose();
  return history;
}

function fail(name: string, what: string): never {
  throw new DataError(`Cannot go on training ${name}: ${what} (try a smaller --learning-rate)`);
}

function prefixed(prefix: string, tensors: ReadonlyMap<string, Tensor>): Map<string, Tensor> {
  return new Map([...tensors].map(([name, tensor]) => [prefix + name, tensor]));
}

/** JSON has no Infinity: the only numbers that are null here are bests not yet seen. */
function fromJson(saved: object): object {
  return Object.fromEntries(
    Object.entries(saved).map(([key, value]) => [key, key === "best" && value === null ? Infinity : value]),
  );
}
