/**
 * What depends on the inputs alone: sorted columns or bins. Made once a fold, shared by all its outputs and threads.
 */
import type { Matrix } from "../linalg/matrix.ts";
import { DataError } from "../cli/errors.ts";
import type { BoostingParameters } from "./parameters.ts";
import { binValues, type QuantileCuts, quantileCuts } from "./quantile_cuts.ts";

/** Plain arrays only, so that it can be posted to worker threads. */
export interface PreparedData {
  readonly rows: number;
  readonly features: number;
  readonly testRows: number;
  /** Features x rows. */
  readonly columns: Float32Array;
  /** Features x rows: rows by ascending value; behind `present[feature]` of them nothing. */
  readonly order: Int32Array;
  readonly present: Int32Array;
  /** testRows x features. */
  readonly test: Float32Array;
  /** One a row. */
  readonly weights: Float32Array;
  /** True where nothing is missing and every weight is 0 or 1. */
  readonly isPlain: boolean;
  /** Bins, for the hist method. */
  readonly binned:
    | { readonly cuts: QuantileCuts; readonly bins: Int32Array; readonly hasMissing: boolean }
    | null;
}

/**
 * @param train rows x features; NaN is missing
 * @param test rows to predict, same features
 * @param weights one a training row, 0 or more; all 1 when absent
 * @throws {DataError} for infinite values, negative or non-finite weights
 * @throws {RangeError} if sizes disagree or there is no row or no feature
 */
export function prepareData(
  train: Matrix,
  test: Matrix,
  weights: ArrayLike<number> | null,
  parameters: BoostingParameters,
): PreparedData {
  const { rows, columns: features } = train;
  if (rows === 0 || features === 0) {
    throw new RangeError(`Nothing to learn from: ${rows} rows x ${features} features`);
  }
  if (test.columns !== features) {
    throw new RangeError(`Training rows have ${features} features, test rows ${test.columns}`);
  }
  if (weights !== null && weights.length !== rows) {
    throw new RangeError(`${weights.length} weights for ${rows} rows`);
  }
  refuseInfinite(train, "training");
  refuseInfinite(test, "test");
  const rowWeights = new Float32Array(rows).fill(1);
  if (weights !== null) rowWeights.set(weights);
  const odd = rowWeights.findIndex((weight) => !(weight >= 0 && weight < Infinity));
  if (odd >= 0) {
    throw new DataError(
      `Cannot train: the weight of row ${odd + 1} is ${rowWeights[odd]}, expected a number of at least 0`,
    );
  }
  const sorted = sortColumns(train);
  const hasMissing = sorted.present.some((count) => count < rows);
  return {
    rows,
    features,
    testRows: test.rows,
    ...sorted,
    test: test.data,
    weights: rowWeights,
    isPlain: !hasMissing && rowWeights.every((weight) => weight === 0 || weight === 1),
    binned: parameters.treeMethod === "hist" ? bin(train, rowWeights, parameters.maxBin, hasMissing) : null,
  };
}

function bin(
  train: Matrix,
  weights: Float32Array,
  maxBin: number,
  hasMissing: boolean,
): PreparedData["binned"] {
  const cuts = quantileCuts(train, weights, maxBin);
  return { cuts, bins: binValues(train, cuts), hasMissing };
}

/** 2^32 values times as many rows are whole numbers that float64 holds. */
const MOST_KEYED_ROWS = 2 ** 21;

/** Columns one after the other, and the rows of each by ascending value (equal values in order of rows). */
function sortColumns(x: Matrix): { columns: Float32Array; order: Int32Array; present: Int32Array } {
  const columns = new Float32Array(x.rows * x.columns);
  const order = new Int32Array(x.rows * x.columns);
  const present = new Int32Array(x.columns);
  const keys = new Float64Array(x.rows);
  const bits = new Int32Array(columns.buffer);
  for (let feature = 0; feature < x.columns; feature++) {
    const start = feature * x.rows;
    const values = columns.subarray(start, start + x.rows);
    let count = 0;
    for (let row = 0; row < x.rows; row++) {
      values[row] = x.data[row * x.columns + feature];
      if (!Number.isNaN(values[row])) order[start + count++] = row;
    }
    present[feature] = count;
    const sorted = order.subarray(start, start + count);
    if (x.rows > MOST_KEYED_ROWS) {
      sorted.sort((a, b) => values[a] - values[b] || a - b);
      continue;
    }
    // Numbers sort many times faster than rows by a comparison: a key is the value's place among all float32, then the row.
    sorted.forEach((row, i) => {
      const ordinal = values[row] === 0 ? 0 : bits[start + row];
      keys[i] = (ordinal < 0 ? ordinal ^ 0x7fffffff : ordinal) * x.rows + row;
    });
    keys.subarray(0, count).sort().forEach((key, i) => {
      sorted[i] = key - Math.floor(key / x.rows) * x.rows;
    });
  }
  return { columns, order, present };
}

function refuseInfinite(x: Matrix, kind: string): void {
  const at = x.data.findIndex((value) => value === Infinity || value === -Infinity);
  if (at < 0) return;
  const row = Math.floor(at / x.columns) + 1;
  const column = (at % x.columns) + 1;
  throw new DataError(
    `Cannot train: ${kind} row ${row}, feature ${column} is ${x.data[at]} (use nan for a missing value)`,
  );
}
