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
  return binned(truth, prediction.data, bins, {
    first: (cell) => prediction.data[cell],
    second: (cell) => truth.data[cell],
  }).map((bin) => ({
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
  const squares = binned(truth, spread.data, bins, {
    first: (cell) => spread.data[cell] ** 2,
    second: (cell) => (prediction.data[cell] - truth.data[cell]) ** 2,
  });
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
  { first, second }: { first: (cell: number) => number; second: (cell: number) => number },
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
    let low = 0, high = edges.length; // the bin is the number of edges at or below
    while (low < high) {
      const middle = (low + high) >> 1;
      if (by[cell] >= edges[middle]) low = middle + 1;
      else high = middle;
    }
    sums[low].first += first(cell);
    sums[low].second += second(cell);
    sums[low].cells++;
  }
  return sums.filter(({ cells }) => cells > 0);
}
