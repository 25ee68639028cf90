import { RandomState } from "../random/mt19937.ts";

/** One fold: row numbers, ascending. */
export interface Fold {
  /** Rows to learn from. */
  train: Int32Array;
  /** Rows that are held out. */
  test: Int32Array;
}

/**
 * Shuffled folds, equal index for index to scikit-learn's `KFold(folds, shuffle=True, random_state=seed)`.
 *
 * @param rows number of rows, at least `folds`
 */
export function kFold(rows: number, folds: number, seed: number): Fold[] {
  const shuffled = Int32Array.from({ length: rows }, (_, row) => row);
  new RandomState(seed).shuffle(shuffled);
  let start = 0;
  return Array.from({ length: folds }, (_, fold) => {
    const size = Math.floor(rows / folds) + (fold < rows % folds ? 1 : 0);
    const test = shuffled.slice(start, start += size).sort();
    return { train: complement(test, rows), test };
  });
}

/** Rows from 0 to `rows` that are not in `test`. */
export function complement(test: Int32Array, rows: number): Int32Array {
  const isTest = new Uint8Array(rows);
  for (const row of test) isTest[row] = 1;
  return Int32Array.from({ length: rows }, (_, row) => row).filter((row) => !isTest[row]);
}
