/** The settings of a boosted model, under XGBoost's names and with its defaults (1.7, scikit-learn interface). */
import { UsageError } from "../cli/errors.ts";

/** How candidates for a split are found: between any two neighbouring values, or at the bounds of bins. */
export type TreeMethod = "exact" | "hist";

export interface BoostingParameters {
  /** Rounds of boosting: trees of one output. */
  readonly rounds: number;
  /** Levels of splits; 0 is without limit (hist only). */
  readonly maxDepth: number;
  /** eta: factor on every leaf value. */
  readonly learningRate: number;
  /** L2 penalty on leaf weights. */
  readonly lambda: number;
  /** L1 penalty on leaf weights. */
  readonly alpha: number;
  /** Least gain of a split. */
  readonly gamma: number;
  /** Least hessian sum (for squared error: sum of sample weights) of a child. */
  readonly minChildWeight: number;
  /** Share of rows drawn for each tree. */
  readonly subsample: number;
  /** Shares of columns drawn for each tree, of those for each level, of those for each node. */
  readonly colsampleByTree: number;
  readonly colsampleByLevel: number;
  readonly colsampleByNode: number;
  /** Prediction before the first tree: a number, or the (weighted) mean of an output's training targets. */
  readonly baseScore: number | "mean";
  readonly treeMethod: TreeMethod;
  /** Most bins of a column (hist only). */
  readonly maxBin: number;
  /** Seed of row and column samples. */
  readonly seed: number;
}

export const defaultParameters: BoostingParameters = {
  rounds: 100,
  maxDepth: 6,
  learningRate: 0.3,
  lambda: 1,
  alpha: 0,
  gamma: 0,
  minChildWeight: 1,
  subsample: 1,
  colsampleByTree: 1,
  colsampleByLevel: 1,
  colsampleByNode: 1,
  baseScore: 0.5,
  treeMethod: "exact",
  maxBin: 256,
  seed: 0,
};

/** @throws {UsageError} naming the setting that is out of range, and the range */
export function checkParameters(parameters: BoostingParameters): void {
  const p = parameters;
  if (p.treeMethod !== "exact" && p.treeMethod !== "hist") {
    throw new UsageError(`Unknown tree method "${p.treeMethod}": expected exact or hist`);
  }
  integer("number of estimators", p.rounds, 1, 1_000_000);
  integer("max depth", p.maxDepth, 0, 1000);
  if (p.treeMethod === "exact" && p.maxDepth === 0) {
    throw new UsageError("Max depth 0 (no limit) is only possible with tree method hist");
  }
  within("learning rate", p.learningRate, 0, 1000);
  within("lambda", p.lambda, 0, Infinity);
  within("alpha", p.alpha, 0, Infinity);
  within("gamma", p.gamma, 0, Infinity);
  within("min child weight", p.minChildWeight, 0, Infinity);
  share("subsample", p.subsample);
  share("colsample by tree", p.colsampleByTree);
  share("colsample by level", p.colsampleByLevel);
  share("colsample by node", p.colsampleByNode);
  integer("max bin", p.maxBin, 2, 65536);
  integer("seed", p.seed, 0, 2 ** 32 - 1);
  if (p.baseScore !== "mean" && !Number.isFinite(p.baseScore)) {
    throw new UsageError(`Base score is ${p.baseScore}: expected a number or mean`);
  }
}

function integer(name: string, value: number, low: number, high: number): void {
  if (Number.isInteger(value) && value >= low && value <= high) return;
  throw new UsageError(`The ${name} is ${value}: expected a whole number from ${low} to ${high}`);
}

function within(name: string, value: number, low: number, high: number): void {
  if (value >= low && value <= high && Number.isFinite(value)) return;
  throw new UsageError(`The ${name} is ${value}: expected a number of at least ${low}`);
}

function share(name: string, value: number): void {
  if (value > 0 && value <= 1) return;
  throw new UsageError(`The ${name} is ${value}: expected a share above 0, at most 1`);
}
