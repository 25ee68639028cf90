/** NumPy's .npy files: every plain dtype, both byte orders, C and Fortran order, header versions 1 to 3, objects that are text. */
import { DataError } from "../cli/errors.ts";
import type { Matrix } from "../linalg/matrix.ts";
import { writeFileAtomic } from "./atomic_write.ts";
import { decodeElements, elementCount, type NumpyArray, parseElementType } from "./numpy_array.ts";
import { parsePickle } from "./pickle.ts";
import { readFileBytes } from "./read_file.ts";

export type { NumpyArray, NumpyData } from "./numpy_array.ts";

/** @throws {DataError} for anything but a whole .npy file of a dtype that we read */
export async function readNpy(path: string): Promise<NumpyArray> {
  return parseNpy(await readFileBytes(path), path);
}

/** As `readNpy`, from bytes; `name` is what errors call the file. Bytes behind the array are ignored, as NumPy does. */
export function parseNpy(bytes: Uint8Array, name: string): NumpyArray {
  const fail = (reason: string) => new DataError(`Cannot read "${name}": ${reason}`);
  const { header, dataStart } = splitHeader(bytes, fail);
  const { descr, fortranOrder, shape } = parseHeader(header, fail);
  const type = parseElementType(descr);
  if (type === null) {
    throw fail(`its dtype ${descr} is none that we read (f2, f4, f8, integers, b1, U, S, O)`);
  }
  const count = elementCount(shape, fail);
  if (type.kind === "O") {
    return {
      shape,
      dtype: descr,
      data: objectsAsText(parsePickle(bytes.subarray(dataStart), name), count, fail),
    };
  }
  const expected = count * type.itemBytes, found = bytes.length - dataStart;
  if (found < expected) {
    throw fail(
      `it holds ${found} bytes of data, its header says ${expected} (${descr} of shape (${
        shape.join(", ")
      })); ` +
        `is the file cut off?`,
    );
  }
  if (type.itemBytes === 0) return { shape, dtype: descr, data: emptyStrings(count, fail) };
  const data = bytes.subarray(dataStart, dataStart + expected);
  return { shape, dtype: descr, data: decodeElements(data, type, shape, fortranOrder, fail) };
}

/** A two-dimensional array of floats as float32. @throws {DataError} for another shape or dtype */
export async function readNpyMatrix(path: string): Promise<Matrix> {
  const { data, rows, columns } = await readNpyDoubles(path);
  return { data: data instanceof Float32Array ? data : Float32Array.from(data), rows, columns };
}

/** A two-dimensional array of floats, float64 kept as it is. @throws {DataError} for another shape or dtype */
export async function readNpyDoubles(path: string): Promise<Matrix<Float32Array> | Matrix<Float64Array>> {
  const bytes = await readFileBytes(path);
  refuseObjects(bytes, path);
  const { shape, dtype, data } = parseNpy(bytes, path);
  if (shape.length !== 2) {
    throw new DataError(
      `Cannot read "${path}": a matrix is needed, it holds an array of shape (${shape.join(", ")})`,
    );
  }
  const [rows, columns] = shape;
  if (data instanceof Float32Array) return { data, rows, columns };
  if (data instanceof Float64Array) return { data, rows, columns };
  throw new DataError(
    `Cannot read "${path}": a matrix of floats is needed, its dtype is ${dtype}${
      Array.isArray(data) ? " (text; are these the ids?)" : ""
    }`,
  );
}

/** Pickled objects where numbers are needed: says what they are, and how to save the numbers. */
function refuseObjects(bytes: Uint8Array, path: string): void {
  const fail = (reason: string) => new DataError(`Cannot read "${path}": ${reason}`);
  const { header, dataStart } = splitHeader(bytes, fail);
  const { descr, shape } = parseHeader(header, fail);
  if (!/^[|=<>]?O/.test(descr)) return;
  let content: unknown = null;
  try {
    content = parsePickle(bytes.subarray(dataStart), path);
  } catch { /* what it holds is told in general words */ }
  const items = isObjectArray(content) ? content.data : [];
  const what = shape.length === 0
    ? items[0] instanceof Map ? "a dict" : "one Python object"
    : `objects (an array of shape (${shape.join(", ")}) of Python objects${
      items.every((item) => typeof item === "string") && items.length > 0 ? ", all of them text" : ""
    })`;
  throw fail(
    `it holds ${what} that np.save pickled, a matrix of numbers is needed (np.save(file, np.stack(list(d.values())) ` +
      `.astype("float32")) for a dict d, and its keys as ids beside it)`,
  );
}

/** A one-dimensional array of text: `<U`, `|S` or objects. @throws {DataError} for another shape or dtype */
export async function readNpyStrings(path: string): Promise<string[]> {
  const { shape, dtype, data } = await readNpy(path);
  if (!Array.isArray(data)) throw new DataError(`Cannot read "${path}": ids are text, its dtype is ${dtype}`);
  if (shape.length !== 1) {
    throw new DataError(`Cannot read "${path}": a list of ids is needed, its shape is (${shape.join(", ")})`);
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
  const [descr, content] = encodeElements(data);
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(", ")})`;
  const dictionary = `{'descr': '${descr}', 'fortran_order': False, 'shape': ${tuple}, }`;
  // NumPy leaves room for the first size to grow in place to 21 digits, then pads to a multiple of 64.
  const room = shape.length === 0 ? 0 : 21 - String(shape[0]).length;
  const headerEnd = Math.ceil((10 + dictionary.length + room + 1) / 64) * 64;
  const header = dictionary.padEnd(headerEnd - 11) + "\n";
  const bytes = new Uint8Array(headerEnd + content.length);
  bytes.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, header.length & 255, header.length >> 8]);
  bytes.set(new TextEncoder().encode(header), 10);
  bytes.set(content, headerEnd);
  return bytes;
}

/** @throws {DataError} when the folder cannot be written */
export async function writeNpy(path: string, array: WritableArray): Promise<void> {
  await writeFileAtomic(path, encodeNpy(array));
}

function splitHeader(
  bytes: Uint8Array,
  fail: (reason: string) => DataError,
): { header: string; dataStart: number } {
  const magic = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];
  if (!magic.every((byte, i) => bytes[i] === byte)) {
    throw fail(`it is no .npy file (it does not start with \\x93NUMPY)`);
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
function parseHeader(
  header: string,
  fail: (reason: string) => DataError,
): { descr: string; fortranOrder: boolean; shape: number[] } {
  const dictionary = /^\s*\{(.*)\}\s*$/s.exec(header)?.[1];
  const descr = dictionary?.match(/(?:^|,)\s*(?:'descr'|"descr")\s*:\s*(?:'([^']*)'|"([^"]*)"|(\[))/);
  const order = dictionary?.match(/(?:^|,)\s*(?:'fortran_order'|"fortran_order")\s*:\s*(True|False)/);
  const shape = dictionary?.match(/(?:^|,)\s*(?:'shape'|"shape")\s*:\s*\(([\dL,\s]*)\)/);
  if (!descr || !order || !shape) {
    throw fail(`its .npy header is not understood: ${header.trim().slice(0, 80)}`);
  }
  if (descr[3] !== undefined) throw fail("it is a record array; a plain array is needed");
  const sizes = shape[1].split(",").map((size) => size.trim()).filter((size) => size !== "");
  if (!sizes.every((size) => /^\d+L?$/.test(size))) {
    throw fail(`its shape is not understood: (${shape[1].slice(0, 80)})`);
  }
  return { descr: descr[1] ?? descr[2], fortranOrder: order[1] === "True", shape: sizes.map(parseFloat) };
}

/** Elements of a pickled object array, when all of them are text. */
function objectsAsText(value: unknown, count: number, fail: (reason: string) => DataError): string[] {
  const items = isObjectArray(value) ? value.data : null;
  if (items === null || items.length !== count) throw fail(`it should hold ${count} objects and does not`);
  return items.map((item, i) => {
    if (typeof item === "string") return item;
    if (item instanceof Uint8Array) {
      try {
        return new TextDecoder("utf-8", { fatal: true }).decode(item);
      } catch { /* told below */ }
    }
    throw fail(`element ${i} of its object array is not text`);
  });
}

function isObjectArray(value: unknown): value is { data: unknown[] } {
  return typeof value === "object" && value !== null && "data" in value && Array.isArray(value.data);
}

/** Text of width zero takes no bytes, so the file's length does not bound the count. */
function emptyStrings(count: number, fail: (reason: string) => DataError): string[] {
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
