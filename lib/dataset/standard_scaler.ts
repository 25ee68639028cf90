import { DataError } from "../cli/errors.ts";
import type { Embedded, Matrix } from "../linalg/matrix.ts";

/**
 * Columns to mean 0 and population variance 1, as scikit-learn's StandardScaler: in float64, rounded to float32 after; a
 * column that does not vary beyond rounding is only centred (its scale is 1). Missing values (NaN) are left out and stay
 * missing.
 */
export class StandardScaler {
  /** Mean of each column. */
  readonly mean: Float64Array;
  /** What each column is divided by: its standard deviation, 1 where it does not vary. */
  readonly scale: Float64Array;

  /**
   * Learn means and scales.
   *
   * @param fromRows rows to learn from; all of them without it
   */
  constructor(values: Embedded, fromRows?: ArrayLike<number>) {
    const { columns, data } = values, rows = fromRows?.length ?? values.rows;
    const starts = Array.from({ length: rows }, (_, i) => (fromRows ? fromRows[i] : i) * columns);
    const units = unitsOf(data, columns, starts);
    const mean = new Float64Array(columns), variance = new Float64Array(columns);
    const counts = new Float64Array(columns), differences = new Float64Array(columns);
    for (const start of starts) {
      for (let j = 0; j < columns; j++) {
        const value = data[start + j] / units[j];
        if (Number.isNaN(value)) continue;
        mean[j] += value;
        counts[j]++;
      }
    }
    for (let j = 0; j < columns; j++) mean[j] /= counts[j];
    // The sum of differences would be 0 in exact arithmetic; taking it off corrects the mean's rounding.
    for (const start of starts) {
      for (let j = 0; j < columns; j++) {
        const difference = data[start + j] / units[j] - mean[j];
        if (Number.isNaN(difference)) continue;
        differences[j] += difference;
        variance[j] += difference * difference;
      }
    }
    for (let j = 0; j < columns; j++) {
      variance[j] = Math.max(0, (variance[j] - differences[j] ** 2 / counts[j]) / counts[j]);
    }
    this.mean = mean.map((value, j) => value * units[j]);
    this.scale = variance.map((value, j) =>
      isConstant(value, mean[j], counts[j]) ? 1 : Math.sqrt(value) * units[j]
    );
  }

  /**
   * Scaled float32 copy of `values`, or of its `rows`.
   *
   * @throws {DataError} when a value is beyond float32 even then
   */
  transform(values: Embedded, rows?: ArrayLike<number>): Matrix {
    const { columns } = values, count = rows?.length ?? values.rows;
    const data = new Float32Array(count * columns);
    for (let i = 0, next = 0; i < count; i++) {
      const start = (rows ? rows[i] : i) * columns;
      for (let j = 0; j < columns; j++, next++) {
        const value = values.data[start + j];
        data[next] = (value - this.mean[j]) / this.scale[j];
        if (Math.abs(data[next]) === Infinity) {
          throw new DataError(
            `Cannot standardise the embeddings: column ${j} holds ${value}, too far from the ${
              this.mean[j]
            } +- ${this.scale[j]} of the rows that are learned from (correct it, or leave that row out)`,
          );
        }
      }
    }
    return { data, rows: count, columns };
  }
}

/** Powers of two by which the squares of columns beyond 1e150 stay numbers; 1 for all others. */
function unitsOf(
  data: Float32Array | Float64Array,
  columns: number,
  starts: readonly number[],
): Float64Array {
  const units = new Float64Array(columns).fill(1);
  if (data instanceof Float32Array) return units;
  for (const start of starts) {
    for (let j = 0; j < columns; j++) if (Math.abs(data[start + j]) > 1e150) units[j] = 2 ** 540;
  }
  return units;
}

/** Whether a variance is no more than the rounding of `rows` equal values (scikit-learn's bound). */
function isConstant(variance: number, mean: number, rows: number): boolean {
  return variance <= rows * Number.EPSILON * variance + (rows * mean * Number.EPSILON) ** 2;
}
