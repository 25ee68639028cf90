/**
 * One column of a Parquet file: pages to values. Flat columns in the encodings that pandas, pyarrow, polars, DuckDB and
 * Spark write (plain, dictionary, byte stream split, delta).
 *
 * Every length is checked before memory is taken or a loop is run for it: hyparquet, whose footer and page headers we
 * read, decodes the pages of damaged files for ever (see tests/fixtures/parquet/damaged_page_header.parquet).
 */
import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from "node:zlib";
import { type ColumnMetaData, type PageHeader, type SchemaElement, snappyUncompress } from "hyparquet";
import { parquetHeader } from "hyparquet/src/column.js";
import { decompressLz4, decompressLz4Raw } from "hyparquet-compressors/src/lz4.js";
import {
  type Column,
  type ColumnValues,
  decodeValues,
  type Fail,
  fixedType,
  plainValues,
  runLengths,
  viewOf,
  widthOf,
} from "./parquet_encodings.ts";

export type { ColumnValues } from "./parquet_encodings.ts";

type Decompress = (bytes: Uint8Array, length: number) => Uint8Array;

const largestPage = 2 ** 28;

/** Whether a column holds whole numbers that stand for decimals. */
function isDecimal({ converted_type, logical_type }: SchemaElement): boolean {
  return converted_type === "DECIMAL" || logical_type?.type === "DECIMAL";
}

/**
 * What a column holds, as far as we read it: its values are numbers, text, bytes that may be text (old writers mark
 * neither), or something else.
 */
export function columnKind(element: SchemaElement): "number" | "text" | "bytes" | "other" {
  const { type, converted_type: converted, logical_type: logical } = element;
  if (type === "BYTE_ARRAY") {
    if (converted === undefined && logical === undefined) return "bytes";
    return (converted ?? "UTF8") === "UTF8" && (logical?.type ?? "STRING") === "STRING" ? "text" : "other";
  }
  if (type === "FLOAT" || type === "DOUBLE") return "number";
  if (isDecimal(element)) {
    return type === "INT32" || type === "INT64" || type === fixedType ? "number" : "other";
  }
  if (type === fixedType) {
    return logical?.type === "FLOAT16" && element.type_length === 2 ? "number" : "other";
  }
  if (type !== "INT32" && type !== "INT64") return "other";
  return (converted === undefined || /^U?INT_/.test(converted)) && (logical?.type ?? "INTEGER") === "INTEGER"
    ? "number"
    : "other";
}

/** Decompressor of a codec. @throws {DataError} for one that we do not read */
export function codecOf(codec: string, fail: Fail): Decompress {
  if (codec === "UNCOMPRESSED") return (bytes) => bytes;
  if (codec === "SNAPPY") {
    return (bytes, length) => {
      const out = new Uint8Array(length);
      snappyUncompress(bytes, out);
      return out;
    };
  }
  // The runtime's own decoders: they give up on damaged input, where some in JavaScript run for ever.
  if (codec === "ZSTD") {
    return (bytes, length) => plain(zstdDecompressSync(bytes, { maxOutputLength: length }));
  }
  if (codec === "GZIP") return (bytes, length) => plain(gunzipSync(bytes, { maxOutputLength: length }));
  if (codec === "BROTLI") {
    return (bytes, length) => plain(brotliDecompressSync(bytes, { maxOutputLength: length }));
  }
  if (codec === "LZ4_RAW") return decompressLz4Raw;
  if (codec === "LZ4") return decompressLz4;
  throw fail(`compression ${codec} is not read`);
}

/** Node's Buffer as a plain array: slice() of a Buffer is a view, so its `buffer` would begin elsewhere. */
function plain({ buffer, byteOffset, length }: Uint8Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, length);
}

/**
 * Values of one column in one row group.
 *
 * @param file all bytes of the file
 * @param rows how many values there must be
 */
export function readColumnChunk(
  file: Uint8Array,
  meta: ColumnMetaData,
  element: SchemaElement,
  rows: number,
  decompress: Decompress,
  fail: Fail,
): ColumnValues {
  const column: Column = {
    type: meta.type,
    optional: element.repetition_type === "OPTIONAL",
    width: widthOf(element),
    decimals: isDecimal(element) ? element.scale ?? 0 : null,
    fail,
  };
  const values = meta.type === "BYTE_ARRAY"
    ? new Array<string | null>(rows).fill(null)
    : meta.type === "FLOAT" || (meta.type === fixedType && column.decimals === null)
    ? new Float32Array(rows).fill(NaN)
    : new Float64Array(rows).fill(NaN);
  if (rows === 0) return values; // such a column may lie nowhere
  const chunk = chunkBytes(file, meta, fail);
  const reader = { view: viewOf(chunk), offset: 0 };
  let dictionary: ColumnValues | null = null;
  for (let row = 0; row < rows;) {
    if (reader.offset >= chunk.length) throw fail(`it ends after ${row} of ${rows} rows`);
    const header = parquetHeader(reader);
    const bytes = takePage(chunk, reader, header, fail);
    if (header.dictionary_page_header !== undefined) {
      const count = wholeNumber(header.dictionary_page_header.num_values, fail);
      dictionary = plainValues(
        inflate(bytes, header.uncompressed_page_size, decompress, fail),
        count,
        column,
      );
    } else if (header.data_page_header !== undefined || header.data_page_header_v2 !== undefined) {
      const page = header.data_page_header !== undefined
        ? openPage(bytes, header, column, decompress)
        : openPageV2(bytes, header, column, decompress);
      if (page.rows > rows - row) throw fail(`it has more than its ${rows} rows`);
      placeValues(values, row, page, decodeValues(page, column, dictionary));
      row += page.rows;
    }
  }
  return values;
}

/** A data page, decompressed. */
interface Page {
  rows: number;
  encoding: string;
  /** Definition level of each row; null where every row has a value. */
  defined: Int32Array | null;
  /** Number of values. */
  count: number;
  /** The encoded values. */
  content: Uint8Array;
}

function openPage(bytes: Uint8Array, header: PageHeader, column: Column, decompress: Decompress): Page {
  const { num_values, encoding } = header.data_page_header!;
  const rows = wholeNumber(num_values, column.fail);
  let content = inflate(bytes, header.uncompressed_page_size, decompress, column.fail);
  let defined: Int32Array | null = null;
  if (column.optional) {
    if (content.length < 4) throw column.fail("a page ends within its definition levels");
    const end = 4 + viewOf(content).getUint32(0, true);
    if (end > content.length) throw column.fail("a page ends within its definition levels");
    defined = runLengths(content.subarray(4, end), 1, rows, column.fail);
    content = content.subarray(end);
  }
  return { rows, encoding, defined, count: countDefined(defined, rows), content };
}

/** Version 2 keeps the levels outside the compressed part. */
function openPageV2(bytes: Uint8Array, header: PageHeader, column: Column, decompress: Decompress): Page {
  const { num_values, encoding, is_compressed, ...lengths } = header.data_page_header_v2!;
  const { fail } = column, rows = wholeNumber(num_values, fail);
  const levelsStart = wholeNumber(lengths.repetition_levels_byte_length, fail);
  const levelsEnd = levelsStart + wholeNumber(lengths.definition_levels_byte_length, fail);
  if (levelsEnd > bytes.length) throw fail("a page ends within its definition levels");
  const defined = column.optional ? runLengths(bytes.subarray(levelsStart, levelsEnd), 1, rows, fail) : null;
  const packed = bytes.subarray(levelsEnd);
  const content = is_compressed === false || packed.length === 0
    ? packed
    : inflate(packed, header.uncompressed_page_size - levelsEnd, decompress, fail);
  return { rows, encoding, defined, count: countDefined(defined, rows), content };
}

function placeValues(out: ColumnValues, row: number, { rows, defined }: Page, values: ColumnValues): void {
  if (defined === null && !Array.isArray(out)) return out.set(values as Float64Array, row);
  for (let i = 0, next = 0; i < rows; i++) {
    if (defined === null || defined[i] === 1) out[row + i] = values[next++];
  }
}

function countDefined(defined: Int32Array | null, rows: number): number {
  return defined === null ? rows : defined.reduce((count, level) => count + (level === 1 ? 1 : 0), 0);
}

/** Bytes of a page as the header says them, the reader moved behind them. */
function takePage(chunk: Uint8Array, reader: { offset: number }, header: PageHeader, fail: Fail): Uint8Array {
  const length = wholeNumber(header.compressed_page_size, fail);
  if (length > chunk.length - reader.offset) throw fail("a page is longer than its column");
  reader.offset += length;
  return chunk.subarray(reader.offset - length, reader.offset);
}

function inflate(bytes: Uint8Array, length: number, decompress: Decompress, fail: Fail): Uint8Array {
  if (wholeNumber(length, fail) > largestPage) throw fail(`a page of ${length} bytes is too large`);
  // A dictionary or page without values: node's decoders take no length of 0, and the LZ4 one no block of nothing.
  if (length === 0) return bytes.subarray(0, 0);
  const page = decompress(bytes, length);
  if (page.length !== length) throw fail(`a page has ${page.length} bytes, its header says ${length}`);
  return page;
}

function chunkBytes(file: Uint8Array, meta: ColumnMetaData, fail: Fail): Uint8Array {
  const dictionaryStart = Number(meta.dictionary_page_offset ?? 0), dataStart = Number(meta.data_page_offset);
  const start = dictionaryStart > 0 ? Math.min(dictionaryStart, dataStart) : dataStart;
  const length = Number(meta.total_compressed_size);
  if (!(start >= 4 && length >= 0 && start + length <= file.length)) {
    throw fail("it lies beyond the file's end");
  }
  return file.subarray(start, start + length);
}

function wholeNumber(value: unknown, fail: Fail): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) {
    throw fail("a page header is damaged");
  }
  return value;
}
