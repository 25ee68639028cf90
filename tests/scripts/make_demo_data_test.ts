import { assert, assertEquals } from "@std/assert";
import { fromFileUrl, join, relative } from "@std/path";
import { main } from "../../scripts/make_demo_data.ts";
import { captured } from "../support/captured_log.ts";

const demo = fromFileUrl(new URL("../../data/demo", import.meta.url));

async function filesUnder(folder: string): Promise<string[]> {
  const files: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = join(folder, name);
    if (isDirectory) files.push(...await filesUnder(path));
    else files.push(path);
  }
  return files.sort();
}

Deno.test("make_demo_data.ts writes the bytes of data/demo again", async () => {
  const copy = await Deno.makeTempDir();
  try {
    await captured(() => main(["--output-dir", copy]));
    const made = (await filesUnder(copy)).map((path) => relative(copy, path));
    const kept = (await filesUnder(demo)).map((path) => relative(demo, path));
    assertEquals(made, kept.filter((path) => path !== "README.md"));
    for (const path of made) {
      const [a, b] = await Promise.all([Deno.readFile(join(copy, path)), Deno.readFile(join(demo, path))]);
      assert(a.length === b.length && a.every((byte, i) => byte === b[i]), path);
    }
  } finally {
    await Deno.remove(copy, { recursive: true });
  }
});

Deno.test("data/demo is smaller than 6 MB", async () => {
  let bytes = 0;
  for (const path of await filesUnder(demo)) bytes += (await Deno.stat(path)).size;
  assert(bytes < 6e6, `${bytes} bytes`);
});
