/**
 * Real FFT of length n by a complex one of length N = n / 2: Stockham's self-sorting passes of radix 4 (and a last one
 * of radix 2 where N is no power of 4) on split arrays, real parts apart from imaginary ones.
 *
 * Roots of unity come from one table made on the host in f64: e^(-2 pi i k / n) for k <= n / 4, cosines, then sines.
 */
import { Lanes } from "./lanes";

@unmanaged
export class FourierJob {
  out: usize;
  x: usize;
  length: i32;
  n: i32;
  /** The table: n / 4 + 8 cosines, then as many (negative) sines. */
  roots: usize;
  /** Four arrays of N + 8 f32 for each thread. */
  work: usize;
  firstScratch: usize;
  scratchBytes: usize;
}

/** The working arrays of one thread: data in (re, im), the next pass writes to (re2, im2). */
class Split {
  @inline
  static bytes(half: i32): usize {
    return <usize> (half + 8) << 2;
  }
}

/** A chunk is a row. */
export function realFft(job: FourierJob, row: i32, scratch: usize): void {
  const half = job.n >> 1;
  const size = Split.bytes(half);
  const re = job.work + (scratch - job.firstScratch) / job.scratchBytes * 4 * size;
  const im = re + size;
  splitRow(job.x + (<usize> row * job.length << 2), job.length, re, im, half);
  const result = transform(re, im, re + 2 * size, im + 2 * size, half, job) ? re + 2 * size : re;
  mergeSpectrum(job, result, result + size, job.out + (<usize> row * (half + 1) << 3), half);
}

/** A chunk is a row. */
export function inverseRealFft(job: FourierJob, row: i32, scratch: usize): void {
  const half = job.n >> 1;
  const size = Split.bytes(half);
  const re = job.work + (scratch - job.firstScratch) / job.scratchBytes * 4 * size;
  const im = re + size;
  splitSpectrum(job, job.x + (<usize> row * (half + 1) << 3), re, im, half);
  // With real and imaginary parts exchanged the same passes compute the inverse.
  const turned = transform(im, re, im + 2 * size, re + 2 * size, half, job);
  const result = turned ? re + 2 * size : re;
  mergeRow(job.out + (<usize> row * job.length << 2), job.length, result, result + size, half);
}

/** Even samples to re, odd ones to im, zeros beyond the row's end. */
function splitRow(x: usize, length: i32, re: usize, im: usize, half: i32): void {
  const pairs = length >> 1, whole = pairs & ~3;
  for (let i = 0; i < whole; i += 4) {
    const a = v128.load(x + (<usize> i << 3), 0), b = v128.load(x + (<usize> i << 3), 16);
    v128.store(re + (<usize> i << 2), v128.shuffle<i32>(a, b, 0, 2, 4, 6));
    v128.store(im + (<usize> i << 2), v128.shuffle<i32>(a, b, 1, 3, 5, 7));
  }
  for (let i = whole; i < pairs; i++) {
    store<f32>(re + (<usize> i << 2), load<f32>(x + (<usize> i << 3), 0));
    store<f32>(im + (<usize> i << 2), load<f32>(x + (<usize> i << 3), 4));
  }
  memory.fill(re + (<usize> pairs << 2), 0, <usize> (half - pairs) << 2);
  memory.fill(im + (<usize> pairs << 2), 0, <usize> (half - pairs) << 2);
  if (length & 1) store<f32>(re + (<usize> pairs << 2), load<f32>(x + (<usize> pairs << 3)));
}

/** The first `length` samples. */
function mergeRow(out: usize, length: i32, re: usize, im: usize, half: i32): void {
  const scale = f32x4.splat(1 / <f32> half);
  const whole = length & ~7;
  for (let i = 0; i < whole; i += 8) {
    const a = f32x4.mul(v128.load(re + (<usize> i << 1)), scale);
    const b = f32x4.mul(v128.load(im + (<usize> i << 1)), scale);
    v128.store(out + (<usize> i << 2), v128.shuffle<i32>(a, b, 0, 4, 1, 5), 0);
    v128.store(out + (<usize> i << 2), v128.shuffle<i32>(a, b, 2, 6, 3, 7), 16);
  }
  for (let i = whole; i < length; i++) {
    const from = (i & 1 ? im : re) + (<usize> (i >> 1) << 2);
    store<f32>(out + (<usize> i << 2), load<f32>(from) / <f32> half);
  }
}

/**
 * The complex FFT of length `half`; data and work space change places at every pass.
 *
 * @returns whether the result lies in (re2, im2)
 */
function transform(re: usize, im: usize, re2: usize, im2: usize, half: i32, job: FourierJob): bool {
  const cosines = job.roots, sines = job.roots + (<usize> ((job.n >> 2) + 8) << 2);
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

/**
 * The real row's spectrum from that of its pairs: with E and O the transforms of even and odd samples,
 * X[k] = E[k] + W^k O[k] and X[half - k] = conj(E[k] - W^k O[k]).
 */
function mergeSpectrum(job: FourierJob, re: usize, im: usize, out: usize, half: i32): void {
  const first = load<f32>(re), second = load<f32>(im);
  store<f32>(out, first + second, 0);
  store<f32>(out, 0, 4);
  store<f32>(out + (<usize> half << 3), first - second, 0);
  store<f32>(out + (<usize> half << 3), 0, 4);
  const cosines = job.roots, sines = job.roots + (<usize> ((job.n >> 2) + 8) << 2);
  const point5 = f32x4.splat(0.5);
  let k = 1;
  for (; k + 4 <= half - k - 3; k += 4) {
    const at = <usize> k << 2, mirror = <usize> (half - k - 3) << 2;
    const a = v128.load(re + at), b = v128.load(im + at);
    const c0 = v128.load(re + mirror), d0 = v128.load(im + mirror);
    const c = v128.shuffle<i32>(c0, c0, 3, 2, 1, 0), d = v128.shuffle<i32>(d0, d0, 3, 2, 1, 0);
    const cos = v128.load(cosines + at), sin = v128.load(sines + at);
    const evenR = f32x4.mul(point5, f32x4.add(a, c)), evenI = f32x4.mul(point5, f32x4.sub(b, d));
    const oddR = f32x4.mul(point5, f32x4.add(b, d)), oddI = f32x4.mul(point5, f32x4.sub(c, a));
    const turnR = Lanes.nmadd(oddI, sin, f32x4.mul(oddR, cos));
    const turnI = Lanes.madd(oddR, sin, f32x4.mul(oddI, cos));
    const lowR = f32x4.add(evenR, turnR), lowI = f32x4.add(evenI, turnI);
    v128.store(out + 2 * at, v128.shuffle<i32>(lowR, lowI, 0, 4, 1, 5), 0);
    v128.store(out + 2 * at, v128.shuffle<i32>(lowR, lowI, 2, 6, 3, 7), 16);
    const highR = f32x4.sub(evenR, turnR), highI = f32x4.sub(turnI, evenI);
    v128.store(out + 2 * mirror, v128.shuffle<i32>(highR, highI, 3, 7, 2, 6), 0);
    v128.store(out + 2 * mirror, v128.shuffle<i32>(highR, highI, 1, 5, 0, 4), 16);
  }
  for (; k <= half - k; k++) {
    const at = <usize> k << 2, mirror = <usize> (half - k) << 2;
    const a = load<f32>(re + at),
      b = load<f32>(im + at),
      c = load<f32>(re + mirror),
      d = load<f32>(im + mirror);
    const cos = load<f32>(cosines + at), sin = load<f32>(sines + at);
    const evenR = (a + c) / 2, evenI = (b - d) / 2, oddR = (b + d) / 2, oddI = (c - a) / 2;
    const turnR = oddR * cos - oddI * sin, turnI = oddR * sin + oddI * cos;
    store<f32>(out + 2 * mirror, evenR - turnR, 0);
    store<f32>(out + 2 * mirror, turnI - evenI, 4);
    store<f32>(out + 2 * at, evenR + turnR, 0);
    store<f32>(out + 2 * at, evenI + turnI, 4);
  }
}

/** The other way round: Z[k] = E[k] + i O[k], Z[half - k] = conj(E[k]) + i conj(O[k]). */
function splitSpectrum(job: FourierJob, x: usize, re: usize, im: usize, half: i32): void {
  const first = load<f32>(x), last = load<f32>(x + (<usize> half << 3));
  store<f32>(re, (first + last) / 2);
  store<f32>(im, (first - last) / 2);
  const cosines = job.roots, sines = job.roots + (<usize> ((job.n >> 2) + 8) << 2);
  const point5 = f32x4.splat(0.5);
  let k = 1;
  for (; k + 4 <= half - k - 3; k += 4) {
    const at = <usize> k << 2, mirror = <usize> (half - k - 3) << 2;
    const low0 = v128.load(x + 2 * at, 0), low1 = v128.load(x + 2 * at, 16);
    const high0 = v128.load(x + 2 * mirror, 0), high1 = v128.load(x + 2 * mirror, 16);
    const a = v128.shuffle<i32>(low0, low1, 0, 2, 4, 6), b = v128.shuffle<i32>(low0, low1, 1, 3, 5, 7);
    const c = v128.shuffle<i32>(high0, high1, 6, 4, 2, 0), d = v128.shuffle<i32>(high0, high1, 7, 5, 3, 1);
    const cos = v128.load(cosines + at), sin = v128.load(sines + at);
    const evenR = f32x4.mul(point5, f32x4.add(a, c)), evenI = f32x4.mul(point5, f32x4.sub(b, d));
    const turnR = f32x4.mul(point5, f32x4.sub(a, c)), turnI = f32x4.mul(point5, f32x4.add(b, d));
    // O = conj(W) turn
    const oddR = Lanes.madd(turnI, sin, f32x4.mul(turnR, cos));
    const oddI = Lanes.nmadd(turnR, sin, f32x4.mul(turnI, cos));
    v128.store(re + at, f32x4.sub(evenR, oddI));
    v128.store(im + at, f32x4.add(evenI, oddR));
    const highR = f32x4.add(evenR, oddI), highI = f32x4.sub(oddR, evenI);
    v128.store(re + mirror, v128.shuffle<i32>(highR, highR, 3, 2, 1, 0));
    v128.store(im + mirror, v128.shuffle<i32>(highI, highI, 3, 2, 1, 0));
  }
  for (; k <= half - k; k++) {
    const at = <usize> k << 2, mirror = <usize> (half - k) << 2;
    const a = load<f32>(x + 2 * at, 0), b = load<f32>(x + 2 * at, 4);
    const c = load<f32>(x + 2 * mirror, 0), d = load<f32>(x + 2 * mirror, 4);
    const cos = load<f32>(cosines + at), sin = load<f32>(sines + at);
    const evenR = (a + c) / 2, evenI = (b - d) / 2, turnR = (a - c) / 2, turnI = (b + d) / 2;
    const oddR = turnR * cos + turnI * sin, oddI = turnI * cos - turnR * sin;
    store<f32>(re + mirror, evenR + oddI);
    store<f32>(im + mirror, oddR - evenI);
    store<f32>(re + at, evenR - oddI);
    store<f32>(im + at, evenI + oddR);
  }
}
