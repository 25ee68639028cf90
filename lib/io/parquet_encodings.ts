/** The encodings of values in Parquet pages: plain, dictionary, byte stream split, delta, run lengths. */
import type { ColumnMetaData, SchemaElement } from "hyparquet";
import { deltaBinaryUnpack, deltaByteArray, deltaLengthByteArray } from "hyparquet/src/delta.js";
import type { DataError } from "../cli/errors.ts";

export type Fail = (reason: string) => DataError;

/** Numbers with NaN where the file has none, or text with null there. */
export type ColumnValues = Float32Array | Float64Array | (string | null)[];

/** What float16 and decimals are stored as; no other such column is read. */
export const fixedType = "FIXED_LEN_BYTE_ARRAY";

/** What decoding needs to know of a column. */
export interface Column {
  type: ColumnMetaData["type"];
  /** Whether there are definition levels: 1 where a row has a value, 0 where not. */
  optional: boolean;
  /** Bytes of a number. */
  width: number;
  /** Digits behind the point of a decimal; null for other numbers. */
  decimals: number | null;
  fail: Fail;
}

/**
 * The values of a page.
 *
 * @param count number of values
 * @param dictionary of the column chunk; null where it has none
 */
export function decodeValues(
  { encoding, content, count }: { encoding: string; content: Uint8Array; count: number },
  column: Column,
  dictionary: ColumnValues | null,
): ColumnValues {
  const { type, fail } = column;
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

export function plainValues(content: Uint8Array, count: number, column: Column): ColumnValues {
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
export function widthOf({ type, type_length }: SchemaElement): number {
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

/** Parquet's hybrid of runs and bit-packed groups: `count` numbers of `width` bits. */
export function runLengths(bytes: Uint8Array, width: number, count: number, fail: Fail): Int32Array {
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

export function viewOf(bytes: Uint8Array): DataView<ArrayBuffer> {
  return new DataView(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength);
}
