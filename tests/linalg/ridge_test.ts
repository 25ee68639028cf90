import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { readNpy } from "../../lib/io/npy.ts";
import { type Matrix, transposed } from "../../lib/linalg/matrix.ts";
import { multiplyTransposed, toFloat64 } from "../../lib/linalg/products.ts";
import { RidgeProblem, RidgeRegression } from "../../lib/linalg/ridge.ts";
import { dense, ridgeInverse, toMl } from "../support/dense.ts";
import { golden, testWith } from "../support/golden.ts";

async function matrix(path: string): Promise<Matrix<Float64Array>> {
  const { data, shape } = await readNpy(path);
  return { data: Float64Array.from(data as Float64Array), rows: shape[0], columns: shape[1] };
}

for (
  const [name, tolerance] of [["f64_k8", 1e-9], ["f64_k64_n40", 1e-9], ["f32_k8", 1e-5], [
    "f32_k64_n40",
    1e-5,
  ]] as const
) {
  testWith(
    golden("classical/unit/ridge"),
    `two RidgeRegressions agree with NumPy's ridge on both sides on ${name}`,
    async (folder) => {
      const load = (what: string) => matrix(`${folder}/${name}_${what}.npy`);
      const [G, Y, P, test, w, predictions] = await Promise.all(
        ["gene", "y_train", "tf_train", "tf_test", "w", "pred"].map(load),
      );
      const facts: { lambda: number } = JSON.parse(await Deno.readTextFile(`${folder}/${name}.json`));
      const means = new Float64Array(Y.rows), centred = toFloat64(Y);
      for (let i = 0; i < Y.rows; i++) {
        for (let j = 0; j < Y.columns; j++) means[i] += Y.data[i * Y.columns + j] / Y.columns;
        for (let j = 0; j < Y.columns; j++) centred.data[i * Y.columns + j] -= means[i];
      }
      const A = new RidgeRegression(G, facts.lambda).solve(transposed(centred));
      const W = transposed(new RidgeRegression(P, facts.lambda).solve(A));
      const size = w.data.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
      // W itself is ten times more sensitive than predictions to the float32 rounding of G'G and P'P in the reference.
      w.data.forEach((value, i) => assertAlmostEquals(W.data[i], value, 10 * tolerance * size));
      const ours = multiplyTransposed(multiplyTransposed(G, transposed(W)), test);
      predictions.data.forEach((value, i) => {
        const [sample, gene] = [Math.floor(i / G.rows), i % G.rows]; // stored tests x genes
        assertAlmostEquals(ours.data[gene * test.rows + sample] + means[gene], value, 2 * tolerance);
      });
    },
  );
}

let state = 7;
const random = () => (state = (Math.imul(state, 1103515245) + 12345) >>> 0) / 2 ** 32 - 0.5;
/** Columns that shrink by `ratio` each: the more dependent, the smaller. */
const graded = (rows: number, columns: number, ratio: number) =>
  dense(rows, columns, (_, j) => random() * ratio ** j);
const twice = (A: Matrix<Float64Array>) =>
  dense(2 * A.rows, A.columns, (i, j) => A.data[(i >> 1) * A.columns + j]);
const sum = dense(40, 3, random);

const systems: Record<string, Matrix<Float64Array>> = {
  "a tall matrix": dense(40, 9, random),
  "a wide matrix": dense(9, 40, random),
  "columns of very different size": graded(40, 9, 0.02),
  "rows of very different size": transposed(graded(40, 9, 0.02)),
  "every row twice": twice(dense(5, 30, random)),
  "a column that is the sum of two": dense(
    40,
    4,
    (i, j) => j < 3 ? sum.data[3 * i + j] : sum.data[3 * i] + sum.data[3 * i + 1],
  ),
  "a column of zeros": dense(40, 3, (_, j) => j === 1 ? 0 : random()),
  "a matrix of zeros": dense(5, 3, () => 0),
  "counts of a million, few of them distinct": dense(
    30,
    8,
    (i, j) => Math.round(1e6 * Math.sin(1 + i % 3 + j)),
  ),
  "no column": dense(5, 0, random),
};

for (const [name, B] of Object.entries(systems)) {
  Deno.test(`RidgeRegression on ${name} fits as its singular values say, with any ridge`, () => {
    for (const lambda of [0, 1e-14, 1e-12, 1e-10, 1e-8, 1e-6, 1e-3, 0.1, 1, 1e6]) {
      const Y = dense(6, B.rows, random), X = new RidgeRegression(B, lambda).solve(Y);
      assertEquals([X.rows, X.columns], [B.columns, 6]);
      if (B.columns === 0) continue;
      const expected = ridgeInverse(B, lambda).transpose().mmul(toMl(Y).transpose());
      // What B x itself is rounded to adds to that.
      const tolerance = 1e-9 + 1e-15 * expected.norm("max");
      const fits = toMl(B).mmul(expected), ours = multiplyTransposed(B, transposed(X));
      ours.data.forEach((value, at) =>
        assertAlmostEquals(value, fits.get(Math.floor(at / 6), at % 6), tolerance, `ridge ${lambda}`)
      );
    }
  });
}

for (const [rows, columns] of [[9, 4], [4, 9], [6, 6]]) {
  Deno.test(`smoother() of ${rows} x ${columns} gives what the solution predicts, by rows, columns and singular values`, () => {
    const B = dense(rows, columns, (i, j) => Math.sin(3 * i * i + 7 * j * j + i * j) * 1e3),
      Y = dense(3, rows, (i, j) => Math.cos(i + 5 * j));
    const points = dense(5, columns, (i, j) => Math.sin(i * j + 1)), problem = new RidgeProblem(B);
    for (const lambda of [0, 1e-3, 1, 1e9]) {
      const ridge = new RidgeRegression(problem, lambda), H = ridge.smoother(points);
      const expected = multiplyTransposed(points, transposed(ridge.solve(Y))),
        ours = multiplyTransposed(H, Y);
      // Predictions are about 1e-3, as B is about 1e3.
      expected.data.forEach((value, at) => assertAlmostEquals(ours.data[at], value, 1e-12));
    }
  });
}

Deno.test("RidgeRegression without a ridge takes the shortest solution, and counts what it left out", () => {
  const B = dense(3, 4, (i, j) => [[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 2, 0]][i][j]);
  const regression = new RidgeRegression(B, 0);
  assertEquals(regression.dropped, 1);
  const X = regression.solve(dense(1, 3, (_, j) => [1, 3, 4][j]));
  [1, 1, 2, 0].forEach((value, i) => assertAlmostEquals(X.data[i], value, 1e-14));
});

Deno.test("RidgeRegression keeps its digits where squares overflow or vanish", () => {
  for (const size of [1e-200, 1e-30, 1e35, 1e200]) {
    const B = dense(4, 2, (i, j) => size * [[1, 2], [3, 5], [8, 1], [2, 2]][i][j]);
    const X = new RidgeRegression(B, 0).solve(dense(1, 4, (i, j) => size * [3, 8, 9, 4][j + i]));
    for (const value of X.data) assertAlmostEquals(value, 1, 1e-14);
  }
  const nothing = new RidgeRegression(dense(2, 2, () => 1e-300), 1).solve(dense(1, 2, () => 1));
  assert(nothing.data.every((value) => Math.abs(value) < 1e-290));
});

Deno.test("RidgeRegression refuses a negative lambda, and what is not finite", () => {
  const ones = dense(2, 2, () => 1);
  assertThrows(() => new RidgeRegression(ones, -1), RangeError, "lambda is -1");
  assertThrows(() => new RidgeRegression(dense(2, 2, () => NaN), 1), RangeError, "not finite");
});
