/** Genes by the size of their values, with ties in the order of columns. */

/**
 * Positions of the finite values, those of largest magnitude first; of equal ones the earlier column first.
 *
 * @param values fewer than 2^21
 */
export class MagnitudeOrder {
  readonly #keys: Float64Array;
  readonly #bits: Uint32Array;
  readonly #magnitudes: Float32Array;
  readonly #order: Int32Array;

  constructor(columns: number) {
    if (columns >= 2 ** 21) throw new RangeError(`MagnitudeOrder: ${columns} columns are too many`);
    this.#keys = new Float64Array(columns);
    this.#magnitudes = new Float32Array(columns);
    this.#bits = new Uint32Array(this.#magnitudes.buffer);
    this.#order = new Int32Array(columns);
  }

  /** @param counts which columns take part @returns valid until the next call */
  sort(values: ArrayLike<number>, counts: (column: number) => boolean): Int32Array {
    // The bits of positive floats order as the floats do; the column fills the low bits, so that one sort of numbers does.
    const last = 2 ** 21 - 1;
    let found = 0;
    for (let column = 0; column < this.#magnitudes.length; column++) {
      if (!counts(column)) continue;
      this.#magnitudes[column] = Math.abs(values[column]);
      this.#keys[found++] = this.#bits[column] * (last + 1) + (last - column);
    }
    const keys = this.#keys.subarray(0, found).sort();
    for (let i = 0; i < found; i++) this.#order[found - 1 - i] = last - keys[i] % (last + 1);
    return this.#order.subarray(0, found);
  }
}

/** Ranks from 1, equal values share the mean of theirs, as `scipy.stats.rankdata` gives them. */
export function averageRanks(values: ArrayLike<number>): Float64Array {
  const order = Array.from({ length: values.length }, (_, i) => i).sort((a, b) => values[a] - values[b]);
  const ranks = new Float64Array(values.length);
  for (let start = 0; start < order.length;) {
    let end = start + 1;
    while (end < order.length && values[order[end]] === values[order[start]]) end++;
    for (let i = start; i < end; i++) ranks[order[i]] = (start + end + 1) / 2;
    start = end;
  }
  return ranks;
}
