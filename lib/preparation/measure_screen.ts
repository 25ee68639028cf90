/** The pass over a screen's matrix: normalisation, centres of all groups, mean expression. */
import { DataError, UsageError } from "../cli/errors.ts";
import { counted, log } from "../cli/log.ts";
import { ProgressBar } from "../cli/progress.ts";
import { cellTotals, medianTotal } from "./cell_totals.ts";
import type { ExpressionBlock, ExpressionMatrix } from "./expression_block.ts";
import { type GroupCentres, groupCentres } from "./group_centres.ts";
import type { Normalisation } from "./normalisation.ts";
import type { Plan } from "./plan.ts";
import type { PrepareFlags } from "./prepare_flags.ts";
import { controlSlot } from "./row_groups.ts";
import { findColumn, type Screen } from "./screen.ts";

export interface Measured {
  readonly centres: GroupCentres;
  readonly targetSum: number | null;
  /** Null where they were not counted: rows are normalised as they are read. */
  readonly rowsWithoutCounts: number | null;
  /** Mean expression of each gene, and of what it is the mean. */
  readonly expression: { readonly means: ArrayLike<number>; readonly reason: string };
}

/** @param withSquares whether variances are needed */
export async function measureScreen(
  screen: Screen,
  plan: Plan,
  flags: PrepareFlags,
  withSquares: boolean,
): Promise<Measured> {
  const progress = blockProgress(screen.matrix, flags.progress);
  const { normalisation, ...sums } = await normalisationOf(screen, plan, flags, progress);
  const geneOf = new Int32Array(screen.matrix.columns).fill(-1);
  plan.columns.forEach((column, place) => geneOf[column] = place);
  const request = {
    path: screen.path,
    groups: plan.grouping.groups,
    geneOf,
    genes: plan.columns.length,
    normalisation,
    withSquares,
    onBlock: progress,
  };
  const centres = await groupCentres(screen.matrix, request, flags.aggregate);
  progress(null);
  return { centres, ...sums, expression: expressionOf(screen, plan, centres) };
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

/** Share of stored values that were read, with --progress. */
function blockProgress(matrix: ExpressionMatrix, isShown: boolean): (block: ExpressionBlock | null) => void {
  let read = 0;
  let bar = isShown ? new ProgressBar("Reading", 100) : null;
  return (block) => {
    if (bar === null) return;
    read += block === null ? 0 : block.values.length;
    if (block !== null) return bar.update(Math.min(99.9, 100 * read / Math.max(1, matrix.stored)) + 1e-6);
    bar.update(100);
    bar.end();
    read = 0;
    bar = new ProgressBar("Reading", 100);
  };
}
