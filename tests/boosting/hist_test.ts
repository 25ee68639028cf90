/**
 * The hist search over a node's own rows against the search over histograms ("any"), and that one's gains of four bins
 * at a time against one at a time. Equal means equal bytes: all of them claim to be XGBoost's.
 */
import { assertEquals } from "@std/assert";
import type { Fit } from "../../lib/boosting/kernel.ts";
import type { BoostingParameters } from "../../lib/boosting/parameters.ts";
import { fit, type ProblemShape, randomProblem, uniforms } from "./support.ts";

const shapes: [string, ProblemShape, Partial<BoostingParameters>][] = [
  ["few rows", { rows: 9, features: 3 }, {}],
  ["one row", { rows: 1, features: 3 }, {}],
  ["301 rows of more values than bins", { rows: 301, features: 13 }, { rounds: 40 }],
  ["1,500 rows of more values than bins", { rows: 1500, features: 5 }, { rounds: 10 }],
  ["few bins", { rows: 90, features: 7 }, { maxBin: 13 }],
  ["ties", { rows: 90, features: 6, step: 0.25 }, {}],
  ["weights of 0 and 1", { rows: 70, features: 6, weights: "zero-one" }, {}],
  ["weights of 0 and 1 among ties", { rows: 90, features: 5, step: 0.1, weights: "zero-one" }, {}],
  ["no L2 penalty", { rows: 60, features: 6 }, { lambda: 0 }],
  ["a strong L2 penalty", { rows: 60, features: 6 }, { lambda: 25 }],
  ["larger leaves", { rows: 90, features: 6 }, { minChildWeight: 6 }],
  ["no least child weight", { rows: 90, features: 6, step: 0.1 }, { minChildWeight: 0 }],
  ["no least child weight, weights of 0 and 1", { rows: 70, features: 4, weights: "zero-one" }, {
    minChildWeight: 0,
    lambda: 0,
  }],
  ["a fractional child weight", { rows: 90, features: 6 }, { minChildWeight: 2.5 }],
  ["least gains", { rows: 90, features: 6 }, { gamma: 0.02 }],
  ["no limit of depth", { rows: 120, features: 4 }, { maxDepth: 0, rounds: 20 }],
  ["a far base score", { rows: 60, features: 6 }, { baseScore: -300 }],
  ["row samples", { rows: 90, features: 6 }, { subsample: 0.6 }],
  ["column samples", { rows: 90, features: 9 }, {
    colsampleByTree: 0.7,
    colsampleByLevel: 0.7,
    colsampleByNode: 0.7,
  }],
];

for (const [name, shape, settings] of shapes) {
  Deno.test(`hist finds the same splits over a node's rows as over histograms: ${name}`, () => {
    for (let seed = 1; seed <= 3; seed++) {
      const problem = randomProblem(seed, shape);
      const hist = { ...settings, treeMethod: "hist" as const };
      assertSameFit(fit(problem, hist, "auto"), fit(problem, hist, "any"), `seed ${seed}`);
    }
  });
}

Deno.test("hist with outputs that settle early: spared searches cost no last bit", () => {
  const problem = randomProblem(4, { rows: 80, features: 6 });
  const settings = { treeMethod: "hist", rounds: 300 } as const;
  for (const scale of [1, 1e-2, 1e-3]) {
    const scaled = { ...problem, targets: problem.targets.map((value) => value * scale) };
    assertSameFit(fit(scaled, settings, "auto"), fit(scaled, settings, "any"), `scale ${scale}`);
  }
});

Deno.test("hist adds as XGBoost adds where sums of gradients round", () => {
  // Gradients of 1e5 beside others of 1e-12: float64 cannot hold their sums, so the order of additions shows.
  for (let seed = 1; seed <= 20; seed++) {
    const next = uniforms(seed);
    const problem = randomProblem(seed, { rows: 60, features: 8, step: 0.25 });
    const targets = problem.targets.map(() => (next() - 0.5) * (next() < 0.1 ? 1e5 : 1e-12));
    const settings = { treeMethod: "hist", rounds: 20, baseScore: 0 } as const;
    const wide = { ...problem, targets };
    assertSameFit(fit(wide, settings, "auto"), fit(wide, settings, "any"), `seed ${seed}`);
  }
});

Deno.test("hist with a child weight of next to nothing is hist without one, four bins at a time or one", () => {
  const others: Partial<BoostingParameters>[] = [
    {},
    { alpha: 0.3 },
    { maxBin: 11 },
    { lambda: 0.5, gamma: 0.01 },
    { colsampleByNode: 0.5, subsample: 0.7 },
  ];
  for (const other of others) {
    for (const weights of [undefined, "real"] as const) {
      const problem = randomProblem(5, { rows: 150, features: 9, missing: 0.2, step: 0.05, weights });
      const settings = { ...other, treeMethod: "hist" as const, rounds: 30 };
      const four = fit(problem, { ...settings, minChildWeight: 1e-30 });
      const one = fit(problem, { ...settings, minChildWeight: 0 });
      assertSameFit(four, one, JSON.stringify({ ...other, weights }));
    }
  }
});

function assertSameFit(ours: Fit, theirs: Fit, label: string): void {
  assertEquals(ours.train, theirs.train, `${label}: training predictions`);
  assertEquals(ours.test, theirs.test, `${label}: test predictions`);
  assertEquals(ours.trees, theirs.trees, `${label}: trees`);
}
