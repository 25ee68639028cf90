/**
 * The folder of a report: files are written into a hidden folder in it and take their places when all are there. The record and
 * the page go first and come last: where they stand, all files are of one report.
 */
import { dirname, join } from "@std/path";
import { DataError } from "../cli/errors.ts";
import { checkWritable } from "../io/atomic_write.ts";
import { remove, rename } from "../io/disk.ts";
import { readJsonObject } from "../io/json_file.ts";
import { exists, removeFile, removeFolder } from "../experiment/folders.ts";
import { ResultLock } from "../experiment/result_lock.ts";

export class ReportFolder {
  readonly #staging: string;
  readonly #names: string[] = [];

  #lock: ResultLock | null = null;

  private constructor(readonly path: string) {
    this.#staging = join(path, `.new.${crypto.randomUUID().slice(0, 8)}`);
  }

  /** @throws {DataError} when it cannot be written, or a result stands there */
  static async open(path: string): Promise<ReportFolder> {
    if (await exists(join(path, "manifest.json"))) {
      throw new DataError(
        `Cannot write the report to "${path}": a result stands there (--output names another folder)`,
      );
    }
    await checkWritable(join(path, "comparison.json"), "--output names another folder");
    return new ReportFolder(path);
  }

  /** Keep others out, and take away what a killed run left. @throws {DataError} when another process writes a report there */
  async begin(): Promise<void> {
    this.#lock = await ResultLock.take(join(this.path, ".lock"), crypto.randomUUID(), "alone", "--output");
    await removeLeftovers(this.path);
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
    const isLast = (name: string) => name === "comparison.json" || name.endsWith(".html");
    const [last, first] = [true, false].map((is) => this.#names.filter((name) => isLast(name) === is));
    for (const name of new Set([...last, ...earlier.filter(isLast)])) await removeFile(join(this.path, name));
    for (const name of earlier) if (!this.#names.includes(name)) await removeFile(join(this.path, name));
    for (const name of [...first, ...last]) {
      await Deno.mkdir(dirname(join(this.path, name)), { recursive: true });
      await rename(join(this.#staging, name), join(this.path, name));
    }
  }

  async close(): Promise<void> {
    try {
      await removeFolder(this.#staging);
    } finally {
      await this.#lock?.release();
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

/** What killed runs left, while the lock is held. */
async function removeLeftovers(path: string): Promise<void> {
  for (const { name, isDirectory } of await Array.fromAsync(Deno.readDir(path))) {
    if (isDirectory && /^\.new\.[0-9a-f]{8}(\.[0-9a-f]{8}\.tmp)?$/.test(name)) {
      await remove(join(path, name), { recursive: true });
    }
  }
}
