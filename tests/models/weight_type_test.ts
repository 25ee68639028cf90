import { assertEquals } from "@std/assert";
import { asWeights, roundToBfloat16 } from "../../lib/models/weight_type.ts";

Deno.test("roundToBfloat16() rounds to 8 bits of mantissa, ties to even", () => {
  const step = 2 ** -7; // of bfloat16 between 1 and 2
  const cases: [number, number][] = [
    [1 + step / 2, 1],
    [1 + 1.5 * step, 1 + 2 * step],
    [1 + 0.51 * step, 1 + step],
    [-1 - 0.49 * step, -1],
    [2 - step / 2, 2],
    [0, 0],
    [1e-40, 9.99e-41], // of a step of 9e-41 below the smallest normal number
    [Infinity, Infinity],
    [-Infinity, -Infinity],
  ];
  const rounded = roundToBfloat16(Float32Array.from(cases, ([value]) => value));
  cases.forEach(([value, expected], i) => {
    const word = new Uint32Array(rounded.buffer)[i];
    assertEquals(word & 0xffff, 0, `${value} keeps 16 bits`);
    if (Math.abs(value) > 1e-30 || value === 0) assertEquals(rounded[i], expected, String(value));
  });
  assertEquals(Number.isNaN(roundToBfloat16(Float32Array.of(NaN))[0]), true);
});

Deno.test("asWeights() rounds weights to bf16 and leaves angles and long filters exact", async () => {
  const file = {
    path: "x",
    tensors: new Map(),
    read: () => Promise.resolve(Float32Array.of(1.001)),
    close: () => {},
  };
  const rounded = asWeights(file, "bf16");
  assertEquals((await rounded.read("esm.encoder.layer.0.output.dense.weight"))[0], 1);
  for (const name of ["layer.0.rotary_embeddings.inv_freq", "layers.1.mixer.filter_fn.pos_emb.z"]) {
    assertEquals((await rounded.read(name))[0], Math.fround(1.001));
  }
  assertEquals(asWeights(file, "f32"), file);
});
