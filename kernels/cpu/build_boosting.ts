/**
 * Compiles the tree kernel from boosting/ (AssemblyScript) and writes boosting.wasm beside this file.
 *
 *   deno run -P=test kernels/cpu/build_boosting.ts
 *
 * The same source gives the same bytes: tests/boosting/build_test.ts compares them with the committed ones.
 */
import asc from "assemblyscript/asc";

/** @throws {Error} with the compiler's messages */
export async function compileBoostingKernel(): Promise<Uint8Array<ArrayBuffer>> {
  let module: Uint8Array<ArrayBuffer> | undefined;
  let messages = "";
  const collect = { write: (text: string | Uint8Array) => (messages += text, true) };
  const { error } = await asc.main([
    "boosting/boosting.ts",
    ...["--outFile", "module.wasm", "-O3", "--noAssert", "--runtime", "stub", "--use", "abort="],
    ...["--enable", "simd", "--enable", "relaxed-simd"],
  ], {
    readFile: (name) => readSource(name),
    writeFile: (_name, contents) => {
      module = contents as Uint8Array<ArrayBuffer>;
    },
    listFiles: () => [],
    stdout: collect,
    stderr: collect,
  });
  if (error || !module) throw new Error(`Cannot compile the tree kernel: ${error?.message}\n${messages}`);
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
  const module = await compileBoostingKernel();
  Deno.writeFileSync(new URL("boosting.wasm", import.meta.url), module);
  console.log(`boosting.wasm: ${module.length} bytes`);
}
