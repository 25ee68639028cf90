import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { kFold } from "../../lib/dataset/kfold.ts";
import { type Matrix, transposed } from "../../lib/linalg/matrix.ts";
import { multiplyTransposed } from "../../lib/linalg/products.ts";
import { profileComponents } from "../../lib/models/profile_components.ts";
import { ModelStream } from "../../lib/random/model_stream.ts";
import { dense, svd } from "../support/dense.ts";

/** Noise around a shared profile, and `rank` larger effects. */
function profiles(perturbations: number, genes: number, rank: number): Matrix {
  const normal = (label: string, rows: number, columns: number) => ({
    data: new ModelStream(3, label).fillNormal(new Float32Array(rows * columns)),
    rows,
    columns,
  });
  const effects = multiplyTransposed(
    normal("weights", perturbations, rank),
    transposed(normal("effects", rank, genes)),
  );
  const noise = normal("noise", perturbations, genes).data, shared = normal("shared", 1, genes).data;
  const data = Float32Array.from(
    noise,
    (value, at) => 5 * shared[at % genes] + effects.data[at] + 0.1 * value,
  );
  return { data, rows: perturbations, columns: genes };
}

/** Training profiles as genes x rows, centred by gene, then by row. */
function centred({ data, columns }: Matrix, rows: Int32Array): Matrix<Float64Array> {
  const X = dense(columns, rows.length, (g, i) => data[rows[i] * columns + g]);
  for (let g = 0; g < columns; g++) {
    const gene = X.data.subarray(g * rows.length, (g + 1) * rows.length);
    const mean = gene.reduce((sum, value) => sum + value, 0) / gene.length;
    for (let i = 0; i < gene.length; i++) gene[i] -= mean;
  }
  const means = new Float64Array(rows.length);
  X.data.forEach((value, at) => means[at % rows.length] += value / columns);
  return { ...X, data: X.data.map((value, at) => value - means[at % rows.length]) };
}

// 1,100 perturbations are more than a Gram matrix is made of.
for (const [perturbations, genes, count] of [[40, 90, 5], [90, 40, 5], [1100, 30, 6], [20, 12, 50]]) {
  Deno.test(`profileComponents() of ${perturbations} x ${genes} are the singular vectors of each fold, on one thread or two`, async () => {
    const values = profiles(perturbations, genes, 4),
      folds = kFold(perturbations, 4, 1).map(({ train }) => train);
    const found = await profileComponents(values, folds, count, 1);
    assertEquals(await profileComponents(values, folds, count, 2), found);
    for (const [f, rows] of folds.entries()) {
      const X = centred(values, rows), { U, V, values: expected } = svd(X), own = found[f];
      const rank = expected.filter((value) => value > 1e-12 * expected[0]).length;
      assertEquals(own.values.length, Math.min(count, rank));
      own.values.forEach((value, c) => {
        assertAlmostEquals(value, expected[c], 1e-12 * expected[0]);
        const loadings = own.loadings.data.subarray(c * rows.length, (c + 1) * rows.length);
        const scores = own.scores.data.subarray(c * genes, (c + 1) * genes);
        const sign = Math.sign(loadings.reduce((sum, x, i) => sum + x * V.get(i, c), 0));
        loadings.forEach((x, i) => assertAlmostEquals(x, sign * V.get(i, c), 1e-10));
        scores.forEach((x, g) => assertAlmostEquals(x, sign * value * U.get(g, c), 1e-10 * expected[0]));
      });
    }
  });
}

Deno.test("profileComponents() are the same whatever is added to all values of a gene", async () => {
  const values = profiles(30, 50, 3),
    lifted = { ...values, data: values.data.map((x) => Math.round(x * 1024) / 1024) };
  const raised = { ...lifted, data: lifted.data.map((x, at) => x + 4096 * (1 + at % 50 % 3)) };
  const [rows] = kFold(30, 5, 1).map(({ train }) => train);
  const [[plain], [high]] = [
    await profileComponents(lifted, [rows], 5),
    await profileComponents(raised, [rows], 5),
  ];
  assert(plain.values.length === 5);
  high.values.forEach((value, c) => assertAlmostEquals(value, plain.values[c], 1e-10));
});
