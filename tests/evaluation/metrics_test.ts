import { assertAlmostEquals, assertEquals } from "@std/assert";
import {
  globalPearson,
  meanMetric,
  type MetricName,
  perturbationMetrics,
} from "../../lib/evaluation/metrics.ts";
import { readNpyMatrix } from "../../lib/io/npy.ts";
import { golden, testWith } from "../support/golden.ts";

type Expected = Record<string, Record<string, (number | string | null)[] | { per_pert: (number | null)[] }>>;

/** Reference function and key, and which of our metrics it is. */
const pairs: [string, string, MetricName][] = [
  ["LEL", "centered_pearson_per_pert", "pearson"],
  ["LEL", "centered_rmse_per_pert", "centeredRmse"],
  ["LEL", "centered_mae_per_pert", "centeredMae"],
  ["LEL", "centered_mse_per_pert", "centeredMse"],
  ["LEL", "mse_per_pert", "mse"],
  ["LEL", "l2_loss_per_pert", "l2"],
  ["Hs27_xgboost", "pearson_per_pert", "pearson"],
  ["Hs27_xgboost", "rmse_per_pert", "rmse"],
  ["Hs27_xgboost", "mae_per_pert", "mae"],
  ["Hs27_xgboost", "mse_per_pert", "mse"],
  ["Hs27_xgboost", "l2_loss_per_pert", "l2"],
];

testWith(
  golden("classical/unit/metrics"),
  "perturbationMetrics() agrees with each script's own functions",
  async (folder) => {
    const [truth, prediction] = [
      await readNpyMatrix(`${folder}/y_true.npy`),
      await readNpyMatrix(`${folder}/y_pred.npy`),
    ];
    const expected: Expected = JSON.parse(await Deno.readTextFile(`${folder}/expected.json`));
    const metrics = perturbationMetrics(truth, prediction);
    for (const [group, key, name] of pairs) {
      const reference = expected[group][key],
        values = Array.isArray(reference) ? reference : reference.per_pert;
      values.forEach((value, row) => {
        if (row === 8) return; // an offset of 1e6: the reference's float32 steps there are 0.06
        const ours = metrics[name][row], place = `${group} ${key} row ${row}`;
        // Rows without a finite cell: the references give null or infinity, we give NaN.
        // Where there are fewer than two, the references give r = 0 and count it, we give NaN.
        if (typeof value !== "number" || metrics.cells[row] < (name === "pearson" ? 2 : 1)) {
          assertEquals(ours, NaN, place);
        } else assertAlmostEquals(ours, value, 1e-6 * Math.max(1, Math.abs(value)), place);
      });
    }
  },
);

const matrix = (rows: number[][]) => ({
  data: Float32Array.from(rows.flat()),
  rows: rows.length,
  columns: rows[0].length,
});

Deno.test("perturbationMetrics() counts only cells that are finite on both sides", () => {
  const metrics = perturbationMetrics(matrix([[1, NaN, 3, Infinity]]), matrix([[2, 5, NaN, 1]]));
  assertEquals(
    [metrics.cells[0], metrics.nonFinite[0], metrics.mse[0], metrics.mae[0], metrics.l2[0]],
    [1, 1, 1, 1, 1],
  );
});

Deno.test("r over fewer than two cells is undefined and has no part in the mean", () => {
  const metrics = perturbationMetrics(
    matrix([[NaN, NaN, NaN], [1, NaN, NaN], [1, 2, NaN], [1, 1, 1]]),
    matrix([[1, 2, 3], [4, 5, 6], [7, 9, 8], [1, 2, 3]]),
  );
  assertEquals([...metrics.pearson], [NaN, NaN, 1, 0]);
  assertEquals(meanMetric(metrics, "pearson"), 0.5);
  assertEquals(metrics.mse[1], 9);
  assertEquals(globalPearson(matrix([[1, NaN]]), matrix([[1, 2]])), NaN);
});

Deno.test("a prediction that is not finite is counted, in each row where its truth is measured", () => {
  const metrics = perturbationMetrics(
    matrix([[1, 2, NaN], [1, 2, 3]]),
    matrix([[NaN, Infinity, NaN], [1, 2, -Infinity]]),
  );
  assertEquals([...metrics.nonFinite], [2, 1]);
  assertEquals([...metrics.cells], [0, 2]);
});

Deno.test("meanMetric() leaves out perturbations without a cell", () => {
  const metrics = perturbationMetrics(matrix([[1, 2, 3], [NaN, NaN, NaN]]), matrix([[2, 4, 6], [1, 1, 1]]));
  assertEquals([...metrics.cells], [3, 0]);
  assertAlmostEquals(meanMetric(metrics, "pearson"), 1, 1e-12);
  assertAlmostEquals(meanMetric(metrics, "mse"), 14 / 3, 1e-12);
  assertEquals(meanMetric(perturbationMetrics(matrix([[NaN]]), matrix([[1]])), "mse"), NaN);
});

Deno.test("a profile without variance has r = 0", () => {
  const metrics = perturbationMetrics(matrix([[0.1, 0.1, 0.1]]), matrix([[1, 2, 3]]));
  assertEquals(metrics.pearson[0], 0);
});

Deno.test("globalPearson() is over all cells, however far out", () => {
  const truth = matrix([[0, 1], [2, 50]]), prediction = matrix([[0, 1], [2, -50]]);
  assertAlmostEquals(globalPearson(truth, prediction), -0.9981, 1e-3);
});
