/**
 * Vectors of an unfinished run, kept beside the output so that `--resume` goes on where it was killed. A header line says
 * what the run was; each record is a row number and its vector. A record that was cut off is left out.
 */
import { DataError } from "../cli/errors.ts";
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

  /**
   * The vectors that are there, by row; later ones are appended behind them.
   *
   * @throws {DataError} when they are of another run
   */
  async resume(): Promise<Map<number, Float32Array>> {
    const rows = new Map<number, Float32Array>();
    if (!this.exists) return rows;
    const bytes = await readFileBytes(this.path);
    const lineEnd = bytes.indexOf(0x0a);
    const header = parseHeader(
      this.path,
      lineEnd < 0 ? null : new TextDecoder().decode(bytes.subarray(0, lineEnd)),
    );
    if (header === null) return rows;
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
    const recordBytes = 4 * (1 + (width as number));
    const count = Math.floor((bytes.length - lineEnd - 1) / recordBytes);
    const records = bytes.slice(lineEnd + 1, lineEnd + 1 + count * recordBytes).buffer;
    for (let i = 0; i < count; i++) {
      const row = new Int32Array(records, i * recordBytes, 1)[0];
      rows.set(row, new Float32Array(records, i * recordBytes + 4, width as number));
    }
    this.#width = width as number;
    this.#file = await Deno.open(this.path, { write: true });
    await this.#file.truncate(lineEnd + 1 + count * recordBytes);
    await this.#file.seek(0, Deno.SeekMode.End);
    return rows;
  }

  /** Keep the vectors of some rows. */
  async append(rows: readonly number[], vectors: Float32Array): Promise<void> {
    const width = vectors.length / rows.length;
    this.#file ??= await this.#begin(width);
    if (width !== this.#width) throw new RangeError(`Vectors of width ${width} after ones of ${this.#width}`);
    const bytes = new Uint8Array(rows.length * 4 * (1 + width));
    rows.forEach((row, i) => {
      new Int32Array(bytes.buffer, i * 4 * (1 + width), 1)[0] = row;
      new Float32Array(bytes.buffer, i * 4 * (1 + width) + 4, width).set(
        vectors.subarray(i * width, (i + 1) * width),
      );
    });
    for (let written = 0; written < bytes.length;) written += await this.#file.write(bytes.subarray(written));
  }

  async #begin(width: number): Promise<Deno.FsFile> {
    this.#width = width;
    let file: Deno.FsFile;
    try {
      file = await Deno.open(this.path, { create: true, truncate: true, write: true });
    } catch (error) {
      throw new DataError(`Cannot write "${this.path}": ${(error as Error).message}`);
    }
    await file.write(new TextEncoder().encode(JSON.stringify({ ...this.#settings, width }) + "\n"));
    return file;
  }

  close(): void {
    this.#file?.close();
    this.#file = null;
  }

  /** The run is finished: what was kept for resuming goes. */
  async remove(): Promise<void> {
    this.close();
    if (this.exists) await Deno.remove(this.path);
  }
}

/** Null where the run was killed before it had written anything. */
function parseHeader(path: string, line: string | null): Record<string, RunSettings[string]> | null {
  if (line === null) return null;
  try {
    const header = JSON.parse(line);
    if (Number.isSafeInteger(header.width) && header.width > 0 && header.width < 1e6) return header;
  } catch { /* told below */ }
  throw new DataError(`Cannot resume from "${path}": it is not what an unfinished run leaves (delete it)`);
}
