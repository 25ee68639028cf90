import type { BootstrapTable, Interval, ResampledMean } from "./bootstrap_table.ts";
import type { CalibrationBin, SpreadCalibration } from "./calibration.ts";
import type { GeneScores } from "./gene_scores.ts";
import type { MetricInfo } from "./metric_list.ts";
import type { ModelSource } from "./model_source.ts";
import type { PairedDifference } from "./paired.ts";
import type { Scores } from "./score_model.ts";
import type { Subset } from "./subsets.ts";

/** Rows of every table that are no models. */
export const meanBaselineName = "mean baseline", noiseCeilingName = "noise ceiling";

/** A row of the table: a model, the mean baseline, or what a perfect model could reach. */
export interface ModelResult {
  readonly name: string;
  readonly kind: "model" | "mean baseline" | "noise ceiling";
  readonly source: ModelSource | null;
  readonly scores: Scores;
  readonly means: Readonly<Record<string, ResampledMean>>;
  /** Null for the ceiling. */
  readonly calibration: readonly CalibrationBin[] | null;
  readonly spread: SpreadCalibration | null;
  /** How well it tells perturbations apart, gene by gene; null for the ceiling. */
  readonly genes: GeneScores | null;
}

/** Means over a part of the perturbations. */
export interface SubsetMeans {
  readonly subset: Subset;
  /** For each metric, one interval a model, in the order of models. */
  readonly means: Readonly<Record<string, readonly Interval[]>>;
}

/** Everything that the files and the page show. */
export interface Comparison {
  readonly metrics: readonly MetricInfo[];
  readonly models: readonly ModelResult[];
  readonly pairs: readonly PairedDifference[];
  readonly subsets: readonly SubsetMeans[];
  readonly effects: Float64Array;
  readonly notes: readonly string[];
}

/** The mean of every metric, with its resamples. */
export function meansOf(
  scores: Scores,
  metrics: readonly MetricInfo[],
  table: BootstrapTable,
): Record<string, ResampledMean> {
  return Object.fromEntries(metrics.map(({ name }) => [name, table.mean(scores[name])]));
}

/** Means over each part, from the same resamples. */
export function subsetMeans(
  subsets: readonly Subset[],
  models: readonly ModelResult[],
  metrics: readonly MetricInfo[],
  table: BootstrapTable,
): SubsetMeans[] {
  return subsets.map((subset) => {
    const of = (values: Float64Array): Interval => {
      const { mean, lower, upper, n } = table.mean(values, subset.rows);
      return { mean, lower, upper, n };
    };
    const means = metrics.map(({ name }) => [name, models.map(({ scores }) => of(scores[name]))] as const);
    return { subset, means: Object.fromEntries(means) };
  });
}
