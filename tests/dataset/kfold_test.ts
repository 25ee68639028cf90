import { assertEquals } from "@std/assert";
import { kFold } from "../../lib/dataset/kfold.ts";
import { golden, testWith } from "../support/golden.ts";

interface KFoldCase {
  n: number;
  seed: number;
  n_splits: number;
  folds: { test: number[]; n_train: number; train?: number[] }[];
}

testWith(
  golden("classical/unit/kfold.json"),
  "kFold() gives scikit-learn's folds, index for index",
  async (path) => {
    const cases: KFoldCase[] = JSON.parse(await Deno.readTextFile(path));
    assertEquals(cases.length, 12);
    for (const { n, seed, n_splits, folds } of cases) {
      const ours = kFold(n, n_splits, seed);
      assertEquals(ours.map(({ test }) => [...test]), folds.map(({ test }) => test), `n ${n}, seed ${seed}`);
      ours.forEach(({ train }, fold) => {
        assertEquals(train.length, folds[fold].n_train);
        if (folds[fold].train) assertEquals([...train], folds[fold].train);
      });
    }
  },
);

Deno.test("kFold() makes the first folds one row larger where rows do not divide evenly", () => {
  assertEquals(kFold(7, 3, 0).map(({ test }) => test.length), [3, 2, 2]);
  assertEquals(kFold(3, 3, 1).map(({ train }) => train.length), [2, 2, 2]);
});
