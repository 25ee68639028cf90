/**
 * Float64 products of matrices that the caller has laid into memory, all row-major without gaps.
 *
 * addProducts        C[i, j] += sum over c of A[i, c] B[j, c], for i < rows, j < columns, c < length
 *   Memory           A: rows x length, B: columns x length, C: rows x `columns`
 *   Sizes            rows and columns multiples of 3, length of 2: the caller pads with zeros
 *   For one element  length fused multiply-adds; of every 9 of them, 6 vectors of 2 are read
 *   Nine sums of two lanes stay in registers; a 3-row strip of A (6 KiB at 256 columns) stays in the first cache while all of
 *   B passes by. Twelve sums (4 x 3) need one register more than V8 gives out, and spills halve the speed: 31 against 15
 *   GFLOP/s on a core of Zen 5. Packed panels of 4 x 6 reach 33 in their loop alone, before the packing.
 *
 * addCombinations    T[f, c] += sum over r of W[f, r] A[r, c], for f < sums, r < rows, c < length
 *   Memory           A: rows x length, W: sums x rows, T: sums x length
 *   Sizes            rows a multiple of 4, sums and length of 2
 *   For one element  rows fused multiply-adds; of every 8 of them, 6 vectors of 2 are read and 2 written
 *   Eight weights stay in registers; A is read once, four rows at a time, while T stays in the second cache.
 */

/** Bytes of a float64. */
const wide: usize = 8;

export function addProducts(a: usize, b: usize, c: usize, rows: i32, columns: i32, length: i32): void {
  const stride = <usize> length * wide;
  for (let i = 0; i < rows; i += 3) {
    const a0 = a + <usize> i * stride;
    for (let j = 0; j < columns; j += 3) {
      addBlock(
        a0,
        b + <usize> j * stride,
        c + (<usize> i * columns + j) * wide,
        <usize> columns * wide,
        stride,
      );
    }
  }
}

export function addCombinations(a: usize, w: usize, t: usize, rows: i32, sums: i32, length: i32): void {
  const stride = <usize> length * wide, wStride = <usize> rows * wide;
  for (let r = 0; r < rows; r += 4) {
    const a0 = a + <usize> r * stride, w0 = w + <usize> r * wide;
    for (let f = 0; f < sums; f += 2) {
      addFourRows(a0, w0 + <usize> f * wStride, wStride, t + <usize> f * stride, stride);
    }
  }
}

/** Four rows of A into two of T. */
function addFourRows(a: usize, w: usize, wStride: usize, t: usize, stride: usize): void {
  const w00 = v128.load64_splat(w), w01 = v128.load64_splat(w, 8);
  const w02 = v128.load64_splat(w, 16), w03 = v128.load64_splat(w, 24);
  const v = w + wStride;
  const w10 = v128.load64_splat(v), w11 = v128.load64_splat(v, 8);
  const w12 = v128.load64_splat(v, 16), w13 = v128.load64_splat(v, 24);
  const end = t + stride;
  while (t < end) {
    let t0 = v128.load(t), t1 = v128.load(t + stride);
    let x = v128.load(a);
    t0 = f64x2.relaxed_madd(x, w00, t0);
    t1 = f64x2.relaxed_madd(x, w10, t1);
    x = v128.load(a + stride);
    t0 = f64x2.relaxed_madd(x, w01, t0);
    t1 = f64x2.relaxed_madd(x, w11, t1);
    x = v128.load(a + 2 * stride);
    t0 = f64x2.relaxed_madd(x, w02, t0);
    t1 = f64x2.relaxed_madd(x, w12, t1);
    x = v128.load(a + 3 * stride);
    t0 = f64x2.relaxed_madd(x, w03, t0);
    t1 = f64x2.relaxed_madd(x, w13, t1);
    v128.store(t, t0);
    v128.store(t + stride, t1);
    a += 16;
    t += 16;
  }
}

/** Three rows of A by three of B. */
function addBlock(a: usize, b: usize, c: usize, cStride: usize, stride: usize): void {
  const zero = f64x2.splat(0);
  let s00 = zero, s01 = zero, s02 = zero, s10 = zero, s11 = zero, s12 = zero;
  let s20 = zero, s21 = zero, s22 = zero;
  const end = a + stride;
  while (a < end) {
    const y0 = v128.load(b), y1 = v128.load(b + stride), y2 = v128.load(b + 2 * stride);
    let x = v128.load(a);
    s00 = f64x2.relaxed_madd(x, y0, s00);
    s01 = f64x2.relaxed_madd(x, y1, s01);
    s02 = f64x2.relaxed_madd(x, y2, s02);
    x = v128.load(a + stride);
    s10 = f64x2.relaxed_madd(x, y0, s10);
    s11 = f64x2.relaxed_madd(x, y1, s11);
    s12 = f64x2.relaxed_madd(x, y2, s12);
    x = v128.load(a + 2 * stride);
    s20 = f64x2.relaxed_madd(x, y0, s20);
    s21 = f64x2.relaxed_madd(x, y1, s21);
    s22 = f64x2.relaxed_madd(x, y2, s22);
    a += 16;
    b += 16;
  }
  addRow(c, s00, s01, s02);
  addRow(c + cStride, s10, s11, s12);
  addRow(c + 2 * cStride, s20, s21, s22);
}

function addRow(c: usize, s0: v128, s1: v128, s2: v128): void {
  f64.store(c, f64.load(c) + sum(s0));
  f64.store(c + 8, f64.load(c + 8) + sum(s1));
  f64.store(c + 16, f64.load(c + 16) + sum(s2));
}

function sum(v: v128): f64 {
  return f64x2.extract_lane(v, 0) + f64x2.extract_lane(v, 1);
}
