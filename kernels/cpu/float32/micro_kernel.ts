import { Lanes } from "./lanes";

/** Rows of a tile: the width of a packed panel of A. */
export const TILE_ROWS: i32 = 4;
/** Columns of a tile: the width of a packed panel of B. */
export const TILE_COLUMNS: i32 = 8;
/** Bytes of a tile. */
export const TILE_BYTES: i32 = TILE_ROWS * TILE_COLUMNS * 4;

/**
 * The inner product that all matrix products and attention stand on: a tile (4 x 8, row-major) = or += A panel
 * (depth x 4) times B panel (depth x 8).
 *
 * Deno's V8 has no trap handler: each load costs a comparison and a branch beside it, so that loads, not
 * multiplications, fill the processor. Hence one vector of A, spread lane by lane, rather than a splat a row. But a
 * spread takes a port that multiplies, and one splat of four balances the two: four loads and three spreads for eight
 * multiply-adds. In this loop alone, on a Zen 4 core whose 128-bit limit is 59 GFLOP/s: 52; 50 without the splat, 40 with
 * two; 43 for 6 x 8 with splats alone (eight loads for twelve). Eight sums are as many as two multiply-adds a cycle of
 * latency four can keep busy. The loop is not unrolled by hand: V8 reorders what it can see and spills.
 */
export class MicroKernel {
  @inline
  static run(a: usize, b: usize, depth: i32, tile: usize, add: bool): void {
    let c00: v128, c01: v128, c10: v128, c11: v128, c20: v128, c21: v128, c30: v128, c31: v128;
    c00 =
      c01 =
      c10 =
      c11 =
      c20 =
      c21 =
      c30 =
      c31 =
        f32x4.splat(0);
    for (let k = depth; k > 0; k--) {
      const b0 = v128.load(b, 0), b1 = v128.load(b, 16);
      const rows = v128.load(a);
      let s = v128.load32_splat(a);
      c00 = Lanes.madd(s, b0, c00);
      c01 = Lanes.madd(s, b1, c01);
      s = v128.shuffle<i32>(rows, rows, 1, 1, 1, 1);
      c10 = Lanes.madd(s, b0, c10);
      c11 = Lanes.madd(s, b1, c11);
      s = v128.shuffle<i32>(rows, rows, 2, 2, 2, 2);
      c20 = Lanes.madd(s, b0, c20);
      c21 = Lanes.madd(s, b1, c21);
      s = v128.shuffle<i32>(rows, rows, 3, 3, 3, 3);
      c30 = Lanes.madd(s, b0, c30);
      c31 = Lanes.madd(s, b1, c31);
      a += 16;
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
    }
    v128.store(tile, c00, 0);
    v128.store(tile, c01, 16);
    v128.store(tile, c10, 32);
    v128.store(tile, c11, 48);
    v128.store(tile, c20, 64);
    v128.store(tile, c21, 80);
    v128.store(tile, c30, 96);
    v128.store(tile, c31, 112);
  }

  /**
   * The same for six rows: four of a panel and two of another (`two` is the address of the first of them). Twelve sums wait
   * for no multiply-add, but eight loads with their checks are many instructions for them: on a Zen 5 core, which takes
   * eight a cycle, 63 GFLOP/s of 68 beside 55 for four rows; on Zen 4, which takes six, 43 of 59 beside 52. Each sum adds up in
   * the same order, so that the numbers are the same bits.
   */
  static runSix(
    four: usize,
    two: usize,
    b: usize,
    depth: i32,
    tileOfFour: usize,
    tileOfTwo: usize,
    add: bool,
  ): void {
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
      let s = v128.load32_splat(four);
      c00 = Lanes.madd(s, b0, c00);
      c01 = Lanes.madd(s, b1, c01);
      s = v128.load32_splat(four, 4);
      c10 = Lanes.madd(s, b0, c10);
      c11 = Lanes.madd(s, b1, c11);
      s = v128.load32_splat(four, 8);
      c20 = Lanes.madd(s, b0, c20);
      c21 = Lanes.madd(s, b1, c21);
      s = v128.load32_splat(four, 12);
      c30 = Lanes.madd(s, b0, c30);
      c31 = Lanes.madd(s, b1, c31);
      s = v128.load32_splat(two);
      c40 = Lanes.madd(s, b0, c40);
      c41 = Lanes.madd(s, b1, c41);
      s = v128.load32_splat(two, 4);
      c50 = Lanes.madd(s, b0, c50);
      c51 = Lanes.madd(s, b1, c51);
      four += 16;
      two += 16;
      b += 32;
    }
    if (add) {
      c00 = f32x4.add(c00, v128.load(tileOfFour, 0));
      c01 = f32x4.add(c01, v128.load(tileOfFour, 16));
      c10 = f32x4.add(c10, v128.load(tileOfFour, 32));
      c11 = f32x4.add(c11, v128.load(tileOfFour, 48));
      c20 = f32x4.add(c20, v128.load(tileOfFour, 64));
      c21 = f32x4.add(c21, v128.load(tileOfFour, 80));
      c30 = f32x4.add(c30, v128.load(tileOfFour, 96));
      c31 = f32x4.add(c31, v128.load(tileOfFour, 112));
      c40 = f32x4.add(c40, v128.load(tileOfTwo, 0));
      c41 = f32x4.add(c41, v128.load(tileOfTwo, 16));
      c50 = f32x4.add(c50, v128.load(tileOfTwo, 32));
      c51 = f32x4.add(c51, v128.load(tileOfTwo, 48));
    }
    v128.store(tileOfFour, c00, 0);
    v128.store(tileOfFour, c01, 16);
    v128.store(tileOfFour, c10, 32);
    v128.store(tileOfFour, c11, 48);
    v128.store(tileOfFour, c20, 64);
    v128.store(tileOfFour, c21, 80);
    v128.store(tileOfFour, c30, 96);
    v128.store(tileOfFour, c31, 112);
    v128.store(tileOfTwo, c40, 0);
    v128.store(tileOfTwo, c41, 16);
    v128.store(tileOfTwo, c50, 32);
    v128.store(tileOfTwo, c51, 48);
  }

  /** `count` panels of four rows, `step` bytes apart, times one panel of B: as many tiles, one after the other. */
  static column(
    a: usize,
    step: usize,
    count: i32,
    b: usize,
    depth: i32,
    tiles: usize,
    add: bool,
    bySix: bool,
  ): void {
    let i = 0;
    for (; bySix && i + 3 <= count; i += 3) {
      const second = a + step, third = second + step, tile = tiles + <usize> i * TILE_BYTES;
      MicroKernel.runSix(a, second, b, depth, tile, tile + TILE_BYTES, add);
      MicroKernel.runSix(third, second + 8, b, depth, tile + 2 * TILE_BYTES, tile + TILE_BYTES + 64, add);
      a = third + step;
    }
    for (; i < count; i++) {
      MicroKernel.run(a, b, depth, tiles + <usize> i * TILE_BYTES, add);
      a += step;
    }
  }
}
