import { assertAlmostEquals, assertThrows } from "@std/assert";
import { Cholesky } from "../../lib/linalg/cholesky.ts";
import { gramOfRows, multiplyTransposed, transposed } from "../../lib/linalg/products.ts";

function matrix(rows: number, columns: number, seed = 1) {
  const data = Float64Array.from({ length: rows * columns }, (_, i) => Math.sin(seed + i * 1.7));
  return { data, rows, columns };
}

Deno.test("multiplyTransposed() and gramOfRows() equal sums of products, for sizes around those of tiles", () => {
  const sizes = [[1, 1, 1], [4, 3, 2], [3, 5, 2], [7, 9, 13], [5, 4, 0], [64, 240, 256], [65, 241, 257], [
    130,
    3,
    600,
  ]];
  for (const [m, n, k] of sizes) {
    const A = matrix(m, k), B = matrix(n, k, 2);
    const product = multiplyTransposed(A, B), gram = gramOfRows(A);
    const dot = (X: typeof A, i: number, Y: typeof A, j: number) => {
      let sum = 0;
      for (let c = 0; c < k; c++) sum += X.data[i * k + c] * Y.data[j * k + c];
      return sum;
    };
    for (let i = 0; i < m; i++) {
      for (let j = 0; j < n; j++) assertAlmostEquals(product.data[i * n + j], dot(A, i, B, j), 1e-12);
      for (let j = 0; j < m; j++) assertAlmostEquals(gram.data[i * m + j], dot(A, i, A, j), 1e-12);
    }
  }
});

Deno.test("transposed() swaps rows and columns", () => {
  const A = matrix(35, 67), T = transposed(A);
  for (let i = 0; i < 35; i++) {
    for (let j = 0; j < 67; j++) assertAlmostEquals(T.data[j * 35 + i], A.data[i * 67 + j], 0);
  }
});

Deno.test("multiplyTransposed() refuses matrices that do not fit", () => {
  assertThrows(() => multiplyTransposed(matrix(2, 3), matrix(2, 4)), RangeError, "3 columns against 4");
});

Deno.test("Cholesky solves what it factored", () => {
  const A = gramOfRows(matrix(9, 20)), X = matrix(9, 5, 3), B = multiplyTransposed(A, transposed(X));
  for (let i = 0; i < 9; i++) for (let j = 0; j < 5; j++) B.data[i * 5 + j] += 0.5 * X.data[i * 5 + j];
  const solved = new Cholesky(A, 0.5).solve(B);
  solved.data.forEach((value, i) => assertAlmostEquals(value, X.data[i], 1e-12));
});
