/** The system's BLAS through Deno's FFI: sgemm on the engine's own memory, where there is a library and the run allows it. */

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

const symbols = {
  cblas_sgemm: {
    parameters: [
      ...["i32", "i32", "i32", "i32", "i32", "i32", "f32"],
      ...["buffer", "i32", "buffer", "i32", "f32", "buffer", "i32"],
    ] as Deno.NativeType[],
    result: "void",
  },
  openblas_set_num_threads: { parameters: ["i32"], result: "void", optional: true },
} as const satisfies Deno.ForeignLibraryInterface;

const linuxFolders = [
  ...["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib", "/usr/local/lib"],
];

/** Where OpenBLAS (macOS: Accelerate too) is installed by the usual packages. The set "blas" of deno.json grants these alone. */
export const candidates: Partial<Record<typeof Deno.build.os, string[]>> = {
  linux: linuxFolders.flatMap((folder) =>
    ["libopenblas.so.0", "libopenblas.so", "libopenblasp.so.0"].map((file) => `${folder}/${file}`)
  ),
  darwin: [
    "/opt/homebrew/opt/openblas/lib/libopenblas.dylib",
    "/usr/local/opt/openblas/lib/libopenblas.dylib",
    "/System/Library/Frameworks/Accelerate.framework/Accelerate",
  ],
};

const rowMajor = 101, plain = 111, transposed = 112;

/** @returns null where there is no library, or FFI is not granted for it (nobody is asked) */
export function openBlas(memory: WebAssembly.Memory, threads: number): Blas | null {
  for (const library of candidates[Deno.build.os] ?? []) {
    if (Deno.permissions.querySync({ name: "ffi", path: library }).state !== "granted") continue;
    const opened = tryOpen(library);
    if (!opened) continue;
    opened.symbols.openblas_set_num_threads?.(threads);
    const sgemm = opened.symbols.cblas_sgemm as unknown as (...args: (number | Uint8Array)[]) => void;
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
  return null;
}

/** A library that is installed where this run may not use it; null where there is none, or the run may not look. */
export function forbiddenBlas(): string | null {
  const installed = (library: string) => {
    try {
      return Deno.statSync(library).isFile;
    } catch {
      return false;
    }
  };
  const allowed = (name: "ffi" | "read", path: string) =>
    Deno.permissions.querySync({ name, path }).state === "granted";
  return (candidates[Deno.build.os] ?? []).find((library) =>
    allowed("read", library) && !allowed("ffi", library) && installed(library)
  ) ?? null;
}

function tryOpen(library: string): Deno.DynamicLibrary<typeof symbols> | null {
  try {
    return Deno.dlopen(library, symbols);
  } catch {
    return null; // Not installed, or without CBLAS.
  }
}
