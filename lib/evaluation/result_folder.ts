/** `<results>/<model name>/` and the files in it, named and laid out as the Python scripts did. */
import { join } from "@std/path";
import { UsageError } from "../cli/errors.ts";
import { log } from "../cli/log.ts";
import { checkWritable, writeFileAtomic } from "../io/atomic_write.ts";
import { encodeCsv } from "../io/csv.ts";
import { writeParquetFrame } from "../io/parquet.ts";
import type { Matrix } from "../linalg/matrix.ts";
import { meanMetric, type MetricName, type PerturbationMetrics } from "./metrics.ts";

/** Metric columns of the linear scripts: name in files, and which metric it is. */
export const centeredMetricColumns: readonly (readonly [string, MetricName])[] = [
  ["centered_pearson", "pearson"],
  ["centered_rmse", "centeredRmse"],
  ["centered_mae", "centeredMae"],
  ["centered_mse", "centeredMse"],
  ["raw_mse", "mse"],
  ["l2_loss", "l2"],
];

/** Metric columns of all other scripts. */
export const metricColumns: readonly (readonly [string, MetricName])[] = [
  ["centered_pearson", "pearson"],
  ["rmse", "rmse"],
  ["mae", "mae"],
  ["mse", "mse"],
  ["l2_loss", "l2"],
];

/** A result folder that exists and can be written. */
export interface ResultFolder {
  path: string;
  modelName: string;
}

/**
 * Make the folder, so that a place that cannot be written is told before the work and not after it.
 *
 * @throws {UsageError} when the model's name is no folder name
 * @throws {DataError} when the folder cannot be written
 */
export async function openResultFolder(results: string, modelName: string): Promise<ResultFolder> {
  if (/[/\\]/.test(modelName) || modelName === "." || modelName === "..") {
    throw new UsageError(`Cannot use --model-name "${modelName}": it names a folder, without slashes`);
  }
  const path = join(results, modelName);
  await checkWritable(join(path, "summary.json"), "--output-dir names another place for results");
  return { path, modelName };
}

/**
 * `predictions_<name>.parquet`: perturbations x genes as a pandas data frame.
 *
 * @param indexName name of its index, as in the metrics table
 */
export async function writePredictions(
  folder: ResultFolder,
  perturbations: string[],
  genes: string[],
  values: Matrix,
  name = folder.modelName,
  indexName = "",
): Promise<void> {
  const path = join(folder.path, `predictions_${name}.parquet`);
  await writeParquetFrame(path, { index: perturbations, indexName, columns: genes, values });
  log.info(`Saved predictions to ${path}`);
}

/**
 * `metrics_per_perturbation.csv`.
 *
 * @param indexName head of the column of perturbations (pandas leaves it empty where an index has no name)
 */
export async function writeMetricsTable(
  folder: ResultFolder,
  perturbations: readonly string[],
  metrics: PerturbationMetrics,
  columns: readonly (readonly [string, MetricName])[],
  indexName = "",
): Promise<void> {
  const rows = perturbations.map((id, i) => [id, ...columns.map(([, metric]) => metrics[metric][i])]);
  const header = [indexName, ...columns.map(([name]) => name)];
  await writeFileAtomic(join(folder.path, "metrics_per_perturbation.csv"), encodeCsv(header, rows));
}

/** A JSON file with Python's indentation; NaN and infinities become null. @returns its path */
export async function writeJson(folder: ResultFolder, name: string, value: unknown): Promise<string> {
  const path = join(folder.path, name);
  await writeFileAtomic(path, JSON.stringify(value, null, 2));
  return path;
}

/** `summary.json`, printed too, as the last thing that a script does. */
export async function writeSummary(folder: ResultFolder, summary: Record<string, unknown>): Promise<void> {
  await writeJson(folder, "summary.json", summary);
  log.info(`Finished. Summary:\n${JSON.stringify(summary, null, 2)}`);
}

/** Means over perturbations, keyed `<prefix><column><suffix>`. */
export function meanMetrics(
  metrics: PerturbationMetrics,
  columns: readonly (readonly [string, MetricName])[],
  { prefix = "", suffix = "" }: { prefix?: string; suffix?: string },
): Record<string, number> {
  return Object.fromEntries(
    columns.map(([name, metric]) => [`${prefix}${name}${suffix}`, meanMetric(metrics, metric)]),
  );
}
