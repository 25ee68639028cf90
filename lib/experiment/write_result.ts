/** The files of a finished experiment: predictions, metrics, plots, summary; named and laid out as the Python scripts did. */
import type { ExpressedGenes } from "../dataset/expressed_genes.ts";
import { resultLine } from "../cli/log.ts";
import { evaluate, type Evaluation, type PerturbationEvaluation } from "../evaluation/evaluation.ts";
import { meanBaseline } from "../evaluation/mean_baseline.ts";
import { meanMetric } from "../evaluation/metrics.ts";
import { type MetricColumns, metricsTable } from "../evaluation/metrics_table.ts";
import { writeFileAtomic } from "../io/atomic_write.ts";
import { encodeCsv } from "../io/csv.ts";
import type { Collected } from "./collect.ts";
import type { ExperimentFlags } from "./flags.ts";
import type { Prepared } from "./prepare.ts";
import type { ResultFolder } from "./result_folder.ts";
import type { ResultPlots } from "./result_plots.ts";
import { writeFrames } from "./write_frames.ts";

/** What differs from script to script in names and columns, since the Python scripts differ. */
export interface ResultLayout {
  /** `predictions_<predictions>.parquet`. */
  readonly predictions: string;
  /** What plots call the model. */
  readonly plotLabel: string;
  /** Columns of metrics_per_perturbation.csv. */
  readonly metricColumns: MetricColumns;
  /** Means in summary.json: under "metrics" as `<name>_mean`, or on top as `mean_<name>`. */
  readonly means: "nested" | "flat";
  /** Summary key of the number of perturbations without a measured value. */
  readonly withoutValues?: string;
  /** Head of the column of perturbations in the tables. */
  readonly indexName: string;
  /** The linear scripts also write `metrics_<stem>_5fold.json` and `ci_summary_<stem>_5fold.json`. */
  readonly linearStem?: string;
}

/** Write everything but the summary. @param judging.expressed genes of highest expression @returns what the summary says of the metrics */
export async function writeResult(
  folder: ResultFolder,
  data: Prepared,
  collected: Collected,
  layout: ResultLayout,
  flags: ExperimentFlags,
  { plots, expressed }: { plots: ResultPlots; expressed: ExpressedGenes | null },
): Promise<{ evaluation: Evaluation; means: Record<string, unknown> }> {
  const { targets, folds } = data, { perturbations, genes, values: truth } = targets;
  const plotted = plots.write(folder, collected);
  const baseline = meanBaseline(truth, folds, (fold) => data.training.genesOf(fold));
  const evaluation = evaluate({
    truth,
    prediction: collected.heldOut,
    baseline,
    folds: folds.map((fold, index) => ({ ...fold, genes: data.training.genesOf(index) })),
    perturbations,
    genes,
    bootstrap: { resamples: flags.bootstrap, seed: flags.seed },
    expressed: expressed?.columns,
  });
  const { perPerturbation } = evaluation;
  const frames = { perturbations, genes, indexName: layout.indexName, format: flags.predictionsFormat };
  await writeFrames(folder, `predictions_${layout.predictions}`, { ...frames, values: collected.heldOut });
  await writeFrames(folder, `baseline_${layout.predictions}`, { ...frames, values: baseline });
  const table = metricsTable(perPerturbation, perturbations, layout.metricColumns, layout.indexName);
  await writeFileAtomic(folder.staged("metrics_per_perturbation.csv"), encodeCsv(table.header, table.rows));
  if (layout.linearStem) await writeLinearFiles(folder, evaluation, layout, layout.linearStem);
  (await plotted)();
  return { evaluation, means: meansOf(perPerturbation, layout) };
}

/** The last line of a script: the mean r and the error ratio with their intervals, and the baseline's r. */
export function tellResult({ block }: Evaluation, path: string): void {
  const { metrics, baseline, pearson_ci: [low, high], error_ratio: ratio } = block;
  const number = (value: number | null) => value === null || Number.isNaN(value) ? "n.a." : value.toFixed(4);
  const interval = (lower: number | null, upper: number | null) =>
    lower === null || Number.isNaN(lower) ? "" : ` (95% ${number(lower)} to ${number(upper)})`;
  resultLine(
    `Mean Pearson r ${number(metrics.pearson)}${interval(low, high)}, of the mean baseline ${
      number(baseline.pearson)
    }; error ${number(ratio.mean)}${interval(ratio.ci_lower, ratio.ci_upper)} of the baseline's; in ${path}`,
  );
}

/** For each fold its number of test rows and mean metrics, as `mean_<name>`. */
export function foldMeans(
  { perPerturbation: { model, foldOf } }: Evaluation,
  { metricColumns }: ResultLayout,
): Record<string, number>[] {
  const folds = Math.max(-1, ...foldOf) + 1;
  return Array.from({ length: folds }, (_, fold) => {
    const rows = Array.from(foldOf.keys()).filter((row) => foldOf[row] === fold);
    const means = metricColumns.map(([name, metric]) => {
      const values = rows.map((row) => model[metric][row]).filter((value) => !Number.isNaN(value));
      return [`mean_${name}`, values.reduce((sum, value) => sum + value, 0) / values.length];
    });
    return { n_test: rows.length, ...Object.fromEntries(means) };
  });
}

function meansOf(
  evaluation: PerturbationEvaluation,
  { metricColumns, means, withoutValues = "perturbations_without_values" }: ResultLayout,
): Record<string, unknown> {
  const of = (which: "model" | "baseline") =>
    Object.fromEntries(metricColumns.map(([name, metric]) => [
      means === "nested" ? `${name}_mean` : `mean_${name}`,
      meanMetric(evaluation[which], metric),
    ]));
  return {
    ...(means === "nested" ? { metrics: of("model") } : of("model")),
    mean_baseline: of("baseline"),
    [withoutValues]: evaluation.model.cells.filter((cells) => cells === 0).length,
  };
}

/** All arrays and their means: `<name>_per_pert`, `<name>_mean`; and the interval of the mean r. */
async function writeLinearFiles(
  folder: ResultFolder,
  { perPerturbation: { model }, block }: Evaluation,
  { metricColumns }: ResultLayout,
  stem: string,
): Promise<void> {
  const arrays = metricColumns.flatMap(([name, metric]) => [
    [`${name}_per_pert`, Array.from(model[metric])],
    [`${name}_mean`, meanMetric(model, metric)],
  ]);
  await writeJson(folder, `metrics_${stem}_5fold.json`, Object.fromEntries(arrays));
  const [lower, upper] = block.pearson_ci;
  await writeJson(folder, `ci_summary_${stem}_5fold.json`, {
    pearson_mean: block.metrics.pearson,
    pearson_mean_ci_lower: lower,
    pearson_mean_ci_upper: upper,
  });
}

/** A JSON file with Python's indentation; NaN and infinities become null. */
export async function writeJson(folder: ResultFolder, name: string, value: unknown): Promise<void> {
  await writeFileAtomic(folder.staged(name), JSON.stringify(value, null, 2));
}
