/**
 * A cross-validation of boosted trees that runs in parts: after a stop (--resume), or cut by folds and genes over several
 * runs and machines (--folds, --genes), one after the other or at the same time. Finished genes of a fold are saved block
 * by block in `<result folder>/unfinished/`; copies of that folder's files from other machines count as well. The folder
 * goes when everything has become a result.
 */
import { basename, join } from "@std/path";
import { DataError } from "../cli/errors.ts";
import { counted, log } from "../cli/log.ts";
import type { Forest } from "../boosting/forest.ts";
import { writeFileAtomic } from "../io/atomic_write.ts";
import { encodeSafetensors, openSafetensors, type SafetensorsArray } from "../io/safetensors.ts";
import { readFileText } from "../io/read_file.ts";
import { FinishedResult } from "./finished_result.ts";

/** Genes of a run by position: from, up to but without to. */
export interface GeneRange {
  readonly from: number;
  readonly to: number;
}

/** What one file holds: some genes of one fold. */
export interface TreePart extends GeneRange {
  readonly fold: number;
}

/** Numbers of a part. */
export interface TreePartContent {
  /** Test rows x genes of the part, NaN for genes that the fold does not learn. */
  readonly predictions: Float32Array;
  /** Genes of the part x features. */
  readonly importance: Float32Array | null;
  readonly forest: Forest | null;
  /** Time that it took. */
  readonly seconds: number;
}

/** Genes that are saved together. */
const BLOCK = 128;

const forestNames: Record<keyof Forest, string> = {
  baseScore: "forest.base_score",
  treeSizes: "forest.tree_sizes",
  feature: "forest.feature",
  value: "forest.value",
  left: "forest.left",
  right: "forest.right",
  defaultLeft: "forest.default_left",
};

export class TreeParts {
  readonly #folder: string;
  readonly #identity: Record<string, unknown>;
  #parts: TreePart[] = [];

  private constructor(folder: string, identity: Record<string, unknown>, readonly result: FinishedResult) {
    this.#folder = join(folder, "unfinished");
    this.#identity = identity;
  }

  /**
   * Look at what earlier runs left in a result folder.
   *
   * @param identity everything that the numbers depend on, flags by their names on the command line
   * @param mode.resume go on from what is there
   * @param mode.isPart keep what is there; with neither a run starts from nothing, and says what it throws away
   * @returns null when there is nothing to resume since the folder holds the result
   * @throws {DataError} when what is there was made with other flags or from other data
   */
  static async open(
    folder: string,
    identity: Record<string, unknown>,
    { resume, isPart }: { resume: boolean; isPart: boolean },
  ): Promise<TreeParts | null> {
    const store = new TreeParts(folder, identity, await FinishedResult.lookFor(folder, identity));
    if (!resume && !isPart) await store.#startAnew();
    await store.lookAgain();
    if (resume && store.#parts.length === 0 && store.result.wasThere) {
      store.result.tell();
      return null;
    }
    await writeFileAtomic(store.#description, JSON.stringify(identity, null, 2) + "\n");
    return store;
  }

  /**
   * Take in what other runs have saved in the meantime.
   *
   * @throws {DataError} when it was made with other flags or from other data
   */
  async lookAgain(): Promise<void> {
    this.#parts = await partsIn(this.#folder);
    if (this.#parts.length > 0) {
      refuseOther(this.#description, await readFileText(this.#description), this.#identity);
    }
  }

  /** What `read` gives; null when another run put the parts together and took them away meanwhile. Says so. */
  async unlessMerged<T>(read: () => Promise<T>): Promise<T | null> {
    try {
      return await read();
    } catch (error) {
      if (!await this.#isGone() || !await this.result.cameMeanwhile()) throw error;
      await this.remove(); // what this run saved behind it
      return null;
    }
  }

  /** Blocks of a range of genes that a fold has still to learn. */
  missing(fold: number, { from, to }: GeneRange): TreePart[] {
    const isDone = new Uint8Array(to);
    for (const part of this.#parts) {
      if (part.fold === fold) isDone.fill(1, part.from, part.to);
    }
    const blocks: TreePart[] = [];
    for (let gene = from; gene < to; gene++) {
      if (isDone[gene]) continue;
      const last = blocks.at(-1);
      if (last && last.to === gene && last.to - last.from < BLOCK) {
        blocks[blocks.length - 1] = { ...last, to: gene + 1 };
      } else blocks.push({ fold, from: gene, to: gene + 1 });
    }
    return blocks;
  }

  async save(part: TreePart, content: TreePartContent): Promise<void> {
    const { predictions, importance, forest, seconds } = content;
    const tensors = new Map<string, SafetensorsArray>([["predictions", vector(predictions)]]);
    if (importance) tensors.set("importance", vector(importance));
    for (const [key, name] of Object.entries(forestNames)) {
      if (forest) tensors.set(name, vector(forest[key as keyof Forest]));
    }
    await writeFileAtomic(this.#path(part), encodeSafetensors(tensors, { seconds: String(seconds) }));
    this.#parts.push(part);
  }

  /** All parts of a fold by ascending genes. @throws {DataError} when two of them overlap or a file is damaged */
  async *read(fold: number): AsyncGenerator<{ part: TreePart; content: TreePartContent }> {
    const parts = this.#parts.filter((part) => part.fold === fold).sort((a, b) => a.from - b.from);
    for (const [i, part] of parts.entries()) {
      if (i > 0 && part.from < parts[i - 1].to) {
        throw new DataError(
          `Cannot merge the parts in "${this.#folder}": "${this.#path(parts[i - 1])}" and "${
            this.#path(part)
          }" share genes (delete one of them)`,
        );
      }
      const file = await openSafetensors(this.#path(part));
      try {
        const read = (name: string) => file.tensors.has(name) ? file.read(name) : Promise.resolve(null);
        const predictions = await read("predictions");
        if (!predictions) throw new DataError(`Cannot read "${this.#path(part)}": it holds no predictions`);
        const hasForest = file.tensors.has(forestNames.feature);
        const arrays = await Promise.all(
          Object.entries(forestNames).map(async (
            [key, name],
          ) => [key, hasForest ? await file.read(name) : null]),
        );
        const content = {
          predictions,
          importance: await read("importance"),
          forest: hasForest ? Object.fromEntries(arrays) as Forest : null,
          seconds: Number(file.metadata.seconds ?? 0),
        };
        yield { part, content };
      } finally {
        file.close();
      }
    }
  }

  /** Take everything away, once the result is written. A run beside this one may have done so. */
  async remove(): Promise<void> {
    this.#parts = [];
    // Renamed first: for others the folder is whole or gone.
    const doomed = `${this.#folder}.${crypto.randomUUID().slice(0, 8)}.tmp`;
    try {
      await Deno.rename(this.#folder, doomed);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return;
      throw error;
    }
    await Deno.remove(doomed, { recursive: true });
  }

  async #startAnew(): Promise<void> {
    const { length } = await partsIn(this.#folder);
    await this.remove();
    if (length === 0) return;
    log.warn(
      `Deleted ${
        counted(length, "part")
      } of an earlier run in "${this.#folder}" to start anew (--resume would have gone on from them).`,
    );
  }

  async #isGone(): Promise<boolean> {
    return !(await namesIn(this.#folder)).includes(basename(this.#description));
  }

  /** Says what the parts belong to; where it is gone, so are they. */
  get #description(): string {
    return join(this.#folder, "run.json");
  }

  #path({ fold, from, to }: TreePart): string {
    return join(this.#folder, `fold_${fold}_genes_${from}_${to}.safetensors`);
  }
}

function refuseOther(path: string, text: string, identity: Record<string, unknown>): void {
  let theirs: Record<string, unknown>;
  try {
    theirs = JSON.parse(text);
  } catch {
    throw new DataError(`Cannot go on: "${path}" is not JSON (delete its folder to start anew)`);
  }
  for (const key of Object.keys({ ...identity, ...theirs })) {
    const [was, is] = [theirs[key], identity[key]].map((value) => JSON.stringify(value) ?? "none");
    if (was === is) continue;
    const difference = key.startsWith("--") ? `${key} was ${was}, now it is ${is}` : `the ${key} were others`;
    throw new DataError(
      `Cannot go on from "${path}": ${difference} (repeat that run's flags, or delete its folder)`,
    );
  }
}

async function partsIn(folder: string): Promise<TreePart[]> {
  return (await namesIn(folder)).flatMap((name) => {
    const match = /^fold_(\d+)_genes_(\d+)_(\d+)\.safetensors$/.exec(name);
    return match ? [{ fold: Number(match[1]), from: Number(match[2]), to: Number(match[3]) }] : [];
  });
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw new DataError(`Cannot look into "${folder}": ${error instanceof Error ? error.message : error}`);
  }
}

function vector(data: Float32Array): SafetensorsArray {
  return { shape: [data.length], data };
}
