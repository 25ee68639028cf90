import { DataError } from "../cli/errors.ts";
import { counted, log } from "../cli/log.ts";
import { someIds } from "../dataset/ids.ts";
import type { Matrix } from "../linalg/matrix.ts";

/** Predictions that are NaN or infinite where the truth is measured. */
export interface NonFinitePredictions {
  /** How many cells. */
  count: number;
  /** Cells with a measured value. */
  measured: number;
  /** Rows and columns that hold such a cell, ascending. */
  rows: number[];
  columns: number[];
  /** Rows with measured values of which none has a finite prediction, ascending. */
  wholeRows: number[];
}

/** More failed predictions than this share of the measured cells are no result. */
const largestShare = 0.01;

/** Count what was not predicted. Both matrices are perturbations x genes. */
export function countNonFinite(truth: Matrix, prediction: Matrix): NonFinitePredictions {
  const { rows, columns } = truth;
  const inColumn = new Uint8Array(columns);
  const found: NonFinitePredictions = { count: 0, measured: 0, rows: [], columns: [], wholeRows: [] };
  for (let row = 0, at = 0; row < rows; row++) {
    let measured = 0, failed = 0;
    for (let column = 0; column < columns; column++, at++) {
      const measuredValue = truth.data[at], predicted = prediction.data[at];
      if (!(measuredValue - measuredValue === 0)) continue; // NaN for what is not finite
      measured++;
      if (predicted - predicted === 0) continue;
      failed++;
      inColumn[column] = 1;
    }
    found.measured += measured;
    found.count += failed;
    if (failed > 0) found.rows.push(row);
    if (failed > 0 && failed === measured) found.wholeRows.push(row);
  }
  inColumn.forEach((failed, column) => failed && found.columns.push(column));
  return found;
}

/**
 * Warn of predictions that are not finite, and refuse those that are no result: more than 1% of the measured cells, or
 * all of a perturbation's.
 *
 * @param names ids of rows and columns; `advice` says what would mend it
 * @throws {DataError} with counts, and five perturbations and genes
 */
export function refuseNonFinite(
  found: NonFinitePredictions,
  names: { perturbations: readonly string[]; genes: readonly string[]; advice?: string },
): void {
  if (found.count === 0) return;
  const share = found.count / found.measured;
  const perturbations = found.rows.map((row) => names.perturbations[row]);
  const genes = found.columns.map((column) => names.genes[column]);
  const what = `${found.count} of ${counted(found.measured, "measured cell")} (${percentOf(share)}) ` +
    `${found.count === 1 ? "is" : "are"} predicted as NaN or infinity, ` +
    `in ${counted(perturbations.length, "perturbation")} (${someIds(perturbations)}) ` +
    `and ${counted(genes.length, "gene")} (${someIds(genes)})`;
  if (share <= largestShare && found.wholeRows.length === 0) {
    log.warn(`${what}: left out of the model's metrics, but not of the mean baseline's.`);
    return;
  }
  const whole = found.wholeRows.map((row) => names.perturbations[row]);
  const wholly = whole.length > 0
    ? `; ${counted(whole.length, "perturbation")} (${someIds(whole)}) ` +
      `${whole.length === 1 ? "has" : "have"} no finite prediction at all`
    : "";
  const advice = names.advice ??
    "a smaller learning rate, stronger regularisation or smaller targets may help";
  throw new DataError(`Cannot evaluate the predictions: ${what}${wholly} (${advice})`);
}

/** Three digits, never "0%" for some. */
function percentOf(share: number): string {
  return `${Number((100 * share).toPrecision(3))}%`;
}
