import type { Matrix } from "../linalg/matrix.ts";

/** Means and, where they are asked for, standard deviations of the cells of rows that come one after the other, in float64. */
export class RunningMoments {
  readonly #columns: number;
  readonly #expected: Int32Array;
  readonly #seen: Int32Array;
  readonly #means: Float64Array;
  /** Means of what came so far and sums of squared differences from them (Welford 1962). */
  readonly #spread: { readonly means: Float64Array; readonly squares: Float64Array } | null;

  /** @param expected how many values will come for each row */
  constructor(expected: Int32Array, columns: number, options: { deviations: boolean }) {
    const cells = expected.length * columns;
    this.#columns = columns;
    this.#expected = expected;
    this.#seen = new Int32Array(expected.length);
    this.#means = new Float64Array(cells);
    this.#spread = options.deviations
      ? { means: new Float64Array(cells), squares: new Float64Array(cells) }
      : null;
  }

  /** One more value for each cell of a row. */
  add(row: number, values: ArrayLike<number>): void {
    const start = row * this.#columns, all = this.#expected[row], count = ++this.#seen[row];
    for (let j = 0, at = start; j < this.#columns; j++, at++) this.#means[at] += values[j] / all;
    if (this.#spread === null) return;
    const { means, squares } = this.#spread;
    for (let j = 0, at = start; j < this.#columns; j++, at++) {
      const difference = values[j] - means[at];
      means[at] += difference / count;
      squares[at] += difference * (values[j] - means[at]);
    }
  }

  means(): Matrix {
    return this.#matrix(this.#means);
  }

  /** Standard deviations of a sample (n - 1), NaN in rows of fewer than two values; null where they were not asked for. */
  deviations(): Matrix | null {
    return this.#spread && this.#matrix(this.#spread.squares.map((sum, at) => {
      const count = this.#seen[Math.floor(at / this.#columns)];
      return count < 2 ? NaN : Math.sqrt(sum / (count - 1));
    }));
  }

  #matrix(data: Float64Array): Matrix {
    return { data: Float32Array.from(data), rows: this.#expected.length, columns: this.#columns };
  }
}
