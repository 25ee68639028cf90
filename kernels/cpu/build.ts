/**
 * Compiles the WebAssembly modules beside this file from their AssemblyScript sources.
 *
 *   deno run --lock=tests/deno.lock -P=test kernels/cpu/build.ts                    (all)
 *   deno run --lock=tests/deno.lock -P=test kernels/cpu/build.ts boosting.wasm      (some)
 *
 * The same source gives the same bytes: tests/kernels/build_test.ts compares them with the committed ones.
 */
import asc from "npm:assemblyscript@0.28.20/asc";
import { kernelTable } from "./kernel_table.ts";

interface Build {
  /** Path of the module's first source file. */
  readonly entry: string;
  readonly features: readonly string[];
  readonly options?: readonly string[];
}

/** Threads share the memory that the host gives; constants lie between control block and scratch (float32/control.ts). */
const sharedMemory = [
  ...["--importMemory", "--sharedMemory", "--initialMemory", "1", "--maximumMemory", "65536"],
  ...["--memoryBase", "20480"],
];

/** The CPU engine is built twice: with relaxed SIMD (fused multiply-add), and without it to fall back to. */
export const builds: Readonly<Record<string, Build>> = {
  "kernels.wasm": {
    entry: "float32/engine.ts",
    features: ["threads", "simd", "relaxed-simd"],
    options: sharedMemory,
  },
  "kernels_simd.wasm": { entry: "float32/engine.ts", features: ["threads", "simd"], options: sharedMemory },
  "boosting.wasm": { entry: "boosting/boosting.ts", features: ["simd", "relaxed-simd"] },
  "float64.wasm": {
    entry: "float64/products.ts",
    features: ["simd", "relaxed-simd"],
    // Pages of 64 KiB: tiles of lib/linalg/products.ts and what AssemblyScript keeps below them.
    options: ["--initialMemory", "16"],
  },
};

/** @throws {Error} with the compiler's messages */
export async function compile({ entry, features, options = [] }: Build): Promise<Uint8Array<ArrayBuffer>> {
  let module: Uint8Array<ArrayBuffer> | undefined;
  let messages = "";
  const collect = { write: (text: string | Uint8Array) => (messages += text, true) };
  const { error } = await asc.main([
    entry,
    ...["--outFile", "module.wasm", "-O3", "--noAssert", "--runtime", "stub", "--use", "abort="],
    ...options,
    ...features.flatMap((feature) => ["--enable", feature]),
  ], {
    readFile: readSource,
    writeFile: (_name, contents) => {
      module = contents as Uint8Array<ArrayBuffer>;
    },
    listFiles: () => [],
    stdout: collect,
    stderr: collect,
  });
  if (error || !module) throw new Error(`Cannot compile ${entry}: ${error?.message}\n${messages}`);
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
  for (const [file, text] of Object.entries(kernelTable())) {
    Deno.writeTextFileSync(new URL(file, import.meta.url), text);
  }
  for (const file of Deno.args.length > 0 ? Deno.args : Object.keys(builds)) {
    if (!(file in builds)) {
      throw new Error(`No module "${file}": there are ${Object.keys(builds).join(", ")}`);
    }
    const module = await compile(builds[file]);
    Deno.writeFileSync(new URL(file, import.meta.url), module);
    console.log(`${file}: ${module.length} bytes`);
  }
}
