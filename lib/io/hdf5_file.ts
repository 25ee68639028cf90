/**
 * HDF5 files through h5wasm, read where they lie: the library sees a file of its own file system whose bytes come from
 * the disk as it asks for them, so a file may be larger than memory.
 */
import { DataError } from "../cli/errors.ts";
import { shortId } from "../dataset/ids.ts";
import { hdf5Reason } from "./hdf5_reason.ts";
import { type HdfDataset, type HdfEntity, type HdfGroup, type HdfType, loadH5wasm } from "./h5wasm.ts";
import { refuseLfsPointer } from "./lfs_pointer.ts";
import { RandomAccessFile } from "./random_access_file.ts";

/** Numbers of a dataset as they are stored; 64-bit integers as float64. */
export type HdfNumbers =
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | Float32Array
  | Float64Array;

export interface DatasetFacts {
  readonly shape: readonly number[];
  readonly kind: "integer" | "float" | "text" | "boolean" | "compound" | "other";
  /** Elements of a chunk along each axis; null where the dataset lies in one piece. */
  readonly chunks: readonly number[] | null;
  /** Names of a compound's members. */
  readonly members: readonly string[];
}

/** Filters that this build of HDF5 has, by their registered numbers: deflate, shuffle, fletcher32, nbit, scaleoffset. */
const knownFilters = new Set([1, 2, 3, 5, 6]);
const signature = [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a];
let opened = 0;

export class Hdf5File {
  readonly path: string;
  /** Bytes of the file. */
  readonly size: number;
  readonly #root: HdfGroup;
  readonly #close: () => void;

  private constructor(path: string, size: number, root: HdfGroup, close: () => void) {
    this.path = path;
    this.size = size;
    this.#root = root;
    this.#close = close;
  }

  /** @throws {DataError} when it cannot be read, is not HDF5, or was cut off */
  static async open(path: string): Promise<Hdf5File> {
    const file = RandomAccessFile.open(path);
    try {
      refuseLfsPointer(file);
      refuseOtherFormats(file);
      const { h5wasm, module } = await loadH5wasm();
      const name = `input_${opened++}.h5`;
      const node = module.FS.createFile("/", name, {}, true, false);
      serveBytes(node, file);
      const root = new h5wasm.File(`/${name}`, "r");
      return new Hdf5File(path, file.size, root, () => {
        root.close();
        module.FS.unlink(`/${name}`);
        file.close();
      });
    } catch (error) {
      file.close();
      if (error instanceof DataError) throw error;
      throw new DataError(`Cannot read "${path}": ${hdf5Reason(error)}`);
    }
  }

  close(): void {
    this.#close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** What stands at a path such as "obs/gene"; null for nothing, or a link that leads nowhere. */
  kind(path: string): "group" | "dataset" | null {
    const entity = this.#find(path);
    return entity?.type === "Group" ? "group" : entity?.type === "Dataset" ? "dataset" : null;
  }

  /** Names in a group; none where there is no such group. */
  names(group: string): string[] {
    const entity = this.#find(group);
    return entity?.type === "Group" ? this.#guarded(group, () => (entity as HdfGroup).keys()) : [];
  }

  /** An attribute: text, number, or an array of them; undefined where there is none. */
  attribute(path: string, name: string): unknown {
    const entity = this.#find(path);
    return this.#guarded(path, () => {
      const attributes = entity?.attrs ?? {};
      return Object.hasOwn(attributes, name) ? attributes[name].value : undefined;
    });
  }

  facts(path: string): DatasetFacts {
    const dataset = this.#dataset(path), metadata = this.#guarded(path, () => dataset.metadata);
    return {
      shape: metadata.shape ?? [],
      kind: kindOf(metadata),
      chunks: metadata.chunks,
      members: metadata.compound_type?.members.map(({ name }) => name) ?? [],
    };
  }

  /**
   * Numbers of rows [start, end) along the first axis, all of the others.
   *
   * @throws {DataError} when the dataset is packed by a filter that is not built in, damaged, or holds no numbers
   */
  numbers(path: string, start = 0, end = Infinity): HdfNumbers {
    const { shape, kind } = this.facts(path);
    if (kind !== "integer" && kind !== "float" && kind !== "boolean") {
      throw new DataError(`Cannot read "${this.path}": "${shortId(path)}" holds ${kind}, numbers are needed`);
    }
    const values = this.#slice(path, shape, start, end);
    if (values instanceof BigInt64Array || values instanceof BigUint64Array) {
      return Float64Array.from(values as Iterable<unknown> as Iterable<number>, Number);
    }
    return values as HdfNumbers;
  }

  /** Text of a one-dimensional dataset. */
  texts(path: string): string[] {
    const { shape, kind } = this.facts(path);
    if (kind !== "text") {
      throw new DataError(`Cannot read "${this.path}": "${shortId(path)}" holds ${kind}, text is needed`);
    }
    const texts: string[] = [];
    const count = shape[0] ?? 1, step = 2 ** 17;
    for (let start = 0; start < count; start += step) {
      for (const text of this.#slice(path, shape, start, start + step) as string[]) texts.push(text);
    }
    return texts;
  }

  /** Columns of a one-dimensional dataset of records, by the names of its members. */
  records(path: string): Map<string, (string | number)[]> {
    const { shape, members } = this.facts(path);
    const columns = members.map((name) => ({ name, cells: [] as (string | number)[] }));
    const step = 2 ** 14;
    for (let start = 0; start < shape[0]; start += step) {
      const rows = this.#slice(path, shape, start, start + step) as unknown[][];
      for (const row of rows) {
        columns.forEach(({ cells }, at) => {
          const part = row[at]; // a number, text, or an array of one of them, by its type
          const cell = ArrayBuffer.isView(part) || Array.isArray(part) ? (part as unknown[])[0] : part;
          cells.push(typeof cell === "string" ? cell : Number(cell));
        });
      }
    }
    return new Map(columns.map(({ name, cells }) => [name, cells]));
  }

  #find(path: string): HdfEntity | null {
    return path === "" ? this.#root : this.#guarded(path, () => this.#root.get(path));
  }

  #dataset(path: string): HdfDataset {
    const entity = this.#find(path);
    if (entity?.type === "Dataset") return entity as HdfDataset;
    throw new DataError(`Cannot read "${this.path}": it has no dataset "${shortId(path)}"`);
  }

  #slice(path: string, shape: readonly number[], start: number, end: number): unknown {
    const dataset = this.#dataset(path);
    this.#guarded(path, () => this.#refuseUnreadable(path, dataset));
    if (shape.length === 0) return this.#guarded(path, () => [dataset.value]);
    const ranges = shape.map((length, axis): [number, number] =>
      axis === 0 ? [start, Math.min(end, length)] : [0, length]
    );
    if (ranges.some(([from, to]) => to <= from)) return new Float64Array(0);
    return this.#guarded(path, () => dataset.slice(ranges));
  }

  /** HDF5 in WebAssembly gives what lay in memory before where a filter is missing, if it is not asked first. */
  #refuseUnreadable(path: string, { filters, metadata }: HdfDataset): void {
    const unknown = filters.find(({ id }) => !knownFilters.has(id));
    if (unknown) {
      throw new DataError(
        `Cannot read "${this.path}": "${shortId(path)}" is packed with ${
          filterNames[unknown.id] ?? `"${shortId(unknown.name)}" (filter ${unknown.id})`
        }, which is not read here (in Python: anndata.read_h5ad(file).write_h5ad(new_file, compression="gzip"))`,
      );
    }
    if (!metadata.littleEndian && metadata.size > 1 && metadata.type < 3) {
      throw new DataError(
        `Cannot read "${this.path}": "${shortId(path)}" has big-endian numbers (little-endian is needed)`,
      );
    }
  }

  #guarded<T>(path: string, read: () => T): T {
    try {
      return read();
    } catch (error) {
      if (error instanceof DataError) throw error;
      throw new DataError(`Cannot read "${this.path}": "${shortId(path)}": ${hdf5Reason(error)}`);
    }
  }
}

const filterNames: Record<number, string> = {
  4: "szip",
  32000: "lzf",
  32001: "blosc",
  32004: "lz4",
  32008: "bitshuffle",
  32015: "zstd",
  32026: "blosc2",
};

function kindOf({ type }: HdfType): DatasetFacts["kind"] {
  const kinds: Record<number, DatasetFacts["kind"]> = {
    0: "integer",
    1: "float",
    3: "text",
    6: "compound",
    8: "boolean",
  };
  return kinds[type] ?? "other";
}

/** Let the library's file system read from `file` instead of memory. */
function serveBytes(
  node: { usedBytes: number; stream_ops: Record<string, unknown> },
  file: RandomAccessFile,
): void {
  Object.defineProperty(node, "usedBytes", { get: () => file.size });
  node.stream_ops = {
    ...node.stream_ops,
    llseek: (stream: { position: number }, offset: number, from: 0 | 1 | 2) =>
      offset + [0, stream.position, file.size][from],
    read: (_: unknown, memory: Int8Array, offset: number, length: number, position: number) => {
      const count = Math.max(0, Math.min(length, file.size - position));
      file.readInto(position, new Uint8Array(memory.buffer, memory.byteOffset + offset, count));
      return count;
    },
  };
}

/** HDF5 begins at byte 0, or at 512, 1024, 2048, ... behind a user block. */
function refuseOtherFormats(file: RandomAccessFile): void {
  if (file.size === 0) {
    throw new DataError(`Cannot read "${file.path}": it is empty (an h5ad file is needed)`);
  }
  for (let at = 0; at + 8 <= file.size; at = at === 0 ? 512 : at * 2) {
    if (file.read(at, 8).every((byte, i) => byte === signature[i])) return;
  }
  const [a, b, c, d] = file.read(0, Math.min(4, file.size));
  const hint = a === 0x1f && b === 0x8b
    ? "it is gzip: unpack it with gunzip"
    : a === 0x50 && b === 0x4b && c === 3 && d === 4
    ? "it is a zip archive (zarr?)"
    : "it is not HDF5, as h5ad files are";
  throw new DataError(`Cannot read "${file.path}": ${hint}`);
}
