import type { Matrix } from "../linalg/matrix.ts";

/**
 * Columns to mean 0 and population variance 1, as scikit-learn's StandardScaler: statistics in float64; a column that
 * does not vary beyond rounding is only centred (its scale is 1). Missing values (NaN) are left out and stay missing.
 */
export class StandardScaler {
  readonly mean: Float64Array;
  readonly variance: Float64Array;
  readonly scale: Float64Array;

  /** @param fromRows rows to learn from; all of them without it */
  constructor(values: Matrix<Float32Array | Float64Array>, fromRows?: ArrayLike<number>) {
    const { columns } = values, rows = fromRows?.length ?? values.rows;
    this.mean = new Float64Array(columns);
    this.variance = new Float64Array(columns);
    const counts = new Float64Array(columns);
    const rowStart = (i: number) => (fromRows ? fromRows[i] : i) * columns;
    for (let i = 0; i < rows; i++) {
      for (let j = 0, at = rowStart(i); j < columns; j++) {
        const value = values.data[at + j];
        if (Number.isNaN(value)) continue;
        this.mean[j] += value;
        counts[j]++;
      }
    }
    for (let j = 0; j < columns; j++) this.mean[j] /= counts[j];
    // The sum of differences would be 0 in exact arithmetic; taking it off corrects the mean's rounding.
    const differences = new Float64Array(columns);
    for (let i = 0; i < rows; i++) {
      for (let j = 0, at = rowStart(i); j < columns; j++) {
        const difference = values.data[at + j] - this.mean[j];
        if (Number.isNaN(difference)) continue;
        differences[j] += difference;
        this.variance[j] += difference * difference;
      }
    }
    for (let j = 0; j < columns; j++) {
      this.variance[j] = Math.max(0, (this.variance[j] - differences[j] ** 2 / counts[j]) / counts[j]);
    }
    this.scale = this.variance.map((variance, j) =>
      isConstant(variance, this.mean[j], counts[j]) ? 1 : Math.sqrt(variance)
    );
  }

  /** Scaled float32 copy of `values`, or of its `rows`. */
  transform(values: Matrix<Float32Array | Float64Array>, rows?: ArrayLike<number>): Matrix {
    const { columns } = values, count = rows?.length ?? values.rows;
    const data = new Float32Array(count * columns);
    for (let i = 0, next = 0; i < count; i++) {
      const start = (rows ? rows[i] : i) * columns;
      for (let j = 0; j < columns; j++) {
        data[next++] = (values.data[start + j] - this.mean[j]) / this.scale[j];
      }
    }
    return { data, rows: count, columns };
  }
}

/** Whether a variance is no more than the rounding of `rows` equal values (scikit-learn's bound). */
function isConstant(variance: number, mean: number, rows: number): boolean {
  return variance <= rows * Number.EPSILON * variance + (rows * mean * Number.EPSILON) ** 2;
}
