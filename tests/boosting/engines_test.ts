/** Many outputs at once: on any number of threads, and against the real XGBoost. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { DataError, UsageError } from "../../lib/cli/errors.ts";
import { openCpuTrees } from "../../lib/boosting/cpu_engine.ts";
import type { FitTask, FittedOutput, TreeEngine } from "../../lib/boosting/engine.ts";
import { openMlXgboost } from "../../lib/boosting/ml_xgboost_engine.ts";
import { openTreeEngine } from "../../lib/boosting/open_engine.ts";
import { type BoostingParameters, defaultParameters } from "../../lib/boosting/parameters.ts";
import { prepareData } from "../../lib/boosting/prepared_data.ts";
import { randomMatrix, uniforms } from "./support.ts";

function manyOutputs(seed: number, outputs: number, settings: Partial<BoostingParameters> = {}): FitTask {
  const next = uniforms(seed);
  const rows = 10 + Math.floor(next() * 60), features = 2 + Math.floor(next() * 8);
  const parameters = { ...defaultParameters, rounds: 10, ...settings };
  const train = randomMatrix(rows, features, next), test = randomMatrix(12, features, next);
  const targets = randomMatrix(rows, outputs, next);
  const data = prepareData(train, test, null, parameters);
  return { data, parameters, targets, wanted: { models: false, importance: null } };
}

async function fitAll(engine: TreeEngine, task: FitTask): Promise<FittedOutput[]> {
  const fitted: FittedOutput[] = [];
  await engine.fit(task, (output) => {
    assert(!(output.output in fitted), `output ${output.output} came twice`);
    fitted[output.output] = output;
  });
  assertEquals(Object.keys(fitted).length, task.targets.columns);
  return fitted;
}

Deno.test("one, two and three threads give the same bytes, models included", async () => {
  const task = {
    ...manyOutputs(1, 40, { subsample: 0.8, colsampleByTree: 0.8 }),
    wanted: { models: true, importance: "gain" as const },
  };
  const expected = await fitAll(openCpuTrees(1), task);
  for (const threads of [2, 3]) {
    const engine = openCpuTrees(threads);
    try {
      assertEquals(await fitAll(engine, task), expected);
    } finally {
      await engine.close();
    }
  }
});

Deno.test("trees are the real XGBoost's on 200 random problems", async () => {
  const real = openMlXgboost(2), ours = openCpuTrees(1);
  try {
    let worst = 0;
    for (let i = 0; i < 40; i++) {
      const settings = {
        maxDepth: 2 + i % 5,
        lambda: [1, 0.2, 5][i % 3],
        minChildWeight: [1, 1, 4][i % 3],
        learningRate: i % 2 ? 0.3 : 0.7,
        baseScore: i % 4 === 3 ? "mean" as const : 0.5,
      };
      const task = manyOutputs(100 + i, 5, settings);
      const [theirs, mine] = [await fitAll(real, task), await fitAll(ours, task)];
      theirs.forEach(({ test }, output) =>
        test.forEach((value, row) => {
          worst = Math.max(worst, Math.abs(value - mine[output].test[row]));
        })
      );
    }
    assert(worst < 5e-6, `predictions differ by up to ${worst}`);
  } finally {
    await real.close();
  }
});

Deno.test("ml-xgboost leaves out rows of weight 0, and says what it cannot do", async () => {
  const engine = openMlXgboost(1);
  try {
    const task = manyOutputs(7, 3);
    const half = task.data.weights.map((_, row) => row % 2);
    const weighted = { ...task, data: { ...task.data, weights: half } };
    const [theirs, mine] = [await fitAll(engine, weighted), await fitAll(openCpuTrees(1), weighted)];
    theirs.forEach(({ test }, output) => {
      const close = test.filter((value, row) => Math.abs(value - mine[output].test[row]) < 1e-5);
      assert(close.length >= test.length / 2, "thresholds differ by the left-out rows only");
    });
    const run = (changes: Partial<FitTask>) => fitAll(engine, { ...task, ...changes });
    await assertRejects(
      () => run({ wanted: { models: true, importance: null } }),
      UsageError,
      "only predicts",
    );
    const real = { ...task.data, weights: half.map((weight) => weight + 0.5) };
    await assertRejects(() => run({ data: real }), UsageError, "no sample weights other than 0 and 1");
    const minusOne = { ...task.data, columns: task.data.columns.map((value, i) => i === 0 ? -1 : value) };
    await assertRejects(() => run({ data: minusOne }), DataError, "reads the value -1");
  } finally {
    await engine.close();
  }
});

Deno.test("--n-jobs 0 is refused, -1 takes every core", async () => {
  await assertRejects(() => openTreeEngine("cpu", 0), UsageError, "--n-jobs 0");
  const engine = await openTreeEngine("auto", -1);
  const threads = navigator.hardwareConcurrency;
  assertEquals(engine.description, `CPU, ${threads} ${threads === 1 ? "thread" : "threads"}`);
  await engine.close();
});
