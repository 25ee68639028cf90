/** Arrays as NumPy lays them out in .npy files and in pickles. */
import { DataError } from "../cli/errors.ts";

/** Element storage of an array: half floats come widened, small integers as Int32Array, booleans as 0 and 1. */
export type NumpyData =
  | Float32Array
  | Float64Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array
  | Uint8Array
  | string[];

/** An array in C order, whatever order it was stored in. */
export interface NumpyArray<T = NumpyData> {
  shape: number[];
  /** As stored, in NumPy's notation: "<f4", "|S15", "|O". */
  dtype: string;
  data: T;
}

/** An element type: "f", "i", "u", "b" (boolean), "U", "S" or "O", and how many bytes an element takes. */
export interface ElementType {
  kind: string;
  itemBytes: number;
  bigEndian: boolean;
}

const supported = new Set(["f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1"]);

/** Read a dtype such as "<f4"; null for one that we do not read (complex, dates, records). */
export function parseElementType(dtype: string): ElementType | null {
  const match = /^([<>=|]?)([A-Za-z])(\d{0,9})$/.exec(dtype);
  if (match === null) return null;
  const [, order, kind, size] = match;
  if (kind === "O") return { kind, itemBytes: 8, bigEndian: false };
  const itemBytes = kind === "U" ? 4 * Number(size) : Number(size);
  if (kind !== "U" && kind !== "S" && !supported.has(kind + size)) return null;
  return { kind, itemBytes, bigEndian: order === ">" };
}

/** Number of elements of a shape. @throws {DataError} for a shape that is not whole numbers or too large to be */
export function elementCount(shape: readonly unknown[], fail: (reason: string) => DataError): number {
  let count = 1;
  for (const size of shape) {
    if (typeof size !== "number" || !Number.isSafeInteger(size) || size < 0) {
      throw fail(`its shape (${shape.join(", ")}) is not made of whole numbers`);
    }
    count *= size;
  }
  if (shape.includes(0)) return 0;
  if (!Number.isSafeInteger(count)) throw fail(`its shape (${shape.join(", ")}) is too large`);
  return count;
}

/**
 * Elements of `bytes` (exactly count x itemBytes long, not of kind "O") as a fresh array in C order.
 *
 * @throws {DataError} for broken text (a character beyond Unicode, bytes that are not UTF-8)
 */
export function decodeElements(
  bytes: Uint8Array,
  type: ElementType,
  shape: readonly number[],
  fortranOrder: boolean,
  fail: (reason: string) => DataError,
): NumpyData {
  const own = new Uint8Array(bytes); // a copy also of a Buffer, whose slice() is a view
  if (type.bigEndian) swapBytes(own, type.kind === "U" ? 4 : type.itemBytes);
  const data = decodeInOrder(own, type, fail);
  return fortranOrder && shape.length > 1 ? toRowMajor(data, shape) : data;
}

function decodeInOrder(
  bytes: Uint8Array<ArrayBuffer>,
  { kind, itemBytes }: ElementType,
  fail: (reason: string) => DataError,
): NumpyData {
  const { buffer } = bytes;
  switch (`${kind}${itemBytes}`) {
    case "f2":
      return Float32Array.from(new Uint16Array(buffer), widenHalf);
    case "f4":
      return new Float32Array(buffer);
    case "f8":
      return new Float64Array(buffer);
    case "i1":
      return Int32Array.from(new Int8Array(buffer));
    case "i2":
      return Int32Array.from(new Int16Array(buffer));
    case "i4":
      return new Int32Array(buffer);
    case "i8":
      return new BigInt64Array(buffer);
    case "u1":
      return bytes;
    case "u2":
      return Int32Array.from(new Uint16Array(buffer));
    case "u4":
      return new Uint32Array(buffer);
    case "u8":
      return new BigUint64Array(buffer);
    case "b1":
      return bytes.map((byte) => byte === 0 ? 0 : 1);
  }
  if (kind === "U") return decodeUnicode(new Int32Array(buffer), itemBytes / 4, fail);
  return decodeByteStrings(bytes, itemBytes, fail);
}

/** IEEE half precision to a number. */
function widenHalf(half: number): number {
  const sign = half & 0x8000 ? -1 : 1, exponent = (half >> 10) & 31, fraction = half & 1023;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25);
}

/** Fixed-width text, four bytes a character, padded with zeros. */
function decodeUnicode(codes: Int32Array, width: number, fail: (reason: string) => DataError): string[] {
  const strings: string[] = [];
  for (let start = 0; start < codes.length; start += width) {
    let end = start + width;
    while (end > start && codes[end - 1] === 0) end--;
    let text = "";
    for (let i = start; i < end; i++) {
      if (codes[i] < 0 || codes[i] > 0x10ffff) throw fail(`element ${start / width} holds no Unicode text`);
      text += String.fromCodePoint(codes[i]);
    }
    strings.push(text);
  }
  return strings;
}

/** Fixed-width bytes padded with zeros, read as UTF-8. */
function decodeByteStrings(bytes: Uint8Array, width: number, fail: (reason: string) => DataError): string[] {
  const strings: string[] = [];
  for (let start = 0; start < bytes.length; start += width) {
    let end = start + width;
    while (end > start && bytes[end - 1] === 0) end--;
    try {
      strings.push(utf8.decode(bytes.subarray(start, end)));
    } catch {
      throw fail(`element ${start / width} is not UTF-8 text`);
    }
  }
  return strings;
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function swapBytes(bytes: Uint8Array, width: number): void {
  for (let start = 0; start + width <= bytes.length; start += width) {
    bytes.subarray(start, start + width).reverse();
  }
}

/** Reorder elements stored with the first index running fastest. */
function toRowMajor<T extends NumpyData>(data: T, shape: readonly number[]): T {
  const strides = shape.map((_, axis) => shape.slice(0, axis).reduce((product, size) => product * size, 1));
  const index = new Array<number>(shape.length).fill(0);
  const result = data.slice() as T;
  for (let to = 0, from = 0; to < data.length; to++) {
    result[to] = data[from];
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += strides[axis];
      if (++index[axis] < shape[axis]) break;
      from -= strides[axis] * shape[axis];
      index[axis] = 0;
    }
  }
  return result;
}
