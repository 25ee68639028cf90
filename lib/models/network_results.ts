/** What scripts 4 to 6 leave in their result folder. */
import { join } from "@std/path";
import type { Fold } from "../dataset/kfold.ts";
import { meanBaseline } from "../evaluation/mean_baseline.ts";
import { globalPearson, meanMetric, perturbationMetrics } from "../evaluation/metrics.ts";
import { renderHexbinSvg } from "../evaluation/plot.ts";
import { svgToPng } from "../evaluation/plot_png.ts";
import {
  meanMetrics,
  metricColumns,
  type ResultFolder,
  writeMetricsTable,
  writePredictions,
} from "../evaluation/result_folder.ts";
import { log } from "../cli/log.ts";
import { writeFileAtomic } from "../io/atomic_write.ts";
import type { Matrix } from "../linalg/matrix.ts";
import type { TrainingHistory } from "../nn/mod.ts";

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
  /** Head of the plots' titles. */
  readonly title: string;
  readonly plotFormat: "png" | "svg";
}

/** Write predictions, metrics and plots. @returns the means for summary.json, with those of the mean baseline */
export async function writeNetworkResults(
  folder: ResultFolder,
  predicted: Predicted,
  naming: Naming,
): Promise<Record<string, unknown>> {
  const { ids, genes, truth, heldOut, training, folds } = predicted;
  const metrics = perturbationMetrics(truth, heldOut);
  const baseline = perturbationMetrics(truth, meanBaseline(truth, folds, heldOut));
  await writePredictions(folder, [...ids], [...genes], heldOut, naming.predictions);
  await writeMetricsTable(folder, ids, metrics, metricColumns);
  await writePlot(folder, "pred_vs_gt", `${naming.title}: Pred vs GT`, truth, heldOut, naming.plotFormat);
  if (training) {
    const title = `${naming.title}: Train Pred vs GT`;
    await writePlot(folder, "pred_vs_gt_train", title, truth, training, naming.plotFormat);
  }
  const unmeasured = metrics.cells.filter((cells) => cells === 0).length;
  return {
    ...meanMetrics(metrics, metricColumns, { prefix: "mean_" }),
    mean_baseline: {
      mean_centered_pearson: meanMetric(baseline, "pearson"),
      mean_mse: meanMetric(baseline, "mse"),
    },
    n_perturbations_without_measured_genes: unmeasured,
  };
}

/** How training went, fold by fold, for summary.json. */
export function trainingSummary(histories: readonly TrainingHistory[], skippedSteps: number) {
  return {
    checks: histories.map(({ checks }) => checks.length),
    best_epochs: histories.map(({ bestEpoch }) => bestEpoch),
    best_validation_losses: histories.map(({ checks, bestEpoch }) =>
      checks.find(({ epoch }) => epoch === bestEpoch)?.loss
    ),
    stopped_early: histories.map(({ stoppedEarly }) => stoppedEarly),
    skipped_steps: skippedSteps,
  };
}

async function writePlot(
  folder: ResultFolder,
  name: string,
  title: string,
  truth: Matrix,
  predictions: Matrix,
  format: "png" | "svg",
): Promise<void> {
  const svg = renderHexbinSvg({
    truth: truth.data,
    predicted: predictions.data,
    title: `${title}\nGlobal Pearson r = ${globalPearson(truth, predictions).toFixed(4)}`,
    limits: [-1, 1],
  });
  const path = join(folder.path, `${name}.${format}`);
  await writeFileAtomic(path, format === "svg" ? svg : await svgToPng(svg));
  log.info(`Saved plot to ${path}`);
}
