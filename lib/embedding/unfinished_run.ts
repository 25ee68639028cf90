/**
 * Vectors of an unfinished run, kept beside the output so that `--resume` goes on where it was killed. A header line says
 * what the run was; each record is a row number and its vector. A record that was cut off is left out.
 */
import { dirname } from "@std/path";
import { DataError } from "../cli/errors.ts";
import { causeOf } from "../io/atomic_write.ts";
import { exists } from "../io/hub_cache.ts";
import { readFileBytes } from "../io/read_file.ts";

/** What must be the same for vectors to belong together. */
export type RunSettings = Readonly<Record<string, string | number | boolean | null>>;

export class UnfinishedRun {
  readonly path: string;
  readonly #settings: RunSettings;
  #file: Deno.FsFile | null = null;
  #width: number | null = null;

  /** @param output the .npy file that the run makes */
  constructor(output: string, settings: RunSettings) {
    this.path = `${output}.unfinished`;
    this.#settings = settings;
  }

  get exists(): boolean {
    return exists(this.path);
  }

  /** Begin anew: whatever was there goes. @throws {DataError} when the folder cannot be written, before any work is done */
  async start(): Promise<void> {
    try {
      await Deno.mkdir(dirname(this.path), { recursive: true });
      this.#file = await Deno.open(this.path, { create: true, truncate: true, write: true });
    } catch (error) {
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
    const bytes = this.exists ? await readFileBytes(this.path) : new Uint8Array(0);
    const lineEnd = bytes.indexOf(0x0a);
    // Killed before it had written anything, or never begun.
    if (lineEnd < 0) {
      await this.start();
      return rows;
    }
    const { width, ...settings } = parseHeader(
      this.path,
      new TextDecoder().decode(bytes.subarray(0, lineEnd)),
    );
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
    const recordBytes = 4 * (1 + width);
    const count = Math.floor((bytes.length - lineEnd - 1) / recordBytes);
    const records = bytes.slice(lineEnd + 1, lineEnd + 1 + count * recordBytes).buffer;
    for (let i = 0; i < count; i++) {
      const row = new Int32Array(records, i * recordBytes, 1)[0];
      rows.set(row, new Float32Array(records, i * recordBytes + 4, width));
    }
    this.#width = width;
    this.#file = await Deno.open(this.path, { write: true });
    await this.#file.truncate(lineEnd + 1 + count * recordBytes);
    await this.#file.seek(0, Deno.SeekMode.End);
    return rows;
  }

  /** Keep the vectors of some rows. */
  async append(rows: readonly number[], vectors: Float32Array): Promise<void> {
    const width = vectors.length / rows.length;
    if (this.#width === null) {
      this.#width = width;
      await this.#write(new TextEncoder().encode(JSON.stringify({ ...this.#settings, width }) + "\n"));
    }
    if (width !== this.#width) throw new RangeError(`Vectors of width ${width} after ones of ${this.#width}`);
    const bytes = new Uint8Array(rows.length * 4 * (1 + width));
    rows.forEach((row, i) => {
      new Int32Array(bytes.buffer, i * 4 * (1 + width), 1)[0] = row;
      new Float32Array(bytes.buffer, i * 4 * (1 + width) + 4, width).set(
        vectors.subarray(i * width, (i + 1) * width),
      );
    });
    await this.#write(bytes);
  }

  async #write(bytes: Uint8Array): Promise<void> {
    for (let written = 0; written < bytes.length;) {
      written += await this.#file!.write(bytes.subarray(written));
    }
  }

  /** What was kept stays for resuming. */
  close(): void {
    if (this.#file === null) return;
    this.#file.close();
    this.#file = null;
    if (this.#width === null) Deno.removeSync(this.path); // there is nothing in it
  }

  /** The run is finished: what was kept for resuming goes. */
  async remove(): Promise<void> {
    this.close();
    if (this.exists) await Deno.remove(this.path);
  }
}

function parseHeader(path: string, line: string): { width: number; [setting: string]: RunSettings[string] } {
  try {
    const header = JSON.parse(line);
    if (Number.isSafeInteger(header.width) && header.width > 0 && header.width < 1e6) return header;
  } catch { /* told below */ }
  throw new DataError(`Cannot resume from "${path}": it is not what an unfinished run leaves (delete it)`);
}
