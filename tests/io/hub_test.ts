/** Downloads from the hub: what servers answer, and what interrupts them. */
import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { DataError } from "../../lib/cli/errors.ts";
import { gitHash, modelId, sha256 } from "../support/hub_server.ts";
import { config, hubTest, large } from "../support/hub_test_setting.ts";

hubTest(
  "the storage may send a download on; a host without permission is named, with how to allow it",
  async ({ hub, open }) => {
    const storage = `${hub.endpoint.replace("127.0.0.1", "localhost")}/storage/model.safetensors`;
    hub.storageAnswers.push({ status: 302, headers: { location: "http://elsewhere.invalid/a?signature=b" } });
    await assertRejects(
      () => open().file("model.safetensors"),
      DataError,
      `elsewhere.invalid needs network permission (run with -P=hub --allow-net=${
        new URL(hub.endpoint).host
      },` +
        `${new URL(storage).host},elsewhere.invalid to download)`,
    );
    hub.storageAnswers.push({ status: 307, headers: { location: "file:///etc/passwd" } });
    await assertRejects(() => open().file("model.safetensors"), DataError, "which is no web address");
    hub.storageAnswers.push(
      ...Array.from({ length: 10 }, () => ({ status: 302, headers: { location: storage } })),
    );
    await assertRejects(() => open().file("model.safetensors"), DataError, "redirects more than 10 times");
    hub.requests.length = 0;
    hub.token = "secret";
    hub.storageAnswers.push({ status: 308, headers: { location: "model.safetensors" } });
    const path = await open({ environment: { token: "secret" } }).file("model.safetensors");
    assertEquals(await Deno.readFile(path), large);
    const asked = hub.requests.filter(({ method }) => method === "GET").map(({ authorization }) =>
      authorization
    );
    assertEquals(asked, [null, null]);
  },
);

hubTest("a fresh download lands in the layout of Python's cache", async ({ hub, cache, open }) => {
  const repository = open();
  const path = await repository.file("model.safetensors");
  const root = join(cache, "models--lab--tiny-model");
  assertEquals(path, join(root, "snapshots", hub.commit, "model.safetensors"));
  assertEquals(await Deno.readLink(path), join("..", "..", "blobs", sha256(large)));
  assertEquals(await Deno.readFile(path), large);
  assertEquals(await Deno.readFile(await repository.file("config.json")), config);
  assertEquals(await Deno.readFile(join(root, "blobs", gitHash(config))), config);
  assertEquals(await Deno.readTextFile(join(root, "refs", "main")), hub.commit);
  assertEquals(await repository.optionalFile("absent.json"), null);
  assertEquals((await Deno.stat(join(root, ".no_exist", hub.commit, "absent.json"))).size, 0);
  assertEquals(repository.commit, hub.commit);
  assertEquals([...Deno.readDirSync(join(root, "blobs"))].length, 2, "no unfinished files are left");
});

hubTest(
  "what is in the cache is not downloaded again, and a commit in the cache needs no request at all",
  async ({ hub, open }) => {
    await open().file("model.safetensors");
    hub.requests.length = 0;
    await open().file("model.safetensors");
    assertEquals(hub.requests.map(({ method }) => method), ["HEAD"]);
    hub.requests.length = 0;
    await open({ revision: hub.commit }).file("model.safetensors");
    assertEquals(hub.requests, []);
  },
);

hubTest("a download that is cut off at any byte goes on from there", async ({ hub, open, warnings }) => {
  const cut = 1 + Math.floor(Math.random() * (large.length - 2));
  hub.cuts.push(cut);
  assertEquals(await Deno.readFile(await open().file("model.safetensors")), large, `cut at byte ${cut}`);
  const ranges = hub.requests.filter(({ method }) => method === "GET").map(({ range }) => range);
  assertEquals(ranges, [null, `bytes=${cut}-`]);
  assertMatch(warnings[0], new RegExp(`at byte ${cut} of 50000; going on from there`));
});

hubTest("a later run takes up what an earlier one left", async ({ hub, cache, open }) => {
  hub.cuts.push(20_000, 0, 0, 0, 0, 0);
  await assertRejects(
    () => open().file("model.safetensors"),
    DataError,
    "20000 of 50000 bytes are kept: run again to go on",
  );
  const blobs = join(cache, "models--lab--tiny-model", "blobs");
  assertEquals([...Deno.readDirSync(blobs)].map(({ name }) => name), [`${sha256(large)}.incomplete`]);
  hub.cuts.length = 0;
  hub.requests.length = 0;
  assertEquals(await Deno.readFile(await open().file("model.safetensors")), large);
  assertEquals(hub.requests.map(({ range }) => range), [null, "bytes=20000-"]);
});

hubTest("a server that cannot send a part sends the whole", async ({ hub, open }) => {
  hub.ignoresRange = true;
  hub.cuts.push(30_000);
  assertEquals(await Deno.readFile(await open().file("model.safetensors")), large);
});

hubTest(
  "a wrong hash leaves nothing behind, and a bad start is downloaded once more",
  async ({ hub, cache, open, warnings }) => {
    const blobs = join(cache, "models--lab--tiny-model", "blobs");
    await Deno.mkdir(blobs, { recursive: true });
    await Deno.writeFile(join(blobs, `${sha256(large)}.incomplete`), new Uint8Array(1000));
    assertEquals(await Deno.readFile(await open().file("model.safetensors")), large);
    assertMatch(warnings[0], /the download has the hash .* downloading it again from the start/);

    const claimed = large.with(7, large[7] ^ 1);
    hub.commit = "f".repeat(40);
    hub.files.set("model.safetensors", { content: claimed, lfs: true });
    hub.files.set("served", { content: large });
    const repository = open();
    const original = hub.files.get.bind(hub.files);
    // From the storage come other bytes than the hub announced.
    hub.files.get = (name) =>
      hub.requests.at(-1)!.path.startsWith("/storage/") ? { content: large } : original(name);
    await assertRejects(() => repository.file("model.safetensors"), DataError, "the download has the hash");
    assertEquals([...Deno.readDirSync(blobs)].map(({ name }) => name), [sha256(large)]);
  },
);

hubTest(
  "a file whose hash the hub does not tell is said to be unchecked",
  async ({ hub, open, warnings }) => {
    hub.answers.push({
      status: 200,
      headers: { etag: '"5-of-parts"', "x-linked-size": String(config.length), "x-repo-commit": hub.commit },
    });
    assertEquals(await Deno.readFile(await open().file("config.json")), config);
    assertEquals(warnings, [`config.json: ${hub.endpoint} gives no hash of it, so its content is unchecked`]);
    await open().file("model.safetensors");
    assertEquals(warnings.length, 1);
  },
);

hubTest("a download is not written through a symbolic link", async ({ cache, open }) => {
  const blobs = join(cache, "models--lab--tiny-model", "blobs"), victim = join(cache, "victim");
  await Deno.mkdir(blobs, { recursive: true });
  await Deno.writeTextFile(victim, "precious");
  await Deno.symlink(victim, join(blobs, `${sha256(large)}.incomplete`));
  assertEquals(await Deno.readFile(await open().file("model.safetensors")), large);
  assertEquals(await Deno.readTextFile(victim), "precious");
});

hubTest("an etag that would leave the cache is refused", async ({ hub, open }) => {
  for (const etag of ["../../x", "a/b", "..", ""]) {
    hub.answers.push({
      status: 200,
      headers: { etag: `"${etag}"`, "x-linked-size": "1", "x-repo-commit": hub.commit },
    });
    await assertRejects(() => open().file("config.json"), DataError, "is not that of a Hugging Face hub");
  }
});

hubTest(
  "a download that another process is at is waited for, and said so",
  async ({ cache, open, warnings }) => {
    const locks = join(cache, ".locks", "models--lab--tiny-model");
    await Deno.mkdir(locks, { recursive: true });
    using other = await Deno.open(join(locks, `${sha256(large)}.lock`), { create: true, write: true });
    await other.lock(true);
    const path = open().file("model.safetensors");
    for (let i = 0; i < 1000 && warnings.length === 0; i++) await new Promise((go) => setTimeout(go, 5));
    await other.unlock();
    assertEquals(await Deno.readFile(await path), large);
    assertEquals(warnings, [`Waiting for another download of "model.safetensors"`]);
  },
);

hubTest("an address that expires during a download is asked for again", async ({ hub, open }) => {
  hub.cuts.push(20_000, 10_000);
  hub.storageAnswers.push(null, { status: 403 }, null, { status: 401 });
  assertEquals(await Deno.readFile(await open().file("model.safetensors")), large);
  const requests = hub.requests.map(({ method, range }) => `${method} ${range}`);
  const lookedUp = `HEAD null`;
  assertEquals(requests, [
    lookedUp,
    "GET null",
    "GET bytes=20000-",
    lookedUp,
    "GET bytes=20000-",
    "GET bytes=30000-",
    lookedUp,
    "GET bytes=30000-",
  ]);
  assertEquals(hub.requests[3].path, `/${modelId}/resolve/${hub.commit}/model.safetensors`);
});

hubTest("an address that stays forbidden is given up", async ({ hub, open }) => {
  hub.storageAnswers.push({ status: 403 }, { status: 403 });
  await assertRejects(() => open().file("model.safetensors"), DataError, `answers 403`);
  assertEquals(hub.requests.length, 4);
});

hubTest("a server that refuses the range sends the whole", async ({ hub, open }) => {
  hub.cuts.push(30_000);
  hub.storageAnswers.push(null, { status: 416 });
  assertEquals(await Deno.readFile(await open().file("model.safetensors")), large);
  const ranges = hub.requests.filter(({ method }) => method === "GET").map(({ range }) => range);
  assertEquals(ranges, [null, "bytes=30000-", null]);

  hub.commit = "f".repeat(40);
  hub.files.set("other", { content: large.toReversed(), lfs: true });
  hub.cuts.push(30_000, 30_000);
  hub.storageAnswers.push(null, { status: 416 }, null, { status: 416 });
  await assertRejects(() => open().file("other"), DataError, "answers 416");
});

hubTest("a server that sends more than it announced is stopped", async ({ hub, open }) => {
  const original = hub.files.get.bind(hub.files);
  const longer = new Uint8Array(large.length + 5_000_000);
  hub.files.get = (name) =>
    hub.requests.at(-1)!.path.startsWith("/storage/") ? { content: longer } : original(name);
  await assertRejects(
    () => open().file("model.safetensors"),
    DataError,
    "more than the 50000 bytes that it announced",
  );
});

hubTest("401, 403 and 404 are told apart, with what to do", async ({ hub, open }) => {
  hub.token = "hf_secret";
  await assertRejects(
    () => open().file("config.json"),
    DataError,
    "answers 401 (there is no such model, or it is private: set HF_TOKEN)",
  );
  await assertRejects(
    () => open({ environment: { token: "other" } }).file("config.json"),
    DataError,
    "or your HF_TOKEN does not open it",
  );
  const repository = open({ environment: { token: "hf_secret" } });
  assertEquals(await Deno.readFile(await repository.file("config.json")), config);
  await repository.file("model.safetensors");
  const storage = hub.requests.filter(({ path }) => path.startsWith("/storage/"));
  assertEquals(storage.map(({ authorization }) => authorization), [null], "the token stays with the hub");
  hub.token = null;
  hub.answers.push({ status: 403, headers: { "x-error-code": "GatedRepo" } });
  await assertRejects(() => open().file("vocab.txt"), DataError, "answers 403 (its terms must be accepted");
  await assertRejects(
    () => open({ id: "lab/none" }).file("config.json"),
    DataError,
    "answers 404 (there is no such model)",
  );
  await assertRejects(
    () => open({ revision: "v9" }).file("config.json"),
    DataError,
    `it has no revision "v9"`,
  );
  await assertRejects(() => open().file("weights.ckpt"), DataError, `revision "main" has no such file`);
});

hubTest("the token stays with the hub where a download is sent elsewhere", async ({ hub, open }) => {
  hub.token = "hf_secret";
  const elsewhere = `${hub.endpoint.replace("127.0.0.1", "localhost")}/storage/config.json`;
  hub.answers.push(null, { status: 302, headers: { location: elsewhere } });
  const path = await open({ environment: { token: "hf_secret" } }).file("config.json");
  assertEquals(await Deno.readFile(path), config);
  const authorizations = hub.requests.map(({ method, authorization }) => [method, authorization]);
  assertEquals(authorizations, [["HEAD", "Bearer hf_secret"], ["GET", "Bearer hf_secret"], ["GET", null]]);
});

hubTest("a server that falls silent is given up, with the file named", async ({ open, warnings }) => {
  const start = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 9\r\n";
  const answers: Record<string, string> = {
    HEAD: `${start}etag: "e"\r\nx-repo-commit: ${"a".repeat(40)}\r\n\r\n`,
    GET: `${start}\r\nhalf`,
  };
  const connections: Deno.Conn[] = [];
  const answer = async (connection: Deno.Conn) => {
    connections.push(connection);
    if (connections.length > 20) return server.close(); // who still asks would ask for ever
    const request = new Uint8Array(1000);
    await connection.read(request);
    const [method, path] = new TextDecoder().decode(request).split(" ");
    if (path.endsWith("/mute")) return;
    await connection.write(new TextEncoder().encode(answers[method]));
  };
  const server = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const serving = (async () => {
    for await (const connection of server) await answer(connection);
  })();
  const endpoint = `http://127.0.0.1:${server.addr.port}`;
  const file = (name: string) => open({ idleMs: 200, environment: { endpoint } }).file(name);
  await assertRejects(
    () => file("mute"),
    DataError,
    `Cannot get "mute" of model "lab/tiny-model": 127.0.0.1:${server.addr.port} cannot be reached (no answer in 0.2 s)`,
  );
  await assertRejects(
    () => file("config.json"),
    DataError,
    `Cannot get "config.json" of model "lab/tiny-model": no data in 0.2 s (4 of 9 bytes are kept`,
  );
  assertMatch(warnings[0], /^config.json: no data in 0.2 s at byte 4 of 9; going on from there/);
  server.close();
  await serving;
  for (const connection of connections) connection.close();
});

hubTest("429 is waited out as long as the hub asks", async ({ hub, open, waits, warnings }) => {
  hub.answers.push({ status: 429, headers: { "retry-after": "7" } }, { status: 503 });
  assertEquals(await Deno.readFile(await open().file("config.json")), config);
  assertEquals(waits, [7000, 2000]);
  assertEquals(warnings[0], "The hub answers 429: waiting 7 s");
  hub.answers.push({ status: 429, headers: { "retry-after": "86400" } });
  await assertRejects(
    () => open({ revision: "refs/pr/1" }).file("config.json"),
    DataError,
    "answers 429 (too many requests: try again later",
  );
});
