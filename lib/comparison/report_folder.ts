/**
 * The folder of a report: files are written into a hidden folder in it and take their places when all are there. The record and
 * the page go first and come last: where they stand, all files are of one report.
 */
import { dirname, join } from "@std/path";
import { DataError, UsageError } from "../cli/errors.ts";
import { shortId, someIds } from "../dataset/ids.ts";
import { checkWritable } from "../io/atomic_write.ts";
import { remove, rename } from "../io/disk.ts";
import { readJsonObject } from "../io/json_file.ts";
import { exists, removeFile, removeFolder } from "../experiment/folders.ts";
import { ResultLock } from "../experiment/result_lock.ts";

export class ReportFolder {
  readonly #staging: string;
  readonly #names: string[] = [];

  #isBetween = false;

  private constructor(readonly path: string, readonly lock: ResultLock) {
    this.#staging = join(path, `.new.${crypto.randomUUID().slice(0, 8)}`);
  }

  /**
   * Keep others out, before anything is scored.
   *
   * @throws {UsageError} when its name is too long
   * @throws {DataError} when it cannot be written, another process writes a report there, or something else stands there
   */
  static async open(path: string): Promise<ReportFolder> {
    refuseLongName(path);
    await refuseOthers(path);
    await checkWritable(join(path, "comparison.json"), advice);
    const lock = await ResultLock.take(join(path, ".lock"), crypto.randomUUID(), "alone", "--output");
    return new ReportFolder(path, lock);
  }

  /** Take away what a killed run left, once files of this one are there: without a record they tell that a report was begun. */
  async begin(): Promise<void> {
    await Deno.mkdir(this.#staging, { recursive: true });
    await removeLeftovers(this.path, this.#staging);
  }

  /** Where a file is written until `commit`. */
  staged(name: string): string {
    this.#names.push(name);
    return join(this.#staging, name);
  }

  /** Names of the files so far. */
  get names(): readonly string[] {
    return this.#names;
  }

  /** Move all files in, and take away those that only an earlier report had. */
  async commit(): Promise<void> {
    const earlier = await this.#earlierFiles();
    this.#isBetween = true;
    const isLast = (name: string) => name === "comparison.json" || name.endsWith(".html");
    const [last, first] = [true, false].map((is) => this.#names.filter((name) => isLast(name) === is));
    for (const name of new Set([...last, ...earlier.filter(isLast)])) await removeFile(join(this.path, name));
    for (const name of earlier) if (!this.#names.includes(name)) await removeFile(join(this.path, name));
    for (const name of [...first, ...last]) {
      await Deno.mkdir(dirname(join(this.path, name)), { recursive: true });
      await rename(join(this.#staging, name), join(this.path, name));
    }
    this.#isBetween = false;
  }

  /** Let others in, and take away what was not moved in; it stays where moving failed in between, for the next run to know. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      if (!this.#isBetween) await removeFolder(this.#staging);
    } finally {
      await this.lock.release();
    }
  }

  /** Files that an earlier comparison.json lists: plain names and those below figures/, nothing else. */
  async #earlierFiles(): Promise<string[]> {
    const path = join(this.path, "comparison.json");
    if (!await exists(path)) return [];
    const { files } = await readJsonObject(path).catch(() => ({ files: [] }));
    const isOurs = (name: unknown): name is string =>
      typeof name === "string" && /^(figures\/)?[\w-]+\.(csv|tex|json|html|parquet|svg|png)$/.test(name);
    return Array.isArray(files) ? files.filter(isOurs) : [];
  }
}

const advice = "--output names another folder";

/** Each part of a path may have 255 bytes. */
function refuseLongName(path: string): void {
  const long = path.split(/[\\/]/).find((name) => new TextEncoder().encode(name).length > 255);
  if (long === undefined) return;
  const bytes = new TextEncoder().encode(long).length;
  throw new UsageError(`Cannot use --output "${shortId(long)}": its name has ${bytes} bytes (255 at most)`);
}

/** A report may lie in a new folder, an empty one, and one that holds a report. */
async function refuseOthers(path: string): Promise<void> {
  const refusal = (what: string) =>
    new DataError(`Cannot write the report to "${path}": ${what} (${advice})`);
  if (await exists(join(path, "manifest.json"))) throw refusal("a result stands there");
  let entries: Deno.DirEntry[];
  try {
    entries = await Array.fromAsync(Deno.readDir(path));
  } catch {
    return; // not there yet, or `checkWritable` tells what is wrong
  }
  for (const { name, isFile } of entries) {
    if (!isFile && await exists(join(path, name, "manifest.json"))) {
      throw refusal(`it is a folder of results, such as "${shortId(name)}"`);
    }
  }
  if (entries.some(({ name }) => isStaging(name))) return; // a run was killed here
  const foreign = entries.map(({ name }) => name).filter((name) => !name.startsWith("."));
  if (foreign.length === 0) return;
  if (!foreign.includes("comparison.json")) {
    // Workflow managers take away the file that they wait for, and leave the others.
    if (
      ["metrics_long.csv", "table.csv", "explorer_values.parquet"].every((name) => foreign.includes(name))
    ) return;
    throw refusal(`it holds other files and no earlier report (${someIds(foreign.sort(), 3)})`);
  }
  const record = await readJsonObject(join(path, "comparison.json")).catch(() => null);
  if (record?.format !== "hs27-comparison") throw refusal(`its comparison.json is of something else`);
}

function isStaging(name: string): boolean {
  return /^\.new\.[0-9a-f]{8}(\.[0-9a-f]{8}\.tmp)?$/.test(name);
}

/** What killed runs left, while the lock is held. */
async function removeLeftovers(path: string, own: string): Promise<void> {
  for (const { name, isDirectory } of await Array.fromAsync(Deno.readDir(path))) {
    if (isDirectory && isStaging(name) && join(path, name) !== own) {
      await remove(join(path, name), { recursive: true });
    }
  }
}
