/**
 * Tables that are written some rows at a time, for those that are larger than memory: CSV, Parquet, .npy by the path's
 * ending. The file has its name once all rows are there.
 *
 *     await using writer = await openFrameWriter("predictions.csv", { index: ids, columns: genes });
 *     for (const block of blocks) await writer.append(block);     // rows in the order of `index`
 *     await writer.commit();
 */
import { extname } from "@std/path";
import { UsageError } from "../cli/errors.ts";
import type { Matrix } from "../linalg/matrix.ts";
import { AtomicFile } from "./atomic_write.ts";
import { encodeCsvRow } from "./csv.ts";
import { encodeNpyHeader, writeNpy } from "./npy.ts";

/** What rows and columns are called. */
export interface FrameNames {
  readonly index: readonly string[];
  /** Name of the index. */
  readonly indexName?: string;
  readonly columns: readonly string[];
}

export interface FrameWriter extends AsyncDisposable {
  /** The next rows. @throws {DataError} when they cannot be written */
  append(rows: Matrix): Promise<void>;
  /** @throws {RangeError} when rows are missing */
  commit(): Promise<void>;
}

/** Endings of files that `openFrameWriter` writes. */
export const frameEndings: readonly string[] = [".parquet", ".csv", ".npy"];

/**
 * @throws {UsageError} for another ending
 * @throws {DataError} when the folder cannot be written
 */
export async function openFrameWriter(path: string, names: FrameNames): Promise<FrameWriter> {
  const open = async () => new Rows(await AtomicFile.open(path), names);
  switch (extname(path)) {
    case ".csv":
      return csvWriter(await open(), names);
    case ".npy":
      return npyWriter(await open(), names, path.replace(/\.npy$/, ""));
    case ".parquet": {
      const { parquetWriter } = await import("./parquet_rows.ts");
      return parquetWriter(await open(), names);
    }
    default:
      throw new UsageError(`Cannot write a table to "${path}": it must end in ${frameEndings.join(", ")}`);
  }
}

/** The file of a table, and which of its rows come next. */
export class Rows {
  #next = 0;

  constructor(readonly file: AtomicFile, readonly names: FrameNames) {}

  /** Names of the next `count` rows. */
  take({ rows, columns }: Matrix): readonly string[] {
    if (columns !== this.names.columns.length || this.#next + rows > this.names.index.length) {
      throw new RangeError(`Rows of ${columns} columns behind ${this.#next} of ${this.names.index.length}`);
    }
    return this.names.index.slice(this.#next, this.#next += rows);
  }

  async commit(): Promise<void> {
    if (this.#next < this.names.index.length) {
      throw new RangeError(`${this.#next} of ${this.names.index.length} rows are written`);
    }
    await this.file.commit();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.file[Symbol.asyncDispose]();
  }
}

async function csvWriter(rows: Rows, { indexName, columns }: FrameNames): Promise<FrameWriter> {
  await rows.file.writeText([encodeCsvRow([indexName ?? "", ...columns])]);
  return {
    append: (matrix) => rows.file.writeText(csvLines(rows.take(matrix), matrix)),
    commit: () => rows.commit(),
    [Symbol.asyncDispose]: () => rows[Symbol.asyncDispose](),
  };
}

function* csvLines(ids: readonly string[], { data, columns }: Matrix): Generator<string> {
  for (const [row, id] of ids.entries()) {
    const cells = data.subarray(row * columns, (row + 1) * columns);
    yield encodeCsvRow([id, ...Array.from(cells, float32Text)]);
  }
}

/** With the names of rows and columns beside it, as `<stem>_ids.npy` and `<stem>_genes.npy`. */
async function npyWriter(rows: Rows, { index, columns }: FrameNames, stem: string): Promise<FrameWriter> {
  await rows.file.write(encodeNpyHeader("<f4", [index.length, columns.length]));
  return {
    async append(matrix) {
      rows.take(matrix);
      const { buffer, byteOffset, byteLength } = matrix.data;
      await rows.file.write(new Uint8Array(buffer, byteOffset, byteLength));
    },
    async commit() {
      await writeNpy(`${stem}_ids.npy`, { shape: [index.length], data: index });
      await writeNpy(`${stem}_genes.npy`, { shape: [columns.length], data: columns });
      await rows.commit();
    },
    [Symbol.asyncDispose]: () => rows[Symbol.asyncDispose](),
  };
}

/** The fewest digits that read back as the same float32, as pandas writes it. */
function float32Text(value: number): string | number {
  if (!Number.isFinite(value)) return value;
  for (const digits of [7, 8]) {
    const rounded = Number(value.toPrecision(digits));
    if (Math.fround(rounded) === value) return String(rounded);
  }
  return String(Number(value.toPrecision(9)));
}
