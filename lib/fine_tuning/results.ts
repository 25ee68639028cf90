/** What script 7 leaves in its result folder beside the adapters. */
import type { Fold } from "../dataset/kfold.ts";
import { log } from "../cli/log.ts";
import { meanBaseline } from "../evaluation/mean_baseline.ts";
import {
  meanMetric,
  type MetricName,
  type PerturbationMetrics,
  perturbationMetrics,
} from "../evaluation/metrics.ts";
import { writePredictionPlot } from "../evaluation/prediction_plot.ts";
import {
  meanMetrics,
  type ResultFolder,
  writeMetricsTable,
  writePredictions,
} from "../evaluation/result_folder.ts";
import { type Matrix, takeRows } from "../linalg/matrix.ts";
import type { FoldReport } from "./cross_validation.ts";

/** Both kinds of metric: as predicted, and after each profile's own mean is taken off. */
export const ia3MetricColumns: readonly (readonly [string, MetricName])[] = [
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

export interface Ia3Predicted {
  readonly ids: readonly string[];
  readonly genes: readonly string[];
  /** perturbations x genes, NaN where missing. */
  readonly y: Matrix;
  readonly predictions: Matrix;
  readonly folds: readonly Fold[];
  readonly reports: readonly FoldReport[];
}

/** Write predictions, metrics and the plot. @returns means, baseline and folds for summary.json */
export async function writeIa3Results(
  folder: ResultFolder,
  { ids, genes, y, predictions, folds, reports }: Ia3Predicted,
  plotFormat: "png" | "svg",
): Promise<Record<string, unknown>> {
  const metrics = perturbationMetrics(y, predictions);
  await writePredictions(folder, [...ids], [...genes], predictions, `${folder.modelName}_cv`);
  await writeMetricsTable(folder, ids, metrics, ia3MetricColumns);
  const plot = await writePredictionPlot(folder, {
    name: "pred_vs_gt",
    heading: "Pred vs GT",
    truth: y,
    prediction: predictions,
    format: plotFormat,
    limits: null,
  });
  log.info(`Saved plot to ${plot}`);
  const baseline = perturbationMetrics(y, meanBaseline(y, folds, predictions));
  log.info(
    `Mean Pearson r ${meanMetric(metrics, "pearson").toFixed(4)}, ` +
      `of the mean baseline ${meanMetric(baseline, "pearson").toFixed(4)}`,
  );
  return {
    ...summaryMeans(metrics),
    mean_baseline: summaryMeans(baseline),
    n_perturbations_without_measured_genes: metrics.cells.filter((cells) => cells === 0).length,
    fold_results: reports.map((report) => {
      const { test } = folds[report.fold];
      const own = perturbationMetrics(takeRows(y, test), takeRows(predictions, test));
      return { ...foldSummary(report), n_test: test.length, ...summaryMeans(own) };
    }),
  };
}

function summaryMeans(metrics: PerturbationMetrics): Record<string, number> {
  return meanMetrics(metrics, ia3MetricColumns, { prefix: "mean_" });
}

function foldSummary(report: FoldReport): Record<string, unknown> {
  return {
    fold: report.fold,
    n_train: report.trainRows,
    n_selection: report.selectionRows,
    best_epoch: report.bestEpoch < 0 ? null : report.bestEpoch,
    epochs: report.epochs.map(({ epoch, steps, trainLoss, score }) => ({
      epoch,
      steps,
      train_loss: trainLoss,
      selection_pearson: score,
    })),
    ...(report.trainPearson !== null && { mean_train_pearson: report.trainPearson }),
    skipped_steps: report.skippedSteps,
    training_seconds: report.seconds,
  };
}
