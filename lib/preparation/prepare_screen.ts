/** From a screen and its plan to targets, halves, tests and sequences. */
import { DataError, UsageError } from "../cli/errors.ts";
import { counted, log, warnWithExamples } from "../cli/log.ts";
import { ProgressBar } from "../cli/progress.ts";
import { shortId } from "../dataset/ids.ts";
import type { Matrix } from "../linalg/matrix.ts";
import { cellTotals, medianTotal } from "./cell_totals.ts";
import { adjustedLayer, deByLayer, deByWelch } from "./de_genes.ts";
import type { ExpressionBlock, ExpressionMatrix } from "./expression_block.ts";
import { type GroupCentres, groupCentres } from "./group_centres.ts";
import type { SumRequest } from "./group_sums.ts";
import type { KnownGene } from "./known_genes.ts";
import type { Normalisation } from "./normalisation.ts";
import type { GenomeTables, Plan } from "./plan.ts";
import type { PrepareFlags } from "./prepare_flags.ts";
import type { Prepared, PreparedTf } from "./prepared.ts";
import { promotersOf } from "./promoter_files.ts";
import { responses } from "./responses.ts";
import { controlSlot } from "./row_groups.ts";
import { findColumn, type Screen } from "./screen.ts";

/** What was done, for prepare.json. */
export interface PreparationFacts {
  readonly targetSum: number | null;
  /** Null where they were not counted: rows are normalised as they are read. */
  readonly rowsWithoutCounts: number | null;
  readonly de: string;
  readonly expression: string;
  readonly genesWithoutSequence: number;
  readonly genesBelowMean: number;
}

/** @throws {DataError} when no TF is a read-out gene, no gene is left, or values do not suit the choices */
export async function prepareScreen(
  screen: Screen,
  plan: Plan,
  tables: GenomeTables,
  flags: PrepareFlags,
): Promise<{ prepared: Prepared; facts: PreparationFacts }> {
  checkChoices(plan, flags);
  const { groups } = plan.grouping;
  const deWay = chooseDe(screen, plan, flags);
  const progress = blockProgress(screen.matrix, flags.progress);
  const { normalisation, targetSum, rowsWithoutCounts } = await normalisationOf(
    screen,
    plan,
    flags,
    progress,
  );
  const geneOf = new Int32Array(screen.matrix.columns).fill(-1);
  plan.columns.forEach((column, place) => geneOf[column] = place);
  const request: SumRequest = {
    path: screen.path,
    groups,
    geneOf,
    genes: plan.columns.length,
    normalisation,
    withSquares: deWay.kind === "welch" || flags.effect === "zscore",
    onBlock: progress,
  };
  const centres = await groupCentres(screen.matrix, request, flags.aggregate);
  progress(null);
  const expression = expressionOf(screen, plan, centres);
  let kept = plan.columns.map((_, place) => place);
  if (flags.minMean !== null) kept = kept.filter((place) => expression.means[place] >= flags.minMean!);
  const genesBelowMean = plan.columns.length - kept.length;
  const idOf = (place: number) => plan.genes.ids[plan.columns[place]];
  const names = groups.names, tfGenes = names.map((name) => plan.known.find(name));
  tellUnknown(names.filter((_, i) => tfGenes[i] === null), names.length, tables);

  const promoters = flags.genome === null ? null : await promotersOf(
    [
      { ids: names.filter((name) => !name.includes("+")), what: "TF", path: screen.path },
      { ids: kept.map(idOf), what: "read-out gene", path: screen.path },
    ],
    tables,
    flags,
  );
  if (promoters !== null) {
    const withSequence = new Set(promoters[1].map(({ asked }) => asked));
    kept = kept.filter((place) => withSequence.has(idOf(place)));
  }
  const genesWithoutSequence = plan.columns.length - genesBelowMean - kept.length;
  if (kept.length === 0) throw new DataError(`Cannot use "${screen.path}": no read-out gene is left`);
  const placeOf = new Map(kept.map((place) => [idOf(place), place]));
  const tfs = describeTfs(plan, tfGenes, placeOf);
  refuseNoTf(tfs, screen.path, kept.length);
  const ownGenes = flags.ownGene === "nan" ? tfs.map(({ id }) => placeOf.get(id) ?? null) : null;
  const operands = {
    groups,
    centres,
    control: plan.controls.kind,
    effect: flags.effect,
    genes: kept,
    ownGenes,
  };
  const part = (which: 0 | 1 | 2) => responses(operands, which);
  const targets = part(0);
  tellUnmeasured(targets, kept.map(idOf), flags);
  return {
    prepared: {
      tfs,
      genes: kept.map((place) => ({
        id: idOf(place),
        symbol: plan.genes.symbols[plan.columns[place]],
        mean: expression.means[place],
      })),
      targets,
      halves: flags.halves ? [part(1), part(2)] : null,
      de: deWay.kind === "none"
        ? null
        : deWay.kind === "welch"
        ? deByWelch(groups, centres, kept)
        : await deByLayer(screen.layer(deWay.layer), {
          path: screen.path,
          groups,
          columns: kept.map((place) => plan.columns[place]),
        }),
      promoters: promoters &&
        { tfs: promoters[0], genes: promoters[1].filter(({ asked }) => placeOf.has(asked)) },
    },
    facts: {
      targetSum,
      rowsWithoutCounts,
      de: deWay.reason,
      expression: expression.reason,
      genesWithoutSequence,
      genesBelowMean,
    },
  };
}

/** Of two names of one gene, such as an old symbol and the new one, the first stands for it. */
function describeTfs(
  { grouping }: Plan,
  genes: readonly (KnownGene | null)[],
  placeOf: ReadonlyMap<string, number>,
): PreparedTf[] {
  const seen = new Set<string>(), repeated: string[] = [];
  const tfs = grouping.groups.names.map((name, slot): PreparedTf => {
    const gene = genes[slot], isFirst = gene === null || !seen.has(gene.id);
    if (!isFirst) repeated.push(name);
    if (gene !== null) seen.add(gene.id);
    return {
      name,
      id: gene?.id ?? name,
      isKnown: gene !== null,
      isReadOut: gene !== null && isFirst && placeOf.has(gene.id),
      rows: grouping.rowsOf[slot],
      cells: grouping.cellsOf?.[slot] ?? null,
    };
  });
  if (repeated.length > 0) {
    warnWithExamples(
      `${counted(repeated.length, "perturbation")} with the gene of another name: kept in targets.csv only.`,
      repeated.map(shortId),
    );
  }
  return tfs;
}

function checkChoices(plan: Plan, { effect, guideWeights }: PrepareFlags): void {
  if (effect !== "zscore") return;
  if (plan.controls.kind !== "label") {
    throw new UsageError(
      `Cannot use --effect zscore with --control ${plan.controls.kind}: it divides by the controls' spread`,
    );
  }
  if (guideWeights === "cells") {
    throw new UsageError(
      "Cannot use --effect zscore with --guide-weights cells: the spread is of rows that count alike",
    );
  }
  if (plan.grouping.counts.controls < 2) {
    throw new UsageError(
      "Cannot use --effect zscore with one control row: it divides by the controls' spread",
    );
  }
}

type DeWay =
  | { readonly kind: "none"; readonly reason: string }
  | { readonly kind: "welch"; readonly reason: string }
  | { readonly kind: "layer"; readonly layer: string; readonly reason: string };

function chooseDe(screen: Screen, { controls, grouping, normalize }: Plan, flags: PrepareFlags): DeWay {
  const way = deWay(screen, { controls, grouping, normalize }, flags);
  log.info(`Significant genes: ${way.reason}`);
  return way;
}

function deWay(
  screen: Screen,
  { controls, grouping: { counts } }: Pick<Plan, "controls" | "grouping" | "normalize">,
  { de, deLayer, guideWeights }: PrepareFlags,
): DeWay {
  if (de === "none") return { kind: "none", reason: "none, asked for" };
  const layer = deLayer ?? adjustedLayer(screen.layers);
  if (layer !== undefined && de !== "welch") {
    return { kind: "layer", layer, reason: `layer "${layer}", the least of a TF's rows times their number` };
  }
  if (de === "layer") {
    throw new UsageError(
      "Cannot use --de layer: no layer is named as adjusted p values are (--de-layer names it)",
    );
  }
  const why = controls.kind !== "label"
    ? "there are no control rows"
    : counts.controls < 2
    ? "there is one control row"
    : guideWeights === "cells"
    ? "rows do not count alike (--guide-weights cells)"
    : null;
  if (why === null) {
    return { kind: "welch", reason: "Welch's t test of rows against control rows, adjusted by BH" };
  }
  if (de === "welch") throw new UsageError(`Cannot use --de welch: ${why}`);
  return { kind: "none", reason: `none: no layer of adjusted p, and ${why}` };
}

async function normalisationOf(
  screen: Screen,
  plan: Plan,
  { targetSum: asked }: PrepareFlags,
  progress: (block: ExpressionBlock | null) => void,
): Promise<{ normalisation: Normalisation; targetSum: number | null; rowsWithoutCounts: number | null }> {
  const number = Number(asked);
  if (asked !== "median" && !(number > 0 && number < Infinity)) {
    throw new UsageError(`Cannot use --target-sum "${asked}": a number above 0 or median is needed`);
  }
  if (plan.normalize === "none") {
    return { normalisation: { kind: "none" }, targetSum: null, rowsWithoutCounts: null };
  }
  // A row's own sum is known when its block is read; otherwise all are summed first.
  const isByRows = screen.matrix.layout === "CSR" || screen.matrix.layout === "dense";
  if (asked !== "median" && isByRows) {
    return {
      normalisation: { kind: "log1p", targetSum: number, totals: null },
      targetSum: number,
      rowsWithoutCounts: 0,
    };
  }
  const totals = await cellTotals(screen.matrix, screen.path, progress);
  progress(null);
  const empty = totals.filter((total) => total === 0).length;
  if (empty === totals.length) throw new DataError(`Cannot normalise "${screen.path}": all its values are 0`);
  if (empty > 0) log.warn(`${counted(empty, "row")} of ${totals.length} without any count: taken as zeros.`);
  const targetSum = asked === "median" ? medianTotal(totals) : number;
  if (asked === "median") log.info(`Target sum: ${targetSum}, the median of the rows' totals`);
  return { normalisation: { kind: "log1p", targetSum, totals }, targetSum, rowsWithoutCounts: empty };
}

/** Mean expression of each gene, and of what it is the mean. */
function expressionOf(
  screen: Screen,
  plan: Plan,
  { means }: GroupCentres,
): { means: ArrayLike<number>; reason: string } {
  const name = findColumn(screen.var, ["mean", "mean_expression", "means", "mean_counts"]);
  const column = name === undefined ? undefined : screen.var.columns.get(name);
  if (plan.values.kind === "relative" && column !== undefined && column.kind === "number") {
    return {
      means: plan.columns.map((at) => column.values[at]),
      reason: `var's column "${name}": values are relative`,
    };
  }
  const hasControls = plan.grouping.groups.counts.subarray(2 * controlSlot(plan.grouping.groups)).some((
    rows,
  ) => rows > 0);
  return plan.controls.kind === "label" && hasControls
    ? { means: means.controls, reason: "mean of the control rows" }
    : { means: means.all, reason: "mean of all rows" };
}

function tellUnknown(unknown: readonly string[], all: number, { annotation }: GenomeTables): void {
  if (unknown.length === 0) return;
  warnWithExamples(
    `${counted(unknown.length, "perturbation")} of ${all} ${unknown.length === 1 ? "is" : "are"} no gene of ${
      annotation === null
        ? "the screen's own (--gtf knows more)"
        : `"${annotation.path}" (old symbols: --aliases)`
    }: kept in targets.csv only.`,
    unknown.map(shortId),
  );
}

function refuseNoTf(tfs: readonly PreparedTf[], path: string, genes: number): void {
  const both = tfs.filter(({ isReadOut }) => isReadOut).length;
  log.info(`TFs: ${tfs.length} perturbations, ${both} of them among the ${genes} read-out genes`);
  if (both > 0) return;
  throw new DataError(
    `Cannot use "${path}": none of its ${tfs.length} perturbations (${
      tfs.slice(0, 3).map(({ name }) => shortId(name)).join(", ")
    }${
      tfs.length > 3 ? ", ..." : ""
    }) is among the ${genes} read-out genes (--perturbation-col names another column; --gtf matches symbols and Ensembl ids)`,
  );
}

function tellUnmeasured(
  { data, rows, columns }: Matrix,
  ids: readonly string[],
  { effect }: PrepareFlags,
): void {
  const empty = ids.filter((_, column) => {
    for (let row = 0; row < rows; row++) if (!Number.isNaN(data[row * columns + column])) return false;
    return true;
  });
  if (empty.length === 0) return;
  warnWithExamples(
    `${counted(empty.length, "read-out gene")} without any value${
      effect === "zscore" ? " (the controls do not vary)" : ""
    }: its cells are empty.`,
    empty,
  );
}

/** Share of stored values that were read, with --progress. */
function blockProgress(matrix: ExpressionMatrix, isShown: boolean): (block: ExpressionBlock | null) => void {
  let read = 0;
  let bar = isShown ? new ProgressBar("Reading", 100) : null;
  return (block) => {
    if (bar === null) return;
    read += block === null ? 0 : block.values.length;
    if (block !== null) return bar.update(Math.min(99.9, 100 * read / Math.max(1, matrix.stored)) + 1e-6);
    bar.end();
    read = 0;
    bar = new ProgressBar("Reading", 100);
  };
}
