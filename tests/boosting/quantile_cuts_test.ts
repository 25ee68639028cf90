import { assert, assertEquals } from "@std/assert";
import { binValues, quantileCuts } from "../../lib/boosting/quantile_cuts.ts";
import { randomMatrix, uniforms } from "./support.ts";

const f32 = Math.fround;

Deno.test("a column with few values gets a bin for each", () => {
  const x = { data: Float32Array.of(3, 1, 2, 1, NaN, 2), rows: 6, columns: 1 };
  const cuts = quantileCuts(x, new Float32Array(6).fill(1), 256);
  assertEquals(cuts.starts, Int32Array.of(0, 3));
  assertEquals(cuts.cuts, Float32Array.of(2, 3, f32(6 + f32(1e-5))));
  assertEquals(cuts.lowest, Float32Array.of(-f32(1e-5)));
  assertEquals(binValues(x, cuts), Int32Array.of(2, 0, 1, 0, -1, 1));
});

Deno.test("an empty column gets one bin, a constant one too", () => {
  const x = { data: Float32Array.of(NaN, 7, NaN, 7), rows: 2, columns: 2 };
  const cuts = quantileCuts(x, new Float32Array(2).fill(1), 16);
  assertEquals(cuts.starts, Int32Array.of(0, 1, 2));
  assertEquals(binValues(x, cuts), Int32Array.of(-1, 1, -1, 1));
});

Deno.test("many values are cut into bins of about equal weight, over several levels of the sketch", () => {
  const x = randomMatrix(20_000, 1, uniforms(1));
  const weights = x.data.map((value) => value < 0 ? 1 : 3);
  const maxBin = 32;
  const cuts = quantileCuts(x, weights, maxBin);
  const sums = new Float64Array(cuts.starts[1]);
  binValues(x, cuts).forEach((bin, row) => sums[bin] += weights[row]);
  const total = sums.reduce((a, b) => a + b, 0);
  assert(sums.length > maxBin / 2 && sums.length <= maxBin, `${sums.length} bins`);
  assert(Math.max(...sums) < 2.5 * total / maxBin, "no bin is much heavier than its share");
});

Deno.test("rows of weight 0 make no bins", () => {
  const x = { data: Float32Array.of(1, 2, 3, 4), rows: 4, columns: 1 };
  const cuts = quantileCuts(x, Float32Array.of(1, 0, 0, 1), 256);
  assertEquals(cuts.cuts, Float32Array.of(4, f32(8 + f32(1e-5))));
});
