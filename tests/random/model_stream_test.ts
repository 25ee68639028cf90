import { assert, assertAlmostEquals, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { ModelStream } from "../../lib/random/model_stream.ts";

const draw = (stream: ModelStream, count = 5) => Array.from({ length: count }, () => stream.uint32());

Deno.test("ModelStream gives the same numbers for the same seed and label, others for others", () => {
  assertEquals(draw(new ModelStream(42, "weights")), draw(new ModelStream(42, "weights")));
  assertNotEquals(draw(new ModelStream(42, "weights")), draw(new ModelStream(43, "weights")));
  assertNotEquals(draw(new ModelStream(42, "weights")), draw(new ModelStream(42, "dropout")));
});

Deno.test("ModelStream keeps its numbers from release to release", () => {
  assertEquals(draw(new ModelStream(42, "weights"), 3), [3044566851, 245394984, 2093936515]);
});

Deno.test("ModelStream.derive() does not depend on what was drawn before", () => {
  const fresh = new ModelStream(1), used = new ModelStream(1);
  draw(used);
  assertEquals(draw(used.derive("fold 2")), draw(fresh.derive("fold 2")));
  assertNotEquals(draw(fresh.derive("fold 2")), draw(fresh.derive("fold 3")));
});

Deno.test("ModelStream.fillUniform() stays in its range with the mean and variance of a uniform", () => {
  const values = new ModelStream(3).fillUniform(new Float32Array(100_000), -2, 4);
  assert(values.every((value) => value >= -2 && value <= 4));
  const { mean, variance } = moments(values);
  // Standard errors at this size: 0.0055 and 0.0085. Five of them.
  assertAlmostEquals(mean, 1, 0.028);
  assertAlmostEquals(variance, 3, 0.043);
});

Deno.test("ModelStream.fillNormal() has the mean, variance and tails of a normal", () => {
  const values = new ModelStream(4).fillNormal(new Float32Array(100_000), 1, 2);
  const { mean, variance } = moments(values);
  assertAlmostEquals(mean, 1, 0.032);
  assertAlmostEquals(variance, 4, 0.09);
  const beyondTwo = values.filter((value) => Math.abs(value - 1) > 4).length / values.length;
  assertAlmostEquals(beyondTwo, 0.0455, 0.0033);
});

Deno.test("ModelStream.permutation() holds every number once and reaches every order", () => {
  const stream = new ModelStream(5);
  assertEquals(
    [...stream.permutation(1000)].sort((a, b) => a - b),
    Array.from({ length: 1000 }, (_, i) => i),
  );
  const counts = new Map<string, number>();
  for (let i = 0; i < 6000; i++) {
    const order = stream.permutation(3).join("");
    counts.set(order, (counts.get(order) ?? 0) + 1);
  }
  assertEquals(counts.size, 6);
  // Binomial(6000, 1/6): standard deviation 29.
  for (const count of counts.values()) assertAlmostEquals(count, 1000, 145);
});

Deno.test("ModelStream refuses a negative seed", () => {
  assertThrows(() => new ModelStream(-1), RangeError);
});

function moments(values: Float32Array): { mean: number; variance: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return { mean, variance: values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length };
}
