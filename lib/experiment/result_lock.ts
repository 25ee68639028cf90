/**
 * Who writes a result: `<results>/.<model name>.lock`, which the system unlocks when its process ends, however that ends.
 * A run of all folds has it alone; runs of parts share it when they are parts of one run.
 */
import { DataError } from "../cli/errors.ts";
import { causeOf } from "../io/atomic_write.ts";
import { writeAll } from "../io/disk.ts";
import { removeFile } from "./folders.ts";

interface Holder {
  readonly runId: string;
  readonly process: number;
  readonly host: string | null;
  readonly since: string;
}

export class ResultLock {
  readonly #path: string;
  readonly #file: Deno.FsFile;
  /** Whether no other process had it. */
  readonly wasFree: boolean;

  private constructor(path: string, file: Deno.FsFile, wasFree: boolean) {
    this.#path = path;
    this.#file = file;
    this.wasFree = wasFree;
  }

  /**
   * @param runId stands for all settings and data
   * @param mode "shared" for a run of some folds or genes
   * @param advice which flags name another place
   * @throws {DataError} when another run is there: which process, and since when
   */
  static async take(
    path: string,
    runId: string,
    mode: "shared" | "alone",
    advice = "--output-dir or --model-name",
  ): Promise<ResultLock> {
    for (let attempt = 0;; attempt++) {
      await refuseLink(path);
      const file = await Deno.open(path, { read: true, write: true, create: true });
      let wasFree = false;
      try {
        wasFree = await locked(file, "exclusive");
        const mayJoin = wasFree || (mode === "shared" && await locked(file, "shared"));
        const holder = wasFree ? null : await holderIn(path);
        if (!mayJoin && attempt < 20 && mode === "shared" && (holder === null || holder.runId === runId)) {
          file.close(); // a part that starts at this moment has it alone until it has written who it is
          await new Promise((resolve) => setTimeout(resolve, 50));
          continue;
        }
        if (!mayJoin || (holder !== null && holder.runId !== runId)) throw refusal(path, holder, advice);
        if (!await isStillThere(file, path)) {
          file.close(); // its last holder took the file away
          continue;
        }
        if (wasFree) {
          await writeHolder(file, path, ownHolder(runId));
          if (mode === "shared") await file.unlock().then(() => file.lock(false));
        }
        return new ResultLock(path, file, wasFree);
      } catch (error) {
        try {
          file.close();
        } catch { /* closed above */ }
        throw error;
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release();
  }

  /** Do something while nobody writes the result; nothing where somebody does, or the place cannot be written. */
  static async ifFree(path: string, body: () => Promise<void>): Promise<void> {
    let file: Deno.FsFile;
    try {
      await refuseLink(path);
      file = await Deno.open(path, { read: true, write: true, create: true });
    } catch {
      return;
    }
    if (!await locked(file, "exclusive")) return file.close();
    try {
      await body();
    } finally {
      await removeFile(path).catch(() => {});
      file.close();
    }
  }

  /** Let others in; the last one takes the file away. */
  async release(): Promise<void> {
    await this.#file.unlock().catch(() => {});
    if (await locked(this.#file, "exclusive")) await removeFile(this.#path).catch(() => {});
    this.#file.close();
  }
}

/** Its name is known beforehand: through a link that somebody laid there another file would be overwritten. */
async function refuseLink(path: string): Promise<void> {
  if ((await Deno.lstat(path).catch(() => null))?.isSymlink) {
    throw new DataError(`Cannot use "${path}" as a lock: it is a symbolic link (delete it)`);
  }
}

/** Lock a file if nobody else has it. File systems that know no locks count as free. */
async function locked(file: Deno.FsFile, mode: "exclusive" | "shared"): Promise<boolean> {
  try {
    return await file.tryLock(mode === "exclusive");
  } catch {
    return true;
  }
}

async function writeHolder(file: Deno.FsFile, path: string, holder: Holder): Promise<void> {
  try {
    await file.truncate();
    await writeAll(file, path, new TextEncoder().encode(JSON.stringify(holder)));
  } catch (error) {
    await removeFile(path).catch(() => {});
    throw new DataError(`Cannot write the lock "${path}": ${causeOf(error)}`);
  }
}

async function isStillThere(file: Deno.FsFile, path: string): Promise<boolean> {
  const [ours, theirs] = [await file.stat(), await Deno.stat(path).catch(() => null)];
  return theirs !== null && ours.ino === theirs.ino;
}

async function holderIn(path: string): Promise<Holder | null> {
  try {
    return JSON.parse(await Deno.readTextFile(path));
  } catch {
    return null; // it is just being written
  }
}

function ownHolder(runId: string): Holder {
  const mayAsk = Deno.permissions.querySync({ name: "sys", kind: "hostname" }).state === "granted";
  return {
    runId,
    process: Deno.pid,
    host: mayAsk ? Deno.hostname() : null,
    since: new Date().toISOString(),
  };
}

function refusal(path: string, holder: Holder | null, advice: string): DataError {
  const who = holder
    ? `process ${holder.process}${
      holder.host === null ? "" : ` on host ${holder.host}`
    }, since ${holder.since},`
    : "another process";
  return new DataError(
    `Cannot write this result: ${who} is at work there ("${path}"); wait for it, or name another ${advice}`,
  );
}
