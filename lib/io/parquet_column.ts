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
import { deltaBinaryUnpack, deltaByteArray, deltaLengthByteArray } from "hyparquet/src/delta.js";
import { decompressLz4, decompressLz4Raw } from "hyparquet-compressors/src/lz4.js";
import type { DataError } from "../cli/errors.ts";

type Fail = (reason: string) => DataError;
type Decompress = (bytes: Uint8Array, length: number) => Uint8Array;

/** Numbers with NaN where the file has none, or text with null there. */
export type ColumnValues = Float32Array | Float64Array | (string | null)[];

const largestPage = 2 ** 28;
/** What float16 and decimals are stored as; no other such column is read. */
const fixedType = "FIXED_LEN_BYTE_ARRAY";

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
      placeValues(values, row, page, pageValues(page, column, dictionary));
      row += page.rows;
    }
  }
  return values;
}

interface Column {
  type: ColumnMetaData["type"];
  /** Whether there are definition levels: 1 where a row has a value, 0 where not. */
  optional: boolean;
  /** Bytes of a number. */
  width: number;
  /** Digits behind the point of a decimal; null for other numbers. */
  decimals: number | null;
  fail: Fail;
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

function pageValues(page: Page, column: Column, dictionary: ColumnValues | null): ColumnValues {
  const { encoding, content, count } = page, { type, fail } = column;
  if (encoding === "PLAIN") return plainValues(content, count, column);
  if (encoding === "RLE_DICTIONARY" || encoding === "PLAIN_DICTIONARY") {
    if (dictionary === null) throw fail("its dictionary is missing");
    const indices = count === 0
      ? new Int32Array(0)
      : runLengths(content.subarray(1), content[0], count, fail);
    const values = Array.isArray(dictionary) ? new Array<string | null>(count) : new Float64Array(count);
    for (let i = 0; i < count; i++) {
      if (indices[i] >= dictionary.length) {
        throw fail(`a row points to entry ${indices[i]} of its dictionary`);
      }
      values[i] = dictionary[indices[i]];
    }
    return values;
  }
  if (encoding === "BYTE_STREAM_SPLIT" && type !== "BYTE_ARRAY") {
    const { width } = column;
    if (content.length < count * width) throw fail("a page is too short for its values");
    const bytes = new Uint8Array(count * width);
    for (let i = 0; i < bytes.length; i++) bytes[i] = content[(i % width) * count + Math.floor(i / width)];
    return plainValues(bytes, count, column);
  }
  if (/^DELTA_/.test(encoding)) return deltaValues(encoding, content, count, column);
  throw fail(`encoding ${encoding} is not read (write it with dictionary or plain encoding)`);
}

/** The delta encodings, by hyparquet: every loop of it ends with `count`. */
function deltaValues(encoding: string, content: Uint8Array, count: number, column: Column): ColumnValues {
  const { type, fail } = column, reader = { view: viewOf(content), offset: 0 };
  if (count === 0) return type === "BYTE_ARRAY" ? [] : new Float64Array(0);
  if (encoding === "DELTA_BINARY_PACKED" && (type === "INT32" || type === "INT64")) {
    refuseHugeMiniblocks(content, fail);
    const numbers = type === "INT32" ? new Int32Array(count) : new BigInt64Array(count);
    deltaBinaryUnpack(reader, count, numbers);
    return scaled(Float64Array.from(numbers as ArrayLike<number>, Number), column);
  }
  if (type === "BYTE_ARRAY" && (encoding === "DELTA_LENGTH_BYTE_ARRAY" || encoding === "DELTA_BYTE_ARRAY")) {
    refuseHugeMiniblocks(content, fail);
    const bytes = new Array<Uint8Array>(count);
    (encoding === "DELTA_BYTE_ARRAY" ? deltaByteArray : deltaLengthByteArray)(reader, count, bytes);
    return bytes.map((value) => decoded(value, fail));
  }
  throw fail(
    `encoding ${encoding} is not read for such numbers (write it with dictionary or plain encoding)`,
  );
}

/** A damaged block size must not become a loop. */
function refuseHugeMiniblocks(content: Uint8Array, fail: Fail): void {
  let size = 0, shift = 0, at = 0;
  do {
    if (at >= content.length || shift > 28) throw fail("a page is damaged (its delta block)");
    size += (content[at] & 127) * 2 ** shift;
    shift += 7;
  } while (content[at++] & 128);
  const miniblocks = content[at] ?? 0;
  if (!(size > 0 && size <= 2 ** 20 && miniblocks > 0 && miniblocks < 128 && size % miniblocks === 0)) {
    throw fail("a page is damaged (its delta block)");
  }
}

function scaled(values: Float64Array, { decimals }: Column): Float64Array {
  return decimals === null ? values : values.map((value) => value / 10 ** decimals);
}

function plainValues(content: Uint8Array, count: number, column: Column): ColumnValues {
  const { type, width, fail } = column;
  if (type === "BYTE_ARRAY") return plainStrings(content, count, fail);
  if (content.length < count * width) throw fail("a page is too short for its values");
  const { buffer } = content.slice(0, count * width);
  if (type === fixedType) {
    return column.decimals === null
      ? Float32Array.from(new Float16Array(buffer as ArrayBuffer))
      : scaled(bigEndian(new Uint8Array(buffer), count, width), column);
  }
  if (type === "FLOAT") return new Float32Array(buffer);
  if (type === "DOUBLE") return new Float64Array(buffer);
  return scaled(
    type === "INT32"
      ? Float64Array.from(new Int32Array(buffer))
      : Float64Array.from(new BigInt64Array(buffer), Number),
    column,
  );
}

/** Two's complement numbers of `width` bytes, the highest byte first. */
function bigEndian(bytes: Uint8Array, count: number, width: number): Float64Array {
  return Float64Array.from({ length: count }, (_, i) => {
    let value = 0n;
    for (let j = 0; j < width; j++) value = value << 8n | BigInt(bytes[i * width + j]);
    return Number(BigInt.asIntN(8 * width, value));
  });
}

/** Bytes of a number. */
function widthOf({ type, type_length }: SchemaElement): number {
  if (type === fixedType) return type_length ?? 0;
  return type === "FLOAT" || type === "INT32" ? 4 : 8;
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function plainStrings(content: Uint8Array, count: number, fail: Fail): string[] {
  if (content.length < 4 * count) throw fail("a page is too short for its values");
  const view = viewOf(content), values: string[] = [];
  for (let i = 0, position = 0; i < count; i++) {
    const start = position + 4;
    const end = start > content.length ? Infinity : start + view.getUint32(position, true);
    if (end > content.length) throw fail("a page is too short for its text");
    values.push(decoded(content.subarray(start, end), fail));
    position = end;
  }
  return values;
}

function decoded(bytes: Uint8Array, fail: Fail): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw fail("it holds text that is not UTF-8");
  }
}

function placeValues(out: ColumnValues, row: number, { rows, defined }: Page, values: ColumnValues): void {
  if (defined === null && !Array.isArray(out)) return out.set(values as Float64Array, row);
  for (let i = 0, next = 0; i < rows; i++) {
    if (defined === null || defined[i] === 1) out[row + i] = values[next++];
  }
}

/** Parquet's hybrid of runs and bit-packed groups: `count` numbers of `width` bits. */
function runLengths(bytes: Uint8Array, width: number, count: number, fail: Fail): Int32Array {
  if (!(width <= 31)) throw fail(`numbers of ${width} bits are not read`);
  const out = new Int32Array(count);
  let position = 0, done = 0;
  const nextByte = () => {
    if (position >= bytes.length) throw fail("a page ends within its levels or indices");
    return bytes[position++];
  };
  while (done < count) {
    let header = 0, byte: number, shift = 0;
    do {
      byte = nextByte();
      header += (byte & 127) * 2 ** shift;
      shift += 7;
    } while (byte & 128);
    const groups = Math.floor(header / 2);
    if (header % 2 === 0) {
      let value = 0;
      for (let i = 0; i < width; i += 8) value |= nextByte() << i;
      const end = Math.min(count, done + groups);
      out.fill(value, done, end);
      done = end;
    } else {
      // Eight numbers of `width` bits fill `width` bytes.
      const end = Math.min(count, done + 8 * groups), start = position;
      for (let bit = 0; done < end; bit += width) out[done++] = bitsAt(bytes, start, bit, width, fail);
      position = Math.min(bytes.length, start + groups * width);
    }
  }
  return out;
}

function bitsAt(bytes: Uint8Array, start: number, bit: number, width: number, fail: Fail): number {
  let value = 0;
  for (let taken = 0; taken < width;) {
    const at = bit + taken, position = start + (at >> 3);
    if (position >= bytes.length) throw fail("a page ends within its levels or indices");
    const available = Math.min(8 - (at & 7), width - taken);
    value |= (bytes[position] >> (at & 7) & (2 ** available - 1)) << taken;
    taken += available;
  }
  return value;
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

function viewOf(bytes: Uint8Array): DataView<ArrayBuffer> {
  return new DataView(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength);
}
