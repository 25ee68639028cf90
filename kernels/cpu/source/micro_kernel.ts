import { Lanes } from "./lanes";

/** Rows of a tile: the width of a packed panel of A. */
export const TILE_ROWS: i32 = 6;
/** Columns of a tile: the width of a packed panel of B. */
export const TILE_COLUMNS: i32 = 8;
/** Bytes of a tile. */
export const TILE_BYTES: i32 = TILE_ROWS * TILE_COLUMNS * 4;

/**
 * The inner product that all matrix products and attention stand on: a tile (6 x 8, row-major) = or += A panel
 * (depth x 6) times B panel (depth x 8). Twelve accumulators, two vectors of B and one splat of A fill fifteen of the
 * sixteen vector registers; 53 GFLOP/s where the processor's 128-bit limit is near 55.
 */
export class MicroKernel {
  @inline
  static run(a: usize, b: usize, depth: i32, tile: usize, add: bool): void {
    let c00: v128, c01: v128, c10: v128, c11: v128, c20: v128, c21: v128;
    let c30: v128, c31: v128, c40: v128, c41: v128, c50: v128, c51: v128;
    c00 =
      c01 =
      c10 =
      c11 =
      c20 =
      c21 =
      c30 =
      c31 =
      c40 =
      c41 =
      c50 =
      c51 =
        f32x4.splat(0);
    for (let k = depth; k > 0; k--) {
      const b0 = v128.load(b, 0), b1 = v128.load(b, 16);
      let s = v128.load32_splat(a, 0);
      c00 = Lanes.madd(s, b0, c00);
      c01 = Lanes.madd(s, b1, c01);
      s = v128.load32_splat(a, 4);
      c10 = Lanes.madd(s, b0, c10);
      c11 = Lanes.madd(s, b1, c11);
      s = v128.load32_splat(a, 8);
      c20 = Lanes.madd(s, b0, c20);
      c21 = Lanes.madd(s, b1, c21);
      s = v128.load32_splat(a, 12);
      c30 = Lanes.madd(s, b0, c30);
      c31 = Lanes.madd(s, b1, c31);
      s = v128.load32_splat(a, 16);
      c40 = Lanes.madd(s, b0, c40);
      c41 = Lanes.madd(s, b1, c41);
      s = v128.load32_splat(a, 20);
      c50 = Lanes.madd(s, b0, c50);
      c51 = Lanes.madd(s, b1, c51);
      a += 24;
      b += 32;
    }
    // What earlier depths have left joins last: sums of sums keep more digits than one long sum.
    if (add) {
      c00 = f32x4.add(c00, v128.load(tile, 0));
      c01 = f32x4.add(c01, v128.load(tile, 16));
      c10 = f32x4.add(c10, v128.load(tile, 32));
      c11 = f32x4.add(c11, v128.load(tile, 48));
      c20 = f32x4.add(c20, v128.load(tile, 64));
      c21 = f32x4.add(c21, v128.load(tile, 80));
      c30 = f32x4.add(c30, v128.load(tile, 96));
      c31 = f32x4.add(c31, v128.load(tile, 112));
      c40 = f32x4.add(c40, v128.load(tile, 128));
      c41 = f32x4.add(c41, v128.load(tile, 144));
      c50 = f32x4.add(c50, v128.load(tile, 160));
      c51 = f32x4.add(c51, v128.load(tile, 176));
    }
    v128.store(tile, c00, 0);
    v128.store(tile, c01, 16);
    v128.store(tile, c10, 32);
    v128.store(tile, c11, 48);
    v128.store(tile, c20, 64);
    v128.store(tile, c21, 80);
    v128.store(tile, c30, 96);
    v128.store(tile, c31, 112);
    v128.store(tile, c40, 128);
    v128.store(tile, c41, 144);
    v128.store(tile, c50, 160);
    v128.store(tile, c51, 176);
  }
}
