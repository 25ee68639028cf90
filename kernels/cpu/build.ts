/**
 * Compiles the CPU engine's WebAssembly from source/ (AssemblyScript), once with relaxed SIMD (fused multiply-add) and
 * once without it, and writes kernels.wasm and kernels_simd.wasm beside this file.
 *
 *   deno run -P=test kernels/cpu/build.ts
 *
 * The same source gives the same bytes: tests/backend/cpu/build_test.ts compares them with the committed ones.
 */
import asc from "assemblyscript/asc";

/** The two builds: what the engine prefers, and what it falls back to. */
export const builds = [
  { file: "kernels.wasm", features: ["threads", "simd", "relaxed-simd"] },
  { file: "kernels_simd.wasm", features: ["threads", "simd"] },
] as const;

/** @throws {Error} with the compiler's messages */
export async function compileKernels(features: readonly string[]): Promise<Uint8Array<ArrayBuffer>> {
  let module: Uint8Array<ArrayBuffer> | undefined;
  let messages = "";
  const collect = { write: (text: string | Uint8Array) => (messages += text, true) };
  const { error } = await asc.main([
    "source/engine.ts",
    ...["--outFile", "module.wasm", "-O3", "--noAssert", "--runtime", "stub", "--use", "abort="],
    ...["--importMemory", "--sharedMemory", "--initialMemory", "1", "--maximumMemory", "65536"],
    // Constants lie between the control block and the threads' scratch memory (lib/backend/cpu/thread_pool.ts).
    ...["--memoryBase", "20480"],
    ...features.flatMap((feature) => ["--enable", feature]),
  ], {
    readFile: (name) => readSource(name),
    writeFile: (_name, contents) => {
      module = contents as Uint8Array<ArrayBuffer>;
    },
    listFiles: () => [],
    stdout: collect,
    stderr: collect,
  });
  if (error || !module) throw new Error(`Cannot compile the kernels: ${error?.message}\n${messages}`);
  return module;
}

function readSource(name: string): string | null {
  try {
    return Deno.readTextFileSync(new URL(name, import.meta.url));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

if (import.meta.main) {
  for (const { file, features } of builds) {
    const module = await compileKernels(features);
    Deno.writeFileSync(new URL(file, import.meta.url), module);
    console.log(`${file}: ${module.length} bytes`);
  }
}
