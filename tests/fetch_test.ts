/** What a first run fetches: nothing that the scripts do not use. */
import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import { inFolder } from "./support/temporary_folder.ts";

const repository = join(import.meta.dirname!, "..");
/** Packages of tests, benches, the kernel build, --onnx and h5ad files: from 8 to 139 MB each. */
const heavy = ["onnxruntime-web", "binaryen", "assemblyscript", "parquet-wasm", "apache-arrow", "h5wasm"];

const scripts = [...Deno.readDirSync(join(repository, "scripts"))].map(({ name }) => join("scripts", name));

Deno.test("the scripts' lock file names no package that only tests, builds or --onnx need", async () => {
  // Deno fetches what the lock file lists, whatever a script imports.
  const { npm } = JSON.parse(await Deno.readTextFile(join(repository, "deno.lock")));
  const found = Object.keys(npm).filter((name) => heavy.some((package_) => name.startsWith(`${package_}@`)));
  assertEquals(found, [], "use --lock=tests/deno.lock for tests, checks and benches");
});

Deno.test({
  name:
    "on an empty cache all scripts together fetch under 30 MB (set HS27_OFFLINE=1 to leave this test out)",
  ignore: Boolean(Deno.env.get("HS27_OFFLINE")),
  fn: () =>
    inFolder(async (cache) => {
      // --frozen: each import stands in the lock file.
      await deno(cache, "cache", "--frozen", ...scripts);
      const bytes = await sizeOf(cache);
      assert(bytes > 1e6 && bytes < 30e6, `${(bytes / 1e6).toFixed(1)} MB`);
      for (const script of scripts) {
        await deno(cache, "run", "--cached-only", "--frozen", "-P", script, "--help");
      }
      assertEquals(await npmFolders(cache, heavy), []);
    }),
});

async function deno(cache: string, command: string, ...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [command, "--quiet", ...args],
    cwd: repository,
    env: { DENO_DIR: cache },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).output();
  assert(success, `deno ${command} ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
}

/** The packages among `names` that a cache holds. */
async function npmFolders(cache: string, names: readonly string[]): Promise<string[]> {
  const registries = await Array.fromAsync(Deno.readDir(join(cache, "npm")));
  return registries.flatMap(({ name: registry }) =>
    [...Deno.readDirSync(join(cache, "npm", registry))].map(({ name }) => name)
  ).filter((name) => names.includes(name));
}

/** Bytes below a folder. */
async function sizeOf(folder: string): Promise<number> {
  let bytes = 0;
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = join(folder, name);
    bytes += isDirectory ? await sizeOf(path) : (await Deno.stat(path)).size;
  }
  return bytes;
}
