import type { PerturbationEvaluation } from "./evaluation.ts";
import type { MetricName } from "./metrics.ts";

/** Name of a column, and the metric in it. */
export type MetricColumns = readonly (readonly [string, MetricName])[];

/** Columns of the linear scripts. */
export const centeredMetricColumns: MetricColumns = [
  ["centered_pearson", "pearson"],
  ["centered_rmse", "centeredRmse"],
  ["centered_mae", "centeredMae"],
  ["centered_mse", "centeredMse"],
  ["raw_mse", "mse"],
  ["l2_loss", "l2"],
];

/** Columns of the trees and networks. */
export const metricColumns: MetricColumns = [
  ["centered_pearson", "pearson"],
  ["rmse", "rmse"],
  ["mae", "mae"],
  ["mse", "mse"],
  ["l2_loss", "l2"],
];

/** Columns of the fine-tuning: as predicted, and after each profile's own mean is taken off. */
export const rawAndCenteredColumns: MetricColumns = [
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

/**
 * Columns that stand behind the script's own and the baseline's, in every script: here a new metric goes. The lists above are
 * those of the Python scripts' files.
 */
const addedColumns: Readonly<Record<string, (evaluation: PerturbationEvaluation, row: number) => number>> = {
  error_ratio: ({ errorRatio }, row) => errorRatio[row],
  n_cells: ({ model }, row) => model.cells[row],
  fold: ({ foldOf }, row) => foldOf[row] < 0 ? NaN : foldOf[row],
};

/** A table as `encodeCsv` takes it. */
export interface MetricsTable {
  header: string[];
  /** One a perturbation, its id first; NaN where a value is undefined, which becomes an empty cell. */
  rows: (string | number)[][];
}

/**
 * `metrics_per_perturbation.csv`: the script's own columns as ever, then those of the mean baseline, the error ratio, the
 * number of cells that were judged, and the fold that held the perturbation out (none: an empty cell).
 *
 * The mean of a column over its cells that are not empty is the summary's.
 *
 * @param columns the script's own
 * @param indexName head of the column of perturbations (pandas leaves it empty where an index has no name)
 */
export function metricsTable(
  evaluation: PerturbationEvaluation,
  perturbations: readonly string[],
  columns: MetricColumns,
  indexName = "",
): MetricsTable {
  const { model, baseline } = evaluation;
  const header = [
    indexName,
    ...columns.map(([name]) => name),
    ...columns.map(([name]) => `baseline_${name}`),
    ...Object.keys(addedColumns),
  ];
  const rows = perturbations.map((id, row) => [
    id,
    ...columns.map(([, metric]) => model[metric][row]),
    ...columns.map(([, metric]) => baseline[metric][row]),
    ...Object.values(addedColumns).map((valueOf) => valueOf(evaluation, row)),
  ]);
  return { header, rows };
}
