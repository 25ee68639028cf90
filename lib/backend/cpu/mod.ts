/** The CPU engine: WebAssembly kernels over worker threads on one shared memory. */
import relaxedKernels from "../../../kernels/cpu/kernels.wasm" with { type: "bytes" };
import plainKernels from "../../../kernels/cpu/kernels_simd.wasm" with { type: "bytes" };
import { basename } from "@std/path";
import { hearSignals } from "../../cli/interrupt.ts";
import type { Backend } from "../backend.ts";
import { systemMemory } from "../system_memory.ts";
import { attentions } from "./attention.ts";
import { chooseBlas } from "./choose_blas.ts";
import { convolutions } from "./convolutions.ts";
import { elementWise } from "./elementwise.ts";
import { Engine } from "./engine.ts";
import { Heap } from "./heap.ts";
import { layers } from "./layers.ts";
import { matmulOperations } from "./matmul.ts";
import { memoryOperations } from "./memory_operations.ts";
import { reductions } from "./reductions.ts";
import { rowOperations, updates } from "./rows.ts";
import { reservedBytes, ThreadPool } from "./thread_pool.ts";
import { TileChoice } from "./tile_choice.ts";

export interface CpuOptions {
  /** Threads to compute on, this one included; default: all cores. */
  readonly threads?: number;
  /** "auto" (the default): the system's BLAS multiplies where FFI is granted; "off"; or the path of a library. */
  readonly blas?: string;
  /** Measure the time of each operation. */
  readonly profile?: boolean;
  /** Bytes that storages may take in all; at most 4 GiB, by default that or the machine's memory. */
  readonly memoryLimit?: number;
  /** Leave relaxed SIMD alone even where it is there: for tests and measurements. */
  readonly plainSimd?: boolean;
  /** Rows that the inner loop of products takes at once, for tests and measurements; by default what is faster here. */
  readonly tileRows?: 4 | 6;
}

/** File name of a library with its version, which the link that is opened does not show. */
function versionOf(library: string): string {
  try {
    return basename(Deno.realPathSync(library));
  } catch {
    return basename(library);
  }
}

/**
 * @throws {DataError} when the machine gives no shared memory, or the library that `blas` names is of no use
 * @throws {UsageError} when FFI is not granted for that library
 */
export async function openCpuBackend(options: CpuOptions = {}): Promise<Backend> {
  const threads = options.threads ?? navigator.hardwareConcurrency;
  const relaxed = !options.plainSimd && WebAssembly.validate(relaxedKernels);
  const module = kernels(relaxed);
  const heap = new Heap(
    reservedBytes(threads),
    Math.min(options.memoryLimit ?? systemMemory("total"), 2 ** 32),
  );
  const pool = new ThreadPool(module, heap.memory, { threads });
  const engine = new Engine(heap, pool);
  const { blas, refused } = await chooseBlas(engine, options.blas ?? "auto");
  const choice = new TileChoice(options.tileRows);
  const operations = {
    ...memoryOperations(engine),
    ...matmulOperations(engine, blas, choice),
    ...elementWise(engine),
    ...reductions(engine),
    ...layers(engine),
    ...attentions(engine, blas, choice),
    ...rowOperations(engine),
    ...updates(engine),
    ...convolutions(engine),
  };
  const times = new Map<string, { calls: number; ms: number }>();
  return {
    name: "cpu",
    description: describe(threads, relaxed) + describeBlas(blas?.library ?? null, refused),
    blas: blas && `${versionOf(blas.library)}, ${threads} ${threads === 1 ? "thread" : "threads"}`,
    supportsF16: false,
    memory: heap,
    ...(options.profile ? timed(operations, times) : operations),
    flush() {},
    finish: hearSignals,
    close() {
      pool.close();
      blas?.close();
      return Promise.resolve();
    },
    profile: () => Promise.resolve(new Map(times)),
  };
}

function describe(threads: number, relaxed: boolean): string {
  return `CPU, ${threads} thread${threads === 1 ? "" : "s"}, ${relaxed ? "relaxed" : "plain"} SIMD`;
}

function describeBlas(used: string | null, refused: string | null): string {
  if (used !== null) return `, products by ${used}`;
  return refused === null ? "" : `, not ${refused}, which multiplies wrongly on this machine`;
}

const compiled = new Map<boolean, WebAssembly.Module>();

/** One module a build for the whole process: code that the compiler has made fast stays fast. */
function kernels(relaxed: boolean): WebAssembly.Module {
  const module = compiled.get(relaxed) ?? new WebAssembly.Module(relaxed ? relaxedKernels : plainKernels);
  compiled.set(relaxed, module);
  return module;
}

/** The operations, each adding its calls and its time to `times`. Making, giving back and reading storages is not counted. */
function timed<T extends object>(operations: T, times: Map<string, { calls: number; ms: number }>): T {
  const uncounted = ["allocate", "release", "write", "read"];
  const wrapped = Object.entries(operations).map(([name, operation]) => {
    if (uncounted.includes(name)) return [name, operation];
    return [name, (...args: unknown[]) => {
      const start = performance.now();
      operation(...args);
      const { calls, ms } = times.get(name) ?? { calls: 0, ms: 0 };
      times.set(name, { calls: calls + 1, ms: ms + performance.now() - start });
    }];
  });
  return Object.fromEntries(wrapped);
}
