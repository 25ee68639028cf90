import { assertEquals, assertStrictEquals } from "@std/assert";
import { fillMissing } from "../../lib/dataset/missing_values.ts";

const values = { data: Float32Array.of(1, NaN, NaN, 3, NaN, NaN, NaN, NaN, 8), rows: 3, columns: 3 };

Deno.test("fillMissing() puts a gene's mean over all rows into its missing cells, 0 where it has none", () => {
  const { filled, count } = fillMissing(values);
  assertEquals([...filled.data], [1, 0, 8, 3, 0, 8, 2, 0, 8]);
  assertEquals(count, 6);
});

Deno.test("fillMissing() takes the means from the given rows only", () => {
  assertEquals([...fillMissing(values, [0]).filled.data], [1, 0, 0, 3, 0, 0, 1, 0, 8]);
});

Deno.test("fillMissing() counts infinities as missing and leaves whole data alone", () => {
  const infinite = { data: Float32Array.of(1, Infinity, 3, 5), rows: 2, columns: 2 };
  assertEquals([...fillMissing(infinite).filled.data], [1, 5, 3, 5]);
  const whole = { data: Float32Array.of(1, 2), rows: 1, columns: 2 };
  assertStrictEquals(fillMissing(whole).filled, whole);
});
