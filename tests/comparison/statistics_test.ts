/** Intervals, pairs and adjustment against NumPy and statsmodels (tests/fixtures/comparison/make_statistics.py). */
import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { BootstrapTable } from "../../lib/comparison/bootstrap_table.ts";
import { spreadCalibration, valueCalibration } from "../../lib/comparison/calibration.ts";
import { geneScores } from "../../lib/comparison/gene_scores.ts";
import { packNumbers, steps } from "../../lib/comparison/packed.ts";
import { unpackNumbers } from "../../lib/comparison/page/unpack.js";
import { holm, normalTail, pairedDifferences } from "../../lib/comparison/paired.ts";
import { systematicVariation } from "../../lib/comparison/systematic_variation.ts";
import { escapeTex } from "../../lib/comparison/tables.ts";
import { ModelStream } from "../../lib/random/model_stream.ts";
import fixture from "../fixtures/comparison/statistics.json" with { type: "json" };

const numbers = (values: readonly (number | null)[]) => Float64Array.from(values, (value) => value ?? NaN);

Deno.test("holm() adjusts as statsmodels does, and leaves out what is NaN", () => {
  holm(fixture.p).forEach((p, i) => assertAlmostEquals(p, fixture.holm[i], 1e-12));
  assertEquals(holm([NaN, 0.01, 0.04]), [NaN, 0.02, 0.04]);
});

Deno.test("means and paired differences have NumPy's intervals from the same draws, missing values left out of both", () => {
  const table = new BootstrapTable(17, 300, 42), a = numbers(fixture.a), b = numbers(fixture.b);
  const { mean, lower, upper, n } = table.mean(b);
  [mean, lower, upper].forEach((value, i) => assertAlmostEquals(value, fixture.mean[i], 1e-12));
  assertEquals(n, 16);
  const named = (name: string, values: Float64Array) => ({
    name,
    scores: { m: values },
    means: { m: table.mean(values) },
  });
  const [pair] = pairedDifferences([named("a", a), named("b", b)], ["m"], table);
  [pair.mean, pair.lower, pair.upper].forEach((value, i) =>
    assertAlmostEquals(value, fixture.difference[i], 1e-12)
  );
  assertAlmostEquals(pair.p, Math.min(1, 2 * (1 + Math.min(fixture.below, fixture.above)) / 301), 1e-12);
  // Where both have all values, the means that are there already give the same.
  const [short] = pairedDifferences([named("a", a), named("a2", a.map((value) => value + 1))], ["m"], table);
  assertAlmostEquals(short.mean, -1, 1e-12);
  assertEquals(short.p, 0); // each perturbation differs by the same
  const [same] = pairedDifferences([named("a", a), named("a2", a)], ["m"], table);
  assertEquals([same.mean, same.p], [0, 1]);
});

Deno.test("p gets below what the number of resamples allows, by the normal tail", () => {
  // scipy.stats.norm.sf
  const tails = [[2, 0.022750131948179195], [3.5, 2.3262907903552504e-4], [6, 9.865876450376946e-10], [
    20,
    2.7536241186062337e-89,
  ]];
  for (const [z, tail] of tails) assertAlmostEquals(normalTail(z) / tail, 1, 1e-6);
  const random = new ModelStream(3, "pair"), table = new BootstrapTable(100, 200, 42);
  const a = Float64Array.from(random.fillNormal(new Float32Array(100), 0, 1)),
    b = a.map((value, i) => value + 1 + 0.5 * a[99 - i]);
  const named = (name: string, values: Float64Array) => ({
    name,
    scores: { m: values },
    means: { m: table.mean(values) },
  });
  const [{ p }] = pairedDifferences([named("a", a), named("b", b)], ["m"], table);
  assert(p > 0 && p < 1e-10, String(p));
});

Deno.test("packed numbers come back as the nearest step, NaN as NaN", async () => {
  const random = new ModelStream(1, "packed");
  for (const [step, size] of [[0.002, 1], [0.05, 1e-3], [5, 1e6], [1e-4, 50]]) {
    const values = random.fillNormal(new Float32Array(3000), 0, size);
    values[7] = NaN;
    const expected = (i: number) => steps(i % 3, step);
    const found = await unpackNumbers(await packNumbers(values, step, expected), expected);
    assert(Number.isNaN(found[7]));
    values.forEach((value, i) => {
      if (i === 7) return;
      assert(Math.abs(found[i] - value) <= step / 2 + 1e-9 * size, `${found[i]} for ${value}`);
      const digits = Math.max(0, Math.ceil(-Math.log10(step)));
      assertEquals(found[i], Number(found[i].toFixed(digits))); // no trailing binary rubbish
    });
  }
});

Deno.test("an honest prediction is calibrated, and an honest spread covers what it says", () => {
  const random = new ModelStream(2, "calibration"), rows = 40, columns = 500;
  const draw = () => random.fillNormal(new Float32Array(rows * columns), 0, 1);
  const prediction = { data: draw(), rows, columns }, noise = draw();
  const spread = { data: draw().map((value) => 0.2 + Math.abs(value)), rows, columns };
  const truth = { data: prediction.data.map((value, i) => value + spread.data[i] * noise[i]), rows, columns };
  truth.data[3] = NaN;
  // 1,000 cells a bin: the mean of a bin's noise is below 4 / sqrt(1000) of its size.
  for (const { predicted, measured } of valueCalibration(truth, prediction)) {
    assertAlmostEquals(measured, predicted, 0.15);
  }
  const { bins, within1, within196, cells } = spreadCalibration(truth, prediction, spread);
  assertEquals(cells, rows * columns - 1);
  assertAlmostEquals(within1, 0.683, 0.015);
  assertAlmostEquals(within196, 0.95, 0.01);
  for (const { predicted, measured } of bins) assertAlmostEquals(measured / predicted, 1, 0.1);
});

Deno.test("geneScores() tells how a gene's values agree across perturbations; a constant has no r", () => {
  const truth = { data: Float32Array.of(1, 2, NaN, 4, 3, 9), rows: 3, columns: 2 };
  const prediction = { data: Float32Array.of(2, 5, 7, 5, 4, 5), rows: 3, columns: 2 };
  const { pearson, rmse } = geneScores(truth, prediction);
  assertAlmostEquals(pearson[0], 1, 1e-12);
  assert(Number.isNaN(pearson[1]));
  assertAlmostEquals(rmse[0], 1, 1e-12);
  assertAlmostEquals(rmse[1], Math.sqrt((9 + 1 + 16) / 3), 1e-12);
});

Deno.test("escapeTex() leaves nothing that LaTeX would obey", () => {
  assertEquals(escapeTex("a_b & 50% \\input{x}\n$1"), "a\\_b \\& 50\\% \\textbackslash{}input\\{x\\} \\$1");
});

Deno.test("systematicVariation() is the mean cosine with the mean of all: 1 where all do the same", () => {
  const same = { data: Float32Array.of(1, 2, 2, 4), rows: 2, columns: 2 };
  assertAlmostEquals(systematicVariation(same), 1, 1e-12);
  const apart = { data: Float32Array.of(1, 0, 0, 1, NaN, NaN), rows: 3, columns: 2 };
  assertAlmostEquals(systematicVariation(apart), Math.SQRT1_2, 1e-12);
});
