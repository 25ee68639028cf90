/** The kernel against XGBoost 1.7.4: every split, every leaf, every prediction, to the last bit. */
import { assertEquals } from "@std/assert";
import { predict, type Tree } from "../../lib/boosting/tree.ts";
import { encodeModel } from "../../lib/boosting/model_json.ts";
import { parseModel } from "../../lib/boosting/read_model.ts";
import { golden, testWith } from "../support/golden.ts";
import { fit, goldenCase } from "./support.ts";

const cases = [
  "real_small",
  "real_small_weights01",
  "real_small_weights",
  "real_301x64",
  "ties",
  "constant_features",
  "missing",
  "constant_target",
  "one_row",
  "two_rows",
  "zero_weights",
];

for (const name of cases) {
  const folder = golden(`classical/unit/xgboost/${name}`);

  testWith(folder, `trees are XGBoost's on ${name}, in every variant`, async (folder) => {
    const { problem, variants } = await goldenCase(folder);
    for (const { name: variant, settings, nodes, trainPredictions, testPredictions, model } of variants) {
      for (const search of ["auto", "any"] as const) {
        const { train, test, trees } = fit(problem, settings, search);
        const label = `${variant} (${search})`;
        assertEquals(trees!.reduce((sum, tree) => sum + tree.left.length, 0), nodes, `${label}: nodes`);
        assertEquals(train, trainPredictions, `${label}: training predictions`);
        assertEquals(test, testPredictions, `${label}: test predictions`);
        if (model === null) continue;
        const theirs = parseModel(await Deno.readTextFile(model), model);
        theirs.trees.forEach((tree, i) => assertSameTree(trees![i], tree, `${label}, tree ${i}`));
      }
    }
  });

  testWith(
    folder,
    `predict() from XGBoost's model file gives XGBoost's predictions on ${name}`,
    async (folder) => {
      const { problem, variants } = await goldenCase(folder);
      for (const { model: path, testPredictions, trainPredictions, name: variant } of variants) {
        if (path === null) continue;
        const model = parseModel(await Deno.readTextFile(path), path);
        assertEquals(predict(model, problem.test), testPredictions, variant);
        assertEquals(predict(model, problem.train), trainPredictions, variant);
        assertEquals(parseModel(encodeModel(model), "copy"), model, `${variant} written and read again`);
      }
    },
  );
}

/** Equal in all that decides a prediction, and in the gains of splits. */
function assertSameTree(ours: Tree, theirs: Tree, label: string): void {
  assertEquals(ours.left, theirs.left, `${label}: left children`);
  assertEquals(ours.right, theirs.right, `${label}: right children`);
  assertEquals(ours.condition, theirs.condition, `${label}: thresholds and leaf values`);
  assertEquals(ours.sumHessian, theirs.sumHessian, `${label}: hessian sums`);
  for (let node = 0; node < ours.left.length; node++) {
    if (ours.left[node] < 0) continue;
    assertEquals(ours.feature[node], theirs.feature[node], `${label}: feature of node ${node}`);
    assertEquals(ours.defaultLeft[node], theirs.defaultLeft[node], `${label}: default of node ${node}`);
    assertEquals(ours.lossChange[node], theirs.lossChange[node], `${label}: gain of node ${node}`);
    assertEquals(ours.baseWeight[node], theirs.baseWeight[node], `${label}: weight of node ${node}`);
  }
}
