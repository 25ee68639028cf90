/** Files that are never seen half written: a reader finds what was there before, or all of the new content. */
import { basename, dirname, join } from "@std/path";
import { DataError } from "../cli/errors.ts";

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
  const pieces = content instanceof Uint8Array
    ? [content]
    : encoded(typeof content === "string" ? [content] : content);
  await withTemporary(path, advice, async (temporary) => {
    // Stays open, and locked, until it has its name: a killed run's files are told by that nobody holds them.
    using _file = await writeAndFlush(temporary, pieces);
    await Deno.rename(temporary, path);
  });
}

/**
 * Find out before long work whether `writeFileAtomic` could write to `path`. The folder is created where it is missing.
 *
 * @throws {DataError} as it would
 */
export async function checkWritable(path: string, advice?: string): Promise<void> {
  await withTemporary(path, advice, async (temporary) => {
    if ((await Deno.stat(path).catch(() => null))?.isDirectory) throw new Deno.errors.IsADirectory();
    using _file = await writeAndFlush(temporary, []);
    await Deno.remove(temporary);
  });
}

/** Let `write` use a temporary name beside `path`. */
async function withTemporary(
  path: string,
  advice = "choose a folder that can be written",
  write: (temporary: string) => Promise<void>,
): Promise<void> {
  const folder = dirname(path);
  const temporary = join(folder, `.${basename(path)}.${crypto.randomUUID().slice(0, 8)}.tmp`);
  try {
    await Deno.mkdir(folder, { recursive: true });
    await removeLeft(folder, basename(path));
    await write(temporary);
  } catch (error) {
    await Deno.remove(temporary).catch(() => {});
    throw new DataError(
      `Cannot write "${basename(path)}" into folder "${folder}": ${causeOf(error)} (${advice})`,
    );
  }
}

/** @returns the file, open and locked where its file system can lock */
async function writeAndFlush(path: string, pieces: Iterable<Uint8Array>): Promise<Deno.FsFile> {
  const file = await Deno.open(path, { write: true, createNew: true });
  try {
    await file.tryLock(true).catch(() => {});
    for (const bytes of pieces) {
      for (let written = 0; written < bytes.length;) written += await file.write(bytes.subarray(written));
    }
    await file.syncData();
    return file;
  } catch (error) {
    file.close();
    throw error;
  }
}

/** Temporary files of each folder that lay there when this process first wrote into it, by the name that they are for. */
const left = new Map<string, Promise<Map<string, string[]>>>();

/** Remove what killed runs left of a file: over a minute old, and held by nobody. */
async function removeLeft(folder: string, name: string): Promise<void> {
  if (!left.has(folder)) left.set(folder, temporariesIn(folder));
  const found = (await left.get(folder)!).get(name) ?? [];
  for (const path of found.splice(0)) {
    try {
      using file = await Deno.open(path, { read: true, write: true });
      const { mtime } = await file.stat();
      if (mtime === null || Date.now() - mtime.getTime() < 60_000 || !await file.tryLock(true)) continue;
      await Deno.remove(path);
    } catch { /* another run was faster, or the file system knows no locks: it stays */ }
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
