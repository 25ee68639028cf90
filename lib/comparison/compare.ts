/** A comparison from its flags to its folder. */
import { UsageError } from "../cli/errors.ts";
import type { Flags } from "../cli/flags.ts";
import { counted, log, printOutput, resultLine } from "../cli/log.ts";
import { type Matrix, takeRows } from "../linalg/matrix.ts";
import { type Alignment, alignModels } from "./align.ts";
import type { Aligned } from "./aligned.ts";
import { BootstrapTable } from "./bootstrap_table.ts";
import { valueCalibration } from "./calibration.ts";
import { ExplorerBlock } from "./explorer_block.ts";
import { readHalves, significantGenes } from "./extra_data.ts";
import { findResults } from "./find_results.ts";
import type { compareFlags } from "./flags.ts";
import { FoldScorer } from "./fold_scorer.ts";
import { chooseFolds, type FoldChoice } from "./folds.ts";
import { geneScores } from "./gene_scores.ts";
import { metricList } from "./metric_list.ts";
import {
  type Comparison,
  meanBaselineName,
  meansOf,
  type ModelResult,
  noiseCeilingName,
  subsetMeans,
} from "./model_result.ts";
import { type ModelSource, otherSource, refuseNames, resultSource } from "./model_source.ts";
import { noiseCeiling } from "./noise_ceiling.ts";
import { pairedDifferences } from "./paired.ts";
import { truthOrders } from "./row_scores.ts";
import { scoreModel } from "./score_model.ts";
import { judgedSpread } from "./spread_file.ts";
import { effectSizes, effectStrata, foldSubsets, groupSubsets } from "./subsets.ts";
import { readTruth, topExpressed, type Truth } from "./truth.ts";
import { summaryOf, writeReport } from "./write_report.ts";
import { ReportFolder } from "./report_folder.ts";

export type CompareFlags = Flags<typeof compareFlags>;

/** @throws {UsageError | DataError} what went wrong, in one sentence */
export async function compare(flags: CompareFlags): Promise<void> {
  if (flags.json) log.toStandardError();
  if (flags.results === null && flags.predictions === null) {
    throw new UsageError("Flag --results is needed: result folders to compare (or --predictions NAME=FILE)");
  }
  const notes: string[] = [],
    note = (text: string) => {
      log.warn(text);
      notes.push(text);
    };
  await using folder = await ReportFolder.open(flags.output);
  const found = flags.results === null ? [] : await findResults(flags.results);
  const sources: ModelSource[] = [];
  for (const result of found) sources.push(await resultSource(result));
  for (const argument of flags.predictions ?? []) sources.push(await otherSource(argument));
  refuseNames(sources, [meanBaselineName, noiseCeilingName]);

  const truth = await readTruth(flags, sources);
  const folds = await chooseFolds(truth, sources, flags, note);
  const alignment = await alignModels(truth, sources, {
    folds,
    wanted: topExpressed(truth, flags.topExpressed),
  }, note);
  const significant = await significantGenes(truth, alignment.data, { named: flags.deGenes, fdr: flags.fdr });
  const data: Aligned = { ...alignment.data, significant };
  log.info(
    `Comparing ${counted(sources.length, "model")} on ${
      counted(data.perturbations.length, "perturbation")
    }, ` +
      `${counted(data.genes.length, "gene")}, ${counted(data.folds, "fold")}.`,
  );
  const scored = await scoreAll({ flags, truth, folds, alignment, data, notes });
  const files = await writeReport(folder, { flags, truth, folds, data, ...scored });
  const summary = summaryOf({ flags, truth, folds, data, ...scored });
  if (flags.json) printOutput(JSON.stringify(summary));
  tell(scored.comparison, files);
}

interface Inputs {
  readonly flags: CompareFlags;
  readonly truth: Truth;
  readonly folds: FoldChoice;
  readonly alignment: Alignment;
  readonly data: Aligned;
  readonly notes: string[];
}

/** Model by model: no more than one is in memory beside the truth, where they are large. */
async function scoreAll({ flags, truth, folds, alignment, data, notes }: Inputs) {
  const metrics = metricList(data.significant !== null), orders = truthOrders(data);
  const table = new BootstrapTable(data.perturbations.length, flags.resamples, flags.seed);
  const explorer = new ExplorerBlock(data, orders, alignment.models.length);
  using scorer = new FoldScorer();
  const judged = async (
    name: string,
    kind: ModelResult["kind"],
    source: ModelSource | null,
    prediction: Matrix,
  ): Promise<ModelResult> => {
    const scores = await scoreModel(data, orders, prediction, scorer);
    return {
      name,
      kind,
      source,
      scores,
      means: meansOf(scores, metrics, table),
      calibration: valueCalibration(data.truth, prediction),
      spread: null,
      genes: geneScores(data.truth, prediction),
    };
  };
  const models: ModelResult[] = [];
  for (const { source, rows, columns, read } of alignment.models) {
    const prediction = await read();
    const result = await judged(source.name, "model", source, prediction);
    const spread = await judgedSpread(source, { rows, columns }, data, prediction);
    models.push({ ...result, spread });
    explorer.add(prediction);
    log.info(`${source.name}: error ratio ${number(result.means.error_ratio.mean)}`);
  }
  models.push(await judged(meanBaselineName, "mean baseline", null, takeRows(data.reference, data.foldOf)));
  const halves = await readHalves(truth, data, flags.halves);
  const pairs = pairedDifferences(models, metrics.map(({ name }) => name), table);
  if (halves !== null) {
    const scores = await noiseCeiling(data, halves, scorer);
    models.push({
      name: noiseCeilingName,
      kind: "noise ceiling",
      source: null,
      scores,
      means: meansOf(scores, metrics, table),
      calibration: null,
      spread: null,
      genes: null,
    });
  }
  const effects = effectSizes(data);
  const subsets = [
    ...effectStrata(effects),
    ...foldSubsets(data.foldOf, folds.names),
    ...flags.groupBy === null ? [] : await groupSubsets(flags.groupBy, data, truth),
  ];
  const means = subsetMeans(subsets, models, metrics, table);
  const comparison: Comparison = { metrics, models, pairs, subsets: means, effects, notes };
  return { comparison, explorer };
}

function tell({ models }: Comparison, path: string): void {
  const own = models.filter(({ kind }) => kind === "model"),
    judged = own.filter(({ means }) => !Number.isNaN(means.error_ratio.mean));
  if (judged.length === 0) {
    resultLine(`No error ratio is defined; all of ${counted(own.length, "model")} in ${path}`);
    return;
  }
  const best = judged.reduce((a, b) => b.means.error_ratio.mean < a.means.error_ratio.mean ? b : a);
  const { mean, lower, upper } = best.means.error_ratio;
  const interval = Number.isNaN(lower) ? "" : ` (95% ${lower.toFixed(4)} to ${upper.toFixed(4)})`;
  resultLine(
    `Lowest error: ${best.name}, ${mean.toFixed(4)}${interval} of the mean baseline's, mean Pearson r ${
      number(best.means.pearson.mean)
    }, of the baseline ${
      number(models.find(({ kind }) => kind === "mean baseline")!.means.pearson.mean)
    }; all of ${counted(own.length, "model")} in ${path}`,
  );
}

function number(value: number): string {
  return Number.isNaN(value) ? "n.a." : value.toFixed(4);
}
