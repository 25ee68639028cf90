/** Sums over the rows of each perturbation, in one pass over a matrix of any size: time goes with the stored values. */
import { DataError } from "../cli/errors.ts";
import { notACount } from "./cell_totals.ts";
import type { ExpressionBlock, ExpressionMatrix } from "../dataset/expression_block.ts";
import { type Normalisation, RowNormaliser } from "./normalisation.ts";
import { type RowGroups, slotCount } from "./row_groups.ts";

export interface GroupSums {
  readonly genes: number;
  /** (slot * 2 + half) x genes: weighted sums. */
  readonly sums: Float64Array;
  /** slot x genes: sums of squares; null where not asked for. */
  readonly squares: Float64Array | null;
  /** (slot * 2 + half) x genes: weight of missing values; null where none is missing. */
  readonly missing: Float64Array | null;
}

export interface SumRequest {
  readonly path: string;
  readonly groups: RowGroups;
  /** Which column is which gene, -1 for columns that are left out; and how many genes there are. */
  readonly geneOf: Int32Array;
  readonly genes: number;
  readonly normalisation: Normalisation;
  readonly withSquares: boolean;
  readonly onBlock: (block: ExpressionBlock) => void;
}

/** @throws {DataError} for infinite values, and for what is no count where counts are normalised */
export async function groupSums(matrix: ExpressionMatrix, request: SumRequest): Promise<GroupSums> {
  const { groups, genes, withSquares } = request, slots = slotCount(groups);
  const into: Accumulators = {
    sums: new Float64Array(2 * slots * genes),
    squares: withSquares ? new Float64Array(slots * genes) : null,
    missing: null,
  };
  for await (const block of matrix.blocks()) {
    if (block.of === "rows") addRows(block, matrix, request, into);
    else addColumns(block, matrix, request, into);
    request.onBlock(block);
  }
  return { genes, ...into };
}

interface Accumulators {
  readonly sums: Float64Array;
  readonly squares: Float64Array | null;
  missing: Float64Array | null;
}

function addRows(
  block: ExpressionBlock,
  matrix: ExpressionMatrix,
  request: SumRequest,
  into: Accumulators,
): void {
  const { starts, indices, values } = block, { sums, squares } = into;
  const { geneOf, genes, normalisation, groups: { slotOf, halfOf, weights } } = request;
  const normaliser = new RowNormaliser();
  for (let r = 0; r < block.count; r++) {
    const row = block.first + r, slot = slotOf[row], from = starts[r], to = starts[r + 1];
    if (slot < 0) continue;
    const isLog = normalisation.kind === "log1p";
    if (isLog) normaliser.start(factorOf(normalisation, row, values, from, to));
    const weight = weights === null ? 1 : weights[row];
    const base = (2 * slot + halfOf[row]) * genes, squareBase = slot * genes;
    for (let at = from; at < to; at++) {
      const gene = geneOf[indices === null ? at - from : indices[at]];
      let value = values[at];
      if (isLog) {
        if (!(value >= 0)) throw notACount(request.path, matrix.name, row, indices?.[at] ?? at - from, value);
        value = normaliser.of(value);
      }
      if (gene < 0) continue;
      if (value - value !== 0) {
        addMissing(value, base + gene, weight, { matrix, row, request, into });
        continue;
      }
      sums[base + gene] += weight * value;
      if (squares !== null) squares[squareBase + gene] += value * value;
    }
  }
}

/** Rows come in no order: totals must be known before. */
function addColumns(
  block: ExpressionBlock,
  matrix: ExpressionMatrix,
  request: SumRequest,
  into: Accumulators,
): void {
  const { starts, indices, values } = block, { sums, squares } = into;
  const { geneOf, genes, normalisation, groups: { slotOf, halfOf, weights } } = request;
  for (let c = 0; c < block.count; c++) {
    const gene = geneOf[block.first + c], from = starts[c], to = starts[c + 1];
    if (gene < 0) continue;
    for (let at = from; at < to; at++) {
      const row = indices === null ? at - from : indices[at], slot = slotOf[row];
      if (slot < 0) continue;
      let value = values[at];
      if (normalisation.kind === "log1p") {
        if (!(value >= 0)) throw notACount(request.path, matrix.name, row, block.first + c, value);
        value = Math.log1p(value * factorOf(normalisation, row, values, 0, 0));
      }
      const weight = weights === null ? 1 : weights[row], place = (2 * slot + halfOf[row]) * genes + gene;
      if (value - value !== 0) {
        addMissing(value, place, weight, { matrix, row, request, into });
        continue;
      }
      sums[place] += weight * value;
      if (squares !== null) squares[slot * genes + gene] += value * value;
    }
  }
}

/** target / total of a row; 0 where it has no counts, which leaves its zeros. */
export function factorOf(
  { targetSum, totals }: Extract<Normalisation, { kind: "log1p" }>,
  row: number,
  values: Float64Array,
  from: number,
  to: number,
): number {
  let total = totals === null ? 0 : totals[row];
  if (totals === null) { for (let at = from; at < to; at++) total += values[at]; }
  return total > 0 ? targetSum / total : 0;
}

function addMissing(
  value: number,
  place: number,
  weight: number,
  { matrix, row, request, into }: {
    matrix: ExpressionMatrix;
    row: number;
    request: SumRequest;
    into: Accumulators;
  },
): void {
  if (!Number.isNaN(value)) {
    throw new DataError(
      `Cannot use "${request.path}": ${matrix.name}, row ${
        row + 1
      } holds ${value} (numbers, or NaN for a missing value)`,
    );
  }
  into.missing ??= new Float64Array(into.sums.length);
  into.missing[place] += weight;
}
