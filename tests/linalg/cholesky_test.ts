import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { CholeskyDecomposition } from "ml-matrix";
import { Cholesky } from "../../lib/linalg/cholesky.ts";
import { gramOfRows } from "../../lib/linalg/products.ts";
import { dense, toMl } from "../support/dense.ts";

const element = (i: number, j: number) => Math.sin(1 + i * 17 + j * 1.7);

Deno.test("Cholesky solves as ml-matrix does, for any number of right-hand sides", () => {
  for (const size of [1, 2, 9, 30]) {
    const A = gramOfRows(dense(size, size + 11, element)), factor = Cholesky.of(A, 0.5)!;
    const plain = toMl(A);
    for (let i = 0; i < size; i++) plain.set(i, i, plain.get(i, i) + 0.5);
    for (const count of [0, 1, 4, 6]) {
      const B = dense(count, size, element), solved = factor.solveRows(B);
      assertEquals([solved.rows, solved.columns, solved.data.length], [count, size, count * size]);
      if (count === 0) continue;
      const expected = new CholeskyDecomposition(plain).solve(toMl(B).transpose());
      solved.data.forEach((value, at) =>
        assertAlmostEquals(value, expected.get(at % size, Math.floor(at / size)), 1e-12)
      );
    }
  }
});

Deno.test("Cholesky solves as ml-matrix does where panels of columns come together", () => {
  const scattered = (i: number, j: number) => Math.sin(1 + i * i * 17 + j * j * 1.7 + i * j);
  for (const size of [128, 131, 256, 390]) {
    const A = gramOfRows(dense(size, 2 * size, scattered)), factor = Cholesky.of(A, size)!; // condition below 10
    const plain = toMl(A);
    for (let i = 0; i < size; i++) plain.set(i, i, plain.get(i, i) + size);
    const B = dense(6, size, scattered), solved = factor.solveRows(B);
    const expected = new CholeskyDecomposition(plain).solve(toMl(B).transpose());
    solved.data.forEach((value, at) =>
      assertAlmostEquals(value, expected.get(at % size, Math.floor(at / size)), 1e-14)
    );
  }
});

Deno.test("Cholesky.of() gives null for what is not positive definite, and tells how far the rest is from that", () => {
  assertEquals(Cholesky.of(dense(3, 3, () => 1)), null);
  assertEquals(Cholesky.of(dense(2, 2, (i, j) => i === j ? -1 : 0)), null);
  assertEquals(Cholesky.of(dense(2, 2, () => NaN)), null);
  const late = dense(300, 300, (i, j) => i === j ? (i === 290 ? -1 : 1) : 0);
  assertEquals(Cholesky.of(late), null);
  const nearly = Cholesky.of(dense(3, 3, () => 1), 1e-6)!;
  assert(nearly.smallestPivot > 1e-7 && nearly.smallestPivot < 1e-5);
  assertAlmostEquals(Cholesky.of(dense(3, 3, (i, j) => i === j ? 2 : 0))!.smallestPivot, 1);
});
