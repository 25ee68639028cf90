/** `--n-top-genes`: the genes of largest mean absolute expression change. */
import { counted, log } from "../cli/log.ts";
import type { Matrix } from "../linalg/matrix.ts";
import { numpyArgsort } from "./numpy_argsort.ts";

/**
 * Columns of the `count` largest mean absolute values, ascending (their original order).
 *
 * A gene with a missing value ranks above all others, and ties fall as NumPy's sort lets them, so that the choice is
 * the Python's gene for gene.
 *
 * @param fromRows rows to judge by; all of them without it
 */
export function topGenes(values: Matrix, count: number, fromRows?: ArrayLike<number>): number[] {
  if (count >= values.columns) return Array.from({ length: values.columns }, (_, column) => column);
  const order = numpyArgsort(meanMagnitudes(values, fromRows));
  return Array.from(order.subarray(values.columns - count)).sort((a, b) => a - b);
}

/** Which genes a run is about, and which of them each fold learns. */
export interface GeneChoice {
  /** Columns of the targets that the run keeps, ascending. */
  columns: number[];
  /** For each fold, its genes as positions in `columns`; null where every fold has all of them. */
  byFold: number[][] | null;
}

/**
 * Choose genes by `--n-top-genes`, from all rows or, strictly, from each fold's training rows: then the run keeps the
 * union of the folds' choices, and a fold predicts (and is judged by) its own genes only.
 *
 * @param count null keeps all
 */
export function chooseGenes(
  values: Matrix,
  count: number | null,
  folds: readonly { train: ArrayLike<number> }[],
  strict: boolean,
): GeneChoice {
  if (count === null || count >= values.columns) {
    return { columns: Array.from({ length: values.columns }, (_, column) => column), byFold: null };
  }
  warnOfMissing(values, count);
  if (!strict) return { columns: topGenes(values, count), byFold: null };
  const chosen = folds.map((fold) => topGenes(values, count, fold.train));
  const columns = [...new Set(chosen.flat())].sort((a, b) => a - b);
  const position = new Map(columns.map((column, i) => [column, i]));
  return { columns, byFold: chosen.map((own) => own.map((column) => position.get(column)!)) };
}

/** Summed and divided in float32, row after row, as NumPy does: the same ties, the same order. */
function meanMagnitudes(values: Matrix, fromRows?: ArrayLike<number>): Float32Array {
  const sums = new Float32Array(values.columns), rows = fromRows?.length ?? values.rows;
  for (let i = 0; i < rows; i++) {
    const start = (fromRows ? fromRows[i] : i) * values.columns;
    for (let j = 0; j < values.columns; j++) sums[j] += Math.abs(values.data[start + j]);
  }
  return sums.map((sum) => sum / rows);
}

function warnOfMissing(values: Matrix, count: number): void {
  const incomplete = new Set<number>();
  values.data.forEach((value, i) => Number.isNaN(value) && incomplete.add(i % values.columns));
  if (incomplete.size > 0) {
    log.warn(
      `${
        counted(incomplete.size, "gene")
      } with missing values rank first among the top ${count}, as in the Python.`,
    );
  }
}
