/** Scores against those of public implementations on small arrays (tests/fixtures/comparison/make_scores.py). */
import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import type { Aligned } from "../../lib/comparison/aligned.ts";
import { foldScores } from "../../lib/comparison/distance_scores.ts";
import { FoldScorer } from "../../lib/comparison/fold_scorer.ts";
import { foldReference } from "../../lib/comparison/reference.ts";
import { truthOrders } from "../../lib/comparison/row_scores.ts";
import { scoreModel } from "../../lib/comparison/score_model.ts";
import { takeRows, zeros } from "../../lib/linalg/matrix.ts";
import { ModelStream } from "../../lib/random/model_stream.ts";
import fixture from "../fixtures/comparison/scores.json" with { type: "json" };

const rows = fixture.fold.length, columns = fixture.genes;

function matrix(values: readonly (number | null)[]) {
  return { data: Float32Array.from(values, (value) => value ?? NaN), rows, columns };
}

function aligned(truth: readonly (number | null)[]): Aligned {
  const values = matrix(truth), foldOf = Int32Array.from(fixture.fold);
  return {
    perturbations: fixture.fold.map((_, i) => `TF${i}`),
    genes: Array.from({ length: columns }, (_, i) => `G${i}`),
    truth: values,
    foldOf,
    folds: 3,
    reference: foldReference(values, foldOf, 3),
    ownGene: Int32Array.from(fixture.own),
    significant: Uint8Array.from(fixture.marks),
  };
}

type Cells = readonly (number | null)[];
const truths: Record<string, Cells> = fixture.truths;

/** @param prediction its cells; or the mean of the training rows, or zero */
async function scoresOf(truth: Cells, prediction: Cells | "mean" | "zero") {
  const data = aligned(truth), { reference, foldOf } = data;
  const known = prediction === "mean"
    ? takeRows(reference, foldOf)
    : prediction === "zero"
    ? zeros(rows, columns)
    : matrix(prediction);
  using folds = new FoldScorer();
  return await scoreModel(data, truthOrders(data), known, folds);
}

for (const { name, truth, prediction, scores } of fixture.cases) {
  Deno.test(`all metrics equal those of cell-eval, Systema, PerturBench, SciPy and scikit-learn: ${name}`, async () => {
    const found = await scoresOf(truths[truth], prediction ?? (name as "mean" | "zero"));
    assertEquals(Object.keys(found).sort(), Object.keys(scores).sort());
    for (const [metric, expected] of Object.entries(scores)) {
      (expected as (number | null)[]).forEach((value, row) => {
        const ours = found[metric][row], place = `${metric} of row ${row}: ${ours} and ${value}`;
        if (value === null) assert(Number.isNaN(ours), place);
        else assertAlmostEquals(ours, value, 1e-6, place); // the file has nine digits
      });
    }
  });
}

Deno.test("the truth scores what is best of every metric, and knows all significant genes' signs", async () => {
  const found = await scoresOf(truths.whole, truths.whole);
  const expected: Record<string, number> = { rank: 0, error_ratio: 0, rmse: 0, mae: 0, mse: 0, l2: 0 };
  for (const [metric, values] of Object.entries(found)) {
    const best = expected[metric.replace("_own_gene_out", "")] ?? 1;
    // Significance of the fixture is drawn: the size of the truth does not tell it.
    if (/^de_au/.test(metric)) continue;
    for (const value of values) if (!Number.isNaN(value)) assertAlmostEquals(value, best, 1e-12, metric);
  }
});

Deno.test("the mean baseline has error ratio 1, centroid accuracy 0.5 and no Pearson delta", async () => {
  const found = await scoresOf(truths.whole, "mean"),
    mean = (values: Float64Array) => values.reduce((sum, value) => sum + value, 0) / values.length;
  assertEquals([...new Set(found.error_ratio)], [1]);
  assertAlmostEquals(mean(found.centroid_accuracy), 0.5, 1e-15); // rounding of the sum
  assertEquals(found.rank.map((value) => value * 4), new Float64Array(rows).fill(1.5)); // three ties count half each
  assert(found.pearson_delta.every(Number.isNaN) && found.pearson_delta_top20.every(Number.isNaN));
});

Deno.test("folds of many pairs are scored on threads, to the same numbers", async () => {
  const random = new ModelStream(4, "large fold"), size = { rows: 70, columns: 130 };
  const draw = () => ({ ...size, data: random.fillNormal(new Float32Array(size.rows * size.columns), 0, 1) });
  const fold = {
    truth: draw(),
    prediction: draw(),
    ownGene: Int32Array.from({ length: 70 }, (_, i) => i - 5),
  };
  const expected = foldScores(fold);
  using folds = new FoldScorer(1000);
  const copies = Array.from({ length: 6 }, () => structuredClone(fold)); // more than there are threads
  for (const found of await Promise.all(copies.map((copy) => folds.score(copy)))) {
    assertEquals(found, expected);
  }
});
