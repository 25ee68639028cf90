/** Penalties, pruning, few bins, odd weights, sums that round: tests/fixtures/boosting, solved by XGBoost 1.7.4 and 3.2. */
import { assertEquals } from "@std/assert";
import older from "../fixtures/boosting/xgboost_1_7_4.json" with { type: "json" };
import newer from "../fixtures/boosting/xgboost_3_2.json" with { type: "json" };
import type { TreeMethod } from "../../lib/boosting/parameters.ts";
import { fit } from "./support.ts";

const floats = (values: (number | null)[]) => Float32Array.from(values, (value) => value ?? NaN);

/** XGBoost's names, as the fixture has them. */
interface Settings {
  tree_method: string;
  n_estimators: number;
  base_score: number;
  reg_alpha?: number;
  reg_lambda?: number;
  gamma?: number;
  min_child_weight?: number;
  max_bin?: number;
  max_depth?: number;
}

for (const { version, ...problem } of [older, newer].flatMap(casesOf)) {
  Deno.test(`trees are XGBoost ${version}'s to the last bit: ${problem.name}`, () => {
    const { rows, features } = problem;
    const settings: Settings = problem.settings;
    const x = (values: (number | null)[]) => {
      const data = floats(values);
      return { data, rows: data.length / features, columns: features };
    };
    for (const search of ["auto", "any"] as const) {
      const { train, test, trees } = fit(
        {
          train: x(problem.x_train),
          test: x(problem.x_test),
          targets: floats(problem.y_train),
          weights: problem.weights && floats(problem.weights),
        },
        {
          treeMethod: settings.tree_method as TreeMethod,
          rounds: settings.n_estimators,
          baseScore: settings.base_score,
          alpha: settings.reg_alpha ?? 0,
          lambda: settings.reg_lambda ?? 1,
          gamma: settings.gamma ?? 0,
          minChildWeight: settings.min_child_weight ?? 1,
          maxBin: settings.max_bin ?? 256,
          maxDepth: settings.max_depth ?? 6,
        },
        search,
      );
      assertEquals(train.length, rows);
      assertEquals(trees!.map((tree) => tree.left.length), problem.nodes);
      assertEquals(
        trees!.map((tree) => tree.feature.filter((feature) => feature < 0).length),
        problem.deleted,
      );
      assertEquals(train, floats(problem.pred_train), "training predictions");
      assertEquals(test, floats(problem.pred_test), "test predictions");
    }
  });
}

function casesOf({ xgboost: version, cases }: typeof older | typeof newer) {
  return cases.map((problem) => ({ version, ...problem }));
}
