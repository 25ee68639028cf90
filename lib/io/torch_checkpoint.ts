/**
 * PyTorch checkpoints (`pytorch_model.bin`, `weights.ckpt`): a zip archive of `<name>/data.pkl`, a pickle that says
 * how tensors lie in storages, and one entry `<name>/data/<key>` a storage. The pickle is read as data: what it names
 * becomes a tensor, an ordered dictionary, or a placeholder that does nothing; names that could run something
 * are refused.
 */
import { crc32 } from "node:zlib";
import { DataError } from "../cli/errors.ts";
import { log } from "../cli/log.ts";
import { refuseLfsPointer } from "./lfs_pointer.ts";
import { RandomAccessFile } from "./random_access_file.ts";
import { openShards } from "./sharded_tensors.ts";
import { bytesPerElement, elementCount, type TensorFile, widen } from "./tensor_file.ts";
import { PickledTensor, torchDialect, UnreadTensor } from "./torch_pickle.ts";
import { findStateDict } from "./torch_state_dict.ts";
import { InertObject, PickleError, Unpickler } from "./unpickler.ts";
import { looksLikeZip, readZipDirectory, readZipEntry, type ZipEntry } from "./zip.ts";

/** Tensors that repeat elements (stride 0) may have this many of them beyond their storage's. */
const maxRepeatedElements = 1 << 24;
const maxPickleBytes = 1 << 26;
/** Files whose copies were told: one is opened to look at its names, and again to read them. */
const told = new Set<string>();

/**
 * Open a checkpoint, or the shards that a `pytorch_model.bin.index.json` lists: the tensors of its `state_dict`, or of
 * the whole where it is one itself.
 *
 * @throws {DataError} when the file is damaged, is of the old format before PyTorch 1.6, or names something that could run
 */
export async function openTorchCheckpoint(path: string): Promise<TensorFile> {
  const open = (file: string) => new TorchCheckpoint(file);
  return path.endsWith(".index.json") ? await openShards(path, open) : open(path);
}

class TorchCheckpoint implements TensorFile {
  readonly tensors = new Map<string, PickledTensor>();
  readonly unreadable = new Map<string, string>();
  readonly #file: RandomAccessFile;
  readonly #entries: Map<string, ZipEntry>;
  readonly #prefix: string;
  readonly #checked = new Set<string>();

  constructor(readonly path: string) {
    this.#file = RandomAccessFile.open(path);
    try {
      refuseLfsPointer(this.#file);
      if (!looksLikeZip(this.#file)) throw notAnArchive(this.#file);
      this.#entries = readZipDirectory(this.#file);
      const pickle = [...this.#entries.keys()].filter((name) => /^[^/]*\/data\.pkl$/.test(name));
      if (pickle.length !== 1) {
        throw this.#fail(`it holds ${pickle.length} entries "<name>/data.pkl", expected one`);
      }
      this.#prefix = pickle[0].slice(0, -"data.pkl".length);
      this.#checkByteOrder();
      this.#readStateDict(pickle[0]);
    } catch (error) {
      this.#file.close();
      throw error;
    }
  }

  read(name: string): Promise<Float32Array<ArrayBuffer>> {
    return Promise.try(() => {
      const tensor = this.tensors.get(name);
      if (!tensor) throw new DataError(`Cannot read "${this.path}": it has no tensor "${name}"`);
      const count = elementCount(tensor.shape);
      if (count === 0) return new Float32Array(0);
      const span = 1 + tensor.shape.reduce((sum, size, axis) => sum + (size - 1) * tensor.strides[axis], 0);
      const width = bytesPerElement[tensor.dtype];
      const entry = this.#storage(name, tensor);
      const bytes = this.#file.read(entry.start + tensor.offset * width, span * width);
      if (bytes.length === entry.size) this.#checkSum(entry, bytes);
      const values = widen(bytes, tensor.dtype);
      return isContiguous(tensor) ? values : gather(values, tensor, count);
    });
  }

  close(): void {
    this.#file.close();
  }

  #fail(what: string): DataError {
    return new DataError(`Cannot read "${this.path}" as a PyTorch checkpoint: ${what}`);
  }

  #checkByteOrder(): void {
    const entry = this.#entries.get(this.#prefix + "byteorder");
    if (entry && entry.size < 16 && new TextDecoder().decode(readZipEntry(this.#file, entry)) === "big") {
      throw this.#fail("it was written on a big-endian machine, which is not supported");
    }
  }

  #readStateDict(pickleName: string): void {
    const entry = this.#entries.get(pickleName)!;
    if (entry.size > maxPickleBytes) {
      throw this.#fail(`"${pickleName}" has ${entry.size} bytes, above ${maxPickleBytes}`);
    }
    const root = this.#unpickle(readZipEntry(this.#file, entry));
    if (root instanceof InertObject) {
      throw this.#fail(
        `it is an object of ${root.name}, saved whole, expected tensors by name (torch.save(model.state_dict(), ...))`,
      );
    }
    if (!(root instanceof Map)) throw this.#fail("it holds no dictionary of tensors");
    const found = findStateDict(root);
    if (found === null) {
      throw this.#fail(`it holds no tensors, nor does a dictionary in it (its keys: ${listed(root.keys())})`);
    }
    const { state, copies } = found;
    if (copies.length > 0 && !told.has(this.path)) {
      told.add(this.path);
      log.warn(
        `"${this.path}" holds the model's tensors more than once: those under ${found.place} are taken, not those under ` +
          `${copies.join(", ")} (save the others as a file of their own to use them).`,
      );
    }
    for (const [name, value] of state) {
      if (value instanceof UnreadTensor) {
        this.unreadable.set(String(name), `is of type ${value.name}, which is not read (save it as float32)`);
      } else if (value instanceof InertObject) {
        this.unreadable.set(String(name), `is an object of the unknown class ${value.name}`);
      }
      if (!(value instanceof PickledTensor)) continue;
      if (typeof name !== "string") throw this.#fail("a tensor's name is not text");
      this.#storage(name, value);
      this.tensors.set(name, value);
    }
  }

  #unpickle(bytes: Uint8Array): unknown {
    try {
      return new Unpickler(bytes, this.path, torchDialect()).load();
    } catch (error) {
      if (error instanceof PickleError) {
        throw this.#fail(`its pickle is damaged (byte ${error.position}: ${error.reason})`);
      }
      throw error instanceof DataError ? this.#fail(error.message) : error;
    }
  }

  /** The entry that holds a tensor's storage, everything about it checked against the tensor. */
  #storage(name: string, tensor: PickledTensor): ZipEntry {
    const entry = this.#entries.get(`${this.#prefix}data/${tensor.storage.key}`);
    if (!entry) throw this.#fail(`the storage "${tensor.storage.key}" of tensor "${name}" is missing`);
    const available = entry.size / bytesPerElement[tensor.dtype];
    if (available !== tensor.storage.length) {
      throw this.#fail(
        `the storage of tensor "${name}" has ${entry.size} bytes, expected ${tensor.storage.length} elements of ${tensor.dtype}`,
      );
    }
    const count = elementCount(tensor.shape);
    const last = count === 0
      ? tensor.offset - 1
      : tensor.shape.reduce((index, size, axis) => index + (size - 1) * tensor.strides[axis], tensor.offset);
    if (last >= available) {
      throw this.#fail(`tensor "${name}" reaches element ${last} of a storage of ${available}`);
    }
    if (count > Math.max(available, maxRepeatedElements)) {
      throw this.#fail(`tensor "${name}" repeats ${available} stored elements to ${count}`);
    }
    return entry;
  }

  /** Check a storage once, when it is read whole; most tensors are their storage. */
  #checkSum(entry: ZipEntry, bytes: Uint8Array): void {
    if (this.#checked.has(entry.name)) return;
    if (crc32(bytes) !== entry.crc32) {
      throw this.#fail(`"${entry.name}" is damaged (its CRC-32 does not fit)`);
    }
    this.#checked.add(entry.name);
  }
}

function listed(keys: Iterable<unknown>): string {
  const names = [...keys].map((key) => JSON.stringify(String(key).slice(0, 40)));
  return names.length > 8 ? `${names.slice(0, 8).join(", ")}, ...` : names.join(", ") || "none";
}

function notAnArchive(file: RandomAccessFile): DataError {
  const start = file.read(0, Math.min(16, file.size));
  // torch.save before 1.6 began with this number, pickled.
  const oldMagic = [0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];
  const old = oldMagic.every((byte, i) => start[2 + i] === byte);
  return new DataError(
    `Cannot read "${file.path}" as a PyTorch checkpoint: ` +
      (old
        ? "it has the old format from before PyTorch 1.6, which is not supported (load it with torch.load and save it again)"
        : "it is no zip archive"),
  );
}

function isContiguous({ shape, strides }: PickledTensor): boolean {
  let expected = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] !== 1 && strides[axis] !== expected) return false;
    expected *= shape[axis];
  }
  return true;
}

/** Row-major copy of a strided tensor; `values` begins at its first element. */
function gather(
  values: Float32Array,
  { shape, strides }: PickledTensor,
  count: number,
): Float32Array<ArrayBuffer> {
  const out = new Float32Array(count);
  const index = new Array<number>(shape.length).fill(0);
  for (let i = 0, from = 0; i < count; i++) {
    out[i] = values[from];
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += strides[axis];
      if (++index[axis] < shape[axis]) break;
      from -= strides[axis] * shape[axis];
      index[axis] = 0;
    }
  }
  return out;
}
