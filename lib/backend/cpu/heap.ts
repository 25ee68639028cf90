/**
 * The memory of the CPU engine: one WebAssembly memory that all threads share, and the account of what is used of it.
 */
import { DataError } from "../../cli/errors.ts";
import type { DType, MemoryAccount, Storage } from "../backend.ts";

const pageBytes = 65536;
const alignment = 64;
/** Kept free behind every block, since kernels may read (never write) a few lanes beyond an end. */
const slack = 64;

/** A storage of the CPU engine: a range of the shared memory. */
export interface CpuStorage extends Storage {
  /** Where it starts, in bytes; a multiple of 64. */
  readonly pointer: number;
  /** Bytes that its block takes. */
  readonly bytes: number;
  live: boolean;
}

interface Range {
  start: number;
  bytes: number;
}

/** Blocks of a shared memory that grows: best fit, neighbours merged when freed. */
export class Heap implements MemoryAccount {
  readonly memory: WebAssembly.Memory;
  current = 0;
  peak = 0;
  /** Free ranges by rising address, no two adjacent. */
  #free: Range[] = [];
  #end: number;

  /**
   * @param reserved bytes at the start that the heap leaves alone
   * @param limit bytes that the memory may grow to, at most 4 GiB
   * @throws {DataError} when the machine gives no shared memory
   */
  constructor(readonly reserved: number, readonly limit = 65536 * pageBytes) {
    const initial = Math.ceil(reserved / pageBytes);
    const maximum = Math.max(initial, Math.floor(limit / pageBytes));
    try {
      this.memory = new WebAssembly.Memory({ initial, maximum, shared: true });
    } catch (error) {
      throw new DataError(
        `Cannot reserve ${size(limit)} of address space for the CPU engine: ${
          (error as Error).message
        }. Is there a limit on virtual memory (ulimit -v)?`,
      );
    }
    this.#end = initial * pageBytes;
    if (this.#end > reserved) this.#free.push({ start: reserved, bytes: this.#end - reserved });
  }

  /** @throws {DataError} when the memory cannot grow any more */
  allocate(dtype: DType, length: number): CpuStorage {
    const bytes = Math.ceil(((dtype === "f16" ? 2 : 4) * length + slack) / alignment) * alignment;
    const pointer = this.#take(bytes);
    this.current += bytes;
    this.peak = Math.max(this.peak, this.current);
    return { dtype, length, pointer, bytes, live: true };
  }

  release(storage: CpuStorage): void {
    if (!storage.live) throw new RangeError(`release: a storage of ${storage.length} was released twice`);
    storage.live = false;
    this.current -= storage.bytes;
    this.#giveBack(storage.pointer, storage.bytes);
  }

  /** The numbers of a storage, in place. */
  view(storage: CpuStorage): Float32Array<SharedArrayBuffer> | Int32Array<SharedArrayBuffer> {
    const buffer = this.memory.buffer as unknown as SharedArrayBuffer;
    return storage.dtype === "i32"
      ? new Int32Array(buffer, storage.pointer, storage.length)
      : new Float32Array(buffer, storage.pointer, storage.length);
  }

  #take(bytes: number): number {
    let best = -1;
    for (let i = 0; i < this.#free.length; i++) {
      const size = this.#free[i].bytes;
      if (size >= bytes && (best < 0 || size < this.#free[best].bytes)) best = i;
    }
    if (best < 0) {
      this.#grow(bytes);
      best = this.#free.length - 1;
    }
    const range = this.#free[best];
    const pointer = range.start;
    range.start += bytes;
    range.bytes -= bytes;
    if (range.bytes === 0) this.#free.splice(best, 1);
    return pointer;
  }

  /** Make the last free range hold `bytes`; ask for an eighth more than needed, so that growing stays rare. */
  #grow(bytes: number): void {
    const last = this.#free.at(-1);
    const open = last && last.start + last.bytes === this.#end ? last.bytes : 0;
    const needed = Math.ceil((bytes - open) / pageBytes);
    const room = Math.floor((this.limit - this.#end) / pageBytes);
    const wanted = Math.min(room, needed + Math.ceil(this.#end / pageBytes / 8));
    const pages = [wanted, needed].find((count) => count >= needed && count <= room && this.#growBy(count));
    if (pages === undefined) {
      throw new DataError(
        `Cannot allocate ${size(bytes)}: the CPU engine holds ${size(this.current)} of at most ${
          size(this.limit)
        }. ` +
          "A smaller batch or shorter sequences need less",
      );
    }
    this.#giveBack(this.#end, pages * pageBytes);
    this.#end += pages * pageBytes;
  }

  #growBy(pages: number): boolean {
    try {
      this.memory.grow(pages);
      return true;
    } catch (error) {
      if (error instanceof RangeError) return false;
      throw error;
    }
  }

  #giveBack(start: number, bytes: number): void {
    let at = 0;
    while (at < this.#free.length && this.#free[at].start < start) at++;
    const before = this.#free[at - 1], after = this.#free[at];
    const joinsBefore = before !== undefined && before.start + before.bytes === start;
    const joinsAfter = after !== undefined && start + bytes === after.start;
    if (joinsBefore) {
      before.bytes += bytes + (joinsAfter ? after.bytes : 0);
      if (joinsAfter) this.#free.splice(at, 1);
    } else if (joinsAfter) {
      after.start = start;
      after.bytes += bytes;
    } else {
      this.#free.splice(at, 0, { start, bytes });
    }
  }
}

function size(bytes: number): string {
  return bytes < 2 ** 30 ? `${Math.ceil(bytes / 2 ** 20)} MiB` : `${(bytes / 2 ** 30).toFixed(1)} GiB`;
}
