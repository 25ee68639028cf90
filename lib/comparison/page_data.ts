/** What the page and the figures read: the comparison as plain JSON, large parts packed. */
import { shortId } from "../dataset/ids.ts";
import { row } from "../linalg/matrix.ts";
import type { Interval } from "./bootstrap_table.ts";
import type { ModelResult } from "./model_result.ts";
import { type PackedNumbers, packNumbers, steps } from "./packed.ts";
import { mainMetrics } from "./tables.ts";
import type { Report } from "./write_report.ts";

/** Mean, lower and upper end, number of perturbations; null where undefined. */
type Cell = readonly [number | null, number | null, number | null, number];

export interface PageModel {
  readonly name: string;
  /** Its name in one line, short and unlike the others'. */
  readonly label: string;
  readonly kind: ModelResult["kind"];
}

export type PageData = Awaited<ReturnType<typeof pageData>>;

/** Metrics of single perturbations are rounded to this in the page. */
const scoreStep = 1e-4;

export async function pageData({ flags, truth, folds, data, comparison, explorer }: Report) {
  const { metrics, models, pairs, subsets, effects, notes } = comparison, main = mainMetrics(metrics);
  const index = new Map(models.map(({ name }, i) => [name, i]));
  return {
    models: labelled(models),
    metrics: metrics.map(({ name, title, better, best, chance }) => ({ name, title, better, best, chance })),
    mainMetrics: main.map(({ name }) => name),
    directionOver: data.significant === null ? "all measured genes" : "significant genes",
    table: Object.fromEntries(
      metrics.map(({ name }) => [name, models.map(({ means }) => cell(means[name]))]),
    ),
    pairs: Object.fromEntries(
      metrics.map(({ name }) => [
        name,
        pairs.filter(({ metric }) => metric === name).map(({ first, second, mean, lower, upper, p, pHolm }) =>
          [index.get(first)!, index.get(second)!, ...[mean, lower, upper, p, pHolm].map(short)] as const
        ),
      ]),
    ),
    subsets: subsets.map(({ subset: { kind, name, rows }, means }) => ({
      kind,
      name,
      count: rows.length,
      means: Object.fromEntries(main.map(({ name }) => [name, means[name].map(cell)])),
    })),
    calibration: models.map(({ calibration }) =>
      calibration?.map(({ predicted, measured, cells }) =>
        [short(predicted), short(measured), cells] as const
      ) ?? null
    ),
    spread: models.map(({ spread }) =>
      spread && {
        bins: spread.bins.map(({ predicted, measured, cells }) =>
          [short(predicted), short(measured), cells] as const
        ),
        within1: short(spread.within1),
        within196: short(spread.within196),
      }
    ),
    perturbations: data.perturbations,
    perturbationNames: data.perturbations.map(truth.nameOf),
    foldOf: Array.from(data.foldOf, (fold) => folds.names[fold]),
    genes: data.genes,
    geneNames: data.genes.map(truth.nameOf),
    isPaired: folds.isPaired,
    bootstrap: { resamples: flags.resamples, seed: flags.seed },
    notes,
    effects: await packNumbers(effects, scoreStep),
    scores: await packScores(comparison.models, main.map(({ name }) => name)),
    geneScores: await packGenes(models, explorer.step),
    explorer: await fittingExplorer({ data, explorer }),
  };
}

/** Model after model, metric after metric, a value a perturbation. */
async function packScores(
  models: readonly ModelResult[],
  metrics: readonly string[],
): Promise<PackedNumbers> {
  const values = models.flatMap(({ scores }) => metrics.flatMap((name) => Array.from(scores[name])));
  return await packNumbers(values, scoreStep);
}

async function packGenes(models: readonly ModelResult[], step: number) {
  const known = models.filter(({ genes }) => genes !== null);
  return {
    pearson: await packNumbers(known.flatMap(({ genes }) => Array.from(genes!.pearson)), 1e-3),
    rmse: await packNumbers(known.flatMap(({ genes }) => Array.from(genes!.rmse)), step / 10),
  };
}

/** Characters that the explorer's values may take in the page: with all else it stays below 8 MB. */
const mostCharacters = 6.9e6;

/** Values that vary more than the data compress less: then fewer genes are held. */
async function fittingExplorer(report: Pick<Report, "data" | "explorer">, most = mostCharacters) {
  for (;;) {
    const packed = await packExplorer(report);
    const characters = [packed.measured, ...packed.models].reduce((sum, { bytes }) => sum + bytes.length, 0);
    if (characters <= most || report.explorer.genes.length === 1) return packed;
    report.explorer.keep(Math.floor(report.explorer.genes.length * 0.97 * most / characters));
  }
}

async function packExplorer({ data, explorer }: Pick<Report, "data" | "explorer">) {
  const { genes, step } = explorer, each = genes.length;
  const reference = new Float32Array(data.folds * each);
  for (let fold = 0; fold < data.folds; fold++) {
    genes.forEach((gene, j) => reference[fold * each + j] = row(data.reference, fold)[gene]);
  }
  const folds = Array.from(data.foldOf);
  const expected = (index: number) =>
    steps(reference[folds[Math.floor(index / each)] * each + index % each], step);
  const models: PackedNumbers[] = [];
  for (const values of explorer.predictions) models.push(await packNumbers(values, step, expected));
  return {
    genes: Array.from(genes),
    complete: explorer.complete,
    step,
    folds,
    reference: await packNumbers(reference, step),
    measured: await packNumbers(explorer.measured, step, expected),
    models,
  };
}

function cell({ mean, lower, upper, n }: Interval): Cell {
  return [short(mean), short(lower), short(upper), n];
}

/** Seven digits; null for NaN. */
function short(value: number): number | null {
  return Number.isFinite(value) ? Number(value.toPrecision(7)) : null;
}

function labelled(models: readonly ModelResult[]): PageModel[] {
  const seen = new Map<string, number>();
  return models.map(({ name, kind }) => {
    const label = shortId(name), times = (seen.get(label) ?? 0) + 1;
    seen.set(label, times);
    return { name, label: times > 1 ? `${label} (${times})` : label, kind };
  });
}
