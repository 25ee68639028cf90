/**
 * The passes of a complex FFT: Stockham's self-sorting ones of radix 4, and a last one of radix 2 where the length is no
 * power of 4, on split arrays. Passes of radix 8 were tried: no faster at 8,192 points, a third slower at 524,288, where
 * sixteen streams a power of two apart meet in the cache.
 */
import { Lanes } from "./lanes";

/**
 * The complex FFT of length `half`; data and work space change places at every pass.
 *
 * @returns whether the result lies in (re2, im2)
 */
export function transform(
  re: usize,
  im: usize,
  re2: usize,
  im2: usize,
  half: i32,
  cosines: usize,
  sines: usize,
): bool {
  let left = half, stride = 1, turned = false;
  while (left >= 4) {
    if (stride >= 4) wideRadix4(re, im, re2, im2, left, stride, cosines, sines);
    else if (left >= 16) firstRadix4(re, im, re2, im2, left, cosines, sines);
    else scalarRadix4(re, im, re2, im2, left, stride, cosines, sines);
    left >>= 2;
    stride <<= 2;
    turned = !turned;
    let other = re;
    re = re2;
    re2 = other;
    other = im;
    im = im2;
    im2 = other;
  }
  if (left == 2) {
    radix2(re, im, re2, im2, stride);
    turned = !turned;
  }
  return turned;
}

/** Last pass, without roots: sums and differences of the two halves. */
function radix2(re: usize, im: usize, re2: usize, im2: usize, stride: i32): void {
  const half = <usize> stride << 2;
  for (let q: usize = 0; q < half; q += 16) {
    const left = <i32> ((half - q) >> 2);
    const a = v128.load(re + q), b = v128.load(re + half + q);
    const c = v128.load(im + q), d = v128.load(im + half + q);
    Lanes.store(re2 + q, f32x4.add(a, b), left);
    Lanes.store(im2 + q, f32x4.add(c, d), left);
    Lanes.store(re2 + half + q, f32x4.sub(a, b), left);
    Lanes.store(im2 + half + q, f32x4.sub(c, d), left);
  }
}

/** A pass whose inner stride fills whole vectors: one root a group, four butterflies a turn. */
function wideRadix4(
  re: usize,
  im: usize,
  re2: usize,
  im2: usize,
  left: i32,
  stride: i32,
  cosines: usize,
  sines: usize,
): void {
  const quarter = left >> 2;
  const block = <usize> stride << 2, distance = block * quarter;
  // W_left^p = e^(-2 pi i p / left) stands at k = p n / left = 2 p stride in the table, since left stride = n / 2.
  const step = <usize> stride << 3;
  for (let p = 0; p < quarter; p++) {
    const c1 = v128.load32_splat(cosines + <usize> p * step),
      s1 = v128.load32_splat(sines + <usize> p * step);
    const c2 = Lanes.nmadd(s1, s1, f32x4.mul(c1, c1)), s2 = f32x4.mul(f32x4.add(c1, c1), s1);
    const c3 = Lanes.nmadd(s1, s2, f32x4.mul(c1, c2)), s3 = Lanes.madd(c1, s2, f32x4.mul(s1, c2));
    const from = <usize> p * block, to = from << 2;
    for (let q: usize = 0; q < block; q += 16) {
      const at = from + q;
      const ar = v128.load(re + at), ai = v128.load(im + at);
      const br = v128.load(re + at + distance), bi = v128.load(im + at + distance);
      const cr = v128.load(re + at + 2 * distance), ci = v128.load(im + at + 2 * distance);
      const dr = v128.load(re + at + 3 * distance), di = v128.load(im + at + 3 * distance);
      const sumR = f32x4.add(ar, cr), sumI = f32x4.add(ai, ci);
      const difR = f32x4.sub(ar, cr), difI = f32x4.sub(ai, ci);
      const sum2R = f32x4.add(br, dr), sum2I = f32x4.add(bi, di);
      const dif2R = f32x4.sub(br, dr), dif2I = f32x4.sub(bi, di);
      const o = to + q;
      v128.store(re2 + o, f32x4.add(sumR, sum2R));
      v128.store(im2 + o, f32x4.add(sumI, sum2I));
      // a - c -+ i (b - d)
      const r1 = f32x4.add(difR, dif2I), i1 = f32x4.sub(difI, dif2R);
      v128.store(re2 + o + block, Lanes.nmadd(i1, s1, f32x4.mul(r1, c1)));
      v128.store(im2 + o + block, Lanes.madd(r1, s1, f32x4.mul(i1, c1)));
      const r2 = f32x4.sub(sumR, sum2R), i2 = f32x4.sub(sumI, sum2I);
      v128.store(re2 + o + 2 * block, Lanes.nmadd(i2, s2, f32x4.mul(r2, c2)));
      v128.store(im2 + o + 2 * block, Lanes.madd(r2, s2, f32x4.mul(i2, c2)));
      const r3 = f32x4.sub(difR, dif2I), i3 = f32x4.add(difI, dif2R);
      v128.store(re2 + o + 3 * block, Lanes.nmadd(i3, s3, f32x4.mul(r3, c3)));
      v128.store(im2 + o + 3 * block, Lanes.madd(r3, s3, f32x4.mul(i3, c3)));
    }
  }
}

/** The first pass (stride 1): four groups a turn, their four results transposed on the way out. */
function firstRadix4(
  re: usize,
  im: usize,
  re2: usize,
  im2: usize,
  left: i32,
  cosines: usize,
  sines: usize,
): void {
  const quarter = left >> 2;
  const distance = <usize> quarter << 2;
  for (let at: usize = 0; at < distance; at += 16) {
    const cosLow = v128.load(cosines + 2 * at, 0), cosHigh = v128.load(cosines + 2 * at, 16);
    const sinLow = v128.load(sines + 2 * at, 0), sinHigh = v128.load(sines + 2 * at, 16);
    const c1 = v128.shuffle<i32>(cosLow, cosHigh, 0, 2, 4, 6);
    const s1 = v128.shuffle<i32>(sinLow, sinHigh, 0, 2, 4, 6);
    const c2 = Lanes.nmadd(s1, s1, f32x4.mul(c1, c1)), s2 = f32x4.mul(f32x4.add(c1, c1), s1);
    const c3 = Lanes.nmadd(s1, s2, f32x4.mul(c1, c2)), s3 = Lanes.madd(c1, s2, f32x4.mul(s1, c2));
    const ar = v128.load(re + at), ai = v128.load(im + at);
    const br = v128.load(re + at + distance), bi = v128.load(im + at + distance);
    const cr = v128.load(re + at + 2 * distance), ci = v128.load(im + at + 2 * distance);
    const dr = v128.load(re + at + 3 * distance), di = v128.load(im + at + 3 * distance);
    const sumR = f32x4.add(ar, cr), sumI = f32x4.add(ai, ci);
    const difR = f32x4.sub(ar, cr), difI = f32x4.sub(ai, ci);
    const sum2R = f32x4.add(br, dr), sum2I = f32x4.add(bi, di);
    const dif2R = f32x4.sub(br, dr), dif2I = f32x4.sub(bi, di);
    const r1 = f32x4.add(difR, dif2I), i1 = f32x4.sub(difI, dif2R);
    const r2 = f32x4.sub(sumR, sum2R), i2 = f32x4.sub(sumI, sum2I);
    const r3 = f32x4.sub(difR, dif2I), i3 = f32x4.add(difI, dif2R);
    storeTurned(
      re2 + 4 * at,
      f32x4.add(sumR, sum2R),
      Lanes.nmadd(i1, s1, f32x4.mul(r1, c1)),
      Lanes.nmadd(i2, s2, f32x4.mul(r2, c2)),
      Lanes.nmadd(i3, s3, f32x4.mul(r3, c3)),
    );
    storeTurned(
      im2 + 4 * at,
      f32x4.add(sumI, sum2I),
      Lanes.madd(r1, s1, f32x4.mul(i1, c1)),
      Lanes.madd(r2, s2, f32x4.mul(i2, c2)),
      Lanes.madd(r3, s3, f32x4.mul(i3, c3)),
    );
  }
}

function storeTurned(to: usize, a: v128, b: v128, c: v128, d: v128): void {
  const lowAB = v128.shuffle<i32>(a, b, 0, 4, 1, 5), highAB = v128.shuffle<i32>(a, b, 2, 6, 3, 7);
  const lowCD = v128.shuffle<i32>(c, d, 0, 4, 1, 5), highCD = v128.shuffle<i32>(c, d, 2, 6, 3, 7);
  v128.store(to, v128.shuffle<i64>(lowAB, lowCD, 0, 2), 0);
  v128.store(to, v128.shuffle<i64>(lowAB, lowCD, 1, 3), 16);
  v128.store(to, v128.shuffle<i64>(highAB, highCD, 0, 2), 32);
  v128.store(to, v128.shuffle<i64>(highAB, highCD, 1, 3), 48);
}

/** Any pass, number by number: only for transforms of fewer than 16 points. */
function scalarRadix4(
  re: usize,
  im: usize,
  re2: usize,
  im2: usize,
  left: i32,
  stride: i32,
  cosines: usize,
  sines: usize,
): void {
  const quarter = left >> 2;
  const block = <usize> stride << 2, distance = block * quarter;
  for (let p = 0; p < quarter; p++) {
    const c1 = load<f32>(cosines + <usize> p * 2 * block), s1 = load<f32>(sines + <usize> p * 2 * block);
    const c2 = c1 * c1 - s1 * s1, s2 = (c1 + c1) * s1;
    const c3 = c1 * c2 - s1 * s2, s3 = c1 * s2 + s1 * c2;
    for (let q: usize = 0; q < block; q += 4) {
      const at = <usize> p * block + q, o = <usize> p * 4 * block + q;
      const ar = load<f32>(re + at), ai = load<f32>(im + at);
      const br = load<f32>(re + at + distance), bi = load<f32>(im + at + distance);
      const cr = load<f32>(re + at + 2 * distance), ci = load<f32>(im + at + 2 * distance);
      const dr = load<f32>(re + at + 3 * distance), di = load<f32>(im + at + 3 * distance);
      const r1 = ar - cr + (bi - di), i1 = ai - ci - (br - dr);
      const r2 = ar + cr - (br + dr), i2 = ai + ci - (bi + di);
      const r3 = ar - cr - (bi - di), i3 = ai - ci + (br - dr);
      store<f32>(re2 + o, ar + cr + (br + dr));
      store<f32>(im2 + o, ai + ci + (bi + di));
      store<f32>(re2 + o + block, r1 * c1 - i1 * s1);
      store<f32>(im2 + o + block, r1 * s1 + i1 * c1);
      store<f32>(re2 + o + 2 * block, r2 * c2 - i2 * s2);
      store<f32>(im2 + o + 2 * block, r2 * s2 + i2 * c2);
      store<f32>(re2 + o + 3 * block, r3 * c3 - i3 * s3);
      store<f32>(im2 + o + 3 * block, r3 * s3 + i3 * c3);
    }
  }
}
