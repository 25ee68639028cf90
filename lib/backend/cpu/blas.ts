/** A BLAS library through Deno's FFI: sgemm on the engine's own memory, where there is a library and the run allows it. */
import { dirname } from "@std/path";

/** Multiplies row-major matrices at addresses in the engine's memory. */
export interface Blas {
  /** File of the library, for the log line. */
  readonly library: string;
  /** C = alpha op(A) op(B) + beta C. Pointers in bytes of the shared memory, strides ("leading dimensions") in elements. */
  sgemm(
    transposedA: boolean,
    transposedB: boolean,
    m: number,
    n: number,
    k: number,
    alpha: number,
    a: number,
    strideA: number,
    b: number,
    strideB: number,
    beta: number,
    c: number,
    strideC: number,
  ): void;
  close(): void;
}

/** Types of sgemm's arguments; sizes and strides are as wide as the library's integers. */
const product = (integer: "i32" | "i64") => ({
  parameters: [
    ...["i32", "i32", "i32", integer, integer, integer, "f32"],
    ...["buffer", integer, "buffer", integer, "f32", "buffer", integer],
  ] as Deno.NativeType[],
  result: "void",
  optional: true,
} as const);
const count = (
  integer: "i32" | "i64",
) => ({ parameters: [integer], result: "void", optional: true } as const);

/** Names that say how wide integers are come first: MKL's cblas_sgemm is either, as a variable of its own says. */
const products = {
  cblas_sgemm64_: product("i64"),
  cblas_sgemm_64: product("i64"),
  scipy_cblas_sgemm64_: product("i64"),
  scipy_cblas_sgemm: product("i32"),
} as const;

const threadCounts = {
  openblas_set_num_threads: count("i32"),
  openblas_set_num_threads64_: count("i32"),
  scipy_openblas_set_num_threads: count("i32"),
  scipy_openblas_set_num_threads64_: count("i32"),
  MKL_Set_Num_Threads: count("i32"),
  bli_thread_set_num_threads: count("i64"),
} as const;

const loader = {
  /** The C library's own, which a search from the library on finds. */
  dlopen: { parameters: ["buffer", "i32"], result: "usize", optional: true },
  MKL_Set_Threading_Layer: count("i32"),
} as const;

type Load = (path: Uint8Array<ArrayBuffer>, mode: number) => number | bigint;

const rowMajor = 101, plain = 111, transposed = 112;

/**
 * @param memory the engine's
 * @returns null for a library that has no sgemm for C
 * @throws {Error} of Deno's, where the file is no library or FFI is not granted for it
 */
export function openBlas(library: string, memory: WebAssembly.Memory, threads: number): Blas | null {
  // Builds with wide integers and plain names say so in the file's.
  const integer = /64_?\.|ilp64/.test(library) ? "i64" : "i32";
  const opened = Deno.dlopen(
    library,
    { ...products, cblas_sgemm: product(integer), ...threadCounts, ...loader },
  );
  const { symbols } = opened;
  const found = [...Object.keys(products), "cblas_sgemm"].map((name) => symbols[name as keyof typeof symbols])
    .find((symbol) => symbol !== null);
  if (!found) {
    opened.close();
    return null;
  }
  if (symbols.dlopen) keepLoaded(symbols.dlopen, library);
  if (symbols.MKL_Set_Threading_Layer) takeThreads(symbols.dlopen, symbols.MKL_Set_Threading_Layer, library);
  for (const name of Object.keys(threadCounts) as (keyof typeof threadCounts)[]) {
    (symbols[name] as ((threads: number) => void) | null)?.(threads);
  }
  const sgemm = found as unknown as (...args: (number | Uint8Array)[]) => void;
  // Views, not addresses: a permission for this library alone does not allow pointers of one's own.
  const from = (pointer: number) => new Uint8Array(memory.buffer, pointer);
  return {
    library,
    sgemm: (transposedA, transposedB, m, n, k, alpha, a, strideA, b, strideB, beta, c, strideC) =>
      sgemm(
        ...[rowMajor, transposedA ? transposed : plain, transposedB ? transposed : plain, m, n, k, alpha],
        ...[from(a), strideA, from(b), strideB, beta, from(c), strideC],
      ),
    close: () => opened.close(),
  };
}

/** Keep a library for the life of the process, whatever is closed: its threads are not made to be unloaded. */
function keepLoaded(load: Load, library: string): void {
  const [notLoadedAnew, neverUnloaded] = Deno.build.os === "darwin" ? [0x10, 0x80] : [0x4, 0x1000];
  load(path(library), lazily | notLoadedAnew | neverUnloaded);
}

/** MKL ends the process where it does not find the library of its threads; without Intel's, take GNU's or one thread. */
function takeThreads(load: Load | null, setLayer: (layer: number) => void, library: string): void {
  const forAll = 0x100, layers = { sequential: 1, gnu: 3 };
  const loads = (file: string) => load !== null && Number(load(path(file), lazily | forAll)) !== 0;
  const intels = [
    `${dirname(library)}/libiomp5.so`,
    "libiomp5.so",
    "/opt/intel/oneapi/compiler/latest/lib/libiomp5.so",
  ];
  if (Deno.build.os !== "linux" || intels.some(loads)) return;
  setLayer(loads("libgomp.so.1") ? layers.gnu : layers.sequential);
}

const lazily = 1;

function path(file: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${file}\0`);
}
