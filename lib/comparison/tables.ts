/** The files of numbers: everything that the page and the figures show. */
import { encodeCsv, encodeCsvRow } from "../io/csv.ts";
import type { Aligned } from "./aligned.ts";
import { type MetricInfo, ownGeneOut } from "./metric_list.ts";
import type { Comparison, ModelResult } from "./model_result.ts";

/** `metrics_long.csv`: a line a model, perturbation and metric. Empty where the metric is undefined. */
export function* longTable(
  { models, metrics }: Comparison,
  data: Aligned,
  foldNames: readonly string[],
): Generator<string> {
  yield encodeCsvRow(["model", "perturbation", "fold", "metric", "value"]);
  for (const { name, scores } of models) {
    for (const [row, perturbation] of data.perturbations.entries()) {
      const fold = foldNames[data.foldOf[row]];
      for (const metric of metrics) {
        yield encodeCsvRow([name, perturbation, fold, metric.name, scores[metric.name][row]]);
      }
    }
  }
}

/** `table.csv`: a line a model; each metric's mean, and the ends of its 95% interval. */
export function summaryTable({ models, metrics }: Comparison): string {
  const header = metrics.flatMap(({ name }) => [name, `${name}_lower`, `${name}_upper`]);
  const rows = models.map(({ name, means }) => [
    name,
    ...metrics.flatMap((metric) => {
      const { mean, lower, upper } = means[metric.name];
      return [mean, lower, upper];
    }),
  ]);
  return encodeCsv(["model", ...header], rows);
}

/** `pairs.csv`: the difference of every pair of models, `first` minus `second`. */
export function pairTable({ pairs }: Comparison): string {
  const rows = pairs.map(({ metric, first, second, mean, lower, upper, n, p, pHolm }) => [
    metric,
    first,
    second,
    mean,
    lower,
    upper,
    n,
    p,
    pHolm,
  ]);
  const header = ["metric", "first", "second", "difference", "lower", "upper", "n", "p", "p_holm"];
  return encodeCsv(header, rows);
}

/** `subsets.csv`: means over thirds by effect size, folds and groups. */
export function* subsetTable({ subsets, models, metrics }: Comparison): Generator<string> {
  yield encodeCsvRow(["kind", "subset", "model", "metric", "mean", "lower", "upper", "n"]);
  for (const { subset, means } of subsets) {
    for (const { name } of metrics) {
      for (const [i, { mean, lower, upper, n }] of means[name].entries()) {
        yield encodeCsvRow([subset.kind, subset.name, models[i].name, name, mean, lower, upper, n]);
      }
    }
  }
}

/** `genes.csv`: how well each model tells perturbations apart by a gene. */
export function* geneTable(
  { models }: Comparison,
  genes: readonly string[],
  nameOf: (gene: string) => string,
): Generator<string> {
  yield encodeCsvRow(["gene", "gene_name", "model", "pearson", "rmse"]);
  for (const { name, genes: scores } of models) {
    if (scores === null) continue;
    for (const [i, gene] of genes.entries()) {
      yield encodeCsvRow([gene, nameOf(gene), name, scores.pearson[i], scores.rmse[i]]);
    }
  }
}

/** `calibration.csv`: predicted against measured values, and predicted spreads against errors. */
export function calibrationTable({ models }: Comparison): string {
  const rows = models.flatMap(({ name, calibration, spread }) => [
    ...(calibration ?? []).map((
      { predicted, measured, cells },
    ) => [name, "value", predicted, measured, cells]),
    ...(spread?.bins ?? []).map((
      { predicted, measured, cells },
    ) => [name, "spread", predicted, measured, cells]),
  ]);
  return encodeCsv(["model", "of", "predicted", "measured", "cells"], rows);
}

/** `perturbations.csv`: what is known of each perturbation beside its scores. */
export function perturbationTable(
  { effects }: Comparison,
  data: Aligned,
  foldNames: readonly string[],
  nameOf: (id: string) => string,
): string {
  const rows = data.perturbations.map((
    id,
    row,
  ) => [id, nameOf(id), foldNames[data.foldOf[row]], effects[row]]);
  return encodeCsv(["perturbation", "name", "fold", "effect_size"], rows);
}

/** Metrics that a paper's table shows. */
const printed = [
  "error_ratio",
  "pearson",
  "pearson_delta",
  "pearson_delta_top20",
  "centroid_accuracy",
  "discrimination_l2",
  "overlap_50",
  "de_auprc",
];

/** `table.tex`: for booktabs, the best model of each metric in bold. */
export function texTable({ models, metrics }: Comparison, caption: string): string {
  const shown = printed.flatMap((name) => metrics.find((metric) => metric.name === name) ?? []);
  const own = models.filter(({ kind }) => kind === "model"),
    others = models.filter(({ kind }) => kind !== "model");
  const best = new Map(shown.map((metric) => [metric.name, bestMean(own, metric)]));
  const line = (model: ModelResult) => {
    const cells = shown.map(({ name }) => {
      const { mean, lower, upper } = model.means[name];
      if (Number.isNaN(mean)) return "n.a.";
      const text = mean.toFixed(3), bold = model.kind === "model" && mean === best.get(name);
      const interval = Number.isNaN(lower)
        ? ""
        : ` {\\scriptsize [${lower.toFixed(3)}, ${upper.toFixed(3)}]}`;
      return (bold ? `\\textbf{${text}}` : text) + interval;
    });
    return `${escapeTex(model.name)} & ${cells.join(" & ")} \\\\`;
  };
  const arrow = ({ better }: MetricInfo) => better === "higher" ? "$\\uparrow$" : "$\\downarrow$";
  return [
    "% needs \\usepackage{booktabs}",
    "\\begin{table}",
    "\\centering",
    `\\caption{${escapeTex(caption)}}`,
    `\\begin{tabular}{l${"c".repeat(shown.length)}}`,
    "\\toprule",
    `Model & ${shown.map((metric) => `${escapeTex(metric.title)} ${arrow(metric)}`).join(" & ")} \\\\`,
    "\\midrule",
    ...own.map(line),
    "\\midrule",
    ...others.map(line),
    "\\bottomrule",
    "\\end{tabular}",
    "\\end{table}",
    "",
  ].join("\n");
}

function bestMean(models: readonly ModelResult[], { name, better }: MetricInfo): number {
  const means = models.map((model) => model.means[name].mean).filter((mean) => !Number.isNaN(mean));
  return better === "higher" ? Math.max(...means) : Math.min(...means);
}

/** Text for LaTeX, in one line. */
export function escapeTex(text: string): string {
  const names: Record<string, string> = {
    "\\": "\\textbackslash{}",
    "~": "\\textasciitilde{}",
    "^": "\\textasciicircum{}",
    "<": "\\textless{}",
    ">": "\\textgreater{}",
    "|": "\\textbar{}",
    '"': "\\textquotedbl{}",
  };
  return text.replace(/\p{Cc}/gu, " ").replace(
    /[\\~^<>|"&%$#_{}]/g,
    (character) => names[character] ?? `\\${character}`,
  );
}

/** Metrics without those of the own gene: what the page shows by itself. */
export function mainMetrics(metrics: readonly MetricInfo[]): MetricInfo[] {
  return metrics.filter(({ name }) => !name.endsWith(ownGeneOut));
}
