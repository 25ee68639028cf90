/** Matrix products in float64. All are of the form A B', so that both sides are read along their rows. */
import type { Matrix } from "./matrix.ts";

/** A (m x k) times the transpose of B (n x k): m x n. */
export function multiplyTransposed(A: Matrix<Float64Array>, B: Matrix<Float64Array>): Matrix<Float64Array> {
  if (A.columns !== B.columns) {
    throw new RangeError(`multiplyTransposed(): ${A.columns} columns against ${B.columns}`);
  }
  const product = new Float64Array(A.rows * B.rows);
  for (let i = 0; i < A.rows; i += blockRows) {
    for (let j = 0; j < B.rows; j += blockRows) dotBlock(A, B, i, j, product, B.rows);
  }
  return { data: product, rows: A.rows, columns: B.rows };
}

/** A A' (m x m), of which only half is computed. */
export function gramOfRows(A: Matrix<Float64Array>): Matrix<Float64Array> {
  const size = A.rows, product = new Float64Array(size * size);
  for (let i = 0; i < size; i += blockRows) {
    for (let j = 0; j <= i; j += blockRows) dotBlock(A, A, i, j, product, size);
  }
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < i; j++) product[j * size + i] = product[i * size + j];
  }
  return { data: product, rows: size, columns: size };
}

/** A float64 copy. */
export function toFloat64(A: Matrix<Float32Array | Float64Array>): Matrix<Float64Array> {
  return { ...A, data: Float64Array.from(A.data) };
}

/** The transpose, as a float64 copy. */
export function transposed(A: Matrix<Float32Array | Float64Array>): Matrix<Float64Array> {
  const { rows, columns } = A, data = new Float64Array(rows * columns), tile = 32;
  for (let i0 = 0; i0 < rows; i0 += tile) {
    for (let j0 = 0; j0 < columns; j0 += tile) {
      const iEnd = Math.min(i0 + tile, rows), jEnd = Math.min(j0 + tile, columns);
      for (let i = i0; i < iEnd; i++) {
        for (let j = j0; j < jEnd; j++) data[j * rows + i] = A.data[i * columns + j];
      }
    }
  }
  return { data, rows: columns, columns: rows };
}

const blockRows = 4;

/** Up to 4 x 4 dot products of rows i... of A and j... of B, summed in sixteen registers at a time. */
function dotBlock(
  A: Matrix<Float64Array>,
  B: Matrix<Float64Array>,
  i: number,
  j: number,
  product: Float64Array,
  stride: number,
): void {
  const a = A.data, b = B.data, length = A.columns;
  const m = Math.min(blockRows, A.rows - i), n = Math.min(blockRows, B.rows - j);
  if (m < blockRows || n < blockRows) {
    for (let p = 0; p < m; p++) {
      for (let q = 0; q < n; q++) {
        let sum = 0;
        const aStart = (i + p) * length, bStart = (j + q) * length;
        for (let c = 0; c < length; c++) sum += a[aStart + c] * b[bStart + c];
        product[(i + p) * stride + j + q] = sum;
      }
    }
    return;
  }
  let s00 = 0, s01 = 0, s02 = 0, s03 = 0, s10 = 0, s11 = 0, s12 = 0, s13 = 0;
  let s20 = 0, s21 = 0, s22 = 0, s23 = 0, s30 = 0, s31 = 0, s32 = 0, s33 = 0;
  let a0 = i * length, b0 = j * length;
  const a1 = length, a2 = 2 * length, a3 = 3 * length;
  for (const end = a0 + length; a0 < end; a0++, b0++) {
    const x0 = a[a0], x1 = a[a0 + a1], x2 = a[a0 + a2], x3 = a[a0 + a3];
    const y0 = b[b0], y1 = b[b0 + a1], y2 = b[b0 + a2], y3 = b[b0 + a3];
    s00 += x0 * y0, s01 += x0 * y1, s02 += x0 * y2, s03 += x0 * y3;
    s10 += x1 * y0, s11 += x1 * y1, s12 += x1 * y2, s13 += x1 * y3;
    s20 += x2 * y0, s21 += x2 * y1, s22 += x2 * y2, s23 += x2 * y3;
    s30 += x3 * y0, s31 += x3 * y1, s32 += x3 * y2, s33 += x3 * y3;
  }
  const at = i * stride + j;
  product.set([s00, s01, s02, s03], at);
  product.set([s10, s11, s12, s13], at + stride);
  product.set([s20, s21, s22, s23], at + 2 * stride);
  product.set([s30, s31, s32, s33], at + 3 * stride);
}
