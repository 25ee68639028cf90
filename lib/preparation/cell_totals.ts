import { DataError } from "../cli/errors.ts";
import type { ExpressionBlock, ExpressionMatrix } from "../dataset/expression_block.ts";

/** Sum of each row. @throws {DataError} for a negative or missing value */
export async function cellTotals(
  matrix: ExpressionMatrix,
  path: string,
  onBlock: (block: ExpressionBlock) => void,
): Promise<Float64Array> {
  const totals = new Float64Array(matrix.rows);
  for await (const block of matrix.blocks()) {
    const { of, first, count, starts, indices, values } = block;
    for (let major = 0; major < count; major++) {
      for (let at = starts[major]; at < starts[major + 1]; at++) {
        const minor = indices === null ? at - starts[major] : indices[at];
        const value = values[at];
        if (!(value >= 0 && value < Infinity)) {
          const [row, column] = of === "rows" ? [first + major, minor] : [minor, first + major];
          throw notACount(path, matrix.name, row, column, value);
        }
        totals[of === "rows" ? first + major : minor] += value;
      }
    }
    onBlock(block);
  }
  return totals;
}

export function notACount(path: string, name: string, row: number, column: number, value: number): DataError {
  return new DataError(
    `Cannot normalise "${path}": ${name}, row ${row + 1}, column ${column + 1}: ${value} is no count ` +
      `(--normalize none takes values as they are; --layer names the matrix of counts)`,
  );
}

/** Median of the totals above 0, as scanpy's normalize_total takes it. */
export function medianTotal(totals: Float64Array): number {
  const sorted = totals.filter((total) => total > 0).sort();
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
