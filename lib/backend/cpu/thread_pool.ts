/**
 * Threads over one shared memory. A job is a kernel, its arguments and a number of chunks; the calling thread takes its
 * share, the workers draw the rest (kernels/cpu/float32/engine.ts has the protocol). How a job is cut into chunks never
 * depends on the number of threads, and no two chunks write the same place: results are the same bits on any number.
 */
import { Worker } from "node:worker_threads";
import { Kernel } from "../../../kernels/cpu/kernels.ts";
import { DataError } from "../../cli/errors.ts";
import { workerSource, type WorkerStart } from "./worker.ts";

/** What the WebAssembly module offers. Numbers are addresses in bytes unless named otherwise. */
export interface KernelExports {
  serve(scratch: number, spins: number): void;
  launch(job: number, scratch: number, spins: number, stallSeconds: number): number;
  runAlone(job: number, scratch: number): void;
}

export interface ThreadPoolOptions {
  readonly threads: number;
  /** A job that does not get on for so long has lost a thread. Chunks take well under a second, or say that they go on. */
  readonly stallSeconds?: number;
}

/** Bytes at the start of memory that no pointer may name, then the control block (kernels/cpu/float32/control.ts). */
const controlAt = 1024;
export const scratchAt = 32768;
/** Memory of its own that each thread has for tiles and sums on the way. */
export const scratchBytes = 1024 * 1024;
const ticketOffset = 0, doneOffset = 64, currentOffset = 128, stopOffset = 140, failedOffset = 144;
const slotsOffset = 256, slotBytes = 256;
/** A chunk number that no job reaches. */
const closedTicket = 2 ** 31 - 1;
/** Turns an idle thread looks for work before it sleeps: some 50 microseconds. */
const spins = 20_000;

/** Bytes that a pool keeps for itself at the start of the memory. */
export function reservedBytes(threads: number): number {
  return scratchAt + threads * scratchBytes;
}

export class ThreadPool {
  readonly #exports: KernelExports;
  readonly #words: Int32Array;
  readonly #workers: Worker[] = [];
  #job = 0;
  #failure: string | null = null;

  constructor(
    readonly module: WebAssembly.Module,
    readonly memory: WebAssembly.Memory,
    readonly options: ThreadPoolOptions,
  ) {
    this.#exports = new WebAssembly.Instance(module, { env: { memory } }).exports as unknown as KernelExports;
    this.#words = new Int32Array(memory.buffer, 0, reservedBytes(1) / 4);
  }

  /** The running workers; none before the first job that is worth sharing. */
  get workers(): readonly Worker[] {
    return this.#workers;
  }

  /**
   * Run a job to its end.
   *
   * @param args i32 words in the order of the kernel's job class; `float` makes one of a fraction
   * @throws {DataError} when a thread was lost; the engine is of no use then
   */
  run(kernel: Kernel, chunks: number, args: readonly number[]): void {
    if (this.#failure) throw new DataError(this.#failure);
    if (chunks === 0) return;
    this.#job = this.#job + 1 | 0;
    const slot = (controlAt + slotsOffset + (this.#job & 63) * slotBytes) / 4;
    const words = this.#words;
    // A thread that still looks at the slot's last job must not take the new one for it.
    Atomics.store(words, (controlAt + ticketOffset) / 4, closedTicket);
    words[slot] = kernel;
    Atomics.store(words, slot + 1, chunks);
    for (let i = 0; i < args.length; i++) words[slot + 2 + i] = args[i];
    if (chunks === 1 || this.options.threads === 1) {
      this.#exports.runAlone(this.#job, scratchAt);
      return;
    }
    if (this.#workers.length === 0) this.#start();
    const stall = this.options.stallSeconds ?? 60;
    const end = this.#exports.launch(this.#job, scratchAt, spins, stall);
    if (end === 0) return;
    this.#failure = `Cannot go on: a thread of the CPU engine ${
      end === 1 ? "ended with an error" : `has not answered for ${stall} s`
    } in ${Kernel[kernel]}. Start again from the last checkpoint`;
    this.close();
    throw new DataError(this.#failure);
  }

  /** End the threads. */
  close(): void {
    Atomics.store(this.#words, (controlAt + stopOffset) / 4, 1);
    Atomics.notify(this.#words, (controlAt + currentOffset) / 4);
    for (const worker of this.#workers) worker.terminate();
    this.#workers.length = 0;
    this.#failure ??= "Cannot compute: the CPU engine was closed";
  }

  #start(): void {
    for (let thread = 1; thread < this.options.threads; thread++) {
      // With an environment of its own: a copy of ours would need a permission for every variable, which Deno asks for.
      const worker = new Worker(workerSource, { eval: true, env: {} });
      // A script that forgets to close the engine ends all the same.
      worker.unref();
      worker.postMessage(
        {
          module: this.module,
          memory: this.memory,
          scratch: scratchAt + thread * scratchBytes,
          spins,
          failedAt: controlAt + failedOffset,
          doneAt: controlAt + doneOffset,
        } satisfies WorkerStart,
      );
      this.#workers.push(worker);
    }
  }
}

const floatCell = new Float32Array(1);
const floatBits = new Int32Array(floatCell.buffer);

/** The bits of an f32, as a word of a job. */
export function float(value: number): number {
  floatCell[0] = value;
  return floatBits[0];
}
