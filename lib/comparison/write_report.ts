/** All files of a comparison: tables, figures, the page, and what they were made from. */
import { writeFileAtomic } from "../io/atomic_write.ts";
import { commandLine } from "../cli/command_line.ts";
import { programVersion } from "../experiment/manifest.ts";
import { describeFile } from "../io/file_fact.ts";
import type { Aligned } from "./aligned.ts";
import type { CompareFlags } from "./compare.ts";
import type { ExplorerBlock } from "./explorer_block.ts";
import { writeExplorerValues } from "./explorer_values.ts";
import { writeFigures } from "./figure_files.ts";
import type { FoldChoice } from "./folds.ts";
import type { MetricInfo } from "./metric_list.ts";
import type { Comparison, ModelResult } from "./model_result.ts";
import { pageData } from "./page_data.ts";
import { pageHtml } from "./page_html.ts";
import type { ReportFolder } from "./report_folder.ts";
import {
  calibrationTable,
  geneTable,
  longTable,
  pairTable,
  perturbationTable,
  subsetTable,
  summaryTable,
  texTable,
} from "./tables.ts";
import { systematicVariation } from "./systematic_variation.ts";
import type { Truth } from "./truth.ts";

export interface Report {
  readonly flags: CompareFlags;
  readonly truth: Truth;
  readonly folds: FoldChoice;
  readonly data: Aligned;
  readonly comparison: Comparison;
  readonly explorer: ExplorerBlock;
}

/** @returns path of the page */
export async function writeReport(folder: ReportFolder, report: Report): Promise<string> {
  const { truth, folds, data, comparison, explorer } = report;
  await folder.begin();
  const write = (name: string, content: string | Iterable<string>) =>
    writeFileAtomic(folder.staged(name), content);
  await write("metrics_long.csv", longTable(comparison, data, folds.names));
  await write("table.csv", summaryTable(comparison));
  await write("table.tex", texTable(comparison, caption(report)));
  await write("pairs.csv", pairTable(comparison));
  await write("subsets.csv", subsetTable(comparison));
  await write("genes.csv", geneTable(comparison, data.genes, truth.nameOf));
  await write("perturbations.csv", perturbationTable(comparison, data, folds.names, truth.nameOf));
  await write("calibration.csv", calibrationTable(comparison));
  const page = await pageData(report); // settles which genes the explorer holds
  await writeExplorerValues(folder.staged("explorer_values.parquet"), data, comparison, explorer);
  await writeFigures(folder, page);
  const provenance = await provenanceOf(report);
  const files = [...folder.names, "comparison.json", "index.html"];
  await write(
    "comparison.json",
    JSON.stringify({ ...summaryOf(report), ...provenance, files }, null, 2) + "\n",
  );
  await write("index.html", await pageHtml({ ...page, provenance }));
  await folder.commit();
  return `${folder.path}/index.html`;
}

function caption({ data, comparison: { models } }: Report): string {
  const count = models.filter(({ kind }) => kind === "model").length;
  return `${count} models on ${data.perturbations.length} perturbations and ${data.genes.length} genes: means over ` +
    `perturbations with 95% bootstrap intervals. An error ratio of 1 is the mean baseline.`;
}

/** The numbers of comparison.json, and of --json. */
export function summaryOf({ flags, folds, data, comparison }: Report): Record<string, unknown> {
  const { metrics, models, pairs, notes } = comparison;
  const baseline = models.find(({ kind }) => kind === "mean baseline")!;
  return {
    format: "hs27-comparison",
    version: 1,
    n_perturbations: data.perturbations.length,
    n_genes: data.genes.length,
    n_folds: data.folds,
    own_genes: data.ownGene.filter((gene) => gene >= 0).length,
    folds_from: folds.from,
    paired: folds.isPaired,
    systematic_variation: systematicVariation(data.truth),
    direction_match_over: data.significant === null ? "all measured genes" : "significant genes",
    bootstrap: { resamples: flags.resamples, seed: flags.seed },
    metrics: metrics.map(({ name, title, better, best, chance }) => ({ name, title, better, best, chance })),
    table: Object.fromEntries(
      models.map(({ name, means }) => [
        name,
        Object.fromEntries(metrics.map((metric) => {
          const { mean, lower, upper, n } = means[metric.name];
          return [metric.name, {
            mean,
            lower,
            upper,
            n,
            over_baseline: overBaseline(mean, metric, baseline),
          }];
        })),
      ]),
    ),
    pairs: pairs.map(({ pHolm, mean, ...pair }) => ({ ...pair, difference: mean, p_holm: pHolm })),
    spread: Object.fromEntries(
      models.flatMap(({ name, spread }) =>
        spread === null
          ? []
          : [[name, { within_1: spread.within1, within_1_96: spread.within196, cells: spread.cells }]]
      ),
    ),
    notes,
  };
}

/** Share of the way from the mean baseline to the best value, as cell-eval's score but not clipped: negative is worse. */
function overBaseline(value: number, { name, best }: MetricInfo, { means }: ModelResult): number {
  const baseline = means[name].mean;
  return best === 1 ? (value - baseline) / (1 - baseline) : 1 - value / baseline;
}

/** What the comparison was made from and by. */
async function provenanceOf({ flags, truth, comparison: { models } }: Report) {
  const { given: _, debug: __, ...values } = flags;
  const granted = (["read", "write", "net", "env", "sys", "run", "ffi"] as const).map((name) => {
    const { state, partial } = Deno.permissions.querySync({ name });
    return [name, state === "granted" ? "all" : partial ? "some" : "none"];
  });
  const named = [flags.deGenes, ...flags.halves ?? [], flags.groupBy].filter((path) => path !== null);
  const inputs = [truth.file];
  for (const path of named) inputs.push(await describeFile(path));
  return {
    created: new Date().toISOString(),
    program: programVersion,
    deno: Deno.version.deno,
    command: commandLine("scripts/compare.ts", Deno.args),
    flags: values,
    permissions: Object.fromEntries(granted),
    inputs,
    models: models.flatMap(({ name, source }) =>
      source === null ? [] : [{
        name,
        folder: source.path,
        file: source.file,
        script: source.manifest?.script ?? null,
        run_id: source.manifest?.run_id ?? null,
        program: source.manifest?.program ?? null,
        created: source.manifest?.created ?? null,
        seed: source.manifest?.flags.seed ?? null,
        flags: source.manifest?.flags ?? null,
        engines: source.manifest?.engines ?? null,
      }]
    ),
  };
}
