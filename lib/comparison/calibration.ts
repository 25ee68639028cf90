/** Whether predicted values, and predicted spreads, are as large as what is measured. */
import type { Matrix } from "../linalg/matrix.ts";

export interface CalibrationBin {
  /** Mean of what was predicted in the bin: values, or root mean square of spreads. */
  readonly predicted: number;
  /** Mean of what was measured there, or root mean square error. */
  readonly measured: number;
  readonly cells: number;
}

export interface SpreadCalibration {
  readonly bins: readonly CalibrationBin[];
  /** Share of errors within one and 1.96 spreads: 0.683 and 0.95 where errors are normal and the spread is theirs. */
  readonly within1: number;
  readonly within196: number;
  readonly cells: number;
}

/** Measured means in bins of equal numbers of cells by the predicted value. On the diagonal a prediction means what it says. */
export function valueCalibration(truth: Matrix, prediction: Matrix, bins = 20): CalibrationBin[] {
  return binned(truth, prediction.data, bins, (predicted, measured) => [predicted, measured]).map((bin) => ({
    predicted: bin.first / bin.cells,
    measured: bin.second / bin.cells,
    cells: bin.cells,
  }));
}

/** Errors in bins of equal numbers of cells by the predicted standard deviation. @param spread NaN where none is given */
export function spreadCalibration(
  truth: Matrix,
  prediction: Matrix,
  spread: Matrix,
  bins = 10,
): SpreadCalibration {
  let cells = 0, within1 = 0, within196 = 0;
  spread.data.forEach((deviation, cell) => {
    const error = Math.abs(prediction.data[cell] - truth.data[cell]);
    if (Number.isNaN(error) || !Number.isFinite(deviation)) return;
    cells++;
    if (error <= deviation) within1++;
    if (error <= 1.96 * deviation) within196++;
  });
  const squares = binned(truth, spread.data, bins, (deviation, measured, cell) => [
    deviation ** 2,
    (prediction.data[cell] - measured) ** 2,
  ]);
  return {
    bins: squares.map((bin) => ({
      predicted: Math.sqrt(bin.first / bin.cells),
      measured: Math.sqrt(bin.second / bin.cells),
      cells: bin.cells,
    })),
    within1: within1 / cells,
    within196: within196 / cells,
    cells,
  };
}

/** Sums over bins of `by`, whose edges are quantiles of a regular sample of at most 100,000 cells. */
function binned(
  truth: Matrix,
  by: Float32Array,
  bins: number,
  terms: (by: number, measured: number, cell: number) => readonly [number, number],
): { first: number; second: number; cells: number }[] {
  const isJudged = (cell: number) => truth.data[cell] === truth.data[cell] && Number.isFinite(by[cell]);
  const step = Math.max(1, Math.floor(by.length / 100_000)), sample: number[] = [];
  for (let cell = 0; cell < by.length; cell += step) if (isJudged(cell)) sample.push(by[cell]);
  const sorted = Float32Array.from(sample).sort();
  const edges = Float32Array.from(
    { length: bins - 1 },
    (_, i) => sorted[Math.floor((i + 1) * sorted.length / bins)],
  );
  const sums = Array.from({ length: bins }, () => ({ first: 0, second: 0, cells: 0 }));
  for (let cell = 0; cell < by.length; cell++) {
    if (!isJudged(cell)) continue;
    let bin = 0;
    while (bin < edges.length && by[cell] >= edges[bin]) bin++;
    const [first, second] = terms(by[cell], truth.data[cell], cell);
    sums[bin].first += first;
    sums[bin].second += second;
    sums[bin].cells++;
  }
  return sums.filter(({ cells }) => cells > 0);
}
