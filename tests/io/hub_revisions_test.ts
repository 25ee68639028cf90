/** What of the hub lies in the cache: offline, without writing, by revision and name. */
import { assertEquals, assertMatch, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { join } from "@std/path";
import { DataError, UsageError } from "../../lib/cli/errors.ts";
import { looksLikeHubId } from "../../lib/io/hub.ts";
import { sha256 } from "../support/hub_server.ts";
import { config, hubTest, large } from "../support/hub_test_setting.ts";

hubTest("offline, the cache serves; without it the error says so", async ({ hub, open }) => {
  const offline = { environment: { offline: "HF_HUB_OFFLINE" } };
  await assertRejects(
    () => open(offline).file("config.json"),
    DataError,
    `HF_HUB_OFFLINE is set and revision "main" is not in the cache`,
  );
  await open().file("config.json");
  hub.requests.length = 0;
  const repository = open(offline);
  assertEquals(await Deno.readFile(await repository.file("config.json")), config);
  assertEquals(repository.commit, hub.commit);
  assertEquals(await repository.optionalFile("model.safetensors"), null);
  assertEquals(hub.requests, []);
});

hubTest(
  "where the hub does not answer, the cache does, with one warning",
  async ({ hub, open, warnings }) => {
    const busy = Array.from({ length: 5 }, () => ({ status: 503 }));
    const failures = [
      { answers: busy, why: "the hub answers 503" },
      { answers: [{ status: 401 }], why: "the hub answers 401 (there is no such model, or it is private" },
      { answers: [{ status: 403 }], why: "the hub answers 403 (its terms must be accepted" },
      { answers: [{ status: 429, headers: { "retry-after": "86400" } }], why: "the hub answers 429" },
      { answers: [{ status: 200 }], why: "is not that of a Hugging Face hub" },
      { endpoint: `http://127.0.0.1:${unusedPort()}`, why: "cannot be reached (tcp connect error: " },
      {
        endpoint: "http://hub.invalid",
        why: "hub.invalid needs network permission (run with -P=hub --allow-net=hub.invalid to download)",
      },
      {
        endpoint: "https://huggingface.co",
        why: "huggingface.co needs network permission (run with -P=hub to download)",
      },
    ];
    const fail = ({ endpoint = hub.endpoint, answers = [] }: (typeof failures)[number]) => {
      hub.answers.splice(0, Infinity, ...answers);
      return open({ environment: { endpoint } });
    };
    for (const failure of failures) {
      await assertRejects(() => fail(failure).file("config.json"), DataError, failure.why);
    }
    await open().file("config.json");
    await open().optionalFile("absent.json");
    for (const failure of failures) {
      warnings.length = 0;
      const repository = fail(failure);
      assertEquals(await Deno.readFile(await repository.file("config.json")), config);
      assertEquals(await repository.optionalFile("absent.json"), null);
      assertEquals(repository.commit, hub.commit);
      const own = warnings.filter((text) => !text.includes("waiting"));
      assertEquals(own.length, 1);
      assertStringIncludes(own[0], `Using what the cache holds of "lab/tiny-model": `);
      assertStringIncludes(own[0], failure.why);
      for (const file of ["model.safetensors", "absent.json"]) {
        const why = file === "absent.json" ? "has no such file" : failure.why;
        await assertRejects(() => repository.file(file), DataError, why);
      }
    }
  },
);

hubTest("a revision that the hub no longer has is not taken from the cache", async ({ hub, open }) => {
  await open({ revision: "refs/pr/1" }).file("config.json");
  hub.answers.push({ status: 404, headers: { "x-error-code": "RevisionNotFound" } });
  await assertRejects(
    () => open({ revision: "refs/pr/1" }).file("config.json"),
    DataError,
    `it has no revision "refs/pr/1"`,
  );
});

hubTest("a complete cache is not written to", async ({ cache, open, warnings }) => {
  const entries = () =>
    [...walk(cache)].map((path) => [path, Deno.lstatSync(path).ino, Deno.lstatSync(path).mtime] as const);
  const use = async () => {
    const repository = open();
    await repository.file("model.safetensors");
    assertEquals(await repository.optionalFile("absent.json"), null);
  };
  await use();
  const before = entries();
  await use();
  assertEquals(entries(), before);
  assertEquals(warnings, []);
});

hubTest("a cache that cannot be written serves what it holds", async ({ hub, cache, open, warnings }) => {
  await open().file("config.json");
  const root = join(cache, "models--lab--tiny-model");
  // A folder where a file belongs, and the other way round, stop the administrator too.
  await Deno.remove(join(root, "refs", "main"));
  await Deno.mkdir(join(root, "refs", "main"));
  await Deno.writeTextFile(join(root, ".no_exist"), "");
  const repository = open();
  assertEquals(await Deno.readFile(await repository.file("config.json")), config);
  assertEquals(await repository.optionalFile("absent.json"), null);
  assertEquals(repository.commit, hub.commit);
  assertEquals(warnings.length, 1);
  assertMatch(warnings[0], /^Cannot write "main" into folder/);

  await Deno.remove(join(cache, ".locks"), { recursive: true });
  await Deno.writeTextFile(join(cache, ".locks"), "");
  await assertRejects(
    () => repository.file("model.safetensors"),
    DataError,
    `the cache "${cache}" cannot be written: a file stands where a folder should be (set HF_HUB_CACHE to`,
  );
});

hubTest("a snapshot of plain files, without blobs, is complete too", async ({ hub, cache, open }) => {
  const path = await open().file("model.safetensors");
  await Deno.remove(path);
  await Deno.rename(join(cache, "models--lab--tiny-model", "blobs", sha256(large)), path);
  hub.requests.length = 0;
  assertEquals(await open().file("model.safetensors"), path);
  assertEquals(hub.requests.map(({ method }) => method), ["HEAD"]);
});

hubTest("a branch that moves during the download is noticed", async ({ hub, open }) => {
  const repository = open();
  await repository.file("config.json");
  hub.commit = "e".repeat(40);
  await assertRejects(
    () => repository.file("model.safetensors"),
    DataError,
    `"main" moved to another commit meanwhile`,
  );
});

hubTest("a revision with slashes and a renamed model are found", async ({ hub, cache, open }) => {
  await open({ revision: "refs/pr/1" }).file("config.json");
  assertEquals(hub.requests[0].path, "/lab/tiny-model/resolve/refs%2Fpr%2F1/config.json");
  assertEquals(await Deno.readTextFile(join(cache, "models--lab--tiny-model/refs/refs/pr/1")), hub.commit);
  assertEquals(await Deno.readFile(await open({ id: "lab/old-name" }).file("config.json")), config);
  hub.hidesCommit = true;
  const renamed = open({ id: "lab/old-name" });
  assertEquals(await Deno.readFile(await renamed.file("model.safetensors")), large);
  assertEquals(renamed.commit, hub.commit);
  await assertRejects(
    () => open({ revision: "refs/pr/1" }).file("config.json"),
    DataError,
    "the hub does not say which commit it is of",
  );
});

hubTest("names that would leave the cache are refused", async ({ open }) => {
  await Promise.resolve();
  for (const id of ["..", "a/..", "../b", "a/b/c", "a\\b/c", "a/b?c", ""]) {
    assertThrows(() => open({ id }), UsageError, `Cannot use the model "${id}"`);
  }
  for (const revision of ["../../x", "a//b", "a b", ".."]) {
    assertThrows(() => open({ revision }), UsageError, `Cannot use --revision "${revision}"`);
  }
});

Deno.test("looksLikeHubId() takes organisation/name", () => {
  assertEquals(looksLikeHubId("InstaDeepAI/nucleotide-transformer-v2-50m-multi-species"), true);
  assertEquals(["models", "./models", "a/b/c", "/a/b", "a/"].map(looksLikeHubId), [
    false,
    false,
    false,
    false,
    false,
  ]);
});

function unusedPort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

function* walk(folder: string): Generator<string> {
  for (const { name, isDirectory } of Deno.readDirSync(folder)) {
    yield join(folder, name);
    if (isDirectory) yield* walk(join(folder, name));
  }
}
