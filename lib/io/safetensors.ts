/**
 * Safetensors files: 8 bytes of header length (little-endian), a JSON header `{name: {dtype, shape, data_offsets}}`,
 * then the tensors' bytes. Only the header is read on opening; tensors are sought and read one by one. As in the
 * reference implementation the tensors must cover the data without gap or overlap.
 */
import { DataError } from "../cli/errors.ts";
import { jsonReason } from "./json_file.ts";
import { refuseLfsPointer } from "./lfs_pointer.ts";
import { RandomAccessFile } from "./random_access_file.ts";
import { openShards } from "./sharded_tensors.ts";
import {
  bytesPerElement,
  elementCount,
  type TensorFile,
  type TensorInfo,
  type TensorType,
  widen,
} from "./tensor_file.ts";

export interface SafetensorsFile extends TensorFile {
  /** The texts under `__metadata__`; empty for a sharded file. */
  readonly metadata: Readonly<Record<string, string>>;
  /** A tensor of type I64 without loss. @throws {DataError} when it is of another type */
  readIntegers(name: string): Promise<BigInt64Array<ArrayBuffer>>;
  /** A tensor of type F64 without loss. @throws {DataError} when it is of another type */
  readDoubles(name: string): Promise<Float64Array<ArrayBuffer>>;
}

/**
 * Open `model.safetensors`, or the shards that a `model.safetensors.index.json` lists.
 *
 * @throws {DataError} when the file is no valid safetensors file
 */
export async function openSafetensors(path: string): Promise<SafetensorsFile> {
  if (!path.endsWith(".index.json")) return new SingleFile(path);
  const shards = await openShards(path, (shard) => new SingleFile(shard));
  return {
    ...shards,
    metadata: {},
    readIntegers: (name) => Promise.try(() => shards.home(name).readIntegers(name)),
    readDoubles: (name) => Promise.try(() => shards.home(name).readDoubles(name)),
  };
}

/** An array that safetensors can hold: f64, f32, f16 or i64 by its type. */
export interface SafetensorsArray {
  /** Sizes, slowest first. */
  readonly shape: readonly number[];
  /** Row after row. */
  readonly data: Float64Array | Float32Array | Float16Array | BigInt64Array;
}

/** The bytes of a safetensors file, tensors by alignment and then by name as Python's library writes them. */
export function encodeSafetensors(
  tensors: ReadonlyMap<string, SafetensorsArray>,
  metadata?: Record<string, string>,
): Uint8Array<ArrayBuffer> {
  const ordered = [...tensors].sort(([a, { data: x }], [b, { data: y }]) =>
    y.BYTES_PER_ELEMENT - x.BYTES_PER_ELEMENT || (a < b ? -1 : a > b ? 1 : 0)
  );
  const header: Record<string, unknown> = Object.create(null);
  if (metadata) header.__metadata__ = metadata;
  let end = 0;
  for (const [name, { shape, data }] of ordered) {
    if (elementCount(shape) !== data.length) {
      throw new RangeError(`Tensor "${name}" has ${data.length} elements but shape (${shape.join(", ")})`);
    }
    const dtype = storedType(data);
    header[name] = { dtype, shape, data_offsets: [end, end += data.byteLength] };
  }
  const text = new TextEncoder().encode(JSON.stringify(header));
  const headerLength = Math.ceil(text.length / 8) * 8;
  const bytes = new Uint8Array(8 + headerLength + end);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(headerLength), true);
  bytes.set(text, 8);
  bytes.fill(0x20, 8 + text.length, 8 + headerLength);
  let position = 8 + headerLength;
  for (const [, { data }] of ordered) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), position);
    position += data.byteLength;
  }
  return bytes;
}

function storedType(data: SafetensorsArray["data"]): TensorType {
  if (data instanceof Float64Array) return "F64";
  if (data instanceof Float32Array) return "F32";
  return data instanceof BigInt64Array ? "I64" : "F16";
}

interface Entry extends TensorInfo {
  readonly start: number;
  readonly end: number;
}

/** The reference implementation's limit too. */
const maxHeaderBytes = 100_000_000;

class SingleFile implements SafetensorsFile {
  readonly tensors: ReadonlyMap<string, Entry>;
  readonly metadata: Readonly<Record<string, string>>;
  readonly #file: RandomAccessFile;
  readonly #dataStart: number;

  constructor(readonly path: string) {
    this.#file = RandomAccessFile.open(path);
    try {
      refuseLfsPointer(this.#file);
      const { header, dataStart } = readHeader(this.#file);
      this.#dataStart = dataStart;
      this.metadata = parseMetadata(path, header.__metadata__);
      this.tensors = parseEntries(path, header, this.#file.size - dataStart);
    } catch (error) {
      this.#file.close();
      throw error;
    }
  }

  read(name: string): Promise<Float32Array<ArrayBuffer>> {
    return Promise.try(() => {
      const bytes = this.#bytes(name), { dtype } = this.tensors.get(name)!;
      if (isKnown(dtype)) return widen(bytes, dtype);
      const known = Object.keys(bytesPerElement).join(", ");
      throw new DataError(
        `Cannot read "${this.path}": tensor "${name}" has dtype "${dtype}", expected one of ${known}`,
      );
    });
  }

  readIntegers(name: string): Promise<BigInt64Array<ArrayBuffer>> {
    return Promise.try(() => new BigInt64Array(this.#bytes(name, "I64").buffer));
  }

  readDoubles(name: string): Promise<Float64Array<ArrayBuffer>> {
    return Promise.try(() => new Float64Array(this.#bytes(name, "F64").buffer));
  }

  close(): void {
    this.#file.close();
  }

  #bytes(name: string, expected?: TensorType): Uint8Array<ArrayBuffer> {
    const entry = this.tensors.get(name);
    if (!entry) throw new DataError(`Cannot read "${this.path}": it has no tensor "${name}"`);
    if (expected && entry.dtype !== expected) {
      throw new DataError(
        `Cannot read "${this.path}": tensor "${name}" is ${entry.dtype}, expected ${expected}`,
      );
    }
    return this.#file.read(this.#dataStart + entry.start, entry.end - entry.start);
  }
}

function readHeader(file: RandomAccessFile): { header: Record<string, unknown>; dataStart: number } {
  const fail = (what: string) => new DataError(`Cannot read "${file.path}" as safetensors: ${what}`);
  if (file.size < 8) throw fail(`${file.size} bytes are too few to hold a header`);
  const declared = new DataView(file.read(0, 8).buffer).getBigUint64(0, true);
  if (declared > BigInt(file.size - 8)) {
    throw fail(
      `its header would be ${declared} bytes long but the file has ${file.size} (cut off, or another format?)`,
    );
  }
  const length = Number(declared);
  if (length > maxHeaderBytes) {
    throw fail(`a header of ${length} bytes is above the limit of ${maxHeaderBytes}`);
  }
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(file.read(8, length)));
  } catch (error) {
    throw fail(`its header is not valid JSON (${jsonReason(error)})`);
  }
  if (!isRecord(header)) throw fail("its header is not a JSON object");
  return { header, dataStart: 8 + length };
}

function parseMetadata(path: string, value: unknown): Record<string, string> {
  if (value === undefined) return {};
  if (!isRecord(value) || !Object.values(value).every((text) => typeof text === "string")) {
    throw new DataError(`Cannot read "${path}" as safetensors: "__metadata__" is not an object of texts`);
  }
  return value as Record<string, string>;
}

function parseEntries(path: string, header: Record<string, unknown>, dataBytes: number): Map<string, Entry> {
  const entries = new Map<string, Entry>();
  for (const [name, value] of Object.entries(header)) {
    if (name !== "__metadata__") entries.set(name, parseEntry(path, name, value));
  }
  const fail = (what: string) => new DataError(`Cannot read "${path}" as safetensors: ${what}`);
  let covered = 0, previous = "";
  for (
    const [name, { start, end }] of [...entries].sort(([, a], [, b]) => a.start - b.start || a.end - b.end)
  ) {
    if (end > dataBytes) {
      throw fail(`tensor "${name}" ends at data byte ${end} but the file has ${dataBytes} (is it cut off?)`);
    }
    if (start < covered) throw fail(`tensors "${previous}" and "${name}" overlap at data byte ${start}`);
    if (start > covered) throw fail(`no tensor covers data bytes ${covered} to ${start}, before "${name}"`);
    [covered, previous] = [end, name];
  }
  if (covered !== dataBytes) {
    throw fail(`its tensors end at data byte ${covered} but the file has ${dataBytes}`);
  }
  return entries;
}

function parseEntry(path: string, name: string, value: unknown): Entry {
  const fail = (what: string) =>
    new DataError(`Cannot read "${path}" as safetensors: tensor "${name}" ${what}`);
  const isSize = (n: unknown): n is number => Number.isSafeInteger(n) && (n as number) >= 0;
  if (!isRecord(value)) throw fail("is not described by an object");
  const { dtype, shape, data_offsets: offsets } = value;
  if (typeof dtype !== "string" || !/^[\w.]{1,32}$/.test(dtype)) {
    throw fail(`has dtype ${JSON.stringify(dtype)}, expected a name such as F32`);
  }
  if (!Array.isArray(shape) || !shape.every(isSize)) throw fail("has no shape of whole numbers");
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isSize) || offsets[1] < offsets[0]) {
    throw fail("has no data_offsets [start, end]");
  }
  // Files may hold types that we do not know: whoever reads such a tensor is told then.
  const bytes = isKnown(dtype) ? elementCount(shape) * bytesPerElement[dtype] : offsets[1] - offsets[0];
  if (offsets[1] - offsets[0] !== bytes) {
    throw fail(
      `of shape (${shape.join(", ")}) and dtype ${dtype} needs ${bytes} bytes but has ${
        offsets[1] - offsets[0]
      }`,
    );
  }
  return { dtype, shape, start: offsets[0], end: offsets[1] };
}

function isKnown(dtype: string): dtype is TensorType {
  return Object.hasOwn(bytesPerElement, dtype);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
