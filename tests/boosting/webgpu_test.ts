/** The GPU's trees against the CPU's: the same splits, values up to float32 rounding. A software adapter will do. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { openCpuTrees } from "../../lib/boosting/cpu_engine.ts";
import type { FitTask, TreeEngine } from "../../lib/boosting/engine.ts";
import { type BoostingParameters, defaultParameters } from "../../lib/boosting/parameters.ts";
import { prepareData } from "../../lib/boosting/prepared_data.ts";
import { openWebGpuTrees } from "../../lib/boosting/webgpu_engine.ts";
import { UsageError } from "../../lib/cli/errors.ts";
import { webGpuTest } from "../support/webgpu.ts";
import { randomProblem } from "./support.ts";

interface Size {
  readonly rows: number;
  readonly features: number;
  readonly outputs: number;
  readonly step?: number;
}

function taskOf(
  seed: number,
  { rows, features, outputs, step }: Size,
  settings: Partial<BoostingParameters>,
): FitTask {
  const parameters = { ...defaultParameters, rounds: 8, ...settings };
  const problems = Array.from(
    { length: outputs },
    (_, i) => randomProblem(seed + i, { rows, features, step }),
  );
  const { train, test } = problems[0];
  const targets = { data: new Float32Array(rows * outputs), rows, columns: outputs };
  problems.forEach((problem, output) =>
    problem.targets.forEach((value, row) => targets.data[row * outputs + output] = value)
  );
  const data = prepareData(train, test, null, parameters);
  return { data, parameters, targets, wanted: { models: false, importance: null } };
}

async function predictions(engine: TreeEngine, task: FitTask): Promise<Float32Array[]> {
  const test: Float32Array[] = [];
  await engine.fit(task, (fitted) => test[fitted.output] = fitted.test);
  return test;
}

const cases: [string, Size, Partial<BoostingParameters>][] = [
  ["one stump", { rows: 20, features: 1, outputs: 1 }, { rounds: 1, maxDepth: 1 }],
  ["two rows", { rows: 2, features: 3, outputs: 2 }, {}],
  ["one row", { rows: 1, features: 3, outputs: 2 }, {}],
  ["default depth", { rows: 90, features: 9, outputs: 5 }, {}],
  ["more features than a workgroup", { rows: 40, features: 130, outputs: 3 }, {}],
  ["ties", { rows: 80, features: 6, outputs: 4, step: 0.5 }, {}],
  ["deep trees of large leaves", { rows: 150, features: 5, outputs: 2 }, { maxDepth: 9, minChildWeight: 4 }],
  ["other penalties", { rows: 60, features: 5, outputs: 3 }, {
    lambda: 0.1,
    learningRate: 0.9,
    baseScore: "mean",
  }],
];

for (const [name, size, settings] of cases) {
  webGpuTest(`the GPU grows the CPU's trees: ${name}`, async () => {
    const gpu = await openWebGpuTrees();
    try {
      const task = taskOf(1, size, settings);
      const [ours, expected] = [await predictions(gpu, task), await predictions(openCpuTrees(1), task)];
      assertEquals(ours.length, size.outputs);
      ours.forEach((values, output) => {
        const far = values.filter((value, row) => !(Math.abs(value - expected[output][row]) < 1e-5));
        assertEquals(far.length, 0, `output ${output}: ${far.length} of ${values.length} predictions differ`);
      });
    } finally {
      await gpu.close();
    }
  });
}

webGpuTest("batches of any size give the same predictions", async () => {
  const task = taskOf(2, { rows: 50, features: 6, outputs: 7 }, {});
  const results: Float32Array[][] = [];
  for (const largestBatch of [1, 3, 512]) {
    const gpu = await openWebGpuTrees({ largestBatch });
    results.push(await predictions(gpu, task));
    await gpu.close();
  }
  assertEquals(results[0], results[2]);
  assertEquals(results[1], results[2]);
});

webGpuTest("rows of weight 0 teach the GPU nothing", async () => {
  const gpu = await openWebGpuTrees();
  try {
    const task = taskOf(3, { rows: 60, features: 5, outputs: 2 }, {});
    const weights = task.data.weights.map((_, row) => row % 3 === 0 ? 0 : 1);
    const wild = task.targets.data.map((value, i) => Math.floor(i / 2) % 3 === 0 ? 1000 : value);
    const weighted = { ...task, data: { ...task.data, weights }, targets: { ...task.targets, data: wild } };
    for (const values of await predictions(gpu, weighted)) {
      assert(values.every((value) => Math.abs(value) < 10), `predictions up to ${Math.max(...values)}`);
    }
  } finally {
    await gpu.close();
  }
});

webGpuTest("what the GPU cannot do is refused by name", async () => {
  const gpu = await openWebGpuTrees();
  try {
    const refused: [Partial<BoostingParameters>, string][] = [
      [{ treeMethod: "hist" }, "only has the exact tree method"],
      [{ alpha: 1 }, "no L1 penalty"],
      [{ subsample: 0.5 }, "draws no samples"],
      [{ maxDepth: 11 }, "at most 10 levels"],
    ];
    for (const [settings, message] of refused) {
      const task = taskOf(4, { rows: 20, features: 3, outputs: 1 }, settings);
      await assertRejects(() => predictions(gpu, task), UsageError, message);
    }
    const task = taskOf(4, { rows: 20, features: 3, outputs: 1 }, {});
    await assertRejects(
      () => predictions(gpu, { ...task, wanted: { models: true, importance: null } }),
      UsageError,
      "saves no models",
    );
  } finally {
    await gpu.close();
  }
});
