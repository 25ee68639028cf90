import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { join } from "@std/path";
import { DataError, UsageError } from "../../lib/cli/errors.ts";
import { encodeSafetensors } from "../../lib/io/safetensors.ts";
import type { TensorFile } from "../../lib/io/tensor_file.ts";
import { openModelSource, openModelWeights } from "../../lib/models/model_source.ts";
import { StateDict } from "../../lib/models/state_dict.ts";
import { modelId, startHub } from "../support/hub_server.ts";
import { checkpoint, op, tensorCode } from "../support/torch_file.ts";

const tensor = (...values: number[]) => ({ shape: [values.length], data: new Float32Array(values) });
const shards: Record<string, Uint8Array> = {
  "model-00001-of-00002.safetensors": encodeSafetensors(new Map([["a", tensor(1, 2)]])),
  "model-00002-of-00002.safetensors": encodeSafetensors(new Map([["b", tensor(3)]])),
  "model.safetensors.index.json": new TextEncoder().encode(JSON.stringify({
    weight_map: { a: "model-00001-of-00002.safetensors", b: "model-00002-of-00002.safetensors" },
  })),
};

const binShard = (name: string, ...values: number[]) => {
  const { length } = values;
  const code = tensorCode({ key: "0", length, shape: [length], strides: [1] });
  return checkpoint(op.program(op.dict([name, code])), {
    0: new Uint8Array(new Float32Array(values).buffer),
  });
};
const binShards: Record<string, Uint8Array> = {
  "pytorch_model-00001-of-00002.bin": binShard("a", 1, 2),
  "pytorch_model-00002-of-00002.bin": binShard("b", 3),
  "pytorch_model.bin.index.json": new TextEncoder().encode(JSON.stringify({
    weight_map: { a: "pytorch_model-00001-of-00002.bin", b: "pytorch_model-00002-of-00002.bin" },
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

for (const [kind, files] of Object.entries({ safetensors: shards, "pytorch_model.bin": binShards })) {
  Deno.test(`openModelWeights() opens sharded ${kind} in a folder`, async () => {
    await inFolder(files, async (folder) => {
      const weights = await openModelWeights(await openModelSource(folder));
      assertEquals([...weights.tensors.keys()], ["a", "b"]);
      assertEquals([...await weights.read("a"), ...await weights.read("b")], [1, 2, 3]);
      await assertRejects(() => weights.read("c"), DataError, `no tensor "c"`);
      weights.close();
    });
  });
}

Deno.test("openModelWeights() names the shard that is missing, and refuses one of another format", async () => {
  const { "pytorch_model-00002-of-00002.bin": last, ...others } = binShards;
  await inFolder(others, async (folder) => {
    const source = await openModelSource(folder);
    await assertRejects(() => openModelWeights(source), DataError, "pytorch_model-00002-of-00002.bin");
    await Deno.writeFile(join(folder, "pytorch_model-00002-of-00002.bin"), last.subarray(0, 100));
    await assertRejects(
      () => openModelWeights(source),
      DataError,
      "its end is missing (is the file cut off?)",
    );
    const index = JSON.stringify({ weight_map: { a: "model.safetensors" } });
    await Deno.writeTextFile(join(folder, "pytorch_model.bin.index.json"), index);
    await assertRejects(() => openModelWeights(source), DataError, "expected a .bin file beside it");
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

Deno.test("a hub model that is not found is told to be no folder either", async () => {
  const hub = startHub();
  hub.files.set("config.json", { content: new TextEncoder().encode("{}") });
  await inFolder({}, async (cacheFolder) => {
    const open = (model: string, endpoint: string) =>
      openModelSource(model, { environment: { endpoint, cacheFolder, token: null, offline: null } });
    const slip = "models/hyenadna-large";
    await assertRejects(
      async () => await (await open(slip, hub.endpoint)).file("config.json"),
      DataError,
      `the hub answers 404 (there is no such model); "${slip}" is no folder here`,
    );
    await assertRejects(
      async () => await (await open(slip, "http://hub.invalid")).optionalFile("config.json"),
      DataError,
      `hub.invalid needs network permission (run with -P=hub --allow-net=hub.invalid to download); "${slip}" is no folder here`,
    );
    const source = await open(modelId, hub.endpoint);
    await source.file("config.json");
    const error = await assertRejects(() => source.file("vocab.txt"), DataError, "has no such file");
    assertEquals(error.message.includes("no folder here"), false);
  });
  await hub.stop();
});

Deno.test("weights that the cache lacks while the hub is silent are told as such", async () => {
  const hub = startHub();
  hub.files.set("config.json", { content: new TextEncoder().encode("{}") });
  await inFolder({}, async (cacheFolder) => {
    const environment = { endpoint: hub.endpoint, cacheFolder, token: null, offline: null };
    await (await openModelSource(modelId, { environment })).file("config.json");
    const offline = { ...environment, offline: "HF_HUB_OFFLINE" };
    const source = await openModelSource(modelId, { environment: offline });
    await assertRejects(
      () => openModelWeights(source),
      DataError,
      "or weights.ckpt in the cache, and HF_HUB_OFFLINE is set",
    );
    await assertRejects(
      () => source.file("vocab.txt"),
      DataError,
      `HF_HUB_OFFLINE is set, and the cache "${cacheFolder}" does not hold it`,
    );
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
