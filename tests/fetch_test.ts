/** What a first run fetches: nothing that the script does not use. */
import { assert } from "@std/assert";
import { fromFileUrl, join } from "@std/path";

const repository = fromFileUrl(new URL("../", import.meta.url));
/** Packages of tests, benches, the kernel build and --onnx: from 8 to 139 MB each. */
const heavy = ["onnxruntime-web", "binaryen", "assemblyscript", "parquet-wasm", "apache-arrow"];

Deno.test("the scripts' lock file names no package that only tests, builds or --onnx need", async () => {
  // Deno fetches what the lock file lists, whatever a script imports.
  const { npm } = JSON.parse(await Deno.readTextFile(join(repository, "deno.lock")));
  const found = Object.keys(npm).filter((name) => heavy.some((package_) => name.startsWith(`${package_}@`)));
  assert(
    found.length === 0,
    `${found.join(", ")} (use --lock=tests/deno.lock for tests, checks and benches)`,
  );
});

for await (const { name } of Deno.readDir(join(repository, "scripts"))) {
  Deno.test(`a first run of ${name} fetches under 30 MB of packages`, async () => {
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["info", "--json", "--frozen", join("scripts", name)],
      cwd: repository,
      stdout: "piped",
      stderr: "null",
    }).output();
    const { npmPackages } = JSON.parse(new TextDecoder().decode(stdout));
    const packages = Object.values(npmPackages as Record<string, { name: string; version: string }>);
    assert(packages.length > 0);
    const cache = JSON.parse(
      new TextDecoder().decode(
        (await new Deno.Command(Deno.execPath(), {
          args: ["info", "--json"],
          cwd: repository,
          stdout: "piped",
        }).output()).stdout,
      ),
    ).npmCache as string;
    const [registry] = [...Deno.readDirSync(cache)].filter(({ isDirectory }) => isDirectory);
    let bytes = 0;
    for (const { name, version } of packages) {
      bytes += await sizeOf(join(cache, registry.name, name, version));
    }
    assert(
      bytes > 0 && bytes < 30e6,
      `${(bytes / 1e6).toFixed(1)} MB: ${packages.map(({ name }) => name).join(", ")}`,
    );
  });
}

/** Bytes below a folder; 0 where it does not exist, since this run did not need it. */
async function sizeOf(folder: string): Promise<number> {
  let bytes = 0;
  try {
    for await (const { name, isDirectory } of Deno.readDir(folder)) {
      const path = join(folder, name);
      bytes += isDirectory ? await sizeOf(path) : (await Deno.stat(path)).size;
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return bytes;
}
