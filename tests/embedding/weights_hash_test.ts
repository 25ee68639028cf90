import { assertEquals, assertNotEquals } from "@std/assert";
import { createHash } from "node:crypto";
import { join } from "@std/path";
import { hashWeights } from "../../lib/embedding/weights_hash.ts";
import { openModelSource } from "../../lib/models/model_source.ts";

Deno.test("hashWeights() is a file's SHA-256, and of an index it is over the shards too", async () => {
  const folder = await Deno.makeTempDir({ prefix: "weights" });
  try {
    const write = (name: string, text: string) => Deno.writeTextFile(join(folder, name), text);
    const source = await openModelSource(folder);
    await write("weights.ckpt", "numbers");
    const expected = createHash("sha256").update("numbers").digest("hex");
    assertEquals(await hashWeights(source, "weights.ckpt"), expected);

    const index = "model.safetensors.index.json";
    await write(
      index,
      JSON.stringify({ weight_map: { a: "1.safetensors", b: "2.safetensors", c: "1.safetensors" } }),
    );
    await write("1.safetensors", "one");
    await write("2.safetensors", "two");
    const before = await hashWeights(source, index);
    assertEquals(await hashWeights(source, index), before);
    await write("2.safetensors", "TWO");
    assertNotEquals(await hashWeights(source, index), before);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
