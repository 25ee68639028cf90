/**
 * Real FFT of length n by a complex one of length N = n / 2 (fourier_passes.ts) on split arrays, real parts apart from
 * imaginary ones.
 *
 * Roots of unity come from one table made on the host in f64: e^(-2 pi i k / n) for k <= n / 4, cosines, then sines.
 */
import { transform } from "./fourier_passes";
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

/** Sines of the table. */

function sinesOf(job: FourierJob): usize {
  return job.roots + (<usize> ((job.n >> 2) + 8) << 2);
}

/** A chunk is a row. */
export function realFft(job: FourierJob, row: i32, scratch: usize): void {
  const half = job.n >> 1;
  const size = Split.bytes(half);
  const re = job.work + (scratch - job.firstScratch) / job.scratchBytes * 4 * size;
  const im = re + size;
  splitRow(job.x + (<usize> row * job.length << 2), job.length, re, im, half);
  const result = transform(re, im, re + 2 * size, im + 2 * size, half, job.roots, sinesOf(job))
    ? re + 2 * size
    : re;
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
  const turned = transform(im, re, im + 2 * size, re + 2 * size, half, job.roots, sinesOf(job));
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
 * The real row's spectrum from that of its pairs: with E and O the transforms of even and odd samples,
 * X[k] = E[k] + W^k O[k] and X[half - k] = conj(E[k] - W^k O[k]).
 */
function mergeSpectrum(job: FourierJob, re: usize, im: usize, out: usize, half: i32): void {
  const first = load<f32>(re), second = load<f32>(im);
  store<f32>(out, first + second, 0);
  store<f32>(out, 0, 4);
  store<f32>(out + (<usize> half << 3), first - second, 0);
  store<f32>(out + (<usize> half << 3), 0, 4);
  const cosines = job.roots, sines = sinesOf(job);
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
  const cosines = job.roots, sines = sinesOf(job);
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
