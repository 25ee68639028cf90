/** Matrices of cells (or guides) x genes that are read a block at a time, whatever their layout and size. */

/** Some whole rows, or some whole columns, of a matrix. */
export interface ExpressionBlock {
  readonly of: "rows" | "columns";
  /** Number of the first row (column) and how many there are. */
  readonly first: number;
  readonly count: number;
  /** count + 1 places in `values` where each row (column) begins. */
  readonly starts: Float64Array;
  /** Column (row) of each value; null where all are there, in order. */
  readonly indices: Int32Array | null;
  readonly values: Float64Array;
}

export interface ExpressionMatrix {
  /** Where it was found, such as "X" or "layers/counts". */
  readonly name: string;
  readonly rows: number;
  readonly columns: number;
  /** "dense", "CSR", "CSC", "Matrix Market", ... for messages. */
  readonly layout: string;
  /** Values that are stored: all of a dense matrix, those that are not 0 of a sparse one. */
  readonly stored: number;
  /** Every row once, in order, or every column once. May be called again. */
  blocks(): AsyncIterable<ExpressionBlock> | Iterable<ExpressionBlock>;
}

/** Values of a block at once: 16 MiB of float64. */
export const valuesPerBlock = 2 ** 21;

/** Rows of a dense block of float64 values. */
export function denseBlock(
  first: number,
  count: number,
  columns: number,
  values: Float64Array,
): ExpressionBlock {
  const starts = Float64Array.from({ length: count + 1 }, (_, row) => row * columns);
  return { of: "rows", first, count, starts, indices: null, values };
}
