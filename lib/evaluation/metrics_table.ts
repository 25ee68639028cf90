import type { PerturbationEvaluation } from "./evaluation.ts";
import type { MetricName } from "./metrics.ts";

/** Name of a column, and the metric in it. */
export type MetricColumns = readonly (readonly [string, MetricName])[];

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
  const { model, baseline, errorRatio, fold } = evaluation;
  const header = [
    indexName,
    ...columns.map(([name]) => name),
    ...columns.map(([name]) => `baseline_${name}`),
    "error_ratio",
    "n_cells",
    "fold",
  ];
  const rows = perturbations.map((id, row) => [
    id,
    ...columns.map(([, metric]) => model[metric][row]),
    ...columns.map(([, metric]) => baseline[metric][row]),
    errorRatio[row],
    model.cells[row],
    fold[row] < 0 ? NaN : fold[row],
  ]);
  return { header, rows };
}
