/** A model's predictions judged against the measured values, beside the mean baseline: once, for every script. */
import { log } from "../cli/log.ts";
import type { Fold } from "../dataset/kfold.ts";
import type { Matrix } from "../linalg/matrix.ts";
import { bootstrapIntervals, type Resampling } from "./bootstrap.ts";
import { errorRatios } from "./error_ratio.ts";
import { meanMetric, type MetricName, type PerturbationMetrics, perturbationMetrics } from "./metrics.ts";
import { countNonFinite, refuseNonFinite } from "./non_finite.ts";

/** A fold, and the genes that it predicts: positions among all of them; all without it. */
export interface JudgedFold extends Fold {
  genes?: readonly number[] | null;
}

export interface EvaluationInput {
  /** perturbations x genes; NaN where nothing was measured. */
  truth: Matrix;
  /** The model's predictions, as many. */
  prediction: Matrix;
  /** Each row predicted by the mean of its fold's training rows. */
  baseline: Matrix;
  /** Which fold held out which rows. Rows of no test fold are not judged. Without folds all rows are. */
  folds?: readonly JudgedFold[];
  perturbations: readonly string[];
  genes: readonly string[];
  bootstrap: Resampling;
  /** Columns of the genes of highest expression, for an error ratio over them alone; null without. */
  expressed?: readonly number[] | null;
  /** What a user can do about predictions that are not finite. */
  advice?: string;
}

/** What is known of every perturbation, in the order of rows. */
export interface PerturbationEvaluation {
  model: PerturbationMetrics;
  baseline: PerturbationMetrics;
  /** Length of the model's error over that of the baseline's; NaN where undefined. */
  errorRatio: Float64Array;
  /** Position of the fold that held the row out; -1 where none did. */
  foldOf: Int32Array;
}

/** Mean over perturbations with its interval, and how many the baseline predicts without any error. */
export interface ErrorRatioBlock {
  mean: number;
  ci_lower: number;
  ci_upper: number;
  left_out: number;
}

/** The block `evaluation` of every summary.json. Numbers that are undefined are NaN, which JSON shows as null. */
export interface EvaluationBlock {
  n_perturbations: number;
  /** Perturbations with at least one cell to judge by. */
  n_evaluated: number;
  n_genes: number;
  /** Means over perturbations. */
  metrics: Record<string, number>;
  baseline: Record<string, number>;
  pearson_ci: [lower: number, upper: number];
  baseline_pearson_ci: [lower: number, upper: number];
  /** 1 is the mean baseline. `left_out` counts perturbations that the baseline predicts without any error. */
  error_ratio: ErrorRatioBlock;
  /** The same over the genes of highest expression alone, as it was published; absent where that is not known. */
  error_ratio_expressed?: ErrorRatioBlock & { n_genes: number };
  non_finite_predictions: number;
  bootstrap: { resamples: number; seed: number };
}

export interface Evaluation {
  perPerturbation: PerturbationEvaluation;
  block: EvaluationBlock;
}

/** Names of the block's metrics. */
const blockMetrics: readonly (readonly [string, MetricName])[] = [
  ["pearson", "pearson"],
  ["rmse", "rmse"],
  ["mae", "mae"],
  ["mse", "mse"],
  ["l2", "l2"],
  ["centered_rmse", "centeredRmse"],
  ["centered_mae", "centeredMae"],
  ["centered_mse", "centeredMse"],
];

/**
 * Metrics of model and baseline, a value a perturbation and their means with 95% bootstrap intervals. The baseline is
 * judged by all measured cells of the rows and genes that the folds predict, whatever the model made of them.
 *
 * @throws {DataError} when more than 1% of the predictions, or all of a perturbation, are not finite
 */
export function evaluate(input: EvaluationInput): Evaluation {
  const { prediction, baseline: baselineRows, perturbations, genes, bootstrap } = input;
  const fold = foldOfRows(input.truth.rows, input.folds);
  const truth = judgedCells(input.truth, fold, input.folds);
  const failed = countNonFinite(truth, prediction);
  refuseNonFinite(failed, { perturbations, genes, advice: input.advice });

  const model = perturbationMetrics(truth, prediction), baseline = perturbationMetrics(truth, baselineRows);
  const evaluated = model.cells.filter((cells) => cells > 0).length;
  if (evaluated < truth.rows) {
    const without = truth.rows - evaluated;
    log.warn(
      `${without} of ${truth.rows} perturbations have no value to judge by: left out of all means.`,
    );
  }
  const ratio = errorRatios(truth, prediction, baselineRows), { expressed } = input;
  const overExpressed = expressed ? [errorRatios(truth, prediction, baselineRows, expressed)] : [];
  const all = [ratio, ...overExpressed];
  const [r, baselineR, ...ratios] = bootstrapIntervals(
    [model.pearson, baseline.pearson, ...all.map((one) => one.ratios)],
    bootstrap,
  );
  const blocks = ratios.map(({ mean, lower, upper }, i): ErrorRatioBlock => ({
    mean,
    ci_lower: lower,
    ci_upper: upper,
    left_out: all[i].leftOut,
  }));
  return {
    perPerturbation: { model, baseline, errorRatio: ratio.ratios, foldOf: fold },
    block: {
      n_perturbations: truth.rows,
      n_evaluated: evaluated,
      n_genes: truth.columns,
      metrics: means(model),
      baseline: means(baseline),
      pearson_ci: [r.lower, r.upper],
      baseline_pearson_ci: [baselineR.lower, baselineR.upper],
      error_ratio: blocks[0],
      ...(expressed && { error_ratio_expressed: { n_genes: expressed.length, ...blocks[1] } }),
      non_finite_predictions: failed.count,
      bootstrap: { resamples: bootstrap.resamples, seed: bootstrap.seed },
    },
  };
}

function means(metrics: PerturbationMetrics): Record<string, number> {
  return Object.fromEntries(blockMetrics.map(([name, metric]) => [name, meanMetric(metrics, metric)]));
}

/** Which fold tests each row; -1 for none, 0 for all rows where there are no folds. */
function foldOfRows(rows: number, folds: readonly JudgedFold[] | undefined): Int32Array {
  if (!folds) return new Int32Array(rows);
  const fold = new Int32Array(rows).fill(-1);
  folds.forEach(({ test }, index) => {
    for (const row of test) if (fold[row] < 0) fold[row] = index;
  });
  return fold;
}

/** The truth without the cells that no fold was asked for: `truth` itself where all were. */
function judgedCells(truth: Matrix, fold: Int32Array, folds: readonly JudgedFold[] = []): Matrix {
  if (!fold.includes(-1) && folds.every(({ genes }) => !genes)) return truth;
  const { columns } = truth, data = new Float32Array(truth.data.length).fill(NaN);
  fold.forEach((index, row) => {
    if (index < 0) return;
    const start = row * columns, values = truth.data.subarray(start, start + columns);
    const { genes } = folds[index];
    if (!genes) data.set(values, start);
    else for (const column of genes) data[start + column] = values[column];
  });
  return { ...truth, data };
}
