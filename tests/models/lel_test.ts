/** Both linear models against the plain formulas, fold by fold, without what they share between folds. */
import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import type { Matrix } from "../../lib/linalg/matrix.ts";
import { takeRows } from "../../lib/linalg/matrix.ts";
import { principalComponents } from "../../lib/linalg/pca.ts";
import { multiplyTransposed, toFloat64, transposed } from "../../lib/linalg/products.ts";
import { ridgeBothSides } from "../../lib/linalg/ridge.ts";
import { EmbeddingRidge } from "../../lib/models/lel_embed.ts";
import { PcaRidge } from "../../lib/models/lel_pca.ts";
import { ModelStream } from "../../lib/random/model_stream.ts";
import { kFold } from "../../lib/dataset/kfold.ts";

const perturbations = 24, genes = 50;

function normal(label: string, rows: number, columns: number): Matrix {
  return { data: new ModelStream(7, label).fillNormal(new Float32Array(rows * columns)), rows, columns };
}

/** Mean profile of `rows`, and their profiles without it as genes x rows. */
function centred(values: Matrix, rows: Int32Array): { mean: Float64Array; Y: Matrix<Float64Array> } {
  const mean = new Float64Array(genes), Y = transposed(takeRows(values, rows));
  for (let g = 0; g < genes; g++) {
    const profile = Y.data.subarray(g * rows.length, (g + 1) * rows.length);
    mean[g] = profile.reduce((sum, value) => sum + value, 0) / rows.length;
    for (let i = 0; i < profile.length; i++) profile[i] -= mean[g];
  }
  return { mean, Y };
}

/** G W P' + mean, rows of P by rows. */
function plainPrediction(
  G: Matrix<Float64Array>,
  W: Matrix<Float64Array>,
  P: Matrix<Float64Array>,
  mean: Float64Array,
): Float64Array {
  const product = multiplyTransposed(multiplyTransposed(P, W), G);
  return product.data.map((value, at) => value + mean[at % genes]);
}

function assertClose(actual: ArrayLike<number>, expected: Float64Array): void {
  assertEquals(actual.length, expected.length);
  for (let i = 0; i < expected.length; i++) assertAlmostEquals(actual[i], expected[i], 2e-6);
}

for (const [components, lambda] of [[5, 0.1], [1, 3], [100, 0.5]]) {
  Deno.test(`PcaRidge is the plain formula, for ${components} components and a ridge of ${lambda}`, () => {
    const values = normal("values", perturbations, genes);
    const ownGene = Int32Array.from({ length: perturbations }, (_, p) => p % 5 === 0 ? -1 : 2 * p);
    const model = new PcaRidge(values, ownGene, { components, lambda });
    for (const fold of kFold(perturbations, 3, 1)) {
      const { mean, Y } = centred(values, fold.train), count = Math.min(components, fold.train.length);
      const G = principalComponents(Y, count).scores;
      const mapped = Int32Array.from(fold.train.keys()).filter((i) => ownGene[fold.train[i]] >= 0);
      const own = (rows: Int32Array) => float64Rows(G, rows.map((row) => ownGene[row]));
      const W = ridgeBothSides(G, columns(Y, mapped), own(mapped.map((i) => fold.train[i])), lambda);
      const fitted = model.fit(fold);
      assertEquals(fitted.mappedTrainingRows, mapped.length);
      for (const row of fold.test) {
        const ours = fitted.predict(Int32Array.of(row)) as Matrix;
        if (ownGene[row] < 0) assertClose(ours.data, mean);
        else assertClose(ours.data, plainPrediction(G, W, own(Int32Array.of(row)), mean));
      }
    }
  });
}

for (const width of [3, 40]) { // below and above the number of training rows: both ways to solve
  Deno.test(`EmbeddingRidge is the plain formula, for TF embeddings of ${width} columns`, () => {
    const values = normal("values", perturbations, genes);
    const G = normal("genes", genes, 6), P = normal("tfs", perturbations, width), lambda = 0.1;
    const model = new EmbeddingRidge(values, G, P, lambda);
    for (const fold of kFold(perturbations, 3, 1)) {
      const { mean, Y } = centred(values, fold.train);
      const W = ridgeBothSides(G, Y, takeRows(P, fold.train), lambda);
      const fitted = model.fit(fold);
      for (const rows of [fold.test, fold.train]) {
        const ours = fitted.predict(rows) as Matrix;
        assertClose(ours.data, plainPrediction(toFloat64(G), W, toFloat64(takeRows(P, rows)), mean));
      }
      const saved = fitted.tensors();
      assertClose(saved.get("intercept")!.data as Float32Array, mean);
      assertClose(
        saved.get("coefficients")!.data as Float32Array,
        multiplyTransposed(toFloat64(G), transposed(W)).data,
      );
    }
  });
}

Deno.test("PcaRidge predicts the mean where fewer than two training perturbations are mapped", () => {
  const values = normal("values", perturbations, genes);
  const [fold] = kFold(perturbations, 3, 1), ownGene = new Int32Array(perturbations).fill(-1);
  ownGene[fold.train[0]] = 3;
  const fitted = new PcaRidge(values, ownGene, { components: 5, lambda: 0.1 }).fit(fold);
  assert(fitted.mappedTrainingRows < 2);
  assertClose((fitted.predict(fold.train.subarray(0, 1)) as Matrix).data, centred(values, fold.train).mean);
});

function columns(A: Matrix<Float64Array>, wanted: Int32Array): Matrix<Float64Array> {
  return transposed(float64Rows(transposed(A), wanted));
}

function float64Rows(A: Matrix<Float64Array>, rows: Int32Array): Matrix<Float64Array> {
  const data = Float64Array.from(
    [...rows].flatMap((row) => [...A.data.subarray(row * A.columns, (row + 1) * A.columns)]),
  );
  return { data, rows: rows.length, columns: A.columns };
}
