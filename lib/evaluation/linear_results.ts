/** What the two linear scripts write once all folds are done. */
import { log } from "../cli/log.ts";
import type { Fold } from "../dataset/kfold.ts";
import type { TrainingTargets } from "../dataset/training_targets.ts";
import type { Targets } from "../dataset/targets.ts";
import type { CrossValidationSplits } from "../dataset/splits.ts";
import type { Matrix } from "../linalg/matrix.ts";
import { bootstrapMean } from "./bootstrap.ts";
import type { CrossValidated } from "./cross_validation.ts";
import { meanBaseline } from "./mean_baseline.ts";
import { meanMetric, type PerturbationMetrics, perturbationMetrics } from "./metrics.ts";
import type { PngRenderer } from "./png_renderer.ts";
import { writePredictionPlot } from "./prediction_plot.ts";
import {
  centeredMetricColumns,
  meanMetrics,
  type ResultFolder,
  writeJson,
  writeMetricsTable,
  writePredictions,
  writeSummary,
} from "./result_folder.ts";

export interface LinearRun {
  folder: ResultFolder;
  targets: Targets;
  training: TrainingTargets;
  splits: CrossValidationSplits;
  predictions: CrossValidated;
  flags: { seed: number; bootstrap: number; strict: boolean; plotFormat: "png" | "svg" };
  /** Draws PNGs on its own thread; null where plots are SVG. */
  renderer: PngRenderer | null;
  /** In file names: "linear" or "linear_nt". */
  fileStem: string;
  /** Head of the column of perturbations in the metrics table, and name of the predictions' index. */
  indexName: string;
  /** What the model adds to the summary, before the metrics and behind them. */
  summary: { head: Record<string, unknown>; tail: Record<string, unknown> };
  timings: { startMs: number; loadMs: number; trainingMs: number };
}

/** Predictions, plots, metrics, confidence interval, summary: files and log lines in the Python's order. */
export async function writeLinearResults(run: LinearRun): Promise<void> {
  const { folder, targets, predictions, flags, splits } = run;
  const { perturbations, genes, values: truth } = targets;
  const plot = (name: string, heading: string, prediction: Matrix) =>
    writePredictionPlot(folder, { name, heading, truth, prediction, format: flags.plotFormat }, run.renderer);
  const plots = Promise.all([
    plot("pred_vs_gt", "Pred vs GT", predictions.heldOut),
    plot("pred_vs_gt_train", "Train Pred vs GT", predictions.training),
  ]);
  plots.catch(() => {}); // awaited below: until then a failure is not unhandled

  await writePredictions(folder, perturbations, genes, predictions.heldOut, folder.modelName, run.indexName);
  const metrics = perturbationMetrics(truth, predictions.heldOut);
  const baseline = baselineMetrics(run, splits.folds);
  await writeMetricsTable(folder, perturbations, metrics, centeredMetricColumns, run.indexName);
  const [plotPath, trainPlotPath] = await plots;
  log.info(`Saved plot to ${plotPath}`);
  log.info(`Saved train-set plot to ${trainPlotPath}`);
  const metricsPath = await writeJson(folder, `metrics_${run.fileStem}_5fold.json`, perPerturbation(metrics));
  log.info(`Saved metrics to ${metricsPath}`);
  await writeInterval(run, metrics);

  const withoutValues = metrics.cells.filter((count) => count === 0).length;
  if (withoutValues > 0) {
    log.warn(
      `${withoutValues} of ${perturbations.length} perturbations have no value to judge by: left out of all means.`,
    );
  }
  log.info(
    `Mean Pearson r ${meanMetric(metrics, "pearson").toFixed(4)}, ` +
      `of the mean baseline ${meanMetric(baseline, "pearson").toFixed(4)}`,
  );
  const { startMs, loadMs, trainingMs } = run.timings;
  await writeSummary(folder, {
    ...run.summary.head,
    metrics: meanMetrics(metrics, centeredMetricColumns, { suffix: "_mean" }),
    mean_baseline: meanMetrics(baseline, centeredMetricColumns, { suffix: "_mean" }),
    bootstrap: flags.bootstrap,
    strict: flags.strict,
    seed: flags.seed,
    device: "cpu",
    missing_values_filled: run.training.missing,
    perturbations_without_values: withoutValues,
    ...run.summary.tail,
    timings_seconds: {
      load_artifacts: loadMs / 1000,
      training: trainingMs / 1000,
      total: (performance.now() - startMs) / 1000,
    },
  });
}

function baselineMetrics(
  { targets, training, predictions }: LinearRun,
  folds: readonly Fold[],
): PerturbationMetrics {
  const values = training.shared?.values ?? targets.values;
  return perturbationMetrics(targets.values, meanBaseline(values, folds, predictions.heldOut));
}

/** All arrays and their means: `<name>_per_pert`, `<name>_mean`. */
function perPerturbation(metrics: PerturbationMetrics): Record<string, unknown> {
  return Object.fromEntries(
    centeredMetricColumns.flatMap(([name, metric]) => [
      [`${name}_per_pert`, Array.from(metrics[metric])],
      [`${name}_mean`, meanMetric(metrics, metric)],
    ]),
  );
}

async function writeInterval(
  { folder, fileStem, flags }: LinearRun,
  metrics: PerturbationMetrics,
): Promise<void> {
  const counted = metrics.pearson.map((r, i) => metrics.cells[i] > 0 ? r : NaN);
  const { mean, lower, upper } = bootstrapMean(counted, { resamples: flags.bootstrap, seed: flags.seed });
  await writeJson(folder, `ci_summary_${fileStem}_5fold.json`, {
    pearson_mean: mean,
    pearson_mean_ci_lower: lower,
    pearson_mean_ci_upper: upper,
  });
}
