/**
 * Matrix products in float64. All are of the form A B', so that both sides are read along their rows; tiles of them are
 * multiplied in WebAssembly (kernels/cpu/float64).
 */
import { addProducts, memory } from "../../kernels/cpu/float64.wasm";
import type { Embedded, Matrix } from "./matrix.ts";

/** A (m x k) times the transpose of B (n x k): m x n. */
export function multiplyTransposed(A: Embedded, B: Embedded): Matrix<Float64Array> {
  const product = { data: new Float64Array(A.rows * B.rows), rows: A.rows, columns: B.rows };
  multiplyInto(product, A, B);
  return product;
}

/** A B' with `start` (n) added to each of its rows, in float64 and rounded once: m x n. */
export function multiplyTransposedOnto(
  start: Float32Array | Float64Array,
  A: Embedded,
  B: Embedded,
): Matrix {
  const sums = { data: new Float32Array(A.rows * B.rows), rows: A.rows, columns: B.rows };
  multiplyInto(sums, A, B, start);
  return sums;
}

function multiplyInto(
  product: Embedded,
  A: Embedded,
  B: Embedded,
  start?: Float32Array | Float64Array,
): void {
  if (A.columns !== B.columns) {
    throw new RangeError(`multiplyTransposed(): ${A.columns} columns against ${B.columns}`);
  }
  for (let j = 0; j < B.rows; j += tile.columns) {
    layPanel(B, j);
    for (let i = 0; i < A.rows; i += tile.rows) multiplyTile(A, i, j, { product, start });
  }
}

/** A A' (m x m), of which only half is computed. */
export function gramOfRows(A: Embedded): Matrix<Float64Array> {
  const size = A.rows, product = { data: new Float64Array(size * size), rows: size, columns: size };
  for (let j = 0; j < size; j += tile.columns) {
    layPanel(A, j);
    for (let i = j - j % tile.rows; i < size; i += tile.rows) {
      multiplyTile(A, i, j, { product, end: i + tile.rows });
    }
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
export function toFloat64(A: Embedded): Matrix<Float64Array> {
  return { ...A, data: new Float64Array(A.data) };
}

/** Sizes of the kernel's tiles: rows of A, rows of B, and how many of their columns at a time. */
const tile = { rows: 63, columns: 240, length: 256 };

/** Where tiles lie in the kernel's memory (below is what its compiler keeps): of A, of the product, and all those of B. */
const place = { a: 1024, c: 1024 + tile.rows * tile.length * 8, b: 0 };
place.b = place.c + tile.rows * tile.columns * 8;

function view(start: number, length: number): Float64Array {
  return new Float64Array(memory.buffer, start, length);
}

/** Lay the rows of B from j on, tile after tile of their columns. */
function layPanel(B: Embedded, j: number): void {
  const n = Math.min(tile.columns, B.rows - j), columns = roundUp(n, 3);
  const bytes = place.b + columns * roundUp(B.columns, tile.length) * 8 - memory.buffer.byteLength;
  if (bytes > 0) memory.grow(Math.ceil(bytes / 65536));
  for (let start = 0, at = place.b; start < B.columns; start += tile.length) {
    const length = layTile(B, j, n, columns, start, at);
    at += columns * length * 8;
  }
}

interface TileTarget {
  readonly product: Embedded;
  /** A row to which the products are added; zeros without it. */
  readonly start?: Float32Array | Float64Array;
  /** Column to stop before. */
  readonly end?: number;
}

/** The tile of A B' that begins at row i, column j, with the panel of B from j on. */
function multiplyTile(
  A: Embedded,
  i: number,
  j: number,
  { product, start, end = Infinity }: TileTarget,
): void {
  const panel = Math.min(tile.columns, product.columns - j);
  const m = Math.min(tile.rows, A.rows - i), n = Math.min(panel, end - j);
  const rows = roundUp(m, 3), columns = roundUp(n, 3); // as the kernel wants them
  const sums = view(place.c, rows * columns).fill(0);
  if (start) { for (let r = 0; r < m; r++) sums.set(start.subarray(j, j + n), r * columns); }
  for (let from = 0, b = place.b; from < A.columns; from += tile.length) {
    const length = layTile(A, i, m, rows, from, place.a);
    addProducts(place.a, b, place.c, rows, columns, length);
    b += roundUp(panel, 3) * length * 8;
  }
  for (let r = 0; r < m; r++) {
    product.data.set(sums.subarray(r * columns, r * columns + n), (i + r) * product.columns + j);
  }
}

/**
 * Copy columns from `start` on of some rows, and zeros behind them up to an even number and up to `padded` rows.
 *
 * @returns the columns with their zeros
 */
function layTile(
  from: Embedded,
  firstRow: number,
  rows: number,
  padded: number,
  start: number,
  at: number,
): number {
  const count = Math.min(tile.length, from.columns - start), length = roundUp(count, 2);
  const into = view(at, padded * length);
  for (let r = 0; r < rows; r++) {
    const first = (firstRow + r) * from.columns + start;
    into.set(from.data.subarray(first, first + count), r * length);
    if (length > count) into[r * length + count] = 0;
  }
  into.fill(0, rows * length);
  return length;
}

function roundUp(size: number, multiple: number): number {
  return Math.ceil(size / multiple) * multiple;
}
