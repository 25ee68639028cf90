import { readFileBytes, reasonOf } from "./read_file.ts";
import { DataError } from "../cli/errors.ts";

/**
 * A large file that is read a window at a time, from its start and then on; `Deno.readFile` would need memory for all of it.
 * The window grows only where the caller keeps more of it than it has room for.
 */
export class WindowedFile {
  readonly path: string;
  /** Bytes of the whole file. */
  readonly size: number;
  readonly #windowBytes: number;
  #position = 0;

  /** @throws {DataError} naming the path, when there is no such file */
  constructor(path: string, windowBytes: number) {
    this.path = path;
    this.#windowBytes = windowBytes;
    try {
      this.size = Deno.statSync(path).size;
    } catch (error) {
      throw new DataError(`Cannot read "${path}": ${reasonOf(error)}`);
    }
  }

  /** The first window. */
  restart(): Uint8Array<ArrayBuffer> {
    this.#position = 0;
    return this.next(new Uint8Array(0)) ?? new Uint8Array(0);
  }

  /** What was kept of the last window, and the bytes behind it; null at the file's end. */
  next(kept: Uint8Array): Uint8Array<ArrayBuffer> | null {
    if (this.#position >= this.size) return null;
    const wanted = Math.min(Math.max(this.#windowBytes, kept.length), this.size - this.#position);
    const window = new Uint8Array(kept.length + wanted);
    window.set(kept);
    let end = kept.length;
    try {
      using file = Deno.openSync(this.path);
      file.seekSync(this.#position, Deno.SeekMode.Start);
      while (end < window.length) {
        const count = file.readSync(window.subarray(end));
        if (count === null) {
          throw new DataError(`Cannot read "${this.path}": it became shorter while it was read`);
        }
        end += count;
      }
    } catch (error) {
      throw error instanceof DataError
        ? error
        : new DataError(`Cannot read "${this.path}": ${reasonOf(error)}`);
    }
    this.#position += wanted;
    return window;
  }
}

/** Files from this size on are read by windows. */
const largeFile = 2 ** 28;

/** All bytes of a file, or its windows where it is large and plain text (neither gzip nor UTF-16 nor another format). */
export async function readOrOpen(path: string): Promise<Uint8Array<ArrayBuffer> | WindowedFile> {
  const info = await Deno.stat(path).catch(() => null);
  if (info === null || !info.isFile || info.size < largeFile) return await readFileBytes(path);
  const file = new WindowedFile(path, 2 ** 26);
  const [first] = file.restart();
  const isText = first === 0xef || (first >= 0x20 && first < 0x7f && first !== 0x50 && first !== 0x42) ||
    first === 9 || first === 10 || first === 13;
  return isText ? file : await readFileBytes(path);
}
