import { assertAlmostEquals, assertThrows } from "@std/assert";
import { ResidentMatrix } from "../../lib/linalg/resident_matrix.ts";
import {
  gramOfRows,
  multiplyTransposed,
  multiplyTransposedOnto,
  multiplyVector,
} from "../../lib/linalg/products.ts";
import { transposed } from "../../lib/linalg/matrix.ts";

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

Deno.test("multiplyTransposedOnto() adds the products to a row and rounds once", () => {
  for (const [m, n, k] of [[1, 1, 0], [4, 3, 2], [64, 241, 257]]) {
    const A = matrix(m, k), B = matrix(n, k, 2), start = matrix(1, n, 3).data;
    const products = multiplyTransposed(A, B).data, sums = multiplyTransposedOnto(start, A, B);
    // Half a unit in the last place of a float32 below 256, and what sums in another order differ by.
    sums.data.forEach((sum, at) => assertAlmostEquals(sum, start[at % n] + products[at], 7.7e-6));
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

Deno.test("multiplyVector() equals the product with a matrix of one column", () => {
  for (const [rows, columns] of [[1, 1], [4, 3], [7, 9], [5, 0]]) {
    const A = matrix(rows, columns), x = matrix(1, columns, 3), expected = multiplyTransposed(A, x);
    multiplyVector(A, x.data).forEach((value, i) => assertAlmostEquals(value, expected.data[i], 1e-14));
  }
});

Deno.test("ResidentMatrix multiplies any number of vectors from either side", () => {
  for (const [rows, columns] of [[1, 1], [5, 7], [4, 6], [33, 258]]) {
    const A = matrix(rows, columns);
    const resident = new ResidentMatrix(
      rows,
      columns,
      (i, row) => row.set(A.data.subarray(i * columns, (i + 1) * columns)),
    );
    for (const count of [0, 1, 3, 5, 6, 7, 13]) {
      const some = (length: number) => Array.from({ length: count }, (_, f) => matrix(1, length, f).data);
      resident.multiply(some(columns)).forEach((product, f) =>
        multiplyVector(A, some(columns)[f]).forEach((x, i) => assertAlmostEquals(product[i], x, 1e-12))
      );
      resident.combineRows(some(rows)).forEach((product, f) =>
        multiplyVector(transposed(A), some(rows)[f]).forEach((x, i) =>
          assertAlmostEquals(product[i], x, 1e-12)
        )
      );
    }
    const gram = gramOfRows(resident.matrix);
    gramOfRows(A).data.forEach((value, at) => assertAlmostEquals(gram.data[at], value, 1e-12));
  }
});
