/** What an interrupted embedding run keeps: every damage is found, and only sound vectors are taken up. */
import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { DataError } from "../../lib/cli/errors.ts";
import { UnfinishedRun } from "../../lib/embedding/unfinished_run.ts";
import { captured } from "../support/captured_log.ts";
import { inFolder } from "../support/temporary_folder.ts";

const settings = { weights_sha256: "ab", max_tokens: 8 };
const vectors = Float32Array.from({ length: 12 }, (_, i) => i + 1);

/** A run that ended after four rows of width 3. */
async function kept(folder: string): Promise<string> {
  const run = new UnfinishedRun(join(folder, "x.npy"), settings);
  await run.start();
  await run.append([2, 0], vectors.subarray(0, 6));
  await run.append([1, 3], vectors.subarray(6));
  run.close();
  return run.path;
}

async function resumed(folder: string, changed = settings): Promise<{ rows: number[]; lines: string[] }> {
  const run = new UnfinishedRun(join(folder, "x.npy"), changed);
  const { result, lines } = await captured(() => run.resume());
  run.close();
  return { rows: [...result.keys()], lines };
}

Deno.test("an unfinished run gives back its rows, without one that was cut off", () =>
  inFolder(async (folder) => {
    const path = await kept(folder);
    assertEquals((await resumed(folder)).rows, [2, 0, 1, 3]);
    await Deno.truncate(path, (await Deno.stat(path)).size - 1);
    assertEquals((await resumed(folder)).rows, [2, 0, 1]);
    await assertRejects(
      () => resumed(folder, { ...settings, max_tokens: 9 }),
      DataError,
      "its max_tokens is 8",
    );
  }));

Deno.test("an unfinished run leaves out zeros that a power loss put behind it, and rows given twice", () =>
  inFolder(async (folder) => {
    const path = await kept(folder), sound = await Deno.readFile(path);
    for (const tail of [new Uint8Array(100), sound.slice(-20)]) {
      await Deno.writeFile(path, new Uint8Array([...sound, ...tail]));
      const { rows, lines } = await resumed(folder);
      assertEquals(rows, [2, 0, 1, 3]);
      assertEquals(lines.length, 1);
      assertEquals((await Deno.stat(path)).size, sound.length);
    }
  }));

Deno.test("an unfinished run takes up no changed bit", () =>
  inFolder(async (folder) => {
    const path = await kept(folder), sound = await Deno.readFile(path);
    const all = (await resumed(folder)).rows.length;
    for (let at = 0; at < sound.length; at++) {
      const changed = sound.slice();
      changed[at] ^= 4;
      await Deno.writeFile(path, changed);
      const rows = await resumed(folder).then(({ rows }) => rows.length, (error) => {
        if (!(error instanceof DataError)) throw error;
        return 0;
      });
      assertEquals(rows < all, true, `byte ${at}`);
    }
  }));

Deno.test(
  "an unfinished run writes through no symbolic link",
  { ignore: Deno.build.os === "windows" },
  () =>
    inFolder(async (folder) => {
      const victim = join(folder, "victim");
      await Deno.writeTextFile(victim, "precious");
      await Deno.symlink(victim, join(folder, "x.npy.unfinished"));
      await assertRejects(() => resumed(folder), DataError, "symbolic link");
      await kept(folder);
      assertEquals(await Deno.readTextFile(victim), "precious");
    }),
);
