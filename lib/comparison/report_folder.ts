/** The folder of a report: files are written into a hidden folder in it and take their places when all are there, the page last. */
import { dirname, join } from "@std/path";
import { DataError } from "../cli/errors.ts";
import { checkWritable } from "../io/atomic_write.ts";
import { readJsonObject } from "../io/json_file.ts";
import { exists, removeFile, removeFolder } from "../experiment/folders.ts";

export class ReportFolder {
  readonly #staging: string;
  readonly #names: string[] = [];

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
    await removeLeftovers(path);
    return new ReportFolder(path);
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
    for (const name of this.#names) {
      await Deno.mkdir(dirname(join(this.path, name)), { recursive: true });
      await Deno.rename(join(this.#staging, name), join(this.path, name));
    }
    for (const name of earlier) if (!this.#names.includes(name)) await removeFile(join(this.path, name));
  }

  async close(): Promise<void> {
    await removeFolder(this.#staging);
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

/** What killed runs left. One that is at work may be of the last hour. */
async function removeLeftovers(path: string): Promise<void> {
  for await (const { name, isDirectory } of Deno.readDir(path)) {
    if (!isDirectory || !/^\.new\.[0-9a-f]{8}$/.test(name)) continue;
    const { mtime } = await Deno.stat(join(path, name));
    if (mtime !== null && Date.now() - mtime.getTime() > 3_600_000) await removeFolder(join(path, name));
  }
}
