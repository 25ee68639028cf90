/** Data frames of numbers in Parquet files, to and from pandas: text index, float columns. */
import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from "node:zlib";
import { type FileMetaData, parquetMetadata, parquetRead, type SchemaElement } from "hyparquet";
import { compressors as inJavaScript } from "hyparquet-compressors";
import { type ColumnSource, parquetWriteBuffer } from "hyparquet-writer";
import { DataError } from "../cli/errors.ts";
import type { Matrix } from "../linalg/matrix.ts";
import { writeFileAtomic } from "./atomic_write.ts";
import { readFileBytes } from "./read_file.ts";

/** A table of numbers whose rows and columns have names. */
export interface Frame {
  /** Row names. */
  index: string[];
  /** Names of the number columns. */
  columns: string[];
  /** index.length x columns.length; NaN where the file has no value. */
  values: Matrix;
}

/** A frame with what stands beside its numbers. */
export interface LabelledFrame extends Frame {
  /** Text columns that are not the index, by name. */
  labels: Record<string, string[]>;
}

const indexField = "__index_level_0__";
const mostRows = 2 ** 24;

/**
 * Read a frame as pandas would. Row names are those of the index that pandas stored; without one, the first text
 * column; without any, row numbers.
 *
 * @throws {DataError} for what is no whole Parquet file of flat text and number columns
 */
export async function readParquetFrame(path: string): Promise<LabelledFrame> {
  return parseParquetFrame(await readFileBytes(path), path);
}

/** As `readParquetFrame`, from bytes; `name` is what errors call the file. */
export async function parseParquetFrame(bytes: Uint8Array, name: string): Promise<LabelledFrame> {
  const fail = (reason: string) => new DataError(`Cannot read "${name}": ${reason}`);
  const metadata = readMetadata(bytes, fail);
  const elements = flatColumns(metadata, fail), rows = rowCount(metadata, fail);
  checkChunks(metadata, elements, bytes.length, fail);
  const indexName = indexColumn(metadata, elements);
  const numbers = elements.filter((element) =>
    columnKind(element) === "number" && element.name !== indexName
  );
  const position = new Map(numbers.map((element, i) => [element.name, i]));
  const values = new Float32Array(rows * numbers.length);
  const texts = new Map<string, string[]>();

  for (const { name: column } of elements) if (!position.has(column)) texts.set(column, []);
  const done = new Map(elements.map((element) => [element.name, 0]));
  const failColumn = (reason: string) => {
    const [column] = [...done].find(([, count]) => count < rows) ?? ["?"];
    return fail(`column "${column}": ${reason}`);
  };

  try {
    await parquetRead({
      file: asFile(bytes),
      metadata,
      compressors,
      onPage({ pathInSchema: [column], columnData, rowStart }) {
        if (rowStart + columnData.length > rows) throw new Error(`it has more than its ${rows} rows`);
        const at = position.get(column), cells = texts.get(column);
        for (let i = 0, row = rowStart; i < columnData.length; i++, row++) {
          const cell = columnData[i];
          if (at !== undefined) values[row * numbers.length + at] = cell === null ? NaN : Number(cell);
          else if (cell === null && column === indexName) throw new Error(`row ${row + 1} has no name`);
          else cells![row] = cell === null ? "" : String(cell);
        }
        done.set(column, done.get(column)! + columnData.length);
      },
    });
  } catch (error) {
    throw failColumn(reasonOf(error));
  }
  for (const count of done.values()) {
    if (count !== rows) throw failColumn(`it ends after ${count} of ${rows} rows`);
  }

  const index = indexName === null
    ? Array.from({ length: rows }, (_, i) => String(i))
    : texts.get(indexName) ?? [];
  if (indexName !== null) texts.delete(indexName);
  return {
    index,
    columns: numbers.map((element) => element.name),
    values: { data: values, rows, columns: numbers.length },
    labels: Object.fromEntries(texts),
  };
}

/**
 * The frame as a Parquet file from which `pandas.read_parquet` restores index, columns and float32 values.
 *
 * @throws {RangeError} when sizes disagree or a column name comes twice
 */
export function encodeParquetFrame({ index, columns, values }: Frame): Uint8Array<ArrayBuffer> {
  if (index.length !== values.rows || columns.length !== values.columns) {
    throw new RangeError(
      `encodeParquetFrame: ${index.length} x ${columns.length} names for ${values.rows} x ${values.columns} values`,
    );
  }
  if (new Set(columns).size !== columns.length) {
    throw new RangeError("encodeParquetFrame: a column name comes twice");
  }
  const columnData: ColumnSource[] = columns.map((name, column) => {
    const data = new Float32Array(index.length);
    for (let row = 0; row < data.length; row++) data[row] = values.data[row * columns.length + column];
    return { name, data, type: "FLOAT", nullable: false, encoding: "PLAIN", offsetIndex: false };
  });
  columnData.push({ name: indexField, data: index, type: "STRING", nullable: false, offsetIndex: false });
  const buffer = parquetWriteBuffer({
    columnData,
    // Noise does not compress: Snappy saves nothing on predictions and statistics are not asked for.
    codec: "UNCOMPRESSED",
    statistics: false,
    rowGroupSize: Math.max(1, index.length),
    kvMetadata: [{ key: "pandas", value: JSON.stringify(pandasMetadata()) }],
  });
  return new Uint8Array(buffer);
}

/** @throws {DataError} when the folder cannot be written */
export async function writeParquetFrame(path: string, frame: Frame): Promise<void> {
  await writeFileAtomic(path, encodeParquetFrame(frame));
}

/** What pandas needs to know: which field is the index, and that it has no name. */
function pandasMetadata(): Record<string, unknown> {
  const text = { pandas_type: "unicode", numpy_type: "object" };
  return {
    index_columns: [indexField],
    column_indexes: [{ name: null, field_name: null, ...text, metadata: { encoding: "UTF-8" } }],
    columns: [{ name: null, field_name: indexField, ...text, metadata: null }],
    pandas_version: "1.5.3",
  };
}

function readMetadata(bytes: Uint8Array, fail: (reason: string) => DataError): FileMetaData {
  const isMagic = (at: number) => [0x50, 0x41, 0x52, 0x31].every((byte, i) => bytes[at + i] === byte);
  if (!isMagic(0)) throw fail("it is no Parquet file (it does not start with PAR1)");
  if (bytes.length < 12 || !isMagic(bytes.length - 4)) {
    throw fail("it does not end with PAR1 (is the file cut off?)");
  }
  try {
    return parquetMetadata(bytes);
  } catch (error) {
    throw fail(`its footer is damaged (${reasonOf(error)})`);
  }
}

/** The columns, when none is nested. */
function flatColumns({ schema }: FileMetaData, fail: (reason: string) => DataError): SchemaElement[] {
  const elements = schema.slice(1);
  for (const { name, num_children, repetition_type } of elements) {
    if (num_children || repetition_type === "REPEATED") {
      throw fail(`column "${name}" is nested; a flat table is needed`);
    }
  }
  return elements;
}

function rowCount(
  { row_groups, num_rows, schema }: FileMetaData,
  fail: (reason: string) => DataError,
): number {
  let rows = 0;
  for (const group of row_groups) {
    const groupRows = Number(group.num_rows);
    if (!(groupRows >= 0 && groupRows <= mostRows)) throw fail("its footer is damaged (a row count)");
    rows += groupRows;
  }
  if (rows !== Number(num_rows)) throw fail(`its footer says ${num_rows} rows, its parts have ${rows}`);
  if (rows > mostRows || rows * schema.length > 2 ** 30) {
    throw fail(`${rows} rows of ${schema.length} are too many`);
  }
  return rows;
}

/** Name of the field that holds the row names. */
function indexColumn({ key_value_metadata }: FileMetaData, elements: SchemaElement[]): string | null {
  const pandas = key_value_metadata?.find(({ key }) => key === "pandas")?.value;
  const named = firstIndexName(pandas);
  const stored = elements.find((element) => element.name === named && columnKind(element) !== "other");
  return (stored ?? elements.find((element) => columnKind(element) === "text"))?.name ?? null;
}

function firstIndexName(pandas: string | undefined): unknown {
  try {
    return (JSON.parse(pandas ?? "{}") as { index_columns?: unknown[] } | null)?.index_columns?.[0];
  } catch {
    return undefined; // metadata for others: the file can be read without it
  }
}

/** The runtime's own decoders: they give up on damaged input, where some in JavaScript run for ever. */
const compressors = {
  ...inJavaScript,
  ZSTD: (bytes: Uint8Array, length: number) => zstdDecompressSync(bytes, { maxOutputLength: length }),
  GZIP: (bytes: Uint8Array, length: number) => gunzipSync(bytes, { maxOutputLength: length }),
  BROTLI: (bytes: Uint8Array, length: number) => brotliDecompressSync(bytes, { maxOutputLength: length }),
};

/** What a column holds, as far as we read it. */
function columnKind({ type, converted_type, logical_type }: SchemaElement): "number" | "text" | "other" {
  const meaning = converted_type ?? logical_type?.type;
  if (type === "BYTE_ARRAY") return ["UTF8", "STRING", undefined].includes(meaning) ? "text" : "other";
  if (type === "FLOAT" || type === "DOUBLE") return "number";
  const integer = meaning === undefined || /^(U?INT_|INTEGER)/.test(meaning);
  return (type === "INT32" || type === "INT64") && integer ? "number" : "other";
}

/** Every column of every row group must be of a kind that we read, and lie within the file. */
function checkChunks(
  { row_groups }: FileMetaData,
  elements: SchemaElement[],
  length: number,
  fail: (reason: string) => DataError,
): void {
  for (const element of elements) {
    if (columnKind(element) === "other") {
      const type = element.converted_type ?? element.logical_type?.type ?? element.type;
      throw fail(`column "${element.name}": its type is ${type}; text and numbers are read`);
    }
  }
  for (const group of row_groups) {
    for (const [i, { name, type }] of elements.entries()) {
      const meta = group.columns[i]?.meta_data;
      if (meta === undefined || meta.path_in_schema?.[0] !== name || meta.type !== type) {
        throw fail(`column "${name}": its footer entry is missing or damaged`);
      }
      const start = Number(meta.dictionary_page_offset || meta.data_page_offset);
      if (
        Number(group.num_rows) > 0 && !(start >= 4 && start + Number(meta.total_compressed_size) <= length)
      ) {
        throw fail(`column "${name}": it lies beyond the file's end`);
      }
    }
  }
}

function asFile(bytes: Uint8Array) {
  return {
    byteLength: bytes.length,
    slice: (start: number, end?: number) => bytes.slice(start, end).buffer as ArrayBuffer,
  };
}

function reasonOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).slice(0, 80);
}
