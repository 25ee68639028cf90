import { assert, assertAlmostEquals, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { DataError } from "../../lib/cli/errors.ts";
import { evaluate, type EvaluationInput } from "../../lib/evaluation/evaluation.ts";
import { centeredMetricColumns, metricColumns, metricsTable } from "../../lib/evaluation/metrics_table.ts";
import { encodeCsv, parseCsvTable } from "../../lib/io/csv.ts";
import { takeColumns } from "../../lib/linalg/matrix.ts";
import { captured } from "../support/captured_log.ts";

const reference = JSON.parse(
  Deno.readTextFileSync(new URL("../fixtures/evaluation/evaluation.json", import.meta.url)),
);

const matrix = (rows: (number | null)[][]) => ({
  data: Float32Array.from(rows.flat(), (value) => value ?? NaN),
  rows: rows.length,
  columns: rows[0].length,
});
const named = (prefix: string, count: number) => Array.from({ length: count }, (_, i) => `${prefix}${i}`);

function input(
  truth: (number | null)[][],
  prediction: (number | null)[][],
  baseline: (number | null)[][],
  more: Partial<EvaluationInput> = {},
): EvaluationInput {
  return {
    truth: matrix(truth),
    prediction: matrix(prediction),
    baseline: matrix(baseline),
    perturbations: named("P", truth.length),
    genes: named("G", truth[0].length),
    bootstrap: { resamples: 0, seed: 42 },
    ...more,
  };
}

const all = Array.from({ length: 12 }, (_, row) => row);
const measured = input(reference.truth, reference.prediction, reference.baseline, {
  folds: reference.folds.map((test: number[]) => ({
    test: Int32Array.from(test),
    train: Int32Array.from(all.filter((row) => !test.includes(row))),
  })),
  bootstrap: { resamples: 200, seed: 42 },
});

// Sums of a dozen float64 values: NumPy adds them in another order.
const tolerance = 1e-12;

function assertClose(found: Record<string, number>, expected: Record<string, number>): void {
  assertEquals(Object.keys(found), Object.keys(expected));
  for (const name in expected) assertAlmostEquals(found[name], expected[name], tolerance, name);
}

Deno.test("evaluate() gives NumPy's means, intervals and error ratio, with values missing", () => {
  const { block, perPerturbation } = evaluate(measured);
  assertEquals([block.n_perturbations, block.n_evaluated, block.n_genes], [12, 11, 9]);
  assertClose(block.metrics, reference.metrics);
  assertClose(block.baseline, reference.baseline_metrics);
  [...block.pearson_ci, ...block.baseline_pearson_ci].forEach((bound, i) =>
    assertAlmostEquals(bound, [...reference.pearson_ci, ...reference.baseline_pearson_ci][i], tolerance)
  );
  const { mean, ci_lower, ci_upper, left_out } = block.error_ratio;
  assertAlmostEquals(mean, reference.error_ratio_mean, tolerance);
  assertAlmostEquals(ci_lower, reference.error_ratio_ci[0], tolerance);
  assertAlmostEquals(ci_upper, reference.error_ratio_ci[1], tolerance);
  assertEquals(left_out, 1);
  perPerturbation.errorRatio.forEach((ratio, row) =>
    assertAlmostEquals(ratio, reference.error_ratio[row] ?? NaN, tolerance)
  );
});

Deno.test("evaluate() gives the error ratio over some genes as over a table of these genes alone", () => {
  const expressed = [1, 4, 5], part = { ...measured, truth: takeColumns(measured.truth, expressed) };
  const alone = evaluate({
    ...part,
    genes: expressed.map((gene) => measured.genes[gene]),
    prediction: takeColumns(measured.prediction, expressed),
    baseline: takeColumns(measured.baseline, expressed),
  });
  const { block } = evaluate({ ...measured, expressed });
  assertEquals(block.error_ratio_expressed, { n_genes: 3, ...alone.block.error_ratio });
  assert(!("error_ratio_expressed" in evaluate(measured).block));
});

Deno.test("The mean baseline has an error ratio of exactly 1", () => {
  const { block } = evaluate({ ...measured, prediction: measured.baseline });
  assertEquals([block.error_ratio.mean, block.error_ratio.ci_lower, block.error_ratio.ci_upper], [1, 1, 1]);
  assertEquals(block.metrics, block.baseline);
});

for (const [what, columns] of [["linear", centeredMetricColumns], ["other", metricColumns]] as const) {
  Deno.test(`Means of the metrics table of ${what} scripts are the summary's, empty cells left out`, () => {
    const { block, perPerturbation } = evaluate(measured);
    const { header, rows } = metricsTable(perPerturbation, measured.perturbations, columns, "id");
    const table = parseCsvTable(new TextEncoder().encode(encodeCsv(header, rows)), "metrics.csv");
    assertEquals(table.header.slice(0, columns.length + 1), ["id", ...columns.map(([name]) => name)]);
    assertEquals(table.header.slice(-3), ["error_ratio", "n_cells", "fold"]);
    const mean = (name: string) => {
      const cells = table.rows.map((row) => row[table.header.indexOf(name)]).filter((cell) => cell !== "");
      return cells.reduce((sum, cell) => sum + Number(cell), 0) / cells.length;
    };
    assertAlmostEquals(mean("centered_pearson"), block.metrics.pearson, tolerance);
    assertAlmostEquals(mean("baseline_centered_pearson"), block.baseline.pearson, tolerance);
    assertAlmostEquals(mean("l2_loss"), block.metrics.l2, tolerance);
    assertAlmostEquals(mean("baseline_l2_loss"), block.baseline.l2, tolerance);
    assertAlmostEquals(mean("error_ratio"), block.error_ratio.mean, tolerance);
    const width = header.length;
    assertEquals(table.rows[4], ["P4", ...Array(width - 3).fill(""), "0", "1"]); // nothing measured
    assertEquals(table.rows[7].slice(0, 2), ["P7", ""]); // r over one gene
    assertEquals(table.rows[7].slice(-2), ["1", "1"]);
  });
}

Deno.test("evaluate() judges the rows and genes that the folds predict, and no others", () => {
  const truth = [[1, 2, 4], [2, 1, 0], [5, 6, 1]];
  const prediction = [[1, 3, null], [null, null, null], [null, 6, 2]];
  const { block, perPerturbation } = evaluate(input(truth, prediction, truth, {
    folds: [
      { train: Int32Array.of(2), test: Int32Array.of(0), genes: [0, 1] },
      { train: Int32Array.of(0), test: Int32Array.of(2), genes: [1, 2] },
    ],
  }));
  assertEquals(block.non_finite_predictions, 0);
  assertEquals(block.n_evaluated, 2);
  assertEquals([...perPerturbation.foldOf], [0, -1, 1]);
  assertEquals([...perPerturbation.model.cells], [2, 0, 2]);
  assertEquals([...perPerturbation.baseline.cells], [2, 0, 2]);
  assertEquals([...perPerturbation.model.mse], [0.5, NaN, 0.5]);
});

Deno.test("A few predictions that are not finite are counted in a warning; the baseline is over all measured cells", async () => {
  const rows = 21, columns = 10;
  const truth = Array.from({ length: rows }, (_, i) => Array.from({ length: columns }, (_, j) => i * j % 7));
  const baseline = truth.map((row) => row.map((_, j) => j === 3 ? 1000 : 2));
  const prediction = truth.map((row, i) =>
    row.map((value, j) => j === 3 && i < 2 ? [NaN, Infinity][i] : value)
  );
  const { result: { block, perPerturbation }, lines } = await captured(() =>
    evaluate(input(truth, prediction, baseline))
  );
  assertEquals(lines, [
    "[warn] 2 of 210 measured cells (0.952%) are predicted as NaN or infinity, in 2 perturbations (P0, P1) " +
    "and 1 gene (G3): left out of the model's metrics, but not of the mean baseline's.",
  ]);
  assertEquals(block.non_finite_predictions, 2);
  assertEquals(block.metrics.mse, 0);
  assertEquals(perPerturbation.baseline.cells[0], 10);
  assertEquals(perPerturbation.baseline.mae[0], (1000 + 9 * 2) / 10);
});

Deno.test("Predictions that are not finite in more than 1% of the cells, or in a whole perturbation, are an error", () => {
  const truth = Array.from({ length: 30 }, (_, i) => [i, 2 * i, 1, 4, 5, 6]);
  const oneGene = truth.map((row) => row.with(1, NaN));
  const error = assertThrows(() => evaluate(input(truth, oneGene, truth)), DataError);
  assertStringIncludes(
    error.message,
    "Cannot evaluate the predictions: 30 of 180 measured cells (16.7%) are predicted as NaN or infinity, " +
      "in 30 perturbations (P0, P1, P2, P3, P4, ...) and 1 gene (G1)",
  );
  const sparse = Array.from({ length: 200 }, (_, i) => i === 8 ? [NaN, 2, NaN] : [1, 2, 3]);
  assertThrows(
    () => evaluate(input(sparse, sparse.with(8, [0, Infinity, 0]), sparse, { advice: "use less" })),
    DataError,
    "1 perturbation (P8) has no finite prediction at all (use less)",
  );
});
