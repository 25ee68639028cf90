/**
 * Copies a matrix into panels: each panel holds `width` (4 or 8) of its lines side by side, depth by depth, so that
 * the micro-kernel reads on in order. Lines beyond the matrix are zeros.
 */
export class Packing {
  /**
   * One panel of four lines. "Lines along depth" (`across` false): line i starts at source + i stride, its depths are
   * neighbours. `across`: depth j starts at source + j stride, the lines are neighbours. Strides in bytes.
   */
  static panel4(to: usize, source: usize, stride: usize, across: bool, lines: i32, depth: i32): void {
    if (lines < 4) return Packing.edge(to, source, stride, across, lines, depth, 4);
    if (across) {
      for (let j = 0; j < depth; j++) {
        v128.store(to, v128.load(source));
        to += 16;
        source += stride;
      }
      return;
    }
    const whole = depth & ~3;
    Packing.transposed4(to, source, stride, whole, 16);
    if (whole < depth) Packing.edge(to + whole * 16, source + whole * 4, stride, false, 4, depth - whole, 4);
  }

  /** One panel of eight lines. */
  static panel8(to: usize, source: usize, stride: usize, across: bool, lines: i32, depth: i32): void {
    if (lines < 8) return Packing.edge(to, source, stride, across, lines, depth, 8);
    if (across) {
      for (let j = 0; j < depth; j++) {
        v128.store(to, v128.load(source), 0);
        v128.store(to, v128.load(source, 16), 16);
        to += 32;
        source += stride;
      }
      return;
    }
    const whole = depth & ~3;
    Packing.transposed4(to, source, stride, whole, 32);
    Packing.transposed4(to + 16, source + 4 * stride, stride, whole, 32);
    if (whole < depth) Packing.edge(to + whole * 32, source + whole * 4, stride, false, 8, depth - whole, 8);
  }

  /** Four panels of eight whole lines that lie across, read together for the sake of the cache. */
  static panels8Across(to: usize, panelBytes: usize, source: usize, stride: usize, depth: i32): void {
    const to1 = to + panelBytes, to2 = to1 + panelBytes, to3 = to2 + panelBytes;
    let at: usize = 0;
    for (let j = 0; j < depth; j++) {
      v128.store(to + at, v128.load(source, 0), 0);
      v128.store(to + at, v128.load(source, 16), 16);
      v128.store(to1 + at, v128.load(source, 32), 0);
      v128.store(to1 + at, v128.load(source, 48), 16);
      v128.store(to2 + at, v128.load(source, 64), 0);
      v128.store(to2 + at, v128.load(source, 80), 16);
      v128.store(to3 + at, v128.load(source, 96), 0);
      v128.store(to3 + at, v128.load(source, 112), 16);
      at += 32;
      source += stride;
    }
  }

  /** Four lines of `depth` (a multiple of 4) neighbours, turned; `step` bytes from one depth to the next. */
  @inline
  static transposed4(to: usize, source: usize, stride: usize, depth: i32, step: usize): void {
    const s1 = source + stride, s2 = s1 + stride, s3 = s2 + stride;
    let at: usize = 0;
    for (let j = 0; j < depth; j += 4) {
      const r0 = v128.load(source + at), r1 = v128.load(s1 + at);
      const r2 = v128.load(s2 + at), r3 = v128.load(s3 + at);
      const low01 = v128.shuffle<i32>(r0, r1, 0, 4, 1, 5), high01 = v128.shuffle<i32>(r0, r1, 2, 6, 3, 7);
      const low23 = v128.shuffle<i32>(r2, r3, 0, 4, 1, 5), high23 = v128.shuffle<i32>(r2, r3, 2, 6, 3, 7);
      v128.store(to, v128.shuffle<i64>(low01, low23, 0, 2));
      to += step;
      v128.store(to, v128.shuffle<i64>(low01, low23, 1, 3));
      to += step;
      v128.store(to, v128.shuffle<i64>(high01, high23, 0, 2));
      to += step;
      v128.store(to, v128.shuffle<i64>(high01, high23, 1, 3));
      to += step;
      at += 16;
    }
  }

  /** Any panel, number by number. */
  static edge(
    to: usize,
    source: usize,
    stride: usize,
    across: bool,
    lines: i32,
    depth: i32,
    width: i32,
  ): void {
    const lineStep: usize = across ? 4 : stride, depthStep: usize = across ? stride : 4;
    for (let j = 0; j < depth; j++) {
      let from = source + <usize> j * depthStep;
      for (let i = 0; i < width; i++) {
        let value: f32 = 0;
        if (i < lines) {
          value = load<f32>(from);
          from += lineStep;
        }
        store<f32>(to, value);
        to += 4;
      }
    }
  }
}
