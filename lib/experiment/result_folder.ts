/**
 * `<results>/<model name>/`: one finished result, whole. A new one is written beside it under a hidden name and takes its
 * place by two renames, so that at every moment the old result or the new one stands on the disk; `recover` completes what
 * a kill between the two left.
 *
 *     const folder = await ResultFolder.open("results", "mlp_nt");
 *     await folder.lock(runId, "alone");
 *     await writeFileAtomic(folder.staged("summary.json"), ...);   // and everything else
 *     await folder.commit(facts);
 *     await folder.close();
 */
import { basename, dirname, join } from "@std/path";
import { DataError, UsageError } from "../cli/errors.ts";
import { log } from "../cli/log.ts";
import { checkWritable } from "../io/atomic_write.ts";
import { remove, rename } from "../io/disk.ts";
import { reasonOf } from "../io/read_file.ts";
import { exists, removeFolder } from "./folders.ts";
import { type Manifest, readManifest, type RunFacts, writeManifest } from "./manifest.ts";
import { ResultLock } from "./result_lock.ts";

const advice = "--output-dir names another place for results";

/** @internal */
export class ResultFolder {
  #lock: ResultLock | null = null;
  readonly #staging: string;

  /** @param made folders that were made for it, the outermost last */
  private constructor(
    readonly path: string,
    readonly modelName: string,
    private readonly made: readonly string[],
  ) {
    this.#staging = hiddenSibling(path, `new.${crypto.randomUUID().slice(0, 8)}`);
  }

  /**
   * Make the folder, so that a place that cannot be written is told before the work and not after it.
   *
   * @throws {UsageError} when the model's name is no folder name
   * @throws {DataError} when the folder cannot be written
   */
  static async open(results: string, modelName: string): Promise<ResultFolder> {
    if (/[/\\\0]/.test(modelName) || modelName === "." || modelName === "..") {
      throw new UsageError(`Cannot use --model-name "${modelName}": it names a folder, without slashes`);
    }
    if (/^\.|\.bak\d*$/.test(modelName)) {
      throw new UsageError(
        `Cannot use --model-name "${modelName}": names that begin with a point or end in .bak are for what is set aside`,
      );
    }
    // The longest names in a result are this much longer than the model's.
    const bytes = new TextEncoder().encode(modelName).length;
    if (bytes > 180) {
      throw new UsageError(
        `Cannot use --model-name: it is ${bytes} bytes long (180 at most, file names hold it)`,
      );
    }
    const path = await withoutLink(join(results, modelName));
    await recoverIfFree(path);
    const made = await missingFolders(path);
    await checkWritable(join(path, "summary.json"), advice);
    await checkWritable(hiddenSibling(path, "lock"), advice);
    log.info(`Results go to ${path}`);
    return new ResultFolder(path, modelName, made);
  }

  /**
   * Keep other runs out, and put in order what a killed one left.
   *
   * @throws {DataError} when another run is at work there
   */
  async lock(runId: string, mode: "shared" | "alone"): Promise<void> {
    this.#lock = await ResultLock.take(hiddenSibling(this.path, "lock"), runId, mode);
    if (this.#lock.wasFree) await recover(this.path);
  }

  /** Where a file of the new result is written; it moves to `path` with `commit`. */
  staged(name: string): string {
    return join(this.#staging, name);
  }

  /** Where a file stands after `commit`. */
  final(name: string): string {
    return join(this.path, name);
  }

  /** Put the new result, which is complete in the staging folder, in the place of the old one. */
  async commit(facts: RunFacts): Promise<void> {
    await writeManifest(this.#staging, facts);
    const olds: string[] = [];
    for (;;) {
      const old = hiddenSibling(this.path, `old.${crypto.randomUUID().slice(0, 8)}`);
      if (await renameIfThere(this.path, old)) olds.push(old);
      try {
        await rename(this.#staging, this.path);
        break;
      } catch (error) {
        if (!await exists(this.path)) throw error; // else another part of this run has put its own there meanwhile
      }
    }
    for (const old of olds) await retire(old, this.path);
  }

  /** Free the folder for others, and take away what was not committed, the folder too where nothing was ever in it. */
  async close(): Promise<void> {
    try {
      await removeFolder(this.#staging);
    } finally {
      await this.#lock?.release();
    }
    for (const folder of this.made) await Deno.remove(folder).catch(() => {}); // not empty: it stays
  }
}

/** Of a folder and those that it lies in the ones that are not there, the outermost last. */
async function missingFolders(path: string): Promise<string[]> {
  const missing: string[] = [];
  for (let folder = path; !await exists(folder) && dirname(folder) !== folder; folder = dirname(folder)) {
    missing.push(folder);
  }
  return missing;
}

/** `recover`, unless a run is at work there: for readers, and before a run makes anything. */
export async function recoverIfFree(path: string): Promise<void> {
  if ((await leftBeside(path)).length === 0) return;
  await ResultLock.ifFree(hiddenSibling(path, "lock"), () => recover(path));
}

/**
 * Put in order what a killed run left beside a result folder: a new result that is complete takes the place of one that is
 * gone, the user's own files move over from the old one, and everything else goes.
 */
export async function recover(path: string): Promise<void> {
  const left = await leftBeside(path);
  if (left.length === 0) return;
  const whole = left.filter((name) => !name.endsWith(".tmp"));
  for (const sibling of whole.filter((name) => name.includes(".new."))) {
    if (!await exists(path) && await readManifest(sibling) !== null) await rename(sibling, path);
    else await removeFolder(sibling);
  }
  for (const sibling of whole.filter((name) => name.includes(".old."))) {
    if (!await exists(path)) await rename(sibling, path);
    else await retire(sibling, path);
  }
  for (const sibling of left.filter((name) => name.endsWith(".tmp"))) {
    await remove(sibling, { recursive: true });
  }
}

/** Take away an old result: of other data, or without a manifest, it is kept as `<path>.bak`. */
async function retire(old: string, path: string): Promise<void> {
  const [theirs, ours] = [
    await readManifest(old).catch(() => null),
    await readManifest(path).catch(() => null),
  ];
  const holdsResult = await exists(join(old, "summary.json"));
  if (holdsResult && (theirs === null || theirs.data_id !== ours?.data_id)) {
    await keep(old, path, theirs);
    return;
  }
  for (const name of await foreignEntries(old, theirs)) {
    if (!await exists(join(path, name))) await rename(join(old, name), join(path, name));
  }
  await removeFolder(old);
}

/** What a user put into a result folder, and unfinished parts of other runs. */
async function foreignEntries(folder: string, manifest: Manifest | null): Promise<string[]> {
  const own = new Set([
    "unfinished",
    "manifest.json",
    ...manifest?.files.map(({ path }) => path.split("/")[0]) ?? [],
  ]);
  const names = (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name);
  return names.filter((name) => !own.has(name) && !name.endsWith(".tmp"));
}

async function leftBeside(path: string): Promise<string[]> {
  const folder = dirname(path), prefix = `.${basename(path)}.`;
  const found: string[] = [];
  try {
    for await (const { name } of Deno.readDir(folder)) {
      if (
        name.startsWith(prefix) &&
        /^(new|old)\.[0-9a-f]{8}(\.[0-9a-f]{8}\.tmp)?$/.test(name.slice(prefix.length))
      ) {
        found.push(join(folder, name));
      }
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory)) {
      throw new DataError(`Cannot look into "${folder}": ${reasonOf(error)}`);
    }
  }
  return found.sort();
}

async function renameIfThere(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Keep an old result as `<path>.bak`, or in place of what was kept of the same run, or as the first of .bak2, .bak3, ... */
async function keep(old: string, path: string, theirs: Manifest | null): Promise<void> {
  const others: string[] = [];
  let kept = "";
  for (let number = 1; kept === ""; number++) {
    const name = `${path}.bak${number === 1 ? "" : number}`;
    const isTaken = await exists(name);
    if (isTaken && (theirs === null || await runOf(name) !== theirs.run_id)) others.push(basename(name));
    else kept = name;
  }
  await removeFolder(kept);
  await rename(old, kept);
  await removeFolder(join(kept, "unfinished"));
  const beside = others.length === 0
    ? ""
    : `, beside ${others.join(", ")} of other runs (delete what is no longer needed)`;
  log.warn(
    `The result that stood there ${
      theirs ? "is of other data" : "has no manifest.json"
    }: kept as "${kept}"${beside}.`,
  );
}

async function runOf(folder: string): Promise<string | null> {
  return (await readManifest(folder).catch(() => null))?.run_id ?? null;
}

function hiddenSibling(path: string, name: string): string {
  return join(dirname(path), `.${basename(path)}.${name}`);
}

/** Where a link leads: results are put in place by renaming, which would take the link away. @throws {DataError} when it leads nowhere */
async function withoutLink(path: string): Promise<string> {
  const found = await Deno.lstat(path).catch(() => null);
  if (!found?.isSymlink) return path;
  try {
    return await Deno.realPath(path);
  } catch {
    throw new DataError(`Cannot write results to "${path}": it is a link that leads nowhere`);
  }
}
