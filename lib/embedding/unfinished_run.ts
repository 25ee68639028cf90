/**
 * Vectors of an unfinished run, kept beside the output so that `--resume` goes on where it was killed. A header line says
 * what the run was; each record is a row number, its vector and the CRC-32 of both. Reading stops at the first record that
 * is cut off, damaged or a row given twice (a power loss can leave zeros): what follows is computed again.
 */
import { crc32 } from "node:zlib";
import { basename, dirname, join } from "@std/path";
import { DataError } from "../cli/errors.ts";
import { log } from "../cli/log.ts";
import { ResultLock } from "../experiment/result_lock.ts";
import { causeOf } from "../io/atomic_write.ts";
import { createFile, flush, remove, removeSync, writeAll } from "../io/disk.ts";
import { exists } from "../io/hub_cache.ts";
import { readFileBytes } from "../io/read_file.ts";

/** What must be the same for vectors to belong together. */
export type RunSettings = Readonly<Record<string, string | number | boolean | null>>;

/** A power loss takes this much work at most, beside the batch at hand. */
const flushEveryMs = 1000;

/** Locks of this process: it may go on with an output that it has begun before. */
const held = new Map<string, ResultLock>();

export class UnfinishedRun {
  readonly path: string;
  readonly #lockPath: string;
  readonly #settings: RunSettings;
  #file: Deno.FsFile | null = null;
  #width: number | null = null;
  #flushedAtMs = performance.now();

  /** @param output the .npy file that the run makes */
  constructor(output: string, settings: RunSettings) {
    this.path = `${output}.unfinished`;
    this.#lockPath = join(dirname(output), `.${basename(output)}.lock`);
    this.#settings = settings;
  }

  get exists(): boolean {
    return exists(this.path);
  }

  /**
   * Begin anew: whatever was there goes.
   *
   * @throws {DataError} before any work is done, when the folder cannot be written or another process makes this output
   */
  async start(): Promise<void> {
    try {
      await Deno.mkdir(dirname(this.path), { recursive: true });
      await this.#lock();
      // Removed, not emptied: the name may be a link to someone else's file.
      await remove(this.path).catch((error) => {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      });
      this.#file = createFile(this.path);
    } catch (error) {
      if (error instanceof DataError) throw error;
      throw new DataError(`Cannot write into folder "${dirname(this.path)}": ${causeOf(error)}`);
    }
  }

  /**
   * The vectors that are there, by row; later ones are appended behind them.
   *
   * @throws {DataError} when they are of another run
   */
  async resume(): Promise<Map<number, Float32Array>> {
    const rows = new Map<number, Float32Array>();
    if ((await Deno.lstat(this.path).catch(() => null))?.isSymlink) {
      throw new DataError(`Cannot resume from "${this.path}": it is a symbolic link (delete it)`);
    }
    if (this.exists) await this.#lock();
    const bytes = this.exists ? await readFileBytes(this.path) : new Uint8Array(0);
    const lineEnd = bytes.indexOf(0x0a);
    // Killed before it had written anything, or never begun.
    if (lineEnd < 0) {
      await this.start();
      return rows;
    }
    const header = parseHeader(this.path, new TextDecoder().decode(bytes.subarray(0, lineEnd)));
    if (header === null) {
      log.warn(`Starting anew: "${this.path}" is of an earlier version, without checksums`);
      await this.start();
      return rows;
    }
    const { width, ...settings } = header;
    const changed = Object.keys({ ...settings, ...this.#settings }).filter((key) =>
      settings[key] !== this.#settings[key]
    );
    if (changed.length > 0) {
      const key = changed[0];
      throw new DataError(
        `Cannot resume from "${this.path}": its ${key} is ${JSON.stringify(settings[key] ?? null)}, now ` +
          `${JSON.stringify(this.#settings[key] ?? null)} (run without --resume to start anew)`,
      );
    }
    const recordBytes = 4 * (width + 2), start = lineEnd + 1;
    let end = start;
    for (; end + recordBytes <= bytes.length; end += recordBytes) {
      const record = bytes.slice(end, end + recordBytes), { buffer } = record;
      const [row] = new Int32Array(buffer, 0, 1), [sum] = new Uint32Array(buffer, recordBytes - 4, 1);
      if (sum !== crc32(record.subarray(0, recordBytes - 4)) || rows.has(row)) {
        log.warn(
          `Left out ${
            bytes.length - end
          } bytes at the end of "${this.path}", which are damaged: computing them again`,
        );
        break;
      }
      rows.set(row, new Float32Array(buffer, 4, width));
    }
    this.#width = width;
    this.#file = await Deno.open(this.path, { write: true });
    await this.#file.truncate(end);
    await this.#file.seek(0, Deno.SeekMode.End);
    return rows;
  }

  /** Keep the vectors of some rows. */
  async append(rows: readonly number[], vectors: Float32Array): Promise<void> {
    const width = vectors.length / rows.length;
    if (this.#width === null) {
      this.#width = width;
      await this.#write(new TextEncoder().encode(headerLine({ ...this.#settings, width })));
    }
    if (width !== this.#width) throw new RangeError(`Vectors of width ${width} after ones of ${this.#width}`);
    const recordBytes = 4 * (width + 2), bytes = new Uint8Array(rows.length * recordBytes);
    rows.forEach((row, i) => {
      const at = i * recordBytes, sumAt = at + recordBytes - 4;
      new Int32Array(bytes.buffer, at, 1)[0] = row;
      new Float32Array(bytes.buffer, at + 4, width).set(vectors.subarray(i * width, (i + 1) * width));
      new Uint32Array(bytes.buffer, sumAt, 1)[0] = crc32(bytes.subarray(at, sumAt));
    });
    await this.#write(bytes);
    if (performance.now() - this.#flushedAtMs < flushEveryMs) return;
    await flush(this.#file!, this.path);
    this.#flushedAtMs = performance.now();
  }

  async #write(bytes: Uint8Array): Promise<void> {
    try {
      await writeAll(this.#file!, this.path, bytes);
    } catch (error) {
      throw new DataError(
        `Cannot write "${basename(this.path)}" into folder "${dirname(this.path)}": ${causeOf(error)}`,
      );
    }
  }

  /** What was kept stays for resuming. */
  close(): void {
    if (this.#file === null) return;
    this.#file.syncDataSync();
    this.#file.close();
    this.#file = null;
    if (this.#width === null) removeSync(this.path); // there is nothing in it
  }

  /** The run is finished: what was kept for resuming goes. */
  async remove(): Promise<void> {
    this.close();
    if (this.exists) await remove(this.path);
    const lock = held.get(this.#lockPath);
    held.delete(this.#lockPath);
    if (lock) await lock.release();
    else if (exists(this.#lockPath)) await ResultLock.ifFree(this.#lockPath, () => Promise.resolve()); // a killed run's
  }

  async #lock(): Promise<void> {
    if (held.has(this.#lockPath)) return;
    held.set(this.#lockPath, await ResultLock.take(this.#lockPath, crypto.randomUUID(), "alone", "--output"));
  }
}

type Header = { width: number; [setting: string]: RunSettings[string] };

function headerLine(header: Header): string {
  return JSON.stringify({ ...header, crc32: crc32(JSON.stringify(header)) }) + "\n";
}

/** @returns null for a file of the time before records had checksums */
function parseHeader(path: string, line: string): Header | null {
  try {
    const { crc32: sum, ...header } = JSON.parse(line);
    if (Number.isSafeInteger(header.width) && header.width > 0 && header.width < 1e6) {
      if (sum === undefined) return null;
      if (headerLine(header) === `${line}\n`) return header;
    }
  } catch { /* told below */ }
  throw new DataError(`Cannot resume from "${path}": it is not what an unfinished run leaves (delete it)`);
}
