/** Data frames of numbers from Parquet files of pandas and others: text index, float columns (parquet_frame.ts writes them). */
import { type FileMetaData, parquetMetadata, type RowGroup, type SchemaElement } from "hyparquet";
import { DataError } from "../cli/errors.ts";
import { codecOf, columnKind, type ColumnValues, readColumnChunk } from "./parquet_column.ts";
import type { Frame } from "./parquet_frame.ts";
import { readFileBytes } from "./read_file.ts";

/** A frame with what stands beside its numbers. */
export interface LabelledFrame extends Frame {
  /** Text columns that are not the index, by name. */
  labels: Record<string, string[]>;
  /** Columns that are neither numbers nor text, with what they are: "DATE", "nested". */
  skipped: Record<string, string>;
  /** Whether `index` holds row numbers, since the file has no text that could name its rows. */
  isNumbered: boolean;
}

const mostRows = 2 ** 24;

/**
 * Read a frame as pandas would. Row names are those of the index that pandas stored, where that is text; else the first text
 * column; without any, row numbers. Columns that are neither numbers nor text are named, not read.
 *
 * @param options.isNeeded which columns are read beside the index, all without it; what the rest hold does not matter
 * @throws {DataError} for what is no whole Parquet file
 */
export async function readParquetFrame(path: string, options: FrameOptions = {}): Promise<LabelledFrame> {
  return parseParquetFrame(await readFileBytes(path), path, options);
}

export interface FrameOptions {
  isNeeded?: (column: string) => boolean;
  /** The column that names the rows, instead of the rule above. */
  indexColumn?: string;
}

/** As `readParquetFrame`, from bytes; `name` is what errors call the file. */
export function parseParquetFrame(
  bytes: Uint8Array,
  name: string,
  { isNeeded = () => true, indexColumn: asked }: FrameOptions = {},
): LabelledFrame {
  const fail = (reason: string) => new DataError(`Cannot read "${name}": ${reason}`);
  const metadata = readMetadata(bytes, fail);
  const leaves = flatColumns(metadata), rows = rowCount(metadata, fail);
  const elements = leaves.map(({ element }) => element);
  if (asked !== undefined && !elements.some(({ name }) => name === asked)) {
    throw fail(
      `it has no column "${asked}" (its columns are ${elements.slice(0, 5).map(({ name }) => `"${name}"`)})`,
    );
  }
  const indexColumn = asked ?? findIndex(metadata, elements);
  const isRead = (element: SchemaElement) =>
    element.name === indexColumn || (isReadable(element) && isNeeded(element.name));
  const numbers = elements.filter((element) =>
    columnKind(element) === "number" && element.name !== indexColumn && isRead(element)
  );
  const position = new Map(numbers.map((element, i) => [element.name, i]));
  const values = new Float32Array(rows * numbers.length);
  const texts = new Map<string, string[]>();

  let firstRow = 0;
  for (const group of metadata.row_groups) {
    const groupRows = Number(group.num_rows);
    for (const [element, column] of readRowGroup(bytes, group, leaves, { indexColumn, isRead }, fail)) {
      const at = position.get(element.name);
      if (at === undefined) {
        const cells = texts.get(element.name) ?? [];
        for (const cell of column) cells.push(cell === null ? "" : String(cell));
        texts.set(element.name, cells);
      } else {
        for (let row = 0; row < groupRows; row++) {
          values[(firstRow + row) * numbers.length + at] = column[row] as number;
        }
      }
    }
    firstRow += groupRows;
  }

  const index = indexColumn === null
    ? Array.from({ length: rows }, (_, i) => String(i))
    : texts.get(indexColumn) ?? [];
  if (indexColumn !== null) texts.delete(indexColumn);
  const indexName = nameOfIndex(metadata, indexColumn);
  return {
    index,
    ...(indexName && { indexName }),
    columns: numbers.map((element) => element.name),
    values: { data: values, rows, columns: numbers.length },
    labels: Object.fromEntries(texts),
    skipped: { ...nestedColumns(metadata), ...otherColumns(elements, indexColumn) },
    isNumbered: indexColumn === null ||
      (asked === undefined && columnKind(elements.find(({ name }) => name === indexColumn)!) === "number"),
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

/** A flat column and its place among the file's leaves, in which nested columns have several. */
interface Leaf {
  readonly element: SchemaElement;
  readonly at: number;
}

/** The columns that are not nested. */
function flatColumns({ schema }: FileMetaData): Leaf[] {
  const flat: Leaf[] = [];
  let leaf = 0;
  for (const { element, leaves } of topLevel(schema)) {
    if (leaves === null) flat.push({ element, at: leaf });
    leaf += leaves ?? 1;
  }
  return flat;
}

/** The columns of the table; `leaves` of a nested one, null for a flat one. */
function topLevel(schema: readonly SchemaElement[]): { element: SchemaElement; leaves: number | null }[] {
  const columns: { element: SchemaElement; leaves: number | null }[] = [];
  for (let i = 1; i < schema.length;) {
    const element = schema[i];
    let leaves = 0, open = 1; // elements that are still to come below this one
    for (; open > 0 && i < schema.length; i++) {
      const children = schema[i].num_children ?? 0;
      open += children - 1;
      if (children === 0) leaves++;
    }
    const isFlat = !element.num_children && element.repetition_type !== "REPEATED";
    columns.push({ element, leaves: isFlat ? null : leaves });
  }
  return columns;
}

function nestedColumns({ schema }: FileMetaData): Record<string, string> {
  const nested = topLevel(schema).filter(({ leaves }) => leaves !== null);
  return Object.fromEntries(nested.map(({ element }) => [element.name, "nested"]));
}

function isReadable(element: SchemaElement): boolean {
  return columnKind(element) === "number" || columnKind(element) === "text";
}

function otherColumns(elements: readonly SchemaElement[], index: string | null): Record<string, string> {
  const other = elements.filter((element) => !isReadable(element) && element.name !== index);
  return Object.fromEntries(other.map((element) => [element.name, typeOf(element)]));
}

function typeOf({ converted_type, logical_type, type }: SchemaElement): string {
  return converted_type ?? logical_type?.type ?? type ?? "unknown";
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

/** The field that holds the row names. */
function findIndex(metadata: FileMetaData, elements: SchemaElement[]): string | null {
  const named = pandasOf(metadata).index_columns?.[0];
  const stored = elements.find((element) => element.name === named && columnKind(element) !== "other");
  const firstText = elements.find((element) => columnKind(element) === "text");
  // Filtering or sorting leaves pandas with an index of old row numbers: they name nothing where there is text.
  const found = stored && columnKind(stored) === "number"
    ? firstText ?? stored
    : stored ?? firstText ?? elements.find((element) => columnKind(element) === "bytes");
  return found?.name ?? null;
}

/** What pandas calls the index that is stored in a field; for files of others the field's own name. */
function nameOfIndex(metadata: FileMetaData, field: string | null): string | null {
  const described = pandasOf(metadata).columns?.find((column) => column?.field_name === field);
  if (described) return typeof described.name === "string" ? described.name : null;
  return field === null || /^__index_level_\d+__$/.test(field) ? null : field;
}

/** What we look for in pandas' own metadata. */
interface PandasMetadata {
  index_columns?: unknown[];
  columns?: ({ name?: unknown; field_name?: unknown } | null)[];
}

function pandasOf({ key_value_metadata }: FileMetaData): PandasMetadata {
  const text = key_value_metadata?.find(({ key }) => key === "pandas")?.value;
  try {
    const { index_columns, columns } = JSON.parse(text ?? "{}") ?? {};
    return {
      ...(Array.isArray(index_columns) && { index_columns }),
      ...(Array.isArray(columns) && { columns }),
    };
  } catch {
    return {}; // metadata for others: the file can be read without it
  }
}

function readRowGroup(
  bytes: Uint8Array,
  group: RowGroup,
  leaves: readonly Leaf[],
  { indexColumn, isRead }: { indexColumn: string | null; isRead: (element: SchemaElement) => boolean },
  fail: (reason: string) => DataError,
): [SchemaElement, ColumnValues][] {
  const result: [SchemaElement, ColumnValues][] = [];
  for (const { element, at } of leaves) {
    if (!isRead(element)) continue;
    const failColumn = (reason: string) => fail(`column "${element.name}": ${reason}`);
    const meta = group.columns[at]?.meta_data;
    if (meta === undefined || meta.path_in_schema?.[0] !== element.name || meta.type !== element.type) {
      throw failColumn("its footer entry is missing or damaged");
    }
    if (columnKind(element) === "other") {
      throw failColumn(`its type is ${typeOf(element)}; text and numbers are read`);
    }
    try {
      const decompress = codecOf(meta.codec, failColumn);
      const values = readColumnChunk(bytes, meta, element, Number(group.num_rows), decompress, failColumn);
      const missing = element.name === indexColumn && Array.isArray(values) ? values.indexOf(null) : -1;
      if (missing >= 0) throw failColumn(`row ${missing + 1} has no name`);
      result.push([element, values]);
    } catch (error) {
      throw error instanceof DataError ? error : failColumn(`it is damaged (${reasonOf(error)})`);
    }
  }
  return result;
}

function reasonOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).slice(0, 80);
}
