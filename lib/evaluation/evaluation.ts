/** A cross-validated prediction judged beside the mean baseline: per perturbation, in means, and with intervals. */
import { DataError } from "../cli/errors.ts";
import { counted, log } from "../cli/log.ts";
import type { Fold } from "../dataset/kfold.ts";
import type { Matrix } from "../linalg/matrix.ts";
import { bootstrapMean } from "./bootstrap.ts";
import { meanMetric, type MetricName, type PerturbationMetrics, perturbationMetrics } from "./metrics.ts";

/** A column of metrics_per_perturbation.csv: its name, and which metric it is. */
export type MetricColumn = readonly [name: string, metric: MetricName];

/** Metric columns of the linear scripts. */
export const centeredMetricColumns: readonly MetricColumn[] = [
  ["centered_pearson", "pearson"],
  ["centered_rmse", "centeredRmse"],
  ["centered_mae", "centeredMae"],
  ["centered_mse", "centeredMse"],
  ["raw_mse", "mse"],
  ["l2_loss", "l2"],
];

/** Metric columns of the trees and networks. */
export const metricColumns: readonly MetricColumn[] = [
  ["centered_pearson", "pearson"],
  ["rmse", "rmse"],
  ["mae", "mae"],
  ["mse", "mse"],
  ["l2_loss", "l2"],
];

/** Metric columns of the fine-tuning: as predicted, and after each profile's own mean is taken off. */
export const rawAndCenteredColumns: readonly MetricColumn[] = [
  ["pearson", "pearson"],
  ["rmse", "rmse"],
  ["mae", "mae"],
  ["mse", "mse"],
  ["l2_loss", "l2"],
  ["centered_pearson", "pearson"], // r does not see the mean
  ["centered_rmse", "centeredRmse"],
  ["centered_mae", "centeredMae"],
  ["centered_mse", "centeredMse"],
];

export interface EvaluationInput {
  /** perturbations x genes, NaN where nothing was measured. */
  readonly truth: Matrix;
  readonly prediction: Matrix;
  /** The same by the mean of the training rows; NaN where no fold is to predict a cell. */
  readonly baseline: Matrix;
  readonly folds: readonly Fold[];
  readonly perturbations: readonly string[];
  readonly genes: readonly string[];
  readonly bootstrap: { readonly resamples: number; readonly seed: number };
}

type Means = Record<string, number>;

/** `evaluation` of summary.json, the same in all scripts. */
export interface EvaluationBlock {
  readonly n_perturbations: number;
  /** Those with a measured value that a fold predicts. */
  readonly n_evaluated: number;
  readonly n_genes: number;
  readonly metrics: Means;
  readonly baseline: Means;
  /** 95% bootstrap interval of the mean r over perturbations. */
  readonly pearson_ci: readonly [number, number];
  readonly baseline_pearson_ci: readonly [number, number];
  /** L2 error of a prediction over that of the mean baseline, mean over perturbations: 1 is no better than the mean. */
  readonly error_ratio: { readonly mean: number; readonly ci_lower: number; readonly ci_upper: number };
  readonly non_finite_predictions: number;
  readonly bootstrap: { readonly resamples: number; readonly seed: number };
}

export interface Evaluation {
  readonly perturbations: readonly string[];
  readonly model: PerturbationMetrics;
  readonly baseline: PerturbationMetrics;
  /** One a perturbation; NaN where it has no value, or the baseline makes no error. */
  readonly errorRatio: Float64Array;
  /** Fold that held each perturbation out; -1 where none did. */
  readonly foldOf: Int32Array;
  readonly block: EvaluationBlock;
}

/**
 * Judge a prediction. Means are over the perturbations that have a measured value.
 *
 * @throws {DataError} when predictions that are not finite are more than a hundredth, or a whole perturbation
 */
export function evaluate(input: EvaluationInput): Evaluation {
  const { truth, prediction, perturbations, genes, folds, bootstrap } = input;
  const nonFinite = refuseFailedPredictions(input);
  const model = perturbationMetrics(truth, prediction);
  const baseline = perturbationMetrics(truth, input.baseline);
  const errorRatio = model.l2.map((error, i) => baseline.l2[i] > 0 ? error / baseline.l2[i] : NaN);
  const foldOf = new Int32Array(perturbations.length).fill(-1);
  folds.forEach(({ test }, fold) => test.forEach((row) => foldOf[row] = fold));
  const evaluated = model.cells.filter((cells) => cells > 0).length;
  if (evaluated < perturbations.length) {
    log.warn(
      `${
        perturbations.length - evaluated
      } of ${perturbations.length} perturbations have no value to judge by: left out of all means.`,
    );
  }
  const interval = (values: Float64Array) => {
    const { mean, lower, upper } = bootstrapMean(values, bootstrap);
    return { mean, ci_lower: lower, ci_upper: upper };
  };
  const bounds = (values: Float64Array) => {
    const { ci_lower, ci_upper } = interval(values);
    return [ci_lower, ci_upper] as const;
  };
  return {
    perturbations,
    model,
    baseline,
    errorRatio,
    foldOf,
    block: {
      n_perturbations: perturbations.length,
      n_evaluated: evaluated,
      n_genes: genes.length,
      metrics: blockMeans(model),
      baseline: blockMeans(baseline),
      pearson_ci: bounds(model.pearson),
      baseline_pearson_ci: bounds(baseline.pearson),
      error_ratio: interval(errorRatio),
      non_finite_predictions: nonFinite,
      bootstrap,
    },
  };
}

/** `metrics_per_perturbation.csv`: the script's own columns, the same of the mean baseline, and what belongs to both. */
export function metricsTable(
  { perturbations, model, baseline, errorRatio, foldOf }: Evaluation,
  columns: readonly MetricColumn[],
  indexName: string,
): { header: string[]; rows: (string | number)[][] } {
  const header = [
    indexName,
    ...columns.map(([name]) => name),
    ...columns.map(([name]) => `baseline_${name}`),
    "error_ratio",
    "n_cells",
    "fold",
  ];
  const rows = perturbations.map((id, i) => [
    id,
    ...columns.map(([, metric]) => model[metric][i]),
    ...columns.map(([, metric]) => baseline[metric][i]),
    errorRatio[i],
    model.cells[i],
    foldOf[i] < 0 ? "" : foldOf[i],
  ]);
  return { header, rows };
}

function blockMeans(metrics: PerturbationMetrics): Means {
  const names: [string, MetricName][] = [
    ["pearson", "pearson"],
    ["rmse", "rmse"],
    ["mae", "mae"],
    ["mse", "mse"],
    ["l2", "l2"],
    ["centered_rmse", "centeredRmse"],
    ["centered_mae", "centeredMae"],
    ["centered_mse", "centeredMse"],
  ];
  return Object.fromEntries(names.map(([name, metric]) => [name, meanMetric(metrics, metric)]));
}

/** @returns how many predictions of measured cells are not finite, told in a warning where it is few */
function refuseFailedPredictions(
  { truth, prediction, baseline, perturbations, genes }: EvaluationInput,
): number {
  const { rows, columns } = truth;
  const badRows = new Set<number>(), badGenes = new Set<number>();
  let bad = 0, cells = 0, wholeRow = -1;
  for (let i = 0; i < rows; i++) {
    let ownBad = 0, own = 0;
    for (let j = 0, at = i * columns; j < columns; j++, at++) {
      if (!Number.isFinite(truth.data[at]) || Number.isNaN(baseline.data[at])) continue;
      own++;
      if (Number.isFinite(prediction.data[at])) continue;
      ownBad++;
      badRows.add(i);
      badGenes.add(j);
    }
    if (own > 0 && ownBad === own) wholeRow = i;
    bad += ownBad;
    cells += own;
  }
  if (bad === 0) return 0;
  const some = (of: ReadonlySet<number>, names: readonly string[]) =>
    [...of].slice(0, 5).map((i) => names[i]).join(", ") + (of.size > 5 ? ", ..." : "");
  const what =
    `${bad} of ${cells} predictions are not finite, in ${counted(badRows.size, "perturbation")} (` +
    `${some(badRows, perturbations)}) and ${counted(badGenes.size, "gene")} (${some(badGenes, genes)})`;
  if (wholeRow >= 0 || bad > cells / 100) {
    throw new DataError(
      `Cannot judge this model: ${what}. Look for extreme values in the data, or change the model's settings`,
    );
  }
  log.warn(`${what}: left out of the metrics, though they were measured.`);
  return bad;
}
