import type { Matrix } from "../linalg/matrix.ts";

/** Means and standard deviations of the cells of rows that come one after the other, in float64 (Welford 1962). */
export class RunningMoments {
  readonly #columns: number;
  readonly #counts: Int32Array;
  readonly #means: Float64Array;
  /** Sums of squared differences from the mean. */
  readonly #squares: Float64Array;

  constructor(rows: number, columns: number) {
    this.#columns = columns;
    this.#counts = new Int32Array(rows);
    this.#means = new Float64Array(rows * columns);
    this.#squares = new Float64Array(rows * columns);
  }

  /** One more value for each cell of a row. */
  add(row: number, values: Float32Array): void {
    const count = ++this.#counts[row], start = row * this.#columns;
    for (let j = 0, at = start; j < this.#columns; j++, at++) {
      const difference = values[j] - this.#means[at];
      this.#means[at] += difference / count;
      this.#squares[at] += difference * (values[j] - this.#means[at]);
    }
  }

  means(): Matrix {
    return this.#matrix(this.#means);
  }

  /** Standard deviations of a sample (n - 1); NaN in rows of fewer than two values. */
  deviations(): Matrix {
    return this.#matrix(this.#squares.map((sum, at) => {
      const count = this.#counts[Math.floor(at / this.#columns)];
      return count < 2 ? NaN : Math.sqrt(sum / (count - 1));
    }));
  }

  /** How many values each row had. */
  get counts(): Int32Array {
    return this.#counts;
  }

  #matrix(data: Float64Array): Matrix {
    return { data: Float32Array.from(data), rows: this.#counts.length, columns: this.#columns };
  }
}
