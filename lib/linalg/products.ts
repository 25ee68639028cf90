/**
 * Matrix products in float64. All are of the form A B', so that both sides are read along their rows; tiles of them are
 * multiplied in WebAssembly (kernels/cpu/float64).
 */
import { addProducts, memory } from "../../kernels/cpu/float64.wasm";
import type { Matrix } from "./matrix.ts";

/** A (m x k) times the transpose of B (n x k): m x n. */
export function multiplyTransposed(A: Matrix<Float64Array>, B: Matrix<Float64Array>): Matrix<Float64Array> {
  if (A.columns !== B.columns) {
    throw new RangeError(`multiplyTransposed(): ${A.columns} columns against ${B.columns}`);
  }
  const product = { data: new Float64Array(A.rows * B.rows), rows: A.rows, columns: B.rows };
  for (let j = 0; j < B.rows; j += tile.columns) {
    for (let i = 0; i < A.rows; i += tile.rows) multiplyTile(A, B, i, j, product);
  }
  return product;
}

/** A A' (m x m), of which only half is computed. */
export function gramOfRows(A: Matrix<Float64Array>): Matrix<Float64Array> {
  const size = A.rows, product = { data: new Float64Array(size * size), rows: size, columns: size };
  for (let j = 0; j < size; j += tile.columns) {
    const firstBelow = j - j % tile.rows;
    for (let i = firstBelow; i < size; i += tile.rows) multiplyTile(A, A, i, j, product);
  }
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < i; j++) product.data[j * size + i] = product.data[i * size + j];
  }
  return product;
}

/** A x, four rows at a time. */
export function multiplyVector({ data, rows, columns }: Matrix<Float64Array>, x: Float64Array): Float64Array {
  const product = new Float64Array(rows);
  let i = 0;
  for (; i + 4 <= rows; i += 4) {
    const a = i * columns, b = a + columns, c = b + columns, d = c + columns;
    let sumA = 0, sumB = 0, sumC = 0, sumD = 0;
    for (let j = 0; j < columns; j++) {
      const value = x[j];
      sumA += data[a + j] * value;
      sumB += data[b + j] * value;
      sumC += data[c + j] * value;
      sumD += data[d + j] * value;
    }
    product[i] = sumA;
    product[i + 1] = sumB;
    product[i + 2] = sumC;
    product[i + 3] = sumD;
  }
  for (; i < rows; i++) {
    for (let j = 0, at = i * columns; j < columns; j++, at++) product[i] += data[at] * x[j];
  }
  return product;
}

/** A float64 copy. */
export function toFloat64(A: Matrix<Float32Array | Float64Array>): Matrix<Float64Array> {
  return { ...A, data: Float64Array.from(A.data) };
}

/** The transpose, as a float64 copy. */
export function transposed(A: Matrix<Float32Array | Float64Array>): Matrix<Float64Array> {
  const { rows, columns } = A, data = new Float64Array(rows * columns), side = 32;
  for (let i0 = 0; i0 < rows; i0 += side) {
    for (let j0 = 0; j0 < columns; j0 += side) {
      const iEnd = Math.min(i0 + side, rows), jEnd = Math.min(j0 + side, columns);
      for (let i = i0; i < iEnd; i++) {
        for (let j = j0; j < jEnd; j++) data[j * rows + i] = A.data[i * columns + j];
      }
    }
  }
  return { data, rows: columns, columns: rows };
}

/** Sizes of the kernel's tiles: rows of A, rows of B, and how many of their columns at a time. */
const tile = { rows: 64, columns: 240, length: 256 };

/** Where the tiles lie in the kernel's memory (below is what its compiler keeps), and views of them. */
const place = { a: 1024, b: 1024 + tile.rows * tile.length * 8, c: 0 };
place.c = place.b + tile.columns * tile.length * 8;
const tileA = new Float64Array(memory.buffer, place.a, tile.rows * tile.length);
const tileB = new Float64Array(memory.buffer, place.b, tile.columns * tile.length);
const tileC = new Float64Array(memory.buffer, place.c, tile.rows * tile.columns);

/** The tile of A B' that begins at row i, column j. */
function multiplyTile(
  A: Matrix<Float64Array>,
  B: Matrix<Float64Array>,
  i: number,
  j: number,
  product: Matrix<Float64Array>,
): void {
  const m = Math.min(tile.rows, A.rows - i), n = Math.min(tile.columns, B.rows - j);
  const rows = m + (4 - m % 4) % 4, columns = n + (3 - n % 3) % 3; // as the kernel wants them
  tileC.fill(0, 0, rows * columns);
  for (let start = 0; start < A.columns; start += tile.length) {
    const count = Math.min(tile.length, A.columns - start), length = count + count % 2;
    layTile(A, i, m, rows, start, count, length, tileA);
    layTile(B, j, n, columns, start, count, length, tileB);
    addProducts(place.a, place.b, place.c, rows, columns, length);
  }
  for (let r = 0; r < m; r++) {
    product.data.set(tileC.subarray(r * columns, r * columns + n), (i + r) * product.columns + j);
  }
}

/** Copy `rows` rows of `count` elements into rows of `length`, and zeros behind them up to `padded` rows. */
function layTile(
  from: Matrix<Float64Array>,
  firstRow: number,
  rows: number,
  padded: number,
  start: number,
  count: number,
  length: number,
  into: Float64Array,
): void {
  for (let r = 0; r < rows; r++) {
    const at = (firstRow + r) * from.columns + start;
    into.set(from.data.subarray(at, at + count), r * length);
    if (length > count) into[r * length + count] = 0;
  }
  into.fill(0, rows * length, padded * length);
}
