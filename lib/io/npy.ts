/** NumPy's .npy files: every plain dtype, both byte orders, C and Fortran order, header versions 1 to 3, objects that are text. */
import { DataError } from "../cli/errors.ts";
import type { Embedded, Matrix } from "../linalg/matrix.ts";
import { writeFileAtomic } from "./atomic_write.ts";
import { decodeElements, elementCount, type NumpyArray, parseElementType } from "./numpy_array.ts";
import {
  contentsOfOther,
  contentsOfRecords,
  contentsOfType,
  isNumpyArray,
  objectsForIds,
  objectsForMatrix,
  shapeForMatrix,
  sizeOf,
} from "./npy_contents.ts";
import { parsePickle } from "./pickle.ts";
import { readFileBytes } from "./read_file.ts";

export type { NumpyArray, NumpyData } from "./numpy_array.ts";

/** @throws {DataError} for anything but a whole .npy file of a dtype that we read */
export async function readNpy(path: string): Promise<NumpyArray> {
  return parseNpy(await readFileBytes(path), path);
}

/** As `readNpy`, from bytes; `name` is what errors call the file. Bytes behind the array are ignored, as NumPy does. */
export function parseNpy(bytes: Uint8Array, name: string): NumpyArray {
  const fail = failure(name), { descr, fortranOrder, shape, dataStart } = readHeader(bytes, fail);
  const type = parseElementType(descr);
  if (type === null) throw fail(contentsOfType(descr));
  const count = elementCount(shape, fail);
  if (type.kind === "O") {
    const objects = unpickled(bytes.subarray(dataStart), name);
    return { shape, dtype: descr, data: objectsAsText(objects, count, fail) };
  }
  const expected = count * type.itemBytes, found = bytes.length - dataStart;
  if (found < expected) {
    throw fail(
      `it holds ${found} bytes of data, its header says ${expected} (${descr} of ${sizeOf(shape)}); ` +
        `is the file cut off?`,
    );
  }
  if (type.itemBytes === 0) return { shape, dtype: descr, data: emptyStrings(count, fail) };
  const data = bytes.subarray(dataStart, dataStart + expected);
  return { shape, dtype: descr, data: decodeElements(data, type, shape, fortranOrder, fail) };
}

/** A two-dimensional array of numbers as float32. @throws {DataError} for another shape or dtype */
export async function readNpyMatrix(path: string): Promise<Matrix> {
  const { data, rows, columns } = await readNpyDoubles(path);
  return { data: data instanceof Float32Array ? data : Float32Array.from(data), rows, columns };
}

/** A two-dimensional array of numbers: float32 as it is, all others in float64. @throws {DataError} for another shape or dtype */
export async function readNpyDoubles(path: string): Promise<Embedded> {
  const bytes = await readFileBytes(path), fail = failure(path);
  const header = readHeader(bytes, fail);
  if (parseElementType(header.descr)?.kind === "O") {
    throw fail(objectsForMatrix(header.shape, unpickled(bytes.subarray(header.dataStart), path)));
  }
  const { shape, dtype, data } = parseNpy(bytes, path);
  if (shape.length !== 2) throw fail(shapeForMatrix(shape, Array.isArray(data)));
  const [rows, columns] = shape;
  if (data instanceof Float32Array) return { data, rows, columns };
  if (data instanceof Float64Array) return { data, rows, columns };
  if (!Array.isArray(data)) return { data: Float64Array.from<number | bigint>(data, Number), rows, columns };
  throw fail(`it holds text (${dtype}), a matrix of numbers is needed (are these the ids?)`);
}

/**
 * A list of text: `<U`, `|S` or objects, in one dimension or in one row or column.
 *
 * @throws {DataError} for another shape or dtype
 */
export async function readNpyStrings(path: string): Promise<string[]> {
  const { shape, dtype, data } = await readNpy(path), fail = failure(path);
  if (!Array.isArray(data)) {
    throw fail(`ids are text, its dtype is ${dtype} of ${sizeOf(shape)} (are these the vectors?)`);
  }
  if (shape.length === 0 || shape.filter((size) => size !== 1).length > 1) {
    throw fail(`a list of ids is needed, it holds text of ${sizeOf(shape)}`);
  }
  return data;
}

/** What we write: f4, f8, i8, and text as `<U` of the longest element. */
export interface WritableArray {
  shape: readonly number[];
  data: Float32Array | Float64Array | BigInt64Array | readonly string[];
}

/** The bytes that `numpy.save` would write. @throws {RangeError} when shape and data differ in size */
export function encodeNpy({ shape, data }: WritableArray): Uint8Array<ArrayBuffer> {
  if (shape.reduce((product, size) => product * size, 1) !== data.length) {
    throw new RangeError(`encodeNpy: shape (${shape.join(", ")}) does not hold ${data.length} elements`);
  }
  const [descr, content] = encodeElements(data), header = encodeNpyHeader(descr, shape);
  const bytes = new Uint8Array(header.length + content.length);
  bytes.set(header);
  bytes.set(content, header.length);
  return bytes;
}

/** What stands before the elements, which follow in C order. @param descr their type as NumPy writes it, such as "<f4" */
export function encodeNpyHeader(descr: string, shape: readonly number[]): Uint8Array<ArrayBuffer> {
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(", ")})`;
  const dictionary = `{'descr': '${descr}', 'fortran_order': False, 'shape': ${tuple}, }`;
  // NumPy leaves room for the first size to grow in place to 21 digits, then pads to a multiple of 64.
  const room = shape.length === 0 ? 0 : 21 - String(shape[0]).length;
  const headerEnd = Math.ceil((10 + dictionary.length + room + 1) / 64) * 64;
  const header = dictionary.padEnd(headerEnd - 11) + "\n";
  const bytes = new Uint8Array(headerEnd);
  bytes.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, header.length & 255, header.length >> 8]);
  bytes.set(new TextEncoder().encode(header), 10);
  return bytes;
}

/** @throws {DataError} when the folder cannot be written */
export async function writeNpy(path: string, array: WritableArray): Promise<void> {
  await writeFileAtomic(path, encodeNpy(array));
}

interface Header {
  descr: string;
  fortranOrder: boolean;
  shape: number[];
  /** Byte at which the elements begin. */
  dataStart: number;
}

type Fail = (reason: string) => DataError;

function failure(name: string): Fail {
  return (reason) => new DataError(`Cannot read "${name}": ${reason}`);
}

function readHeader(bytes: Uint8Array, fail: Fail): Header {
  const { header, dataStart } = splitHeader(bytes, fail);
  return { ...parseHeader(header, fail), dataStart };
}

function splitHeader(bytes: Uint8Array, fail: Fail): { header: string; dataStart: number } {
  const magic = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];
  if (!magic.every((byte, i) => bytes[i] === byte)) {
    throw fail(contentsOfOther(bytes));
  }
  const version = bytes[6];
  if (!(version >= 1 && version <= 3)) {
    throw fail(`its .npy version is ${version ?? "missing"}, not 1, 2 or 3`);
  }
  const lengthBytes = version === 1 ? 2 : 4, headerStart = 8 + lengthBytes;
  if (bytes.length < headerStart) throw fail("it ends within its header (is the file cut off?)");
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const headerLength = version === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  const dataStart = headerStart + headerLength;
  if (dataStart > bytes.length) {
    throw fail(
      `its header should end at byte ${dataStart}, the file at ${bytes.length} (is the file cut off?)`,
    );
  }
  const encoding = version === 3 ? "utf-8" : "latin1";
  return { header: new TextDecoder(encoding).decode(bytes.subarray(headerStart, dataStart)), dataStart };
}

/** The header is the text of a Python dict with exactly three keys, in any order. */
function parseHeader(header: string, fail: Fail): Omit<Header, "dataStart"> {
  const dictionary = /^\s*\{(.*)\}\s*$/s.exec(header)?.[1];
  const descr = dictionary?.match(/(?:^|,)\s*(?:'descr'|"descr")\s*:\s*(?:'([^']*)'|"([^"]*)"|(\[))/);
  const order = dictionary?.match(/(?:^|,)\s*(?:'fortran_order'|"fortran_order")\s*:\s*(True|False)/);
  const shape = dictionary?.match(/(?:^|,)\s*(?:'shape'|"shape")\s*:\s*\(([\dL,\s]*)\)/);
  if (!descr || !order || !shape) {
    throw fail(`its .npy header is not understood: ${header.trim().slice(0, 80)}`);
  }
  if (descr[3] !== undefined) throw fail(contentsOfRecords(header));
  const sizes = shape[1].split(",").map((size) => size.trim()).filter((size) => size !== "");
  if (!sizes.every((size) => /^\d+L?$/.test(size))) {
    throw fail(`its shape is not understood: (${shape[1].slice(0, 80)})`);
  }
  return { descr: descr[1] ?? descr[2], fortranOrder: order[1] === "True", shape: sizes.map(parseFloat) };
}

/** Elements of a pickled object array; null where the pickle is something else. */
function unpickled(bytes: Uint8Array, name: string): unknown[] | null {
  const value = parsePickle(bytes, name);
  return isNumpyArray(value) && Array.isArray(value.data) ? value.data : null;
}

/** Elements of an object array, when all of them are text. */
function objectsAsText(items: readonly unknown[] | null, count: number, fail: Fail): string[] {
  if (items === null || items.length !== count) throw fail(`it should hold ${count} objects and does not`);
  return items.map((item, i) => {
    if (typeof item === "string") return item;
    if (item instanceof Uint8Array) {
      try {
        return new TextDecoder("utf-8", { fatal: true }).decode(item);
      } catch { /* told below */ }
    }
    throw fail(objectsForIds(items, i));
  });
}

/** Text of width zero takes no bytes, so the file's length does not bound the count. */
function emptyStrings(count: number, fail: Fail): string[] {
  if (count > 2 ** 24) throw fail(`it says that it holds ${count} empty strings`);
  return new Array<string>(count).fill("");
}

function encodeElements(data: WritableArray["data"]): [descr: string, content: Uint8Array] {
  if (data instanceof Float32Array) return ["<f4", bytesOf(data)];
  if (data instanceof Float64Array) return ["<f8", bytesOf(data)];
  if (data instanceof BigInt64Array) return ["<i8", bytesOf(data)];
  const codePoints = data.map((text) => Array.from(text, (character) => character.codePointAt(0)!));
  const width = codePoints.reduce((widest, points) => Math.max(widest, points.length), 1);
  const codes = new Uint32Array(data.length * width);
  codePoints.forEach((points, i) => codes.set(points, i * width));
  return [`<U${width}`, bytesOf(codes)];
}

function bytesOf(array: ArrayBufferView): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}
