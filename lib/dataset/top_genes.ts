/** `--n-top-genes`: the genes of largest mean absolute expression change. */
import { counted, log } from "../cli/log.ts";
import type { Matrix } from "../linalg/matrix.ts";
import { numpyArgsort } from "./numpy_argsort.ts";

/**
 * Columns of the `count` largest mean absolute values, ascending (their original order).
 *
 * Means are over the measured values, as pandas takes them; a gene without any ranks last. Ties fall as NumPy's sort lets
 * them, so that without missing values the choice is the Python's gene for gene.
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
  warnOfMissing(values);
  if (!strict) return { columns: topGenes(values, count), byFold: null };
  const chosen = folds.map((fold) => topGenes(values, count, fold.train));
  const columns = [...new Set(chosen.flat())].sort((a, b) => a - b);
  const position = new Map(columns.map((column, i) => [column, i]));
  return { columns, byFold: chosen.map((own) => own.map((column) => position.get(column)!)) };
}

/** Summed and divided in float32, row after row, as NumPy does: the same ties, the same order. -1 where nothing is measured. */
function meanMagnitudes(values: Matrix, fromRows?: ArrayLike<number>): Float32Array {
  const sums = new Float32Array(values.columns), counts = new Int32Array(values.columns);
  const rows = fromRows?.length ?? values.rows;
  for (let i = 0; i < rows; i++) {
    const start = (fromRows ? fromRows[i] : i) * values.columns;
    for (let j = 0; j < values.columns; j++) {
      const value = values.data[start + j];
      if (Number.isNaN(value)) continue;
      sums[j] += Math.abs(value);
      counts[j]++;
    }
  }
  return sums.map((sum, j) => counts[j] > 0 ? sum / counts[j] : -1);
}

function warnOfMissing(values: Matrix): void {
  const measured = new Uint8Array(values.columns);
  values.data.forEach((value, i) => Number.isNaN(value) || (measured[i % values.columns] = 1));
  const without = measured.filter((isMeasured) => isMeasured === 0).length;
  if (without > 0) {
    log.warn(`${counted(without, "gene")} without any measured value rank last among the top genes.`);
  }
}
