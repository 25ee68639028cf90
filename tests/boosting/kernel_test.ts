/** What holds for the kernel on data of every kind, beyond the reference cases. */
import { assert, assertAlmostEquals, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { DataError, UsageError } from "../../lib/cli/errors.ts";
import type { Fit } from "../../lib/boosting/kernel.ts";
import {
  type BoostingParameters,
  checkParameters,
  defaultParameters,
} from "../../lib/boosting/parameters.ts";
import { prepareData } from "../../lib/boosting/prepared_data.ts";
import { predict } from "../../lib/boosting/tree.ts";
import { fit, type ProblemShape, randomProblem } from "./support.ts";

const shapes: [string, ProblemShape, Partial<BoostingParameters>][] = [
  ["few rows", { rows: 9, features: 3 }, {}],
  ["a column count that fills no lane group", { rows: 60, features: 7 }, {}],
  ["301 rows", { rows: 301, features: 12 }, { rounds: 40 }],
  ["1,000 rows", { rows: 1000, features: 6 }, { rounds: 10 }],
  ["ties", { rows: 90, features: 6, step: 0.5 }, {}],
  ["two values a column", { rows: 80, features: 9, step: 1 }, {}],
  ["weights of 0 and 1", { rows: 70, features: 6, weights: "zero-one" }, {}],
  ["weights of 0 and 1 among ties", { rows: 90, features: 5, step: 0.25, weights: "zero-one" }, {}],
  ["no L2 penalty", { rows: 60, features: 6 }, { lambda: 0 }],
  ["a strong L2 penalty", { rows: 60, features: 6 }, { lambda: 25 }],
  ["larger leaves", { rows: 90, features: 6 }, { minChildWeight: 6 }],
  ["a fractional child weight", { rows: 90, features: 6 }, { minChildWeight: 2.5 }],
  ["pruning", { rows: 90, features: 6 }, { gamma: 0.02 }],
  ["deep trees", { rows: 120, features: 4 }, { maxDepth: 30, rounds: 20 }],
  ["a far base score", { rows: 60, features: 6 }, { baseScore: -300 }],
  ["row samples", { rows: 90, features: 6 }, { subsample: 0.6 }],
  ["column samples", { rows: 90, features: 9 }, {
    colsampleByTree: 0.7,
    colsampleByLevel: 0.7,
    colsampleByNode: 0.7,
  }],
];

for (const [name, shape, settings] of shapes) {
  Deno.test(`the fast search finds the plain search's splits: ${name}`, () => {
    for (let seed = 1; seed <= 3; seed++) {
      const problem = randomProblem(seed, shape);
      assertSameFit(fit(problem, settings, "auto"), fit(problem, settings, "any"), `seed ${seed}`);
    }
  });
}

Deno.test("an output that settles early is spared its searches, not its last bits", () => {
  const problem = randomProblem(4, { rows: 80, features: 6 });
  for (const scale of [1, 1e-2, 1e-3]) {
    const targets = problem.targets.map((value) => value * scale);
    const settings = { rounds: 300 };
    const fitted = fit({ ...problem, targets }, settings, "auto");
    assertSameFit(fitted, fit({ ...problem, targets }, settings, "any"), `scale ${scale}`);
    assertEquals(fitted.trees!.at(-1)!.left.length, 1, "the last tree is a leaf");
  }
});

Deno.test("fit() and predict() agree to the last bit on training and test rows", () => {
  for (const treeMethod of ["exact", "hist"] as const) {
    const problem = randomProblem(5, { rows: 60, features: 5, missing: 0.2, weights: "real" });
    const { baseScore, trees, train, test } = fit(problem, { treeMethod, gamma: 0.01 });
    const model = { baseScore, features: 5, trees: trees! };
    assertEquals(predict(model, problem.train), train);
    assertEquals(predict(model, problem.test), test);
  }
});

Deno.test("one stump is the split and the leaf weights worked out by hand", () => {
  // g = 0.5 - y: left -1.5, -1.5 and right 3.5, 3.5, 3.5; leaf = -G / (H + 1), threshold halfway.
  const problem = {
    train: { data: Float32Array.of(1, 2, 4, 5, 6), rows: 5, columns: 1 },
    test: { data: Float32Array.of(2.9, 3, NaN), rows: 3, columns: 1 },
    targets: Float32Array.of(2, 2, -3, -3, -3),
    weights: null,
  };
  const { trees, test } = fit(problem, { rounds: 1, learningRate: 1 });
  const [tree] = trees!;
  assertEquals([...tree.left, ...tree.right], [1, -1, -1, 2, -1, -1]);
  assertEquals(tree.condition[0], 3);
  assertAlmostEquals(tree.condition[1], 3 / 3, 1e-6);
  assertAlmostEquals(tree.condition[2], -10.5 / 4, 1e-6);
  const gain = 9 / 3 + 10.5 ** 2 / 4 - 7.5 ** 2 / 6;
  assertAlmostEquals(tree.lossChange[0], gain, 1e-5);
  assertEquals(test, Float32Array.of(1.5, 0.5 - 2.625, 1.5), "missing values go left where none was seen");
});

Deno.test("alpha shrinks leaf weights, and leaves those within it at 0", () => {
  const problem = randomProblem(6, { rows: 50, features: 4 });
  const none = fit(problem, { alpha: 1000 });
  assert(none.train.every((value) => value === 0.5));
  const some = fit(problem, { alpha: 2, rounds: 1 }), without = fit(problem, { rounds: 1, maxDepth: 6 });
  assert(some.trees![0].left.length < without.trees![0].left.length);
});

Deno.test("a missing value goes where the gain is larger", () => {
  const x = Float32Array.of(1, 2, 3, 4, NaN, NaN);
  const train = { data: x, rows: 6, columns: 1 };
  const test = { data: Float32Array.of(NaN), rows: 1, columns: 1 };
  const settings = { rounds: 1, maxDepth: 1, learningRate: 1, baseScore: 0 };
  const right = fit({ train, test, targets: Float32Array.of(-1, -1, 1, 1, 1, 1), weights: null }, settings);
  assertEquals(right.trees![0].defaultLeft[0], 0);
  assert(right.test[0] > 0);
  const left = fit({ train, test, targets: Float32Array.of(-1, -1, 1, 1, -1, -1), weights: null }, settings);
  assertEquals(left.trees![0].defaultLeft[0], 1);
  assert(left.test[0] < 0);
});

Deno.test("samples of rows and columns follow the seed", () => {
  const problem = randomProblem(7, { rows: 90, features: 10 });
  const settings = { subsample: 0.5, colsampleByTree: 0.5, rounds: 20 };
  const first = fit(problem, { ...settings, seed: 1 });
  assertSameFit(first, fit(problem, { ...settings, seed: 1 }), "same seed");
  assertNotEquals(first.test, fit(problem, { ...settings, seed: 2 }).test);
  for (const tree of first.trees!) {
    const used = new Set(tree.feature.filter((_, node) => tree.left[node] >= 0));
    assert(used.size <= 5, "a tree uses at most half of the features");
    assert(
      tree.sumHessian[0] > 25 && tree.sumHessian[0] < 65,
      `about half of 90 rows: ${tree.sumHessian[0]}`,
    );
  }
});

Deno.test("base score mean starts from the weighted mean of the targets", () => {
  const problem = randomProblem(8, { rows: 40, features: 3, weights: "real" });
  const { baseScore } = fit(problem, { baseScore: "mean", rounds: 1 });
  const weights = problem.weights!;
  const sum = weights.reduce((a, b) => a + b, 0);
  const mean = problem.targets.reduce((a, y, i) => a + y * weights[i], 0) / sum;
  assertAlmostEquals(baseScore, mean, 1e-6);
});

Deno.test("hist with few bins still learns, with no more thresholds than bins allow", () => {
  const problem = randomProblem(9, { rows: 300, features: 4 });
  const { trees, train } = fit(problem, { treeMethod: "hist", maxBin: 4 });
  for (let feature = 0; feature < 4; feature++) {
    const thresholds = new Set(
      trees!.flatMap((tree) =>
        [...tree.condition].filter((_, n) => tree.left[n] >= 0 && tree.feature[n] === feature)
      ),
    );
    assert(thresholds.size <= 4, `feature ${feature}: ${thresholds.size} thresholds`);
  }
  const error = train.reduce((sum, value, i) => sum + (value - problem.targets[i]) ** 2, 0) / 300;
  assert(error < 0.05, `mean squared error ${error}`);
});

Deno.test("hist without a limit of depth splits until leaves are pure", () => {
  const problem = randomProblem(10, { rows: 64, features: 4 });
  const { trees } = fit(problem, { treeMethod: "hist", maxDepth: 0, rounds: 1, lambda: 0 });
  assert(trees![0].left.length > 90, `${trees![0].left.length} nodes`);
});

Deno.test("prepareData() refuses infinite values and odd weights, and says where", () => {
  const x = randomProblem(11, { rows: 6, features: 3 }).train;
  const withInfinity = { ...x, data: x.data.map((value, i) => i === 7 ? -Infinity : value) };
  assertThrows(
    () => prepareData(withInfinity, x, null, defaultParameters),
    DataError,
    "training row 3, feature 2 is -Infinity",
  );
  assertThrows(() => prepareData(x, withInfinity, null, defaultParameters), DataError, "test row 3");
  assertThrows(
    () => prepareData(x, x, [1, 1, -2, 1, 1, 1], defaultParameters),
    DataError,
    "the weight of row 3 is -2",
  );
  assertThrows(() => prepareData(x, x, [1, NaN, 1, 1, 1, 1], defaultParameters), DataError, "row 2 is NaN");
  assertThrows(() => prepareData({ ...x, rows: 0 }, x, null, defaultParameters), RangeError, "0 rows");
});

Deno.test("checkParameters() refuses what XGBoost would refuse", () => {
  const wrong: [Partial<BoostingParameters>, string][] = [
    [{ rounds: 0 }, "number of estimators is 0"],
    [{ maxDepth: 0 }, "only possible with tree method hist"],
    [{ learningRate: NaN }, "learning rate is NaN"],
    [{ lambda: -1 }, "lambda is -1"],
    [{ subsample: 0 }, "subsample is 0"],
    [{ colsampleByNode: 1.5 }, "colsample by node is 1.5"],
    [{ maxBin: 1 }, "max bin is 1"],
    [{ baseScore: Infinity }, "Base score is Infinity"],
  ];
  for (const [settings, message] of wrong) {
    assertThrows(() => checkParameters({ ...defaultParameters, ...settings }), UsageError, message);
  }
  checkParameters({ ...defaultParameters, maxDepth: 0, treeMethod: "hist" });
});

function assertSameFit(ours: Fit, theirs: Fit, label: string): void {
  assertEquals(ours.train, theirs.train, `${label}: training predictions`);
  assertEquals(ours.test, theirs.test, `${label}: test predictions`);
  ours.trees!.forEach((tree, round) => {
    const other = theirs.trees![round];
    assertEquals(tree.left, other.left, `${label}, round ${round}: children`);
    assertEquals(tree.feature, other.feature, `${label}, round ${round}: features`);
    assertEquals(tree.condition, other.condition, `${label}, round ${round}: thresholds and leaf values`);
  });
}
