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

  /**
   * @param counts which columns take part
   * @param most how many are wanted, all without it
   * @returns valid until the next call
   */
  sort(values: ArrayLike<number>, counts: (column: number) => boolean, most = Infinity): Int32Array {
    // The bits of positive floats order as the floats do; the column fills the low bits, so that one sort of numbers does.
    const last = 2 ** 21 - 1;
    let found = 0;
    for (let column = 0; column < this.#magnitudes.length; column++) {
      if (!counts(column)) continue;
      this.#magnitudes[column] = Math.abs(values[column]);
      this.#keys[found++] = this.#bits[column] * (last + 1) + (last - column);
    }
    const kept = Math.min(found, most), keys = this.#keys.subarray(0, found);
    if (kept < found) selectLargest(keys, kept);
    const largest = keys.subarray(found - kept).sort();
    for (let i = 0; i < kept; i++) this.#order[kept - 1 - i] = last - largest[i] % (last + 1);
    return this.#order.subarray(0, kept);
  }
}

/** Moves the `count` largest of different keys behind all others (Hoare's selection). */
function selectLargest(keys: Float64Array, count: number): void {
  const wanted = keys.length - count;
  for (let low = 0, high = keys.length - 1; low < high;) {
    const pivot = keys[(low + high) >> 1];
    let left = low, right = high;
    while (left <= right) {
      while (keys[left] < pivot) left++;
      while (keys[right] > pivot) right--;
      if (left > right) break;
      const swapped = keys[left];
      keys[left++] = keys[right];
      keys[right--] = swapped;
    }
    if (wanted <= right) high = right;
    else if (wanted >= left) low = left;
    else return;
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
