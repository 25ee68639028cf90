import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { DataError } from "../../lib/cli/errors.ts";
import { AtomicFile, writeFileAtomic } from "../../lib/io/atomic_write.ts";

async function inFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const namesIn = (folder: string) => [...Deno.readDirSync(folder)].map(({ name }) => name).sort();

Deno.test("writeFileAtomic() writes bytes and text, makes missing folders, leaves no other file", async () => {
  await inFolder(async (folder) => {
    await writeFileAtomic(`${folder}/a/b/x.txt`, "größe");
    assertEquals(await Deno.readTextFile(`${folder}/a/b/x.txt`), "größe");
    await writeFileAtomic(`${folder}/a/b/x.txt`, Uint8Array.of(1, 2));
    assertEquals(await Deno.readFile(`${folder}/a/b/x.txt`), Uint8Array.of(1, 2));
    assertEquals(namesIn(`${folder}/a/b`), ["x.txt"]);
  });
});

Deno.test("writeFileAtomic() writes into the current folder", async () => {
  const before = Deno.cwd();
  await inFolder(async (folder) => {
    Deno.chdir(folder);
    try {
      await writeFileAtomic("x.txt", "here");
    } finally {
      Deno.chdir(before);
    }
    assertEquals(await Deno.readTextFile(`${folder}/x.txt`), "here");
  });
});

Deno.test("writeFileAtomic() says which folder cannot be written, and leaves nothing behind", async () => {
  await inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/file`, "a file");
    await assertRejects(
      () => writeFileAtomic(`${folder}/file/x.csv`, "1"),
      DataError,
      `Cannot write "x.csv" into folder "${folder}/file": a file stands where a folder should be`,
    );
    await Deno.mkdir(`${folder}/taken`);
    await assertRejects(
      () => writeFileAtomic(`${folder}/taken`, "1"),
      DataError,
      "a folder stands at that name",
    );
    await assertRejects(
      () => writeFileAtomic(`${folder}/${"x".repeat(250)}.csv`, "1"),
      DataError,
      `Cannot write "${
        "x".repeat(37)
      }..." into folder "${folder}": its name of 254 bytes is too long (choose one of 240`,
    );
    assertEquals(namesIn(folder), ["file", "taken"]);
  });
});

Deno.test("writeFileAtomic() without permission to write is one sentence, not a prompt", async () => {
  await inFolder(async (folder) => {
    const module = new URL("../../lib/io/atomic_write.ts", import.meta.url);
    const script = `import { writeFileAtomic } from "${module}";
      await writeFileAtomic("${folder}/x", "1").catch((error) => console.log(error.message));`;
    const output = await evaluate(script, ["--allow-read"]).output();
    assertStringIncludes(
      new TextDecoder().decode(output.stdout),
      `Cannot write "x" into folder "${folder}": Deno was not given write access there`,
    );
  });
});

Deno.test("a process killed in the middle of writeFileAtomic() leaves the old file whole", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/result.bin`, size = 1 << 20;
    await Deno.writeFile(path, new Uint8Array(size).fill(1));
    const module = new URL("../../lib/io/atomic_write.ts", import.meta.url);
    // Writes files of twos and threes in turn until it is killed.
    const script = `import { writeFileAtomic } from "${module}";
      for (let i = 0;; i++) {
        await writeFileAtomic("${path}", new Uint8Array(${size}).fill(2 + i % 2));
        if (i === 0) console.log("written");
      }`;
    for (let round = 0; round < 4; round++) {
      const child = evaluate(script, ["--allow-read", "--allow-write"]).spawn();
      const reader = child.stdout.getReader();
      await reader.read(); // at least one file is through: what comes now is cut at a random place
      await new Promise((resolve) => setTimeout(resolve, 3 + 7 * round));
      child.kill("SIGKILL");
      await reader.cancel();
      await child.status;
      const found = await Deno.readFile(path);
      assertEquals(found.length, size);
      assert(found[0] >= 1 && found[0] <= 3 && found.every((byte) => byte === found[0]));
    }
  });
});

Deno.test("a reader never sees a half-written file, however often it is replaced", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/shared.bin`, contents = [1, 2].map((byte) => new Uint8Array(1 << 18).fill(byte));
    await writeFileAtomic(path, contents[0]);
    let writing = true;
    const writer = (async () => {
      for (let i = 0; i < 40; i++) await writeFileAtomic(path, contents[i % 2]);
      writing = false;
    })();
    while (writing) {
      const found = await Deno.readFile(path);
      assert(found.length === 1 << 18 && found.every((byte) => byte === found[0]));
    }
    await writer;
  });
});

function evaluate(script: string, permissions: string[]): Deno.Command {
  const config = fromFileUrl(new URL("../../deno.json", import.meta.url));
  const code = `data:application/typescript,${encodeURIComponent(script)}`;
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "--no-prompt", "--config", config, ...permissions, code],
    stdout: "piped",
    stderr: "inherit",
  });
}

Deno.test("writeFileAtomic() removes what a killed run left of the file, nothing that is being written and nothing else", async () => {
  await inFolder(async (folder) => {
    for (const name of [".x.txt.0123abcd.tmp", ".y.txt.0123abcd.tmp", ".x.txt.tmp", ".x.txt.4567abcd.tmp"]) {
      await Deno.writeTextFile(`${folder}/${name}`, "half");
    }
    using goesOn = await Deno.open(`${folder}/.x.txt.4567abcd.tmp`, { write: true });
    await goesOn.lock(true);
    await writeFileAtomic(`${folder}/x.txt`, "whole");
    assertEquals(namesIn(folder), [".x.txt.4567abcd.tmp", ".x.txt.tmp", ".y.txt.0123abcd.tmp", "x.txt"]);
  });
});

Deno.test("An AtomicFile has its name only once it is committed, and leaves nothing before", async () => {
  await inFolder(async (folder) => {
    for (const commits of [false, true]) {
      await using file = await AtomicFile.open(`${folder}/a/x.bin`);
      await file.write(Uint8Array.of(1, 2));
      await file.write(Uint8Array.of(3));
      assertEquals(namesIn(`${folder}/a`).filter((name) => !name.endsWith(".tmp")), []);
      if (commits) await file.commit();
    }
    assertEquals(namesIn(`${folder}/a`), ["x.bin"]);
    assertEquals(await Deno.readFile(`${folder}/a/x.bin`), Uint8Array.of(1, 2, 3));
  });
});
