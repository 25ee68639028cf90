/** Flags of the trees, under XGBoost's names. */
import { UsageError } from "../cli/errors.ts";
import type { FlagDeclarations, Flags } from "../cli/flags.ts";
import { type BoostingParameters, checkParameters, defaultParameters } from "./parameters.ts";

const number = { integer: false, group: "Trees" } as const;

export const parameterFlags = {
  "n-estimators": { default: 100, min: 1, group: "Trees", help: "rounds of boosting: trees of a gene" },
  "max-depth": {
    default: 6,
    min: 0,
    group: "Trees",
    help: "levels of splits; 0 is without limit (hist only)",
  },
  "learning-rate": { ...number, default: 0.3, above: 0, help: "eta: factor on every leaf value" },
  "tree-method": {
    default: "exact",
    choices: ["exact", "hist"],
    group: "Trees",
    help: "exact tries every threshold, as XGBoost below 2.0 did at this size; hist those between bins, " +
      "as 2.0 and later do",
  },
  "base-score": {
    default: "0.5",
    value: "N|mean",
    group: "Trees",
    help:
      "prediction before the first tree: a number (XGBoost below 2.0: 0.5), or mean, the mean of a gene's " +
      "training targets (2.0 and later)",
  },
  "max-bin": { default: 256, min: 2, group: "Trees", help: "bins of a feature, for hist" },
  "reg-lambda": { ...number, default: 1, min: 0, help: "L2 penalty on leaf weights" },
  "reg-alpha": { ...number, default: 0, min: 0, help: "L1 penalty on leaf weights" },
  "gamma": { ...number, default: 0, min: 0, help: "least gain of a split" },
  "min-child-weight": { ...number, default: 1, min: 0, help: "least sum of sample weights in a leaf" },
  "subsample": {
    ...number,
    default: 1,
    above: 0,
    max: 1,
    help: "share of rows drawn for each tree, by --seed (draws are not XGBoost's own)",
  },
  "colsample-bytree": {
    ...number,
    default: 1,
    above: 0,
    max: 1,
    help: "share of features drawn for each tree",
  },
  "colsample-bylevel": { ...number, default: 1, above: 0, max: 1, help: "of those, for each level" },
  "colsample-bynode": { ...number, default: 1, above: 0, max: 1, help: "of those, for each node" },
} as const satisfies FlagDeclarations;

/** @throws {UsageError} naming a value that is none */
export function parametersOf(
  flags: Pick<Flags<typeof parameterFlags>, Exclude<keyof Flags<typeof parameterFlags>, "given" | "debug">>,
  seed: number,
): BoostingParameters {
  const baseScore = flags.baseScore === "mean" ? "mean" : Number(flags.baseScore);
  // XGBoost keeps it in float32.
  if (baseScore !== "mean" && (!Number.isFinite(Math.fround(baseScore)) || flags.baseScore.trim() === "")) {
    throw new UsageError(
      `Cannot use --base-score "${flags.baseScore}": it must be a number (of float32) or mean`,
    );
  }
  const parameters: BoostingParameters = {
    rounds: flags.nEstimators,
    maxDepth: flags.maxDepth,
    learningRate: flags.learningRate,
    treeMethod: flags.treeMethod,
    baseScore,
    maxBin: flags.maxBin,
    lambda: flags.regLambda,
    alpha: flags.regAlpha,
    gamma: flags.gamma,
    minChildWeight: flags.minChildWeight,
    subsample: flags.subsample,
    colsampleByTree: flags.colsampleBytree,
    colsampleByLevel: flags.colsampleBylevel,
    colsampleByNode: flags.colsampleBynode,
    seed,
  };
  checkParameters(parameters);
  return parameters;
}

/** The settings under the names of XGBoost's scikit-learn interface, for summary.json. */
export function parametersForSummary(p: BoostingParameters): Record<string, number | string> {
  return {
    n_estimators: p.rounds,
    max_depth: p.maxDepth,
    learning_rate: p.learningRate,
    tree_method: p.treeMethod,
    base_score: p.baseScore,
    max_bin: p.maxBin,
    reg_lambda: p.lambda,
    reg_alpha: p.alpha,
    gamma: p.gamma,
    min_child_weight: p.minChildWeight,
    subsample: p.subsample,
    colsample_bytree: p.colsampleByTree,
    colsample_bylevel: p.colsampleByLevel,
    colsample_bynode: p.colsampleByNode,
  };
}

/** Whether the trees are those of a plain `XGBRegressor()`. */
export function areDefaults(parameters: BoostingParameters): boolean {
  return Object.entries(defaultParameters).every(([key, value]) =>
    key === "seed" || parameters[key as keyof BoostingParameters] === value
  );
}
