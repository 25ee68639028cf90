import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { join } from "@std/path";
import { DataError, UsageError } from "../../lib/cli/errors.ts";
import { encodeSafetensors } from "../../lib/io/safetensors.ts";
import type { TensorFile } from "../../lib/io/tensor_file.ts";
import { openModelSource, openModelWeights } from "../../lib/models/model_source.ts";
import { StateDict } from "../../lib/models/state_dict.ts";
import { modelId, startHub } from "../support/hub_server.ts";

const tensor = (...values: number[]) => ({ shape: [values.length], data: new Float32Array(values) });
const shards: Record<string, Uint8Array> = {
  "model-00001-of-00002.safetensors": encodeSafetensors(new Map([["a", tensor(1, 2)]])),
  "model-00002-of-00002.safetensors": encodeSafetensors(new Map([["b", tensor(3)]])),
  "model.safetensors.index.json": new TextEncoder().encode(JSON.stringify({
    weight_map: { a: "model-00001-of-00002.safetensors", b: "model-00002-of-00002.safetensors" },
  })),
};

async function inFolder(files: Record<string, Uint8Array>, body: (folder: string) => Promise<void>) {
  const folder = await Deno.makeTempDir({ prefix: "model" });
  try {
    for (const [name, content] of Object.entries(files)) await Deno.writeFile(join(folder, name), content);
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("openModelWeights() opens sharded weights in a folder", async () => {
  await inFolder(shards, async (folder) => {
    const weights = await openModelWeights(await openModelSource(folder));
    assertEquals([...await weights.read("a"), ...await weights.read("b")], [1, 2, 3]);
    weights.close();
  });
});

Deno.test("openModelWeights() downloads every shard that the index names", async () => {
  const hub = startHub();
  for (const [name, content] of Object.entries(shards)) {
    hub.files.set(name, { content, lfs: name.endsWith(".safetensors") });
  }
  await inFolder({}, async (cacheFolder) => {
    const environment = { endpoint: hub.endpoint, cacheFolder, token: null, offline: null };
    const source = await openModelSource(modelId, { environment });
    const weights = await openModelWeights(source);
    assertEquals([...await weights.read("a"), ...await weights.read("b")], [1, 2, 3]);
    assertEquals(source.commit, hub.commit);
    weights.close();
  });
  await hub.stop();
});

Deno.test("a model that is nowhere, or has no weights, is told as such", async () => {
  await inFolder({ "config.json": new Uint8Array(2) }, async (folder) => {
    const source = await openModelSource(folder);
    await assertRejects(
      () => openModelWeights(source),
      DataError,
      "it has no model.safetensors, pytorch_model.bin or weights.ckpt",
    );
    await assertRejects(() => source.file("vocab.txt"), DataError, `it has no file "vocab.txt"`);
    await assertRejects(
      () => openModelSource(join(folder, "config.json")),
      UsageError,
      "there is no such folder",
    );
    await assertRejects(
      () => openModelSource("no-such-model"),
      UsageError,
      `Cannot use the model "no-such-model"`,
    );
  });
});

Deno.test("StateDict finds tensors under its own names and refuses two for one", async () => {
  const file = (...names: string[]): TensorFile => ({
    path: "w",
    tensors: new Map(names.map((name) => [name, { shape: [2], dtype: "F32" }])),
    read: (name) => Promise.resolve(new Float32Array(name.length)),
    close() {},
  });
  const withoutPrefix = (name: string) => name.replace(/^model\./, "");
  const weights = new StateDict(file("model.a", "model.b"), withoutPrefix);
  assertEquals(weights.has("a"), true);
  assertEquals((await weights.read("a", [2])).length, "model.a".length);
  assertEquals(weights.unusedNames(), ["model.b"]);
  await assertRejects(
    () => weights.read("b", [2, 1]),
    DataError,
    `tensor "model.b" has shape (2), config.json says (2, 1)`,
  );
  assertThrows(() => weights.expect("c", [1]), DataError, `tensor "c" is missing`);
  assertThrows(
    () => new StateDict(file("model.a", "a"), withoutPrefix),
    DataError,
    `"model.a" and "a" are the same tensor of the model`,
  );
});
