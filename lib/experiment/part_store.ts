/**
 * The parts of a cross-validation that runs in pieces: after a stop (--resume), or cut by folds and genes over processes and
 * machines (--folds, --genes), one after the other or at the same time. Parts lie in `<result folder>/unfinished/`, an
 * unfinished fold leaves its last checkpoint there, and files that were copied there from another machine count as well.
 * Every file carries the identity of its run: no other run takes it in. The folder goes when all parts have become a result.
 *
 *     const store = await PartStore.open(folder, { ...flags, folds, genes, identity });
 *     if (store.isFinished) return;
 *     for (const fold of store.toRun) await store.save({ key: { fold, from: 0, to: genes }, ... });
 *     if (!await store.isComplete()) return;
 */
import { join } from "@std/path";
import { DataError, UsageError } from "../cli/errors.ts";
import { counted, log } from "../cli/log.ts";
import { type Checkpoint, readCheckpoint } from "../nn/checkpoint_file.ts";
import type { TrainingCheckpoint } from "../nn/training.ts";
import { FinishedRun, type OutputFlags } from "./finished_run.ts";
import { differenceOf, type Identity, runIdOf } from "./identity.ts";
import { type GeneRange, type Part, type PartKey, readPart, writePart } from "./part.ts";
import { filesIn, removeFile, removeFolder } from "./folders.ts";
import { checkpointName, partKey, partName, startAnew, takeBack } from "./unfinished_folder.ts";

export interface PartStoreOptions {
  /** Number of folds, and of genes of the run. */
  readonly count: number;
  readonly genes: number;
  /** --folds; empty: all. */
  readonly folds: readonly number[];
  /** --genes; null: all. */
  readonly range: GeneRange | null;
  readonly resume: boolean;
  /** Only put together what is there. */
  readonly merge: boolean;
  readonly checkpointSeconds: number;
  /** Engine that this run computes on. */
  readonly engine: string;
  readonly identity: Identity;
  /** What a finished result must have been written with, for --resume to find nothing to do. */
  readonly outputs?: OutputFlags;
  /** For models so quick that a stop costs nothing: parts stay in memory unless this run does some folds only. */
  readonly isQuick: boolean;
  /** Genes that are saved together by models that learn each gene by itself; all without it. */
  readonly blockSize?: number;
}

export class PartStore {
  readonly #folder: string;
  readonly #options: PartStoreOptions;
  readonly #result: FinishedRun;
  readonly #runId: string;
  #keys: PartKey[] = [];
  readonly #inMemory = new Map<string, Part>();
  readonly #begun = new Map<number, Checkpoint>();
  readonly #engines = new Map<string, readonly string[]>();

  private constructor(folder: string, options: PartStoreOptions, result: FinishedRun, runId: string) {
    this.#folder = join(folder, "unfinished");
    this.#options = options;
    this.#result = result;
    this.#runId = runId;
  }

  /**
   * Look at what earlier runs left in a result folder, and tell what --resume goes on from. A whole run without --resume
   * starts from nothing: it says what parts of its own it deletes, and sets those of another run aside.
   *
   * @throws {UsageError} when --folds names a fold that does not exist, or when --merge is asked to learn
   * @throws {DataError} when this run would go on from parts that were made with other flags or from other data
   */
  static async open(folder: string, options: PartStoreOptions): Promise<PartStore> {
    const strange = options.folds.find((fold) => fold >= options.count);
    if (strange !== undefined) {
      throw new UsageError(
        `Cannot use --folds ${strange}: there are ${options.count} folds, counted from 0 to ${
          options.count - 1
        }`,
      );
    }
    if (options.merge && (options.folds.length > 0 || options.range !== null)) {
      throw new UsageError("Cannot use --merge with --folds or --genes: it puts all parts together");
    }
    const runId = await runIdOf(options.identity);
    const store = new PartStore(folder, options, await FinishedRun.lookFor(folder, runId), runId);
    if (options.resume || options.merge || store.#isPart) await takeBack(store.#folder, options.identity);
    else await startAnew(store.#folder, options);
    await store.#look();
    if (options.merge) store.#refuseGaps();
    else if (!options.resume) await store.#forgetAsked();
    else await store.#findCheckpoints();
    if (options.resume || (options.merge && store.isFinished)) {
      if (store.isFinished) await store.#result.isAsAsked(options.outputs ?? {});
      store.#tellWhatIsThere();
    }
    return store;
  }

  /** Whether --resume or --merge finds nothing to do: the folder holds the result of these settings and data. */
  get isFinished(): boolean {
    const { resume, merge } = this.#options;
    return (resume || merge) && this.#result.wasThere && this.#keys.length + this.#begun.size === 0;
  }

  /** Stands for all settings and data of this run. */
  get runId(): string {
    return this.#runId;
  }

  /** Folds of which this run has still genes to learn. */
  get toRun(): number[] {
    const { folds, count } = this.#options;
    const asked = folds.length > 0 ? [...new Set(folds)] : Array.from({ length: count }, (_, fold) => fold);
    return asked.filter((fold) => this.missing(fold).length > 0).sort((a, b) => a - b);
  }

  /** Blocks of genes that a fold has still to learn, of those that this run was asked for. */
  missing(fold: number): GeneRange[] {
    return this.#missingOf(fold, this.#options.range ?? { from: 0, to: this.#options.genes });
  }

  /** Where the training of a fold saves its state, and what an earlier run left of it. */
  checkpoint(fold: number): TrainingCheckpoint {
    const { checkpointSeconds, identity } = this.#options;
    return {
      path: this.#checkpointPath(fold),
      everySeconds: checkpointSeconds,
      resume: this.#begun.get(fold) ?? null,
      identity,
      devices: this.#enginesOf(fold),
    };
  }

  /** "resumed, " for the line of a fold that went on from a checkpoint. */
  label(fold: number): string {
    return this.#begun.has(fold) ? "resumed, " : "";
  }

  async save(part: Omit<Part, "engines">): Promise<void> {
    const { key } = part, whole = { ...part, engines: this.#enginesOf(key.fold) };
    if (this.#options.isQuick && !this.#isPart) this.#inMemory.set(this.#nameOf(key), whole);
    else await writePart(this.#path(key), whole, this.#options.identity);
    this.#engines.set(this.#nameOf(key), whole.engines);
    this.#keys.push(key);
    await removeFile(this.#checkpointPath(key.fold));
  }

  /**
   * Whether all parts are there, those included that other runs have saved since this one began. Says what is still to be
   * run.
   *
   * @throws {DataError} when another run's parts were made with other flags or from other data
   */
  async isComplete(): Promise<boolean> {
    await this.#look();
    const all = { from: 0, to: this.#options.genes };
    const missing = Array.from({ length: this.#options.count }, (_, fold) => fold)
      .filter((fold) => this.#missingOf(fold, all).length > 0);
    if (missing.length === 0) return true;
    if (await this.#result.cameMeanwhile()) {
      await removeFolder(this.#folder); // what this run saved after the other had put the parts together
      return false;
    }
    log.info(
      this.#options.blockSize !== undefined
        ? `This part is done. Folds ${
          missing.join(", ")
        } still miss genes: the run that fits the last of them, ` +
          `into the same output folder, writes the result.`
        : `Still to be run into this output folder: --folds ${missing.join(" ")}.`,
    );
    return false;
  }

  /** Read something of all parts; null when another run put them together and took them away meanwhile. Says so. */
  async unlessMerged<T>(read: () => Promise<T>): Promise<T | null> {
    try {
      return await read();
    } catch (error) {
      if ((await filesIn(this.#folder)).length > 0 || !await this.#result.cameMeanwhile()) throw error;
      return null;
    }
  }

  /** All parts of a fold by ascending genes. @throws {DataError} when two of them overlap or a file is damaged */
  async *read(fold: number): AsyncGenerator<Part> {
    const keys = this.#keys.filter((key) => key.fold === fold).sort((a, b) => a.from - b.from);
    for (const [i, key] of keys.entries()) {
      if (i > 0 && key.from < keys[i - 1].to) {
        throw new DataError(
          `Cannot merge the parts in "${this.#folder}": "${this.#path(keys[i - 1])}" and "${
            this.#path(key)
          }" share ` +
            `genes (delete one of them)`,
        );
      }
      const { part } = await this.#readChecked(key);
      yield part;
    }
  }

  /** Engines that the parts were computed on. Warns where there are several. */
  engines(): string[] {
    const kinds = [...new Set([...this.#engines.values()].flat())].sort();
    if (kinds.length > 1) {
      log.warn(
        `Folds were computed on ${
          kinds.join(" and ")
        }: a run on one of them alone gives somewhat other numbers.`,
      );
    }
    return kinds;
  }

  /** What Ctrl-C would keep, in words. */
  tellKept(): string | null {
    const parts = this.#inMemory.size > 0 ? 0 : this.#keys.length;
    if (parts === 0) return null;
    return `${counted(parts, "finished part")} in "${this.#folder}"`;
  }

  /** Take everything away, once the result is written. A run beside this one may have done so. */
  async remove(): Promise<void> {
    this.#inMemory.clear();
    await removeFolder(this.#folder);
  }

  get #isPart(): boolean {
    return this.#options.folds.length > 0 || this.#options.range !== null;
  }

  /** @throws {DataError} when --merge would leave something out */
  #refuseGaps(): void {
    const { count, genes } = this.#options;
    if (this.isFinished) return;
    const gaps = Array.from({ length: count }, (_, fold) => fold).flatMap((fold) => {
      const blocks = this.#missingOf(fold, { from: 0, to: genes });
      if (blocks.length === 0) return [];
      return blocks[0].to - blocks[0].from === genes
        ? [`fold ${fold}`]
        : [`fold ${fold} (genes from ${blocks[0].from} to ${blocks.at(-1)!.to})`];
    });
    if (gaps.length === 0) return;
    throw new DataError(
      `Cannot merge the parts in "${this.#folder}": there is nothing of ${gaps.slice(0, 5).join(", ")}` +
        `${
          gaps.length > 5 ? ` and ${gaps.length - 5} more` : ""
        } (run these, or copy their parts into this folder)`,
    );
  }

  #enginesOf(fold: number): string[] {
    const before = this.#begun.get(fold)?.values.devices as string[] ?? [];
    return [...new Set([...before, this.#options.engine])];
  }

  #missingOf(fold: number, { from, to }: GeneRange): GeneRange[] {
    const isDone = new Uint8Array(to), size = this.#options.blockSize ?? this.#options.genes;
    for (const key of this.#keys) if (key.fold === fold) isDone.fill(1, key.from, key.to);
    const blocks: { from: number; to: number }[] = [];
    for (let gene = from; gene < to; gene++) {
      if (isDone[gene]) continue;
      const last = blocks.at(-1);
      if (last && last.to === gene && last.to - last.from < size) last.to++;
      else blocks.push({ from: gene, to: gene + 1 });
    }
    return blocks;
  }

  /** Take in the parts that lie there. */
  async #look(): Promise<void> {
    const names = await filesIn(this.#folder);
    // Somebody may have taken parts away.
    this.#keys = this.#keys.filter((key) => {
      const name = this.#nameOf(key);
      return this.#inMemory.has(name) || names.includes(name);
    });
    const known = new Set(this.#keys.map((key) => this.#nameOf(key)));
    for (const name of names) {
      const key = partKey(name, this.#options.genes);
      if (key === null || known.has(this.#nameOf(key))) continue;
      const { part } = await this.#readChecked(key);
      this.#engines.set(this.#nameOf(key), part.engines);
      this.#keys.push(key);
    }
  }

  async #readChecked(key: PartKey): Promise<{ part: Part }> {
    const inMemory = this.#inMemory.get(this.#nameOf(key));
    if (inMemory) return { part: inMemory };
    const { part, identity } = await readPart(this.#path(key));
    this.#refuseOther(this.#path(key), identity);
    const same = (["fold", "from", "to"] as const).every((name) => part.key[name] === key[name]);
    if (same) return { part };
    throw new DataError(
      `Cannot use "${this.#path(key)}": it holds another part than its name says (delete it)`,
    );
  }

  #refuseOther(path: string, theirs: Identity): void {
    const difference = differenceOf(theirs, this.#options.identity);
    if (difference === null) return;
    throw new DataError(
      `Cannot go on from "${path}": ${difference} (repeat that run's flags, or delete "${this.#folder}")`,
    );
  }

  /** Without --resume the folds that this run does are done again. */
  async #forgetAsked(): Promise<void> {
    const { folds, count } = this.#options;
    const asked = folds.length > 0 ? folds : Array.from({ length: count }, (_, fold) => fold);
    if (this.#options.blockSize !== undefined) return; // blocks of genes add up without --resume
    for (const fold of asked) {
      for (const key of this.#keys.filter((key) => key.fold === fold)) await removeFile(this.#path(key));
      this.#keys = this.#keys.filter((key) => key.fold !== fold);
      await removeFile(this.#checkpointPath(fold));
    }
  }

  /** Checkpoints of the folds that this run does; the others are for the run that does them, perhaps at this moment. */
  async #findCheckpoints(): Promise<void> {
    for (const fold of this.toRun) {
      const checkpoint = await readCheckpoint(this.#checkpointPath(fold));
      if (!checkpoint) continue;
      this.#refuseOther(checkpoint.path, checkpoint.values.identity as Identity);
      this.#begun.set(fold, checkpoint);
    }
  }

  #tellWhatIsThere(): void {
    if (this.isFinished) return this.#result.tell();
    const { count, genes } = this.#options;
    const whole = { from: 0, to: genes };
    const done = Array.from({ length: count }, (_, fold) => fold)
      .filter((fold) => this.#missingOf(fold, whole).length === 0).length;
    if (done > 0) log.info(`Going on: ${counted(done, "fold")} of ${count} done before.`);
    else if (this.#keys.length > 0) log.info(`Going on: ${counted(this.#keys.length, "part")} done before.`);
    for (const [fold, { values }] of this.#begun) {
      log.info(`Going on: fold ${fold} from epoch ${values.nextEpoch}.`);
    }
    if (this.#keys.length + this.#begun.size === 0) {
      log.info(`Nothing to go on from in "${this.#folder}": starting anew.`);
    }
  }

  #nameOf(key: PartKey): string {
    return partName(key, this.#options.genes);
  }

  #path(key: PartKey): string {
    return join(this.#folder, this.#nameOf(key));
  }

  #checkpointPath(fold: number): string {
    return join(this.#folder, checkpointName(fold));
  }
}
