/** Both linear models against the plain formulas, fold by fold, without what they share between folds. */
import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { type Matrix, transposed } from "../../lib/linalg/matrix.ts";
import { takeRows } from "../../lib/linalg/matrix.ts";
import { multiplyTransposed, toFloat64 } from "../../lib/linalg/products.ts";
import { linearNtEmbed } from "../../lib/models/linear_nt_embed.ts";
import { linearPca } from "../../lib/models/linear_pca.ts";
import { EmbeddingRidge } from "../../lib/models/lel_embed.ts";
import { PcaRidge } from "../../lib/models/lel_pca.ts";
import { ModelStream } from "../../lib/random/model_stream.ts";
import { type Fold, kFold } from "../../lib/dataset/kfold.ts";
import type { FoldPredictor, LoadedFold, SavedTensor } from "../../lib/experiment/model.ts";
import type { Tensors } from "../../lib/experiment/part.ts";
import { dense, ridgeBothSides, svd } from "../support/dense.ts";

const perturbations = 24, genes = 50;

function normal(label: string, rows: number, columns: number): Matrix {
  return { data: new ModelStream(7, label).fillNormal(new Float32Array(rows * columns)), rows, columns };
}

/** Mean profile of `rows`, and their profiles without it as genes x rows. */
function centred(values: Matrix, rows: Int32Array): { mean: Float64Array; Y: Matrix<Float64Array> } {
  const mean = new Float64Array(genes), Y = transposed(toFloat64(takeRows(values, rows)));
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

function assertClose(actual: ArrayLike<number>, expected: Float64Array, tolerance = 2e-6): void {
  assertEquals(actual.length, expected.length);
  for (let i = 0; i < expected.length; i++) assertAlmostEquals(actual[i], expected[i], tolerance);
}

/** G of the plain formula: the first principal components of Y with genes as samples. */
function componentsOf(Y: Matrix<Float64Array>, count: number): Matrix<Float64Array> {
  const means = new Float64Array(Y.columns);
  for (let at = 0; at < Y.data.length; at++) means[at % Y.columns] += Y.data[at] / Y.rows;
  const X = dense(Y.rows, Y.columns, (i, j) => Y.data[i * Y.columns + j] - means[j]), { U, values } = svd(X);
  const rank = values.filter((value) => value > 1e-12 * values[0]).length;
  return dense(Y.rows, Math.min(count, rank), (i, c) => U.get(i, c) * values[c]);
}

/** Predictions of the plain formula for the rows of a fold that have a read-out gene, by row. */
function plainPca(values: Matrix, ownGene: Int32Array, { train, test }: Fold, count: number, lambda: number) {
  const { mean, Y } = centred(values, train), G = componentsOf(Y, count);
  if (G.columns === 0) return new Map<number, Float64Array>();
  const mapped = Int32Array.from(train.keys()).filter((i) => ownGene[train[i]] >= 0);
  const own = (rows: Int32Array) => float64Rows(G, rows.map((row) => ownGene[row]));
  const W = ridgeBothSides(G, columns(Y, mapped), own(mapped.map((i) => train[i])), lambda);
  const known = test.filter((row) => ownGene[row] >= 0);
  return new Map([...known].map((row) => [row, plainPrediction(G, W, own(Int32Array.of(row)), mean)]));
}

async function comparePca(values: Matrix, count: number, lambda: number, tolerance: number): Promise<void> {
  const ownGene = Int32Array.from({ length: values.rows }, (_, p) => p % 5 === 0 ? -1 : 2 * p);
  const folds = kFold(values.rows, 3, 1),
    model = new PcaRidge(values, ownGene, { components: count, lambda }, folds);
  const alone = new PcaRidge(values, ownGene, { components: count, lambda });
  for (const fold of folds) {
    const expected = plainPca(values, ownGene, fold, count, lambda), { mean } = centred(values, fold.train);
    const fitted = await model.fit(fold), ours = fitted.predict(fold.test);
    assertEquals((await alone.fit(fold)).predict(fold.test), ours);
    const again = linearPca.load(loaded(fitted.tensors(), genes)) as FoldPredictor;
    const saved = again.predict({ kind: "gene_id", ownGene }, [...fold.test]) as Matrix;
    fold.test.forEach((row, i) => {
      const profile = expected.get(row) ?? mean;
      assertClose(ours.data.subarray(i * genes, (i + 1) * genes), profile, tolerance);
      assertClose(saved.data.subarray(i * genes, (i + 1) * genes), profile, tolerance);
    });
  }
}

/** A fold's tensors as they are read back. */
function loaded(tensors: Tensors, genes: number): LoadedFold {
  const read = [...tensors].map(([name, { shape, data }]): [string, SavedTensor] => [name, {
    shape,
    data: Float32Array.from(data as Float64Array),
    ...(data instanceof Float64Array && { doubles: data }),
  }]);
  return {
    path: "fold_0.safetensors",
    tensors: new Map(read),
    genes,
    folder: null,
    device: () => Promise.reject(new Error("no device is needed")),
    batchSize: 1,
  };
}

for (const [components, lambda] of [[5, 0.1], [1, 3], [100, 0.5], [5, 0], [100, 0]]) {
  Deno.test(`PcaRidge is the plain formula, for ${components} components and a ridge of ${lambda}`, async () => {
    await comparePca(normal("values", perturbations, genes), components, lambda, 2e-6);
  });
}

/** As float32 stores them: a few profiles in many mixtures. */
const mixtures = (rank: number, round: (x: number) => number) => {
  const weights = normal("weights", perturbations, rank), profiles = normal("profiles", rank, genes);
  const product = multiplyTransposed(toFloat64(weights), transposed(profiles));
  return { ...product, data: Float32Array.from(product.data, round) };
};
const replicates = (size: number) => {
  const profiles = normal("profiles", 4, genes);
  return {
    data: Float32Array.from(
      { length: perturbations * genes },
      (_, at) => Math.round(size * profiles.data[(Math.floor(at / genes) % 4) * genes + at % genes]),
    ),
    rows: perturbations,
    columns: genes,
  };
};
const scaledBy = (factor: number) => {
  const { data, rows, columns } = normal("values", perturbations, genes);
  return { data: data.map((value) => factor * value), rows, columns };
};

// Components whose singular values are rounding of float32 stay exact: their squares are beyond a Gram matrix.
const delicate: Record<string, { values: Matrix; size: number; lambdas: number[] }> = {
  "profiles of rank 2 up to float32": {
    values: mixtures(2, (x) => x),
    size: 3,
    lambdas: [1e-12, 1e-11, 1e-10, 1e-9, 1e-8, 1e-3, 0.1],
  },
  "counts of a million with 4 distinct profiles": {
    values: replicates(1e6),
    size: 1e6,
    lambdas: [0, 1e-12, 1e-9, 0.1, 1],
  },
  "profiles that are all the same": {
    values: {
      ...normal("values", perturbations, genes),
      data: new Float32Array(perturbations * genes).fill(3),
    },
    size: 3,
    lambdas: [0, 0.1],
  },
  "values near the end of float32": { values: scaledBy(1e35), size: 1e36, lambdas: [0, 1e-12, 0.1] },
  "values near zero": { values: scaledBy(1e-30), size: 1e-30, lambdas: [0, 1e-70, 0.1] },
};
for (const [name, { values, size, lambdas }] of Object.entries(delicate)) {
  Deno.test(`PcaRidge is the plain formula on ${name}, with any ridge`, async () => {
    for (const lambda of lambdas) await comparePca(values, 10, lambda, 2e-7 * size);
  });
}

Deno.test("PcaRidge says where there are fewer components than were asked for", async () => {
  const ownGene = Int32Array.from({ length: perturbations }, (_, p) => p);
  const [fold] = kFold(perturbations, 3, 1);
  const { note } = await new PcaRidge(replicates(1000), ownGene, { components: 10, lambda: 0.1 }).fit(fold);
  assertEquals(note, "16 training perturbations, 3 components (of 10: the training profiles have rank 3)");
});

// Above and below the number of training rows, and with rows and columns that depend on others.
for (const width of [3, 16, 40]) {
  for (const kind of ["independent", "dependent"]) {
    Deno.test(`EmbeddingRidge is the plain formula, for ${kind} TF embeddings of ${width} columns and any ridge`, () => {
      const values = normal("values", perturbations, genes), G = normal("genes", genes, 6);
      const P = normal("tfs", perturbations, width);
      if (kind === "dependent") {
        for (let row = 1; row < perturbations; row += 2) {
          P.data.copyWithin(row * width, (row - 1) * width, row * width);
        }
        for (let row = 0; row < perturbations; row++) P.data[row * width + 1] = 2 * P.data[row * width];
        for (let row = 0; row < genes; row++) G.data[row * 6 + 5] = 0;
      }
      for (const lambda of [0, 1e-14, 1e-12, 1e-10, 1e-7, 0.1, 10]) {
        const model = new EmbeddingRidge(values, G, P, lambda);
        for (const fold of kFold(perturbations, 3, 1)) {
          const { mean, Y } = centred(values, fold.train);
          const W = ridgeBothSides(G, Y, takeRows(P, fold.train), lambda);
          const fitted = model.fit(fold),
            again = linearNtEmbed.load(loaded(fitted.tensors(), genes)) as FoldPredictor;
          for (const rows of [fold.test, fold.train]) {
            const expected = plainPrediction(toFloat64(G), W, toFloat64(takeRows(P, rows)), mean);
            const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 1);
            assertClose(fitted.predict(rows).data, expected, 2e-7 * largest);
            const saved = again.predict({ kind: "embedding", values: P }, [...rows]) as Matrix;
            assertClose(saved.data, expected, 2e-7 * largest);
          }
        }
      }
    });
  }
}

Deno.test("EmbeddingRidge takes embeddings in float64 as they are", () => {
  const values = normal("values", perturbations, genes), G = normal("genes", genes, 6);
  const P = toFloat64(normal("tfs", perturbations, 3));
  const large = { ...P, data: P.data.map((value) => value * 1e60) };
  const [fold] = kFold(perturbations, 3, 1);
  const [plain, scaled] = [P, large].map((tfs) =>
    new EmbeddingRidge(values, G, tfs, 0).fit(fold).predict(fold.test)
  );
  assertClose(scaled.data, Float64Array.from(plain.data), 1e-6);
});

Deno.test("PcaRidge predicts the mean where fewer than two training perturbations are mapped", async () => {
  const values = normal("values", perturbations, genes);
  const [fold] = kFold(perturbations, 3, 1), ownGene = new Int32Array(perturbations).fill(-1);
  ownGene[fold.train[0]] = 3;
  const fitted = await new PcaRidge(values, ownGene, { components: 5, lambda: 0.1 }).fit(fold);
  assert(fitted.mappedTrainingRows < 2);
  assertClose(fitted.predict(fold.train.subarray(0, 1)).data, centred(values, fold.train).mean);
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
