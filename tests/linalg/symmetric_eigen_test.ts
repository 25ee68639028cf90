import { assert, assertAlmostEquals, assertThrows } from "@std/assert";
import { largestEigenpairs } from "../../lib/linalg/symmetric_eigen.ts";

function symmetric(size: number, element: (i: number, j: number) => number) {
  const data = new Float64Array(size * size);
  for (let i = 0; i < size; i++) {
    for (let j = 0; j <= i; j++) data[i * size + j] = data[j * size + i] = element(i, j);
  }
  return { data, rows: size, columns: size };
}

let state = 1;
const random = () => (state = (Math.imul(state, 1103515245) + 12345) >>> 0) / 2 ** 32 - 0.5;

const matrices: Record<string, ReturnType<typeof symmetric>> = {
  "a random matrix": symmetric(37, random),
  "one element": symmetric(1, () => 3),
  "the zero matrix": symmetric(12, () => 0),
  "the identity": symmetric(25, (i, j) => i === j ? 1 : 0),
  "a matrix of ones": symmetric(30, () => 1),
  "three equal eigenvalues and a large null space": symmetric(60, (i, j) => i % 3 === j % 3 ? 2 : 0),
  "Wilkinson's W21+, whose eigenvalues pair up": symmetric(
    21,
    (i, j) => i === j ? Math.abs(i - 10) : i === j + 1 ? 1 : 0,
  ),
  "elements near the smallest number": symmetric(8, () => 1e-300 * random()),
};

for (const [name, A] of Object.entries(matrices)) {
  Deno.test(`largestEigenpairs() solves ${name}: small residuals, orthogonal vectors, descending values`, () => {
    const n = A.rows, { values, vectors } = largestEigenpairs(A, n);
    const largest = A.data.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    for (let a = 0; a < n; a++) {
      const v = vectors.data.subarray(a * n, (a + 1) * n);
      for (let i = 0; i < n; i++) {
        let Av = 0;
        for (let j = 0; j < n; j++) Av += A.data[i * n + j] * v[j];
        assertAlmostEquals(Av, values[a] * v[i], 1e-14 * n * largest);
      }
      for (let b = 0; b <= a; b++) {
        let dot = 0;
        for (let j = 0; j < n; j++) dot += v[j] * vectors.data[b * n + j];
        assertAlmostEquals(dot, a === b ? 1 : 0, 1e-13);
      }
      assert(a === 0 || values[a] <= values[a - 1]);
    }
  });
}

Deno.test("largestEigenpairs() of a few pairs gives the same as of all", () => {
  const A = matrices["a random matrix"], all = largestEigenpairs(A, 37), few = largestEigenpairs(A, 4);
  few.values.forEach((value, i) => assertAlmostEquals(value, all.values[i], 1e-14));
  few.vectors.data.forEach((value, i) => assertAlmostEquals(value, all.vectors.data[i], 1e-12));
});

Deno.test("largestEigenpairs() refuses NaN", () => {
  assertThrows(() => largestEigenpairs(symmetric(5, () => NaN), 2), RangeError, "not finite");
});
