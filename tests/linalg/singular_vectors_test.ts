import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { readNpy } from "../../lib/io/npy.ts";
import { type Matrix, transposed } from "../../lib/linalg/matrix.ts";
import { multiplyVector } from "../../lib/linalg/products.ts";
import { largestSingularVectors } from "../../lib/linalg/singular_vectors.ts";
import { dense, svd } from "../support/dense.ts";
import { golden, testWith } from "../support/golden.ts";

function search(A: Matrix<Float64Array>, count: number) {
  const At = transposed(A), steps = largestSingularVectors(A.rows, A.columns, count);
  let next = steps.next(), products = 0;
  for (; !next.done; products++) {
    next = steps.next(multiplyVector(next.value.transposed ? At : A, next.value.x));
  }
  return { ...next.value, products };
}

let state = 1;
const random = () => (state = (Math.imul(state, 1103515245) + 12345) >>> 0) / 2 ** 32 - 0.5;

const diagonal = (...values: number[]) => (i: number, j: number) => i === j ? values[i] ?? 1 / (2 + i) : 0;
const matrices: Record<string, Matrix<Float64Array>> = {
  "a tall matrix": dense(60, 24, random),
  "a wide matrix": dense(24, 60, random),
  "one element": dense(1, 1, () => 3),
  "one column": dense(9, 1, random),
  "a matrix of zeros": dense(10, 7, () => 0),
  "a matrix of ones": dense(20, 12, () => 1),
  "the identity": dense(20, 20, (i, j) => i === j ? 1 : 0),
  "values that occur twice and more": dense(100, 80, diagonal(5, 5, 5, 4, 4, 3, 3, 3, 2, 2, 2, 2)),
  "values that fall by a power of ten each": dense(40, 30, (_, j) => random() * 10 ** -j),
  "numbers near the end of the range of squares": dense(20, 10, () => 1e140 * random()),
};

for (const [name, A] of Object.entries(matrices)) {
  for (const count of [1, 5, 100]) {
    Deno.test(`largestSingularVectors() finds ${count} of ${name}: values of ml-matrix, residuals, orthogonality`, () => {
      const { values, left, right } = search(A, count), expected = svd(A).values, largest = expected[0] || 1;
      const most = Math.min(count, A.rows, A.columns), zero = 100 * Number.EPSILON * largest;
      for (let i = 0; i < most; i++) assertAlmostEquals(values[i] ?? 0, expected[i], zero);
      assertEquals([left.rows, right.rows], [values.length, values.length]);
      const At = transposed(A), zeros = 1e-13 * largest;
      values.forEach((value, i) => {
        assert(value > 0 && (i === 0 || value <= values[i - 1]));
        const u = left.data.subarray(i * A.rows, (i + 1) * A.rows);
        const v = right.data.subarray(i * A.columns, (i + 1) * A.columns);
        multiplyVector(A, v).forEach((x, j) => assertAlmostEquals(x, value * u[j], zeros));
        multiplyVector(At, u).forEach((x, j) => assertAlmostEquals(x, value * v[j], zeros));
        // Vectors of values near zero are only as orthogonal as these are known.
        const tolerance = 1e-13 + 1e-15 * largest / value;
        multiplyVector(left, u).forEach((x, j) => j > i || assertAlmostEquals(x, i === j ? 1 : 0, tolerance));
        multiplyVector(right, v).forEach((x, j) =>
          j > i || assertAlmostEquals(x, i === j ? 1 : 0, tolerance)
        );
      });
    });
  }
}

Deno.test("largestSingularVectors() of a few needs far fewer products than there are columns", () => {
  const A = dense(600, 500, (i, j) => random() + (i % 4 === j % 4 ? 1 : 0));
  const { values, products } = search(A, 4);
  assertEquals(values.length, 4);
  assert(products < 400, `${products} products`);
});

// Relative to the largest singular value: 1e-5 where the reference was computed in float32, 1e-10 in float64.
for (
  const [name, tolerance] of [["f32_full", 1e-5], ["f32_k10", 1e-5], ["f64_k10", 1e-10], [
    "wide_k5",
    1e-5,
  ]] as const
) {
  testWith(
    golden("classical/unit/pca"),
    `largestSingularVectors() of centred columns are scikit-learn's principal components on ${name}`,
    async (folder) => {
      const x = await readNpy(`${folder}/${name}_x.npy`),
        scores = await readNpy(`${folder}/${name}_scores.npy`);
      const expected = scores.data as Float64Array, [rows, count] = scores.shape;
      const facts: { singular_values: number[] } = JSON.parse(
        await Deno.readTextFile(`${folder}/${name}.json`),
      );
      const found = search(centred(x.data as Float64Array, x.shape[0], x.shape[1]), count);
      const largest = facts.singular_values[0];
      for (let j = 0; j < count; j++) {
        const value = found.values[j] ?? 0;
        assertAlmostEquals(value, facts.singular_values[j], tolerance * largest);
        if (value === 0) continue;
        const u = found.left.data.subarray(j * rows, (j + 1) * rows);
        const same = Math.sign(u.reduce((sum, score, i) => sum + score * expected[i * count + j], 0));
        u.forEach((score, i) =>
          assertAlmostEquals(same * value * score, expected[i * count + j], tolerance * largest)
        );
      }
    },
  );
}

function centred(data: ArrayLike<number>, rows: number, columns: number): Matrix<Float64Array> {
  const means = new Float64Array(columns);
  for (let at = 0; at < rows * columns; at++) means[at % columns] += data[at] / rows;
  return dense(rows, columns, (i, j) => data[i * columns + j] - means[j]);
}
