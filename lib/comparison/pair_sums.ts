import { type Matrix, row } from "../linalg/matrix.ts";

/**
 * Sums over genes for one prediction f and every truth Y_q of a fold: |f - Y_q|, (f - Y_q)^2, and the squared lengths of both,
 * from which the product follows that a cosine needs. A gene can be taken off again, which gives the distances without a TF's own.
 */
export class PairSums {
  /** In float64: converted once, not for every prediction. */
  readonly #truths: Float64Array[];
  readonly #hasGaps: boolean;
  readonly #columns: number;
  readonly #absolute: Float64Array;
  readonly #squares: Float64Array;
  readonly #cells: Float64Array;
  /** Squared lengths of truth and prediction over the cells that count. */
  readonly #yy: Float64Array;
  readonly #ff: Float64Array;
  #f: Float32Array = new Float32Array(0);
  #previous: Float32Array | null = null;

  /** @param truth the rows of a fold */
  constructor(truth: Matrix) {
    const { columns } = truth;
    this.#columns = columns;
    this.#truths = Array.from({ length: truth.rows }, (_, q) => Float64Array.from(row(truth, q)));
    this.#hasGaps = this.#truths.some((y) => y.some(Number.isNaN));
    const sums = () => new Float64Array(truth.rows);
    [this.#absolute, this.#squares] = [sums(), sums()];
    [this.#cells, this.#yy, this.#ff] = [sums().fill(columns), sums(), sums()];
    if (!this.#hasGaps) this.#truths.forEach((y, q) => this.#yy[q] = squaredLength(y));
  }

  /** Whether a truth has any cell. */
  isDefined(q: number): boolean {
    return this.#cells[q] > 0;
  }

  /** Sum up for a prediction, over the truths from `start` to `end`. A prediction equal to the last one costs nothing. */
  of(f: Float32Array, start = 0, end = this.#truths.length): void {
    this.#f = f;
    const isWhole = start === 0 && end === this.#truths.length;
    if (isWhole && this.#previous && sameValues(this.#previous, f)) return;
    this.#previous = isWhole ? f : null;
    if (this.#hasGaps) {
      for (let q = start; q < end; q++) this.#overCommon(f, q);
      return;
    }
    this.#ff.fill(squaredLength(f), start, end);
    let q = start;
    for (; q + 4 <= end; q += 4) this.#four(f, q);
    for (; q < end; q++) this.#one(f, q);
  }

  /** Sum of |f - Y_q|, without `gene` unless it is negative. */
  l1(q: number, gene: number): number {
    const term = this.#has(q, gene) ? Math.abs(this.#f[gene] - this.#truths[q][gene]) : 0;
    return this.#scaled(this.#absolute[q] - term, q, gene);
  }

  /** Sum of (f - Y_q)^2: orders as the Euclidean distance does. */
  l2(q: number, gene: number): number {
    const term = this.#has(q, gene) ? (this.#f[gene] - this.#truths[q][gene]) ** 2 : 0;
    return this.#scaled(this.#squares[q] - term, q, gene);
  }

  /** 1 - cosine; 1 where the truth is zero, NaN where the prediction is. */
  cosine(q: number, gene: number): number {
    const isThere = this.#has(q, gene),
      y = isThere ? this.#truths[q][gene] : 0,
      f = isThere ? this.#f[gene] : 0;
    const lengths = (this.#ff[q] - f * f) * (this.#yy[q] - y * y);
    if (!(this.#ff[q] - f * f > 0)) return NaN;
    const product = (this.#ff[q] + this.#yy[q] - this.#squares[q]) / 2 - f * y;
    return lengths > 0 ? 1 - product / Math.sqrt(lengths) : 1;
  }

  #has(q: number, gene: number): boolean {
    return gene >= 0 && (!this.#hasGaps || !Number.isNaN(this.#truths[q][gene]));
  }

  /** A sum over the cells that are there, as if over all. */
  #scaled(sum: number, q: number, gene: number): number {
    if (!this.#hasGaps) return sum;
    const cells = this.#cells[q] - (this.#has(q, gene) ? 1 : 0);
    return cells > 0 ? sum * ((this.#columns - (gene >= 0 ? 1 : 0)) / cells) : Infinity;
  }

  #one(f: Float32Array, q: number): void {
    const y = this.#truths[q];
    let absolute = 0, squares = 0;
    for (let i = 0; i < f.length; i++) {
      const d = f[i] - y[i];
      absolute += Math.abs(d);
      squares += d * d;
    }
    this.#absolute[q] = absolute;
    this.#squares[q] = squares;
  }

  /** Four truths at once: their sums do not wait for one another. The order of each sum is that of `#one`. */
  #four(f: Float32Array, q: number): void {
    const y0 = this.#truths[q], y1 = this.#truths[q + 1], y2 = this.#truths[q + 2], y3 = this.#truths[q + 3];
    let a0 = 0, a1 = 0, a2 = 0, a3 = 0, s0 = 0, s1 = 0, s2 = 0, s3 = 0;
    for (let i = 0; i < f.length; i++) {
      const x = f[i], v0 = y0[i], v1 = y1[i], v2 = y2[i], v3 = y3[i];
      const d0 = x - v0, d1 = x - v1, d2 = x - v2, d3 = x - v3;
      a0 += Math.abs(d0);
      a1 += Math.abs(d1);
      a2 += Math.abs(d2);
      a3 += Math.abs(d3);
      s0 += d0 * d0;
      s1 += d1 * d1;
      s2 += d2 * d2;
      s3 += d3 * d3;
    }
    this.#absolute.set([a0, a1, a2, a3], q);
    this.#squares.set([s0, s1, s2, s3], q);
  }

  #overCommon(f: Float32Array, q: number): void {
    const y = this.#truths[q];
    let absolute = 0, squares = 0, cells = 0, yy = 0, ff = 0;
    for (let i = 0; i < f.length; i++) {
      const d = f[i] - y[i];
      if (d !== d) continue;
      cells++;
      absolute += Math.abs(d);
      squares += d * d;
      yy += y[i] * y[i];
      ff += f[i] * f[i];
    }
    this.#absolute[q] = absolute;
    this.#squares[q] = squares;
    this.#cells[q] = cells;
    this.#yy[q] = yy;
    this.#ff[q] = ff;
  }
}

function squaredLength(values: Float32Array | Float64Array): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i] * values[i];
  return sum;
}

function sameValues(a: Float32Array, b: Float32Array): boolean {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
