/** How well predicted expression changes agree with the measured ones, perturbation by perturbation. */
import type { Matrix } from "../linalg/matrix.ts";
import { meanOf } from "./bootstrap.ts";

/**
 * One value a perturbation, over the cells where truth and prediction are both finite. What is undefined is NaN and has
 * no part in the means: everything where there is no such cell, r where there is only one.
 */
export interface PerturbationMetrics {
  /** Cells that count. */
  cells: Int32Array;
  /** Cells with a measured value whose prediction is NaN or infinite. They have no part in the numbers below. */
  nonFinite: Int32Array;
  /** Pearson r across genes; 0 where either side has no variance, as in the Python; NaN over fewer than two cells. */
  pearson: Float64Array;
  /** Root of the mean squared error. */
  rmse: Float64Array;
  /** Mean absolute error. */
  mae: Float64Array;
  /** Mean squared error. */
  mse: Float64Array;
  /** Euclidean length of the difference. */
  l2: Float64Array;
  /** The same after each profile's own mean is taken off. */
  centeredRmse: Float64Array;
  /** Mean absolute error of the centred profiles. */
  centeredMae: Float64Array;
  /** Mean squared error of the centred profiles. */
  centeredMse: Float64Array;
}

/** The columns of `PerturbationMetrics` that are numbers to average. */
export type MetricName = Exclude<keyof PerturbationMetrics, "cells" | "nonFinite">;

/** Metrics of every row. Both matrices are perturbations x genes. */
export function perturbationMetrics(truth: Matrix, prediction: Matrix): PerturbationMetrics {
  const { rows, columns } = truth;
  const column = () => new Float64Array(rows);
  const metrics: PerturbationMetrics = {
    cells: new Int32Array(rows),
    nonFinite: new Int32Array(rows),
    pearson: column(),
    rmse: column(),
    mae: column(),
    mse: column(),
    l2: column(),
    centeredRmse: column(),
    centeredMae: column(),
    centeredMse: column(),
  };
  for (let i = 0; i < rows; i++) rowMetrics(truth.data, prediction.data, i, columns, metrics);
  return metrics;
}

/** Mean over the perturbations for which the metric is defined; NaN when there is none. */
export function meanMetric(metrics: PerturbationMetrics, name: MetricName): number {
  return meanOf(metrics[name]);
}

/** Pearson r over all cells that are finite on both sides; NaN over fewer than two. */
export function globalPearson(truth: Matrix, prediction: Matrix): number {
  return pearson(truth.data, prediction.data, 0, truth.data.length).r;
}

function rowMetrics(
  truth: Float32Array,
  prediction: Float32Array,
  row: number,
  columns: number,
  metrics: PerturbationMetrics,
): void {
  const start = row * columns, end = start + columns;
  const { r, count, truthMean, predictionMean } = pearson(truth, prediction, start, end);
  const shift = predictionMean - truthMean;
  let absolute = 0, squares = 0, centeredAbsolute = 0, centeredSquares = 0, nonFinite = 0;
  for (let i = start; i < end; i++) {
    const difference = prediction[i] - truth[i];
    if (!(Math.abs(difference) < Infinity)) { // NaN too
      if (Number.isFinite(truth[i])) nonFinite++;
      continue;
    }
    absolute += Math.abs(difference);
    squares += difference * difference;
    const centered = difference - shift;
    centeredAbsolute += Math.abs(centered);
    centeredSquares += centered * centered;
  }
  metrics.cells[row] = count;
  metrics.nonFinite[row] = nonFinite;
  metrics.pearson[row] = r;
  metrics.mae[row] = absolute / count;
  metrics.mse[row] = squares / count;
  metrics.rmse[row] = Math.sqrt(squares / count);
  metrics.l2[row] = count > 0 ? Math.sqrt(squares) : NaN;
  metrics.centeredMae[row] = centeredAbsolute / count;
  metrics.centeredMse[row] = centeredSquares / count;
  metrics.centeredRmse[row] = Math.sqrt(centeredSquares / count);
}

/** Pearson r of x and y from `start` to `end`, over the places where both are finite: NaN for fewer than two. */
function pearson(
  x: Float32Array,
  y: Float32Array,
  start: number,
  end: number,
): { r: number; count: number; truthMean: number; predictionMean: number } {
  let count = 0, xSum = 0, ySum = 0;
  for (let i = start; i < end; i++) {
    if (!(Math.abs(y[i] - x[i]) < Infinity)) continue;
    xSum += x[i];
    ySum += y[i];
    count++;
  }
  const xMean = xSum / count, yMean = ySum / count;
  let xx = 0, yy = 0, xy = 0;
  for (let i = start; i < end; i++) {
    if (!(Math.abs(y[i] - x[i]) < Infinity)) continue;
    const dx = x[i] - xMean, dy = y[i] - yMean;
    xx += dx * dx;
    yy += dy * dy;
    xy += dx * dy;
  }
  const correlation = xx > 0 && yy > 0 ? Math.max(-1, Math.min(1, xy / Math.sqrt(xx * yy))) : 0;
  const r = count < 2 ? NaN : correlation;
  return { r, count, truthMean: xMean, predictionMean: yMean };
}
