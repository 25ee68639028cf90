/** The baselines of scripts/baselines.ts: which model a name stands for, with which settings. */
import type { FlagDeclarations, Flags } from "../cli/flags.ts";
import type { ExperimentData, WholeFoldModel } from "../experiment/model.ts";
import type { Embedded } from "../linalg/matrix.ts";
import { tuningFlags, tuningGrid } from "../tuning/flags.ts";
import { constantModel } from "./constant.ts";
import { kernelRidge, linearWeigher, rbfWeigher } from "./kernel_ridge.ts";
import { nearest, nearestWeigher } from "./nearest.ts";
import { weightedRowsModel } from "./weighted_rows.ts";

export const baselineNames = [
  "zero",
  "mean",
  "nearest",
  "kernel-ridge",
  "kernel-ridge-linear",
  "shuffled",
] as const;

export type BaselineName = typeof baselineNames[number];

/** What summary.json calls them. */
export const baselineTitles: Readonly<Record<BaselineName, string>> = {
  "zero": "no change",
  "mean": "mean of the training perturbations",
  "nearest": "nearest neighbours",
  "kernel-ridge": "kernel ridge, RBF kernel",
  "kernel-ridge-linear": "kernel ridge, linear kernel",
  "shuffled": "kernel ridge, RBF kernel, on embeddings dealt out anew among training perturbations",
};

export const baselineModelFlags = {
  "k": { default: 5, min: 1, group: "Model", help: "nearest: neighbours whose mean predicts" },
  "metric": {
    default: "euclidean",
    choices: ["euclidean", "cosine"],
    group: "Model",
    help: "nearest: what is near",
  },
  "lambda-ridge": { default: 1, above: 0, integer: false, group: "Model", help: "kernel ridge: penalty" },
  "gamma": {
    default: null,
    type: "number",
    above: 0,
    group: "Model",
    shownDefault: "1 / width of the embeddings",
    help: "RBF kernel: exp(-gamma |x - z|^2)",
  },
  "standardize": {
    default: true,
    group: "Model",
    help: "bring each column of the embeddings to mean 0 and variance 1 over the training rows",
  },
  ...tuningFlags,
  "lambda-grid": { ...tuningFlags["lambda-grid"], default: [0.01, 0.1, 1, 10, 100, 1000] },
  "k-grid": {
    default: [1, 2, 3, 5, 8, 12, 20, 35, 60, 100, 200],
    min: 1,
    group: "Tuning",
    help: "numbers of neighbours that --tune tries",
  },
  "gamma-grid": {
    default: [],
    above: 0,
    integer: false,
    value: "N ...",
    group: "Tuning",
    shownDefault: "0.03 0.1 0.3 1, each / width of the embeddings",
    help: "gammas that --tune tries",
  },
} as const satisfies FlagDeclarations;

export type BaselineFlags = Flags<typeof baselineModelFlags>;

/** Whether a baseline reads embeddings. */
export function readsEmbeddings(name: BaselineName): boolean {
  return name !== "zero" && name !== "mean";
}

/**
 * @param x embeddings of all rows of the run
 * @throws {UsageError} when --tune leaves a model nothing to choose
 */
export function baselineModel(
  name: BaselineName,
  data: ExperimentData,
  x: Embedded,
  flags: BaselineFlags,
): WholeFoldModel {
  if (name === "zero" || name === "mean") return constantModel(data, name);
  const shared = {
    innerFolds: flags.innerFolds,
    standardize: flags.standardize,
    shuffle: name === "shuffled",
  };
  if (name === "nearest") {
    const k = { flag: "k", value: flags.k, grid: flags.kGrid };
    return weightedRowsModel(data, x, {
      ...shared,
      family: nearest,
      weigher: nearestWeigher(flags.metric),
      settings: { k: flags.k },
      grid: tuningGrid(flags, { k }),
      identity: { "--models": name, "--metric": flags.metric },
      facts: { metric: flags.metric },
    });
  }
  const lambda = { flag: "lambda-ridge", value: flags.lambdaRidge, grid: flags.lambdaGrid };
  if (name === "kernel-ridge-linear") {
    return weightedRowsModel(data, x, {
      ...shared,
      family: kernelRidge,
      weigher: linearWeigher,
      settings: { lambda: flags.lambdaRidge },
      grid: tuningGrid(flags, { lambda }),
      identity: { "--models": name },
      facts: { kernel: "linear" },
    });
  }
  const gamma = { flag: "gamma", value: flags.gamma ?? 1 / x.columns, grid: gammaGrid(flags, x.columns) };
  return weightedRowsModel(data, x, {
    ...shared,
    family: kernelRidge,
    weigher: rbfWeigher,
    settings: { gamma: gamma.value, lambda: flags.lambdaRidge },
    grid: tuningGrid(flags, { gamma, lambda }),
    identity: { "--models": name },
    facts: { kernel: "rbf" },
  });
}

function gammaGrid({ gammaGrid }: BaselineFlags, width: number): readonly number[] {
  return gammaGrid.length > 0 ? gammaGrid : [0.03, 0.1, 0.3, 1].map((factor) => factor / width);
}
