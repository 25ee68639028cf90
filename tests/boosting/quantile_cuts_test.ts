import { assert, assertEquals } from "@std/assert";
import { defaultParameters } from "../../lib/boosting/parameters.ts";
import { prepareData } from "../../lib/boosting/prepared_data.ts";
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

Deno.test("rows that all weigh twice as much have the same bins", () => {
  // Weights of 1 take the short way; twice as much rounds nothing.
  for (const [rows, maxBin] of [[1, 256], [301, 256], [301, 16], [900, 3], [3000, 256], [9000, 64]]) {
    const x = randomMatrix(rows, 3, uniforms(rows));
    x.data.forEach((value, i) => {
      if (i % 3 === 1) x.data[i] = Math.round(value * 50) / 50;
      if (i % 17 === 0) x.data[i] = NaN;
    });
    const [once, twice] = [1, 2].map((weight) =>
      quantileCuts(x, new Float32Array(rows).fill(weight), maxBin)
    );
    assertEquals(once, twice, `${rows} rows, ${maxBin} bins`);
  }
});

Deno.test("prepareData() orders rows by value, equal ones by row, zeros of both signs alike, missing ones left out", () => {
  const values = [0.5, -0, 3e-45, NaN, -2, 0, -3e38, 3e38, -2, -1e-45, 0.5, -0];
  const train = { data: Float32Array.from(values), rows: values.length, columns: 1 };
  const { order, present } = prepareData(train, train, null, defaultParameters);
  assertEquals([...order.subarray(0, present[0])], [6, 4, 8, 9, 1, 5, 11, 2, 0, 10, 7]);
});
