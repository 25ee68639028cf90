import type { Matrix } from "../linalg/matrix.ts";

/**
 * A copy of `values` in which each missing cell holds its column's mean (0 where a column has no finite value).
 *
 * @param values rows x genes; NaN and infinities count as missing
 * @param fromRows rows that the means come from; all of them without it (a fold's training rows under --strict)
 * @returns the filled copy (`values` itself where nothing is missing) and how many cells were filled
 */
export function fillMissing(
  values: Matrix,
  fromRows?: ArrayLike<number>,
): { filled: Matrix; count: number } {
  let count = 0;
  for (let i = 0; i < values.data.length; i++) if (!isNumber(values.data[i])) count++;
  if (count === 0) return { filled: values, count };

  const means = columnMeans(values, fromRows);
  const data = values.data.slice();
  for (let i = 0; i < data.length; i++) {
    if (!isNumber(data[i])) data[i] = means[i % values.columns];
  }
  return { filled: { ...values, data }, count };
}

/** Mean of each column's finite values over `fromRows` (all rows without it), 0 where there is none; float64. */
export function columnMeans(values: Matrix, fromRows?: ArrayLike<number>): Float64Array {
  const sums = new Float64Array(values.columns), counts = new Int32Array(values.columns);
  const rows = fromRows?.length ?? values.rows;
  for (let i = 0; i < rows; i++) {
    const start = (fromRows ? fromRows[i] : i) * values.columns;
    for (let j = 0; j < values.columns; j++) {
      const value = values.data[start + j];
      if (isNumber(value)) {
        sums[j] += value;
        counts[j]++;
      }
    }
  }
  return sums.map((sum, j) => counts[j] > 0 ? sum / counts[j] : 0);
}

/** Not NaN, not infinite: quicker than Number.isFinite() in code that runs only once over all cells. */
export function isNumber(value: number): boolean {
  return value - value === 0;
}
