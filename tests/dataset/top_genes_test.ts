import { assert, assertEquals } from "@std/assert";
import { chooseGenes, topGenes } from "../../lib/dataset/top_genes.ts";
import { numpyArgsort } from "../../lib/dataset/numpy_argsort.ts";
import type { Matrix } from "../../lib/linalg/matrix.ts";
import { golden, testWith } from "../support/golden.ts";

function matrix(rows: (number | null)[][]): Matrix {
  const data = Float32Array.from(rows.flat(), (value) => value ?? NaN);
  return { data, rows: rows.length, columns: rows[0].length };
}

testWith(
  golden("classical/unit/top_genes.json"),
  "topGenes() chooses the Python's genes where nothing is missing",
  async (path) => {
    const cases: { matrix: (number | null)[][]; n_top: number; kept: number[] }[] = JSON.parse(
      await Deno.readTextFile(path),
    );
    // With missing values the Python's sort put such genes first by accident: there the measured values decide.
    const whole = cases.filter(({ matrix: rows }) =>
      rows.every((row) => row.every((value) => value !== null))
    );
    assert(whole.length > 0);
    for (const { matrix: rows, n_top, kept } of whole) assertEquals(topGenes(matrix(rows), n_top), kept);
  },
);

Deno.test("topGenes() takes means over the measured values; a gene without any ranks last", () => {
  // pandas: DataFrame.abs().mean() is 2, 3, 4, NaN, 0.
  const values = matrix([[1, null, 4, null, 0], [-3, 3, null, null, 0]]);
  assertEquals([1, 2, 3, 4].map((count) => topGenes(values, count)), [[2], [1, 2], [0, 1, 2], [0, 1, 2, 4]]);
});

Deno.test("topGenes() judges by the given rows only", () => {
  const values = matrix([[9, 0, 0], [0, 1, 3], [0, 2, 3]]);
  assertEquals(topGenes(values, 1), [0]);
  assertEquals(topGenes(values, 1, [1, 2]), [2]);
});

Deno.test("numpyArgsort() leaves equal keys in NumPy's order", () => {
  // numpy 1.24.2: np.argsort(np.full(17, np.nan)), and the last eight of np.argsort(np.full(120, np.nan))
  const few = numpyArgsort(new Float32Array(17).fill(NaN));
  assertEquals([...few], [0, 14, 13, 12, 11, 10, 9, 15, 8, 6, 5, 4, 3, 2, 1, 7, 16]);
  const many = numpyArgsort(new Float32Array(120).fill(NaN));
  assertEquals([...many.subarray(112)], [36, 35, 34, 33, 32, 31, 118, 119]);
});

Deno.test("numpyArgsort() sorts what would make quicksort slow", () => {
  const half = 500, values = new Float64Array(2 * half);
  for (let i = 1; i <= half; i++) {
    values[i - 1] = i % 2 === 1 ? i : half + i - 1;
    values[half + i - 1] = 2 * i;
  }
  const sorted = numpyArgsort(values);
  for (let i = 1; i < sorted.length; i++) assert(values[sorted[i - 1]] <= values[sorted[i]]);
});

Deno.test("chooseGenes() in strict mode keeps the union and tells each fold its own", () => {
  const values = matrix([[5, 1, 0, 0], [5, 1, 0, 0], [0, 0, 0, 4], [0, 0, 0, 4]]);
  const folds = [{ train: [0, 1] }, { train: [2, 3] }];
  assertEquals(chooseGenes(values, 1, folds, true), { columns: [0, 3], byFold: [[0], [1]] });
  assertEquals(chooseGenes(values, 1, folds, false), { columns: [0], byFold: null });
  assertEquals(chooseGenes(values, null, folds, true), { columns: [0, 1, 2, 3], byFold: null });
});
