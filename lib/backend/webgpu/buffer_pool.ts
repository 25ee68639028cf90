/**
 * Device memory: buffers in size classes, kept for reuse after release, with an account of what is in use.
 *
 * Commands run in the order in which they were enqueued, so a buffer may be handed out again at once. It may be
 * destroyed only when no unsubmitted command names it: `trim` is called right after a submission.
 */
import { DataError } from "../../cli/errors.ts";
import type { MemoryAccount } from "../backend.ts";

export class BufferPool implements MemoryAccount {
  current = 0;
  peak = 0;
  /** Bytes of released buffers that wait to be used again. */
  idle = 0;
  readonly #free = new Map<number, GPUBuffer[]>();

  /**
   * @param limitBytes most bytes in use at once, Infinity for what the device gives
   * @param onFailure told when the device could not make a buffer after all (it says so only later)
   */
  constructor(
    readonly device: GPUDevice,
    readonly limitBytes: number,
    readonly onFailure: (error: DataError) => void,
  ) {}

  /**
   * A buffer of at least `bytes`, content undefined.
   *
   * @param what for the error: "a tensor of 12 f32 elements"
   * @throws {DataError} beyond the limit
   */
  acquire(bytes: number, what: string): GPUBuffer {
    const size = this.#sizeOf(bytes);
    if (this.current + size > this.limitBytes) throw outOfMemory(what, size, this.current, this.limitBytes);
    this.current += size;
    this.peak = Math.max(this.peak, this.current);
    const reused = this.#free.get(size)?.pop();
    if (reused) {
      this.idle -= size;
      return reused;
    }
    return this.#create(size, what);
  }

  #create(size: number, what: string): GPUBuffer {
    const held = this.current - size;
    this.device.pushErrorScope("out-of-memory");
    const buffer = this.device.createBuffer({ size, usage: usage.storage, label: what });
    this.device.popErrorScope().then((error) => {
      if (error) this.onFailure(outOfMemory(what, size, held, Infinity));
    }, () => {/* the device is lost, which is reported where it is noticed */});
    return buffer;
  }

  release(buffer: GPUBuffer): void {
    this.current -= buffer.size;
    this.idle += buffer.size;
    const free = this.#free.get(buffer.size);
    if (free) free.push(buffer);
    else this.#free.set(buffer.size, [buffer]);
  }

  /** Whether a new buffer of this size would make the pool hold more than was ever in use (and more than 256 MiB). */
  wouldGrow(bytes: number): boolean {
    const size = this.#sizeOf(bytes);
    if (this.#free.get(size)?.length) return false;
    return this.idle > 0 && this.current + this.idle + size > Math.max(this.peak, 256 << 20);
  }

  #sizeOf(bytes: number): number {
    return Math.min(sizeClass(bytes), this.device.limits.maxBufferSize);
  }

  /** Destroy idle buffers, largest first, until at most as much is idle as was ever in use beyond what is now. */
  trim(keepBytes = Math.max(64 << 20, this.peak - this.current)): void {
    if (this.idle <= keepBytes) return;
    for (const size of [...this.#free.keys()].sort((a, b) => b - a)) {
      const free = this.#free.get(size)!;
      while (free.length > 0 && this.idle > keepBytes) {
        free.shift()!.destroy();
        this.idle -= size;
      }
    }
  }
}

/** Buffer usages by what the runtime does with them. */
export const usage = {
  storage: GPUBufferUsage.STORAGE | GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_SRC |
    GPUBufferUsage.COPY_DST,
  uniform: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
  readBack: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
} as const;

/** The error for a request that the device or `memoryLimit` cannot serve, and what to do about it. */
function outOfMemory(what: string, bytes: number, current: number, limit: number): DataError {
  const have = limit === Infinity ? "" : ` of ${mebibytes(limit)}`;
  return new DataError(
    `Cannot allocate ${mebibytes(bytes)} for ${what}: the WebGPU device is out of memory ` +
      `(${mebibytes(current)}${have} in use). Use a smaller --batch-size, or --device cpu`,
  );
}

function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(bytes < 2 ** 24 ? 2 : 0)} MiB`;
}

/** Next power of two up to 4 KiB, beyond it the next eighth of a power of two: at most an eighth is wasted. */
function sizeClass(bytes: number): number {
  if (bytes <= 256) return 256;
  const power = 2 ** Math.floor(Math.log2(bytes));
  const step = bytes <= 4096 ? power : power / 8;
  return Math.ceil(bytes / step) * step;
}
