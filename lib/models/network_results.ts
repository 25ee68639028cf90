/** What scripts 4 to 6 leave in their result folder. */
import type { Fold } from "../dataset/kfold.ts";
import { meanBaseline } from "../evaluation/mean_baseline.ts";
import { meanMetric, perturbationMetrics } from "../evaluation/metrics.ts";
import { writePredictionPlot } from "../evaluation/prediction_plot.ts";
import {
  meanMetrics,
  metricColumns,
  type ResultFolder,
  writeMetricsTable,
  writePredictions,
} from "../evaluation/result_folder.ts";
import { log } from "../cli/log.ts";
import type { Matrix } from "../linalg/matrix.ts";

/** Truth and what the folds predicted. */
export interface Predicted {
  readonly ids: readonly string[];
  readonly genes: readonly string[];
  /** perturbations x genes, NaN where missing. */
  readonly truth: Matrix;
  readonly heldOut: Matrix;
  /** Null where a script does not predict its training rows. */
  readonly training: Matrix | null;
  readonly folds: readonly Fold[];
}

export interface Naming {
  /** `predictions_<predictions>.parquet`. */
  readonly predictions: string;
  /** What plots call the model. */
  readonly model: string;
  /** Cells that the r in a plot's title is over. */
  readonly pearsonOf: "drawn" | "all";
  readonly plotFormat: "png" | "svg";
}

/** Write predictions, metrics and plots. @returns the means for summary.json, with those of the mean baseline */
export async function writeNetworkResults(
  folder: ResultFolder,
  predicted: Predicted,
  naming: Naming,
): Promise<Record<string, unknown>> {
  const { ids, genes, truth, heldOut, training, folds } = predicted;
  await writePredictions(folder, [...ids], [...genes], heldOut, naming.predictions);
  const plot = { truth, model: naming.model, pearsonOf: naming.pearsonOf, format: naming.plotFormat };
  const path = await writePredictionPlot(folder, {
    ...plot,
    name: "pred_vs_gt",
    heading: "Pred vs GT",
    prediction: heldOut,
  });
  log.info(`Saved plot to ${path}`);
  if (training) {
    const trainPath = await writePredictionPlot(folder, {
      ...plot,
      name: "pred_vs_gt_train",
      heading: "Train Pred vs GT",
      prediction: training,
    });
    log.info(`Saved train-set plot to ${trainPath}`);
  }

  const metrics = perturbationMetrics(truth, heldOut);
  const baseline = perturbationMetrics(truth, meanBaseline(truth, folds, heldOut));
  await writeMetricsTable(folder, ids, metrics, metricColumns);
  const withoutValues = metrics.cells.filter((cells) => cells === 0).length;
  if (withoutValues > 0) {
    log.warn(
      `${withoutValues} of ${ids.length} perturbations have no value to judge by: left out of all means.`,
    );
  }
  log.info(
    `Mean Pearson r ${meanMetric(metrics, "pearson").toFixed(4)}, ` +
      `of the mean baseline ${meanMetric(baseline, "pearson").toFixed(4)}`,
  );
  return {
    ...meanMetrics(metrics, metricColumns, { prefix: "mean_" }),
    mean_baseline: meanMetrics(baseline, metricColumns, { prefix: "mean_" }),
    perturbations_without_values: withoutValues,
  };
}
