/**
 * Folds of a cross-validation that runs in parts: after a stop, or spread over machines. Each finished fold is a file in
 * `<result folder>/unfinished/`, an unfinished one leaves its last checkpoint there; the folder goes when all folds have
 * become a result.
 *
 *     const store = await FoldStore.open(folder, { ...flags, folds, identity });
 *     if (store.isFinished) return;
 *     for (const fold of store.toRun) await store.save(fold, await fit(fold, store.checkpoint(fold)));
 *     if (!await store.isComplete()) return;
 */
import { join } from "@std/path";
import { DataError, UsageError } from "../cli/errors.ts";
import { counted, log } from "../cli/log.ts";
import type { FlagDeclarations } from "../cli/flags.ts";
import {
  type Checkpoint,
  type CheckpointTensors,
  type CheckpointValues,
  readCheckpoint,
  type TrainingCheckpoint,
  writeCheckpoint,
} from "../nn/mod.ts";
import { FinishedResult } from "./finished_result.ts";

/** For scripts that can stop and go on. */
export const foldStoreFlags = {
  "folds": {
    default: [],
    integer: true,
    min: 0,
    value: "N ...",
    group: "Cross-validation",
    shownDefault: "all",
    help: "run only these folds, counted from 0; a later run of the others completes the result",
  },
  "resume": {
    default: false,
    group: "Cross-validation",
    help: "go on where a run with the same flags was stopped",
  },
  "checkpoint-seconds": {
    default: 60,
    integer: false,
    min: 0,
    group: "Cross-validation",
    help: "save the state of training this often, for --resume",
  },
} as const satisfies FlagDeclarations;

export interface FoldStoreOptions {
  /** Number of folds. */
  readonly count: number;
  /** --folds; empty: all. */
  readonly folds: readonly number[];
  readonly resume: boolean;
  readonly checkpointSeconds: number;
  /** Kind of device that this run computes on. */
  readonly device: string;
  /** Everything that the numbers depend on but the device, flags by their names on the command line. Plain JSON values. */
  readonly identity: CheckpointValues;
}

export class FoldStore {
  readonly #folder: string;
  readonly #options: FoldStoreOptions;
  readonly #result: FinishedResult;
  readonly #finished = new Map<number, Checkpoint>();
  readonly #begun = new Map<number, Checkpoint>();

  private constructor(folder: string, options: FoldStoreOptions, result: FinishedResult) {
    this.#folder = join(folder, "unfinished");
    this.#options = options;
    this.#result = result;
  }

  /**
   * Look at what earlier runs left in a result folder, and tell what --resume goes on from. A run of all folds without
   * --resume starts from nothing.
   *
   * @throws {UsageError} when --folds names a fold that is none
   * @throws {DataError} when what is there was made with other flags or from other data
   */
  static async open(folder: string, options: FoldStoreOptions): Promise<FoldStore> {
    const strange = options.folds.find((fold) => fold >= options.count);
    if (strange !== undefined) {
      throw new UsageError(
        `Cannot use --folds ${strange}: there are ${options.count} folds, counted from 0 to ${
          options.count - 1
        }`,
      );
    }
    const result = await FinishedResult.lookFor(folder, options.identity);
    const store = new FoldStore(folder, options, result);
    const isPart = options.folds.length > 0;
    if (!options.resume && !isPart) await store.remove();
    for (let fold = 0; fold < options.count; fold++) {
      const isAsked = !isPart || options.folds.includes(fold);
      if (isAsked && !options.resume) await removeFile(store.#path(fold, "done"));
      else await store.#find(fold, "done", store.#finished);
      if (!isAsked) continue; // its checkpoint is for the run that does this fold, perhaps at this moment
      if (options.resume) await store.#find(fold, "begun", store.#begun);
      else await removeFile(store.#path(fold, "begun"));
    }
    if (options.resume) store.#tellWhatIsThere();
    return store;
  }

  /** Whether --resume finds nothing to do: the folder holds the result of these settings and data. */
  get isFinished(): boolean {
    return this.#options.resume && this.#result.wasThere && this.#finished.size + this.#begun.size === 0;
  }

  /** For summary.json, from which a later --resume knows that this run is finished. */
  get runId(): string {
    return this.#result.runId;
  }

  /** Folds that this run has still to do. */
  get toRun(): number[] {
    const { folds, count } = this.#options;
    const asked = folds.length > 0 ? [...new Set(folds)] : Array.from({ length: count }, (_, fold) => fold);
    return asked.filter((fold) => !this.#finished.has(fold)).sort((a, b) => a - b);
  }

  /** Folds that no run has done yet. */
  get missing(): number[] {
    return Array.from({ length: this.#options.count }, (_, fold) => fold).filter((fold) =>
      !this.#finished.has(fold)
    );
  }

  /**
   * Whether all folds are done, those included that other runs have done since this one began. Says which are still to
   * be run.
   *
   * @throws {DataError} when another run's folds were made with other flags or from other data
   */
  async isComplete(): Promise<boolean> {
    for (const fold of this.missing) await this.#find(fold, "done", this.#finished);
    const { missing } = this;
    if (missing.length > 0 && !await this.#result.cameMeanwhile()) {
      log.info(`Still to be run into this output folder: --folds ${missing.join(" ")}.`);
    }
    return missing.length === 0;
  }

  /** What precedes a fold's log line: its number where the run does not do all folds, so that counting them tells. */
  label(fold: number): string {
    const { folds, resume } = this.#options;
    return folds.length > 0 || resume ? `fold ${fold} (from 0), ` : "";
  }

  /** Where a fold's training saves its state, and the state that it goes on from. */
  checkpoint(fold: number): TrainingCheckpoint {
    return {
      path: this.#path(fold, "begun"),
      everySeconds: this.#options.checkpointSeconds,
      resume: this.#begun.get(fold) ?? null,
      identity: this.#options.identity,
      devices: this.#devicesOf(fold),
    };
  }

  /** Keep a finished fold. */
  async save(fold: number, values: CheckpointValues, tensors: CheckpointTensors): Promise<void> {
    const path = this.#path(fold, "done");
    const { identity } = this.#options;
    await writeCheckpoint(path, { ...values, identity, devices: this.#devicesOf(fold) }, tensors);
    await this.#find(fold, "done", this.#finished);
    await removeFile(this.#path(fold, "begun"));
    this.#begun.delete(fold);
  }

  /** What a finished fold left. */
  read(fold: number): Checkpoint {
    return this.#finished.get(fold)!;
  }

  /** Kinds of device that the finished folds were computed on, such as "cpu, webgpu". Warns where there are several. */
  tellDevices(): string {
    const devices = [...this.#finished.values()].flatMap(({ values }) => values.devices as string[] ?? []);
    const kinds = [...new Set(devices)].sort();
    if (kinds.length > 1) {
      log.warn(
        `Folds were computed on ${
          kinds.join(" and ")
        }: a run on one of them alone gives somewhat other numbers.`,
      );
    }
    return kinds.join(", ");
  }

  /** Take everything away, once the result is written. Another run that wrote it too may do the same. */
  async remove(): Promise<void> {
    try {
      await Deno.remove(this.#folder, { recursive: true });
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }

  /** Those that a checkpoint was computed on, and that of this run, which goes on from it. */
  #devicesOf(fold: number): string[] {
    const before = this.#begun.get(fold)?.values.devices as string[] ?? [];
    return [...new Set([...before, this.#options.device])];
  }

  async #find(fold: number, state: "done" | "begun", found: Map<number, Checkpoint>) {
    const checkpoint = await readCheckpoint(this.#path(fold, state));
    if (!checkpoint) return;
    const theirs = checkpoint.values.identity as CheckpointValues, ours = this.#options.identity;
    for (const key of Object.keys({ ...ours, ...theirs })) {
      const [was, is] = [theirs[key], ours[key]].map((value) => JSON.stringify(value) ?? "none");
      if (was === is) continue;
      const difference = key.startsWith("--")
        ? `${key} was ${was}, now it is ${is}`
        : `the ${key} were others`;
      throw new DataError(
        `Cannot go on from "${checkpoint.path}": ${difference} (repeat that run's flags, or delete "${this.#folder}")`,
      );
    }
    found.set(fold, checkpoint);
  }

  #tellWhatIsThere() {
    if (this.isFinished) return this.#result.tell();
    const done = this.#finished.size;
    for (const fold of this.#finished.keys()) this.#begun.delete(fold);
    if (done > 0) log.info(`Going on: ${counted(done, "fold")} of ${this.#options.count} done before.`);
    for (const [fold, { values }] of this.#begun) {
      log.info(`Going on: fold ${fold} from epoch ${values.nextEpoch}.`);
    }
    if (done + this.#begun.size === 0) log.info(`Nothing to go on from in "${this.#folder}": starting anew.`);
  }

  #path(fold: number, state: "done" | "begun"): string {
    return join(this.#folder, `fold_${fold}${state === "begun" ? "_checkpoint" : ""}.safetensors`);
  }
}

async function removeFile(path: string): Promise<void> {
  try {
    await Deno.remove(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
