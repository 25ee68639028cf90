/** XGBoost's JSON model files: what is written, and what is refused and how. */
import { assertEquals, assertThrows } from "@std/assert";
import { DataError } from "../../lib/cli/errors.ts";
import { featureImportance } from "../../lib/boosting/importance.ts";
import { forestOf, joinForests } from "../../lib/boosting/forest.ts";
import { encodeModel } from "../../lib/boosting/model_json.ts";
import { parseModel } from "../../lib/boosting/read_model.ts";
import { type BoostedModel, constantModel, predict } from "../../lib/boosting/tree.ts";
import { fit, randomProblem } from "./support.ts";

const problem = randomProblem(1, { rows: 50, features: 4, missing: 0.1 });

function smallModel(gamma = 0): BoostedModel {
  const { baseScore, trees } = fit(problem, { rounds: 5, maxDepth: 3, gamma });
  return { baseScore, features: 4, trees: trees! };
}

Deno.test("a model written and read again is the same, pruned nodes and all", () => {
  for (const gamma of [0, 0.3]) {
    const model = smallModel(gamma);
    const copy = parseModel(encodeModel(model), "model.json");
    assertEquals(predict(copy, problem.test), predict(model, problem.test));
    assertEquals(encodeModel(copy), encodeModel(model));
  }
});

Deno.test("numbers are written so that XGBoost's reader takes them for floats, shortest first", () => {
  const model = { ...constantModel(-0, 2, 1), baseScore: 2 };
  const text = encodeModel(model);
  assertEquals(/"base_score":"(.*?)"/.exec(text)?.[1], "2E0");
  assertEquals(/"base_weights":\[(.*?)\]/.exec(text)?.[1], "0E0");
  const tenth = encodeModel({ ...model, baseScore: Math.fround(0.1) });
  assertEquals(/"base_score":"(.*?)"/.exec(tenth)?.[1], "0.1");
});

Deno.test("parseModel() refuses a file that is cut off, and tells how far it goes", () => {
  const text = encodeModel(smallModel());
  for (const length of [1, 100, text.length >> 1, text.length - 1]) {
    const cut = text.slice(0, length).replace(/\}+$/, "");
    assertThrows(
      () => parseModel(cut, "cut.json"),
      DataError,
      `Cannot read model "cut.json": it is cut off after ${cut.length} characters`,
    );
  }
});

Deno.test("parseModel() refuses other formats, boosters and objectives by name", () => {
  const text = encodeModel(smallModel());
  const refuse = (from: string | RegExp, to: string, message: string) =>
    assertThrows(() => parseModel(text.replace(from, to), "m.json"), DataError, message);
  refuse('"version":[1,7,4]', '"version":[9,0,0]', "its format version is [9,0,0], expected 1, 2 or 3");
  refuse(',"version":[1,7,4]', "", "it has no version");
  refuse('"name":"gbtree"', '"name":"dart"', 'its booster is "dart", expected gbtree');
  refuse('"reg:squarederror"', '"binary:logistic"', 'its objective is "binary:logistic"');
  refuse('"num_class":"0"', '"num_class":"3"', "classifier of several classes");
  refuse('"num_target":"1"', '"num_target":"7"', "it has 7 outputs, expected one");
  refuse('"num_trees":"5"', '"num_trees":"6"', "it should hold 6 trees, but holds 5");
  refuse(/"split_indices":\[\d+/, '"split_indices":[99', "splits node 0 on feature 99, the model has 4");
  refuse(/"left_children":\[1/, '"left_children":[0', "tree 0 has node 0 with children 0 and 2");
  refuse(/"default_left":\[\d,/, '"default_left":[', "default_left, but has");
  refuse('"split_type":[0', '"split_type":[1', "categorical splits");
  assertThrows(() => parseModel("{}", "m.json"), DataError, "it has no version");
  assertThrows(() => parseModel("{1, 2}", "m.json"), DataError, "it is not JSON");
  const binary = new TextEncoder().encode("binf\0\0\0?");
  assertThrows(() => parseModel(binary, "m.model"), DataError, "it is neither JSON nor UBJSON");
  assertThrows(() => parseModel(new Uint8Array(0), "m.ubj"), DataError, "it is neither JSON nor UBJSON");
});

Deno.test("parseModel() takes what later versions write: lists of base scores, true and false", () => {
  const model = smallModel();
  const text = encodeModel(model).replace('"version":[1,7,4]', '"version":[3,0,2]')
    .replace(/"base_score":"(.*?)"/, '"base_score":"[$1]"')
    .replaceAll(
      /"default_left":\[(.*?)\]/g,
      (_, list: string) => `"default_left":[${list.split(",").map((left) => left === "1").join(",")}]`,
    );
  assertEquals(predict(parseModel(text, "m.json"), problem.test), predict(model, problem.test));
});

Deno.test("predict() refuses rows of another width", () => {
  const narrow = { data: new Float32Array(3), rows: 1, columns: 3 };
  assertThrows(() => predict(smallModel(), narrow), RangeError, "takes 4 features, x has 3 columns");
});

Deno.test("importances count splits, their mean gain and the mean hessian of their rows", () => {
  const model = smallModel();
  const splits = model.trees.flatMap((tree) =>
    [...tree.left.keys()].filter((node) => tree.left[node] >= 0).map((node) => ({
      feature: tree.feature[node],
      gain: tree.lossChange[node],
      cover: tree.sumHessian[node],
    }))
  );
  for (const type of ["weight", "gain", "cover"] as const) {
    const importance = featureImportance(model, type);
    for (let feature = 0; feature < 4; feature++) {
      const own = splits.filter((split) => split.feature === feature);
      const mean = (key: "gain" | "cover") =>
        own.reduce((sum, split) => sum + split[key], 0) / (own.length || 1);
      assertEquals(importance[feature], type === "weight" ? own.length : Math.fround(mean(type)), type);
    }
  }
});

Deno.test("a forest predicts what its models predict", () => {
  const models = [smallModel(), smallModel(0.3), constantModel(0.25, 4, 5)];
  const forest = joinForests(models.map(forestOf));
  let root = 0;
  models.forEach((model, output) => {
    const predictions = new Float32Array(problem.test.rows).fill(forest.baseScore[output]);
    for (let round = 0; round < 5; round++) {
      predictions.forEach((_, row) => {
        let node = root;
        while (forest.feature[node] >= 0) {
          const value = problem.test.data[row * 4 + forest.feature[node]];
          const left = Number.isNaN(value) ? forest.defaultLeft[node] === 1 : value < forest.value[node];
          node = root + (left ? forest.left[node] : forest.right[node]);
        }
        predictions[row] += forest.value[node];
      });
      root += forest.treeSizes[output * 5 + round];
    }
    assertEquals(predictions, predict(model, problem.test));
  });
});
