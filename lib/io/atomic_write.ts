/** Files that are never seen half written: a reader finds what was there before, or all of the new content. */
import { basename, dirname, join } from "@std/path";
import { DataError } from "../cli/errors.ts";
import { createFile, flush, remove, rename, writeAll } from "./disk.ts";

/**
 * Write `content` (text as UTF-8) to `path`: first to a temporary name in the same folder, flushed to disk, then
 * renamed over `path`. The folder is created where it is missing.
 *
 * @param content whole, or text in pieces that are written one after the other
 * @param advice what to do where the folder cannot be written
 * @throws {DataError} naming the folder, when it cannot be written; the temporary file is gone then
 */
export async function writeFileAtomic(
  path: string,
  content: Uint8Array | string | Iterable<string>,
  advice?: string,
): Promise<void> {
  await using file = await AtomicFile.open(path, advice);
  if (content instanceof Uint8Array) await file.write(content);
  else await file.writeText(typeof content === "string" ? [content] : content);
  await file.commit();
}

/**
 * Find out before long work whether `writeFileAtomic` could write to `path`. The folder is created where it is missing.
 *
 * @throws {DataError} as it would
 */
export async function checkWritable(path: string, advice?: string): Promise<void> {
  await using file = await AtomicFile.open(path, advice);
  await file.refuseFolder();
}

/**
 * A file that is written piece by piece, for what is too large to be made at once, and has its name only once it is whole.
 *
 *     await using file = await AtomicFile.open(path);
 *     for (const piece of pieces) await file.write(piece);
 *     await file.commit();                                    // without it nothing is left
 *
 * The temporary file stays locked while it is written: one that nobody holds is of a killed run.
 */
export class AtomicFile {
  readonly #path: string;
  readonly #advice: string;
  #temporary = "";
  #file: Deno.FsFile | null = null;

  private constructor(path: string, advice: string) {
    this.#path = path;
    this.#advice = advice;
  }

  /** @throws {DataError} naming the folder, when it cannot be written */
  static async open(path: string, advice = "choose a folder that can be written"): Promise<AtomicFile> {
    const opened = new AtomicFile(path, advice);
    await opened.#orRefuse(async () => {
      await Deno.mkdir(dirname(path), { recursive: true });
      await removeLeft(dirname(path), basename(path));
      opened.#create();
    });
    return opened;
  }

  /** @throws {DataError} when the disk is full, or the like */
  async write(bytes: Uint8Array): Promise<void> {
    await this.#orRefuse(() => writeAll(this.#file!, this.#temporary, bytes));
  }

  /** Text as UTF-8. */
  async writeText(pieces: Iterable<string>): Promise<void> {
    for (const bytes of encoded(pieces)) await this.write(bytes);
  }

  /** Flush it to disk and give it its name, over what had it. @throws {DataError} when a folder stands at that name */
  async commit(): Promise<void> {
    await this.#orRefuse(async () => {
      await flush(this.#file!, this.#temporary);
      await rename(this.#temporary, this.#path);
    });
    this.#file!.close();
    this.#file = null;
  }

  /** @throws {DataError} where the name is that of a folder */
  async refuseFolder(): Promise<void> {
    await this.#orRefuse(async () => {
      if ((await Deno.stat(this.#path).catch(() => null))?.isDirectory) throw new Deno.errors.IsADirectory();
    });
  }

  /** Take it away, unless it has its name. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#file === null) return;
    await remove(this.#temporary).catch(() => {});
    this.#file.close();
    this.#file = null;
  }

  #create(): void {
    for (;;) {
      const name = `.${basename(this.#path)}.${crypto.randomUUID().slice(0, 8)}.tmp`;
      this.#temporary = join(dirname(this.#path), name);
      const file = this.#file = createFile(this.#temporary);
      try {
        file.lockSync(true);
      } catch { /* a file system without locks */ }
      // Another run may have taken it for a killed one's before it was locked.
      if (isAt(file, this.#temporary)) return;
      file.close();
    }
  }

  async #orRefuse(body: () => Promise<void>): Promise<void> {
    try {
      await body();
    } catch (error) {
      await this[Symbol.asyncDispose]();
      const name = basename(this.#path), folder = dirname(this.#path), cause = causeOf(error);
      if (!cause.startsWith("File name too long")) {
        throw new DataError(`Cannot write "${name}" into folder "${folder}": ${cause} (${this.#advice})`);
      }
      const bytes = new TextEncoder().encode(name).length;
      throw new DataError(
        `Cannot write "${shortened(name)}" into folder "${folder}": its name of ${bytes} bytes is too long ` +
          `(choose one of 240 at most)`,
      );
    }
  }
}

function shortened(name: string): string {
  return name.length <= 40 ? name : `${name.slice(0, 37)}...`;
}

function isAt(file: Deno.FsFile, path: string): boolean {
  try {
    return file.statSync().ino === Deno.statSync(path).ino;
  } catch {
    return false;
  }
}

/** Temporary files of each folder that lay there when this process first wrote into it, by the name that they are for. */
const left = new Map<string, Promise<Map<string, string[]>>>();

/** Look at folders anew: for tests, in which a run "is killed" and the next one goes on in the same process. */
export function forgetFolders(): void {
  left.clear();
}

const dayMs = 24 * 3600 * 1000;

/** Remove what killed runs left of a file: what nobody holds; where files cannot be locked, what is over a day old. */
async function removeLeft(folder: string, name: string): Promise<void> {
  if (!left.has(folder)) left.set(folder, temporariesIn(folder));
  const found = (await left.get(folder)!).get(name) ?? [];
  for (const path of found.splice(0)) {
    try {
      using file = await Deno.open(path, { read: true, write: true });
      const { mtime } = await file.stat(), isOld = mtime !== null && Date.now() - mtime.getTime() > dayMs;
      if (await file.tryLock(true).catch(() => isOld)) await remove(path);
    } catch { /* another run was faster */ }
  }
}

async function temporariesIn(folder: string): Promise<Map<string, string[]>> {
  const found = new Map<string, string[]>();
  try {
    for await (const entry of Deno.readDir(folder)) {
      const name = /^\.(.+)\.[0-9a-f]{8}\.tmp$/.exec(entry.name)?.[1];
      if (name !== undefined && entry.isFile) {
        found.set(name, [...found.get(name) ?? [], join(folder, entry.name)]);
      }
    }
  } catch { /* a folder that can be written but not listed */ }
  return found;
}

/** Text as UTF-8, short pieces joined to some that are worth a write. */
function* encoded(texts: Iterable<string>): Generator<Uint8Array> {
  const encoder = new TextEncoder();
  let waiting: string[] = [], length = 0;
  for (const text of texts) {
    waiting.push(text);
    length += text.length;
    if (length < 2 ** 20) continue;
    yield encoder.encode(waiting.join(""));
    [waiting, length] = [[], 0];
  }
  yield encoder.encode(waiting.join(""));
}

/** Why a write failed, in the system's few words without the path that it repeats and without its error number. */
export function causeOf(error: unknown): string {
  if (error instanceof Deno.errors.PermissionDenied) return "permission denied";
  if (error instanceof Deno.errors.NotCapable) return "Deno was not given write access there";
  if (error instanceof Deno.errors.NotADirectory || error instanceof Deno.errors.AlreadyExists) {
    return "a file stands where a folder should be";
  }
  if (error instanceof Deno.errors.IsADirectory) return "a folder stands at that name";
  return (error instanceof Error ? error.message : String(error)).replace(/ \(os error \d+\).*$/s, "");
}
