/**
 * Compiles the float64 products from float64/ (AssemblyScript) and writes float64.wasm beside this file.
 *
 *   deno run -P=test kernels/cpu/build_float64.ts
 *
 * The same source gives the same bytes: tests/linalg/products_test.ts compares them with the committed ones.
 */
import asc from "assemblyscript/asc";

/** Pages of 64 KiB: tiles of `lib/linalg/products.ts` and what AssemblyScript keeps below them. */
const pages = 16;

/** @throws {Error} with the compiler's messages */
export async function compileFloat64Kernel(): Promise<Uint8Array<ArrayBuffer>> {
  let module: Uint8Array<ArrayBuffer> | undefined;
  let messages = "";
  const collect = { write: (text: string | Uint8Array) => (messages += text, true) };
  const { error } = await asc.main([
    "float64/products.ts",
    ...["--outFile", "module.wasm", "-O3", "--noAssert", "--runtime", "stub", "--use", "abort="],
    ...["--enable", "simd", "--enable", "relaxed-simd", "--initialMemory", String(pages)],
  ], {
    readFile: readSource,
    writeFile: (_name, contents) => {
      module = contents as Uint8Array<ArrayBuffer>;
    },
    listFiles: () => [],
    stdout: collect,
    stderr: collect,
  });
  if (error || !module) throw new Error(`Cannot compile the float64 kernel: ${error?.message}\n${messages}`);
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
  const module = await compileFloat64Kernel();
  Deno.writeFileSync(new URL("float64.wasm", import.meta.url), module);
  console.log(`float64.wasm: ${module.length} bytes`);
}
