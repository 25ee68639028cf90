import type { MatrixOperand } from "./operands.ts";

/** Where the matrices of an operand lie in its storage, in elements. */
export interface MatrixPlace {
  readonly offset: number;
  /** From one stored row to the next. */
  readonly stride: number;
  /** From one matrix of the batch to the next. */
  readonly batchStride: number;
  /** Stored rows and columns: those of op(A), or their reverse where it is transposed. */
  readonly storedRows: number;
  readonly storedColumns: number;
}

/** The place of an operand with op(A) of rows x columns: its defaults filled in. */
export function placeOf(operand: MatrixOperand, rows: number, columns: number): MatrixPlace {
  const [storedRows, storedColumns] = operand.transposed ? [columns, rows] : [rows, columns];
  const { offset = 0, stride = storedColumns } = operand;
  return {
    offset,
    stride,
    batchStride: operand.batchStride ?? storedRows * stride,
    storedRows,
    storedColumns,
  };
}
