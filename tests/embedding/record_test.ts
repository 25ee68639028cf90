import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { DataError } from "../../lib/cli/errors.ts";
import { differences, embeddingRecord } from "../../lib/embedding/record.ts";
import { inFolder } from "../support/temporary_folder.ts";

const record = {
  pipeline: "ntv2",
  model: "models/nt",
  revision: null,
  weights_sha256: "ab",
  layer: "output of layer 12 of 12",
  pooling: "mean over all tokens",
  special_tokens: ["<cls>"],
};

Deno.test("embeddingRecord() reads x.json beside x.npy, and is null where there is none", async () => {
  await inFolder(async (folder) => {
    await Deno.writeTextFile(join(folder, "x.json"), JSON.stringify(record));
    assertEquals(await embeddingRecord(join(folder, "x.npy")), record);
    assertEquals(await embeddingRecord(join(folder, "y.npy")), null);
    await Deno.writeTextFile(join(folder, "z.json"), "[");
    await assertRejects(() => embeddingRecord(join(folder, "z.npy")), DataError, "it is not JSON");
  });
});

Deno.test("differences() tells each key that decides, and not the folder of equal weights", () => {
  assertEquals(differences(record, { ...record, model: "elsewhere/nt", device: "x" }), []);
  assertEquals(differences(record, { ...record, pooling: "first token", weights_sha256: "cd" }), [
    `the SHA-256 of the weights differs: "ab" and "cd"`,
    `the pooling differs: "mean over all tokens" and "first token"`,
  ]);
  const hub = { ...record, weights_sha256: null, revision: "c1", model: "a/b" };
  assertEquals(differences(hub, { ...hub, revision: "c2" }), [
    `the commit of the weights differs: "c1" and "c2"`,
  ]);
  assertEquals(differences(record, hub), [`the model differs: "models/nt" and "a/b"`]);
});

Deno.test("differences() reads records of before: one strand and no windows", () => {
  const now = { ...record, strands: "given", windows: null, upper_cased: false, tokenizer: null };
  assertEquals(differences(record, now), []);
  assertEquals(differences(record, { ...now, strands: "mean", windows: "60:30" }), [
    `the choice of strands differs: "given" and "mean"`,
    `the cut into windows differs: "none" and "60:30"`,
  ]);
  assertEquals(differences({ ...now, upper_cased: true }, now), [
    "upper-casing of the letters differs: true and false",
  ]);
});
