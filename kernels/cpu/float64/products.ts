/**
 * Float64 products A B' of tiles that the caller has laid into memory.
 *
 * What it computes   C[i, j] += sum over c of A[i, c] B[j, c], for i < rows, j < columns, c < length
 * Memory             A: rows x length, B: columns x length, C: rows x `columns`, all row-major float64 without gaps
 * Sizes              rows a multiple of 4, columns of 3, length of 2: the caller pads with zeros
 * For one element    length fused multiply-adds; of every 12 of them, 7 vectors of 2 are read
 *
 * Twelve sums of two lanes stay in registers (of sixteen); a 4-row strip of A (8 KiB at 256 columns) stays in the first
 * cache while all of B passes by.
 */

/** Bytes of a float64. */
const wide: usize = 8;

export function addProducts(a: usize, b: usize, c: usize, rows: i32, columns: i32, length: i32): void {
  const stride = <usize> length * wide;
  for (let i = 0; i < rows; i += 4) {
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

/** Four rows of A by three of B. */
function addBlock(a: usize, b: usize, c: usize, cStride: usize, stride: usize): void {
  const zero = f64x2.splat(0);
  let s00 = zero, s01 = zero, s02 = zero, s10 = zero, s11 = zero, s12 = zero;
  let s20 = zero, s21 = zero, s22 = zero, s30 = zero, s31 = zero, s32 = zero;
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
    x = v128.load(a + 3 * stride);
    s30 = f64x2.relaxed_madd(x, y0, s30);
    s31 = f64x2.relaxed_madd(x, y1, s31);
    s32 = f64x2.relaxed_madd(x, y2, s32);
    a += 16;
    b += 16;
  }
  addRow(c, s00, s01, s02);
  addRow(c + cStride, s10, s11, s12);
  addRow(c + 2 * cStride, s20, s21, s22);
  addRow(c + 3 * cStride, s30, s31, s32);
}

function addRow(c: usize, s0: v128, s1: v128, s2: v128): void {
  f64.store(c, f64.load(c) + sum(s0));
  f64.store(c + 8, f64.load(c + 8) + sum(s1));
  f64.store(c + 16, f64.load(c + 16) + sum(s2));
}

function sum(v: v128): f64 {
  return f64x2.extract_lane(v, 0) + f64x2.extract_lane(v, 1);
}
