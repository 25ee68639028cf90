/** What the operations of the CPU engine share: its memory, its threads and the check of what they are given. */
import type { Kernel } from "../../../kernels/cpu/kernels.ts";
import type { DType, Storage } from "../backend.ts";
import type { CpuStorage, Heap } from "./heap.ts";
import type { ThreadPool } from "./thread_pool.ts";

export class Engine {
  constructor(readonly heap: Heap, readonly pool: ThreadPool) {}

  /** Run a kernel to its end; see `ThreadPool.run`. */
  run(kernel: Kernel, chunks: number, args: readonly number[]): void {
    this.pool.run(kernel, chunks, args);
  }

  /** The storage's address, 0 for none. */
  pointer(this: void, storage: Storage | null | undefined): number {
    return storage ? (storage as CpuStorage).pointer : 0;
  }

  /** @throws {RangeError} unless the storage is of this engine, alive, of the type and holds `length` elements */
  check(what: string, storage: Storage | null | undefined, length: number, dtype: DType = "f32"): void {
    if (!storage) return;
    const { pointer, live } = storage as CpuStorage;
    if (pointer === undefined) throw new RangeError(`${what} is not a storage of the CPU engine`);
    if (!live) throw new RangeError(`${what} has been released`);
    if (storage.dtype !== dtype) throw new RangeError(`${what} holds ${storage.dtype}, not ${dtype}`);
    if (!(length <= storage.length)) {
      throw new RangeError(`${what} holds ${storage.length} elements, ${length} are needed`);
    }
  }
}

/** Elements that a chunk of an element-wise kernel takes (FLAT_CHUNK of kernels/cpu/float32/elementwise.ts). */
const flatChunk = 16384;

/** Number of chunks of an element-wise kernel. */
export function flatChunks(n: number): number {
  return Math.ceil(n / flatChunk);
}

/** Rows of a chunk, and number of chunks, of a kernel that goes by rows. */
export function rowChunks(rows: number, columns: number): [chunkRows: number, chunks: number] {
  const chunkRows = Math.max(1, Math.floor(flatChunk / Math.max(1, columns)));
  return [chunkRows, Math.ceil(rows / chunkRows)];
}
