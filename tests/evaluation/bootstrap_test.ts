import { assertAlmostEquals, assertEquals } from "@std/assert";
import { bootstrapIntervals, bootstrapMeans, percentile } from "../../lib/evaluation/bootstrap.ts";
import { perturbationMetrics } from "../../lib/evaluation/metrics.ts";
import { readNpyMatrix } from "../../lib/io/npy.ts";
import { golden, testWith } from "../support/golden.ts";

interface Expected {
  paired_bootstrap_ci: {
    n_boot: number;
    seed: number;
    observed: number;
    lower: number;
    upper: number;
    boot_values: number[];
  }[];
  percentile: { values: number[]; q: number; result: number }[];
}

testWith(
  golden("classical/unit/bootstrap"),
  "bootstrapIntervals() draws the Python's resamples and gives its bounds",
  async (folder) => {
    const { paired_bootstrap_ci }: Expected = JSON.parse(await Deno.readTextFile(`${folder}/expected.json`));
    const truth = await readNpyMatrix(`${folder}/y_true.npy`),
      prediction = await readNpyMatrix(`${folder}/y_pred.npy`);
    // The reference counts a row without values as r = 0.
    const pearson = perturbationMetrics(truth, prediction).pearson.map((r) => Number.isNaN(r) ? 0 : r);
    for (const { n_boot, seed, observed, lower, upper, boot_values } of paired_bootstrap_ci) {
      const options = { resamples: n_boot, seed };
      bootstrapMeans([pearson], options)[0].forEach((mean, i) =>
        assertAlmostEquals(mean, boot_values[i], 1e-6)
      );
      const interval = bootstrapIntervals([pearson], options)[0];
      assertAlmostEquals(interval.mean, observed, 1e-6);
      assertAlmostEquals(interval.lower, lower, 1e-6);
      assertAlmostEquals(interval.upper, upper, 1e-6);
    }
  },
);

testWith(golden("classical/unit/bootstrap"), "percentile() equals numpy.percentile", async (folder) => {
  const { percentile: cases }: Expected = JSON.parse(await Deno.readTextFile(`${folder}/expected.json`));
  for (const { values, q, result } of cases) {
    assertAlmostEquals(percentile(Float64Array.from(values), q), result, 1e-15);
  }
});

Deno.test("bootstrapIntervals() leaves out what is NaN, and has no bounds without resamples", () => {
  const values = Float64Array.of(1, NaN, 1);
  assertEquals(bootstrapIntervals([values], { resamples: 20, seed: 1 })[0], { mean: 1, lower: 1, upper: 1 });
  assertEquals(bootstrapIntervals([values], { resamples: 0, seed: 1 })[0], {
    mean: 1,
    lower: NaN,
    upper: NaN,
  });
});

Deno.test("bootstrapIntervals() gives each quantity the interval that it has alone", () => {
  const first = Float64Array.of(1, 2, 3, 5, NaN), second = Float64Array.of(0, -1, 4, 4, 2);
  const options = { resamples: 50, seed: 7 };
  assertEquals(
    bootstrapIntervals([first, second], options),
    [bootstrapIntervals([first], options)[0], bootstrapIntervals([second], options)[0]],
  );
  assertEquals(bootstrapIntervals([new Float64Array(0)], options)[0].lower, NaN);
});
