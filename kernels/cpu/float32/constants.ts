/**
 * Numbers that all lanes of a vector share, kept in memory. Written as `f32x4.splat(0.5)`, V8 builds the vector anew at
 * every use, in a loop too: a load, a move between register files and a shuffle. A splat from a fixed address of the
 * module's first page is one load without a bounds check. On Zen 4 a vector of powers of two takes 2.1 ns so, 4.5
 * otherwise. (Zero is no constant: V8 makes it of nothing.)
 *
 *     const HALF: usize = memory.data<f32>([0.5]);
 *     x = f32x4.mul(x, Constants.of(HALF));
 */
export class Constants {
  /** f32 or i32 number i of a table on all four lanes. */
  @inline
  static of(table: usize, i: i32 = 0): v128 {
    return v128.load32_splat(table + (<usize> i << 2));
  }

  /** f64 number i of a table on both lanes. */
  @inline
  static of64(table: usize, i: i32 = 0): v128 {
    return v128.load64_splat(table + (<usize> i << 3));
  }
}

export const ONE: usize = memory.data<f32>([1]);
export const HALF: usize = memory.data<f32>([0.5]);
