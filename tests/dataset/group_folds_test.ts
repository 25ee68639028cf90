import { assert, assertEquals } from "@std/assert";
import { groupKFold, shuffledGroupKFold, stratifiedGroupKFold } from "../../lib/dataset/group_folds.ts";
import type { Fold } from "../../lib/dataset/kfold.ts";
import fixture from "../fixtures/baselines/group_folds.json" with { type: "json" };

const cases = fixture.cases.map((one) => ({
  ...one,
  groups: Int32Array.from(one.groups),
  strata: Int32Array.from(one.strata),
}));
const tests = (folds: Fold[]) => folds.map(({ test }) => [...test]);

Deno.test("groupKFold() gives scikit-learn's GroupKFold, index for index", () => {
  assert(cases.length > 20);
  for (const { groups, n_splits, balanced } of cases) {
    assertEquals(tests(groupKFold(groups, n_splits)), balanced);
  }
});

Deno.test("shuffledGroupKFold() gives scikit-learn's GroupKFold(shuffle=True), index for index", () => {
  for (const { groups, n_splits, seed, shuffled } of cases) {
    assertEquals(tests(shuffledGroupKFold(groups, n_splits, seed)), shuffled);
  }
});

Deno.test("stratifiedGroupKFold() gives scikit-learn's StratifiedGroupKFold, index for index, shuffled or not", () => {
  for (const { groups, strata, n_splits, seed, stratified, stratified_shuffled } of cases) {
    assertEquals(tests(stratifiedGroupKFold(groups, strata, n_splits, null)), stratified);
    assertEquals(tests(stratifiedGroupKFold(groups, strata, n_splits, seed)), stratified_shuffled);
  }
});

Deno.test("folds of groups train on all other rows", () => {
  for (const { groups, n_splits } of cases) {
    for (const { train, test } of groupKFold(groups, n_splits)) {
      assertEquals([...train, ...test].sort((a, b) => a - b), [...groups.keys()]);
      const tested = new Set(Array.from(test, (row) => groups[row]));
      assert(train.every((row) => !tested.has(groups[row])));
    }
  }
});
