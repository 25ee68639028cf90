/** A result folder is one run, whole, whatever moment a process was killed at. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { DataError, UsageError } from "../../lib/cli/errors.ts";
import { readListed, readManifest, type RunFacts, writeManifest } from "../../lib/experiment/manifest.ts";
import { recoverIfFree, ResultFolder } from "../../lib/experiment/result_folder.ts";
import { ResultLock } from "../../lib/experiment/result_lock.ts";
import { writeFileAtomic } from "../../lib/io/atomic_write.ts";
import { captured } from "../support/captured_log.ts";
import { inFolder } from "../support/temporary_folder.ts";

const facts = (run: string, data = "d"): RunFacts => ({
  run_id: run,
  data_id: data,
  script: "scripts/x.ts",
  flags: {},
  engines: ["cpu"],
  inputs: [],
});

/** Write a result of some files with one content, and end as a script does. */
async function write(results: string, run: string, names: string[], data?: string): Promise<string[]> {
  const { lines } = await captured(async () => {
    const folder = await ResultFolder.open(results, "model");
    await folder.lock(run, "alone");
    for (const name of [...names, "summary.json"]) await writeFileAtomic(folder.staged(name), run);
    await folder.commit(facts(run, data));
    await folder.close();
  });
  return lines;
}

const names = (folder: string) => [...Deno.readDirSync(folder)].map(({ name }) => name).sort();

Deno.test("A new result takes the place of the old one as a whole; what the user put there stays", () =>
  inFolder(async (results) => {
    await write(results, "one", ["a.csv", "model/fold_0.safetensors"]);
    await Deno.writeTextFile(join(results, "model", "notes.txt"), "mine");
    await write(results, "two", ["b.csv"]);
    assertEquals(names(join(results, "model")), ["b.csv", "manifest.json", "notes.txt", "summary.json"]);
    assertEquals(names(results), ["model"]);
    assertEquals((await readManifest(join(results, "model")))!.run_id, "two");
  }));

Deno.test("A result of other data, and one without a manifest, are kept as .bak", () =>
  inFolder(async (results) => {
    await write(results, "one", ["a.csv"]);
    const lines = await write(results, "two", ["a.csv"], "others");
    assert(
      lines.some((line) => line.endsWith(`is of other data: kept as "${join(results, "model.bak")}".`)),
      lines.join("\n"),
    );
    await Deno.remove(join(results, "model", "manifest.json"));
    await write(results, "three", ["a.csv"], "others");
    assertEquals(names(results), ["model", "model.bak", "model.bak2"]);
    assertEquals(await Deno.readTextFile(join(results, "model.bak", "a.csv")), "one");
  }));

Deno.test("What is kept of one run is kept once, and the log names what is kept of others", () =>
  inFolder(async (results) => {
    // Two screens in turn under one name: one copy of each at the most.
    const lines: string[] = [];
    for (const run of ["one", "two", "one", "two", "three"]) {
      lines.push(...await write(results, run, ["a.csv"], run));
    }
    assertEquals(names(results), ["model", "model.bak", "model.bak2"]);
    const kept = ["model", "model.bak", "model.bak2"].map((name) =>
      Deno.readTextFileSync(join(results, name, "a.csv"))
    );
    assertEquals(kept, ["three", "one", "two"]);
    assert(
      lines.at(-1)!.endsWith(
        `kept as "${join(results, "model.bak2")}", beside model.bak of other runs ` +
          "(delete what is no longer needed).",
      ),
      lines.at(-1),
    );
  }));

/** What stands there when a process is killed at some moment of a commit, and what a later run or reader makes of it. */
const moments: [string, (results: string) => Promise<void>, string][] = [
  ["while the new result is written", async (results) => {
    await Deno.mkdir(join(results, ".model.new.00000001"));
    await Deno.writeTextFile(join(results, ".model.new.00000001", "a.csv"), "half");
  }, "one"],
  ["before the first rename", async (results) => {
    await prepareNew(results);
  }, "one"],
  ["between both renames", async (results) => {
    await prepareNew(results);
    await Deno.rename(join(results, "model"), join(results, ".model.old.00000002"));
  }, "two"],
  ["behind both renames", async (results) => {
    await prepareNew(results);
    await Deno.rename(join(results, "model"), join(results, ".model.old.00000002"));
    await Deno.rename(join(results, ".model.new.00000001"), join(results, "model"));
  }, "two"],
  ["while the old result is removed", async (results) => {
    await Deno.mkdir(join(results, ".model.old.00000002.00000003.tmp"));
    await Deno.writeTextFile(join(results, ".model.old.00000002.00000003.tmp", "rest.csv"), "one");
  }, "one"],
];
for (const [moment, leave, expected] of moments) {
  Deno.test(`A run that was killed ${moment} leaves the ${expected === "one" ? "old" : "new"} result, and nothing else`, () =>
    inFolder(async (results) => {
      await write(results, "one", ["a.csv"]);
      await leave(results);
      await recoverIfFree(join(results, "model"));
      assertEquals(names(results), ["model"]);
      assertEquals((await readManifest(join(results, "model")))!.run_id, expected);
      assertEquals(await Deno.readTextFile(join(results, "model", "a.csv")), expected);
    }));
}

async function prepareNew(results: string): Promise<void> {
  const folder = join(results, ".model.new.00000001");
  for (const name of ["a.csv", "summary.json"]) await writeFileAtomic(join(folder, name), "two");
  await writeManifest(folder, facts("two"));
}

Deno.test("A second run of another kind says who is there; parts of one run share the folder", () =>
  inFolder(async (results) => {
    const path = join(results, ".model.lock");
    const alone = await ResultLock.take(path, "one", "alone");
    for (const mode of ["alone", "shared"] as const) {
      await assertRejects(() => ResultLock.take(path, "two", mode), DataError, `process ${Deno.pid} `);
    }
    await alone.release();
    const parts = [
      await ResultLock.take(path, "one", "shared"),
      await ResultLock.take(path, "one", "shared"),
    ];
    await assertRejects(() => ResultLock.take(path, "two", "shared"), DataError, "is at work there");
    for (const part of parts) await part.release();
    assertEquals(names(results), []);
    await (await ResultLock.take(path, "two", "alone")).release();
  }));

Deno.test("readListed() refuses a file that was edited, or that the manifest does not list", () =>
  inFolder(async (results) => {
    await write(results, "one", ["a.csv"]);
    const folder = join(results, "model"), manifest = (await readManifest(folder))!;
    assertEquals(new TextDecoder().decode(await readListed(folder, manifest, "a.csv")), "one");
    await Deno.writeTextFile(join(folder, "a.csv"), "onE");
    await assertRejects(
      () => readListed(folder, manifest, "a.csv"),
      DataError,
      "it was changed since the result was written",
    );
    await assertRejects(() => readListed(folder, manifest, "b.csv"), DataError, "does not list it");
    const sha256 = "0".repeat(64), path = "a.csv";
    for (
      const file of [{ path: "../a.csv" }, { path: "/etc/passwd" }, { bytes: -1 }, { bytes: "3" }, {
        sha256: "00",
      }]
    ) {
      const changed = { ...manifest, files: [{ path, bytes: 3, sha256, ...file }] };
      await Deno.writeTextFile(join(folder, "manifest.json"), JSON.stringify(changed));
      await assertRejects(() => readManifest(folder), DataError, "it is no manifest of a result");
    }
    await Deno.writeTextFile(join(folder, "manifest.json"), "{");
    await assertRejects(() => readManifest(folder), DataError, "it is not JSON");
  }));

Deno.test("A model name that is no folder name, or too long for file names, is refused before any work", () =>
  inFolder(async (results) => {
    for (const name of ["a/b", "..", "x".repeat(200), "a\\b"]) {
      await assertRejects(() => ResultFolder.open(results, name), UsageError, "--model-name");
    }
    assertEquals(names(results), []);
  }));

Deno.test("A run that fails before it has written anything leaves no empty folders of its own", () =>
  inFolder(async (folder) => {
    await captured(async () => {
      const opened = await ResultFolder.open(join(folder, "a", "b"), "model");
      assertEquals(names(join(folder, "a", "b")), ["model"]);
      await opened.close();
    });
    assertEquals(names(folder), []);
    await Deno.mkdir(join(folder, "mine"));
    await captured(async () => await (await ResultFolder.open(join(folder, "mine"), "model")).close());
    assertEquals(names(folder), ["mine"]);
  }));

Deno.test({
  name: "A lock is not written through a symbolic link",
  ignore: Deno.build.os === "windows",
  fn: () =>
    inFolder(async (results) => {
      const victim = join(results, "victim"), path = join(results, ".model.lock");
      await Deno.writeTextFile(victim, "precious");
      await Deno.symlink(victim, path);
      await assertRejects(
        () => ResultLock.take(path, "one", "alone"),
        DataError,
        "it is a symbolic link (delete it)",
      );
      await ResultLock.ifFree(path, () => Promise.reject(new Error("at work")));
      assertEquals(await Deno.readTextFile(victim), "precious");
    }),
});

Deno.test("a result is written through a link, not in its place, and no result is called as one that was set aside", () =>
  inFolder(async (at) => {
    await Deno.mkdir(join(at, "scratch", "elsewhere"), { recursive: true });
    await Deno.symlink(join(at, "scratch", "elsewhere"), join(at, "linked"));
    const { result: folder } = await captured(() => ResultFolder.open(at, "linked"));
    assertEquals(folder.path, await Deno.realPath(join(at, "scratch", "elsewhere")));
    await folder.close();
    await Deno.symlink(join(at, "gone"), join(at, "broken"));
    await assertRejects(() => ResultFolder.open(at, "broken"), DataError, "a link that leads nowhere");
    for (const name of [".hidden", "x.bak", "x.bak2"]) {
      await assertRejects(() => ResultFolder.open(at, name), UsageError, "set aside");
    }
  }));
