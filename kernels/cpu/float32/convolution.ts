/** Depthwise causal convolution of each row with the taps of its channel, and its gradients. */
import { Lanes } from "./lanes";

/** Samples of a chunk. */
const TIME_BLOCK: i32 = 16384;

@unmanaged
export class ConvolutionJob {
  out: usize;
  x: usize;
  weight: usize;
  bias: usize;
  channels: i32;
  length: i32;
  taps: i32;
  blocksPerRow: i32;
}

/** A chunk is a stretch of one row. */
export function causalConvolution(job: ConvolutionJob, chunk: i32): void {
  const row = chunk / job.blocksPerRow, channel = row % job.channels;
  const length = job.length, taps = job.taps;
  const first = chunk % job.blocksPerRow * TIME_BLOCK, end = min(first + TIME_BLOCK, length);
  const x = job.x + (<usize> row * length << 2), out = job.out + (<usize> row * length << 2);
  const weight = job.weight + (<usize> channel * taps << 2);
  const bias = job.bias != 0 ? load<f32>(job.bias + (<usize> channel << 2)) : 0;
  let t = first;
  for (; t < min(end, taps - 1); t++) {
    let sum = bias;
    for (let j = taps - 1 - t; j < taps; j++) {
      sum += load<f32>(weight + (<usize> j << 2)) * load<f32>(x + (<usize> (t - taps + 1 + j) << 2));
    }
    store<f32>(out + (<usize> t << 2), sum);
  }
  for (; t + 16 <= end; t += 16) {
    let s0 = f32x4.splat(bias), s1 = s0, s2 = s0, s3 = s0;
    let from = x + (<usize> (t - taps + 1) << 2);
    for (let j = 0; j < taps; j++) {
      const w = v128.load32_splat(weight + (<usize> j << 2));
      s0 = Lanes.madd(w, v128.load(from, 0), s0);
      s1 = Lanes.madd(w, v128.load(from, 16), s1);
      s2 = Lanes.madd(w, v128.load(from, 32), s2);
      s3 = Lanes.madd(w, v128.load(from, 48), s3);
      from += 4;
    }
    const to = out + (<usize> t << 2);
    v128.store(to, s0, 0);
    v128.store(to, s1, 16);
    v128.store(to, s2, 32);
    v128.store(to, s3, 48);
  }
  for (; t < end; t += 4) {
    let sum = f32x4.splat(bias);
    for (let j = 0; j < taps; j++) {
      const w = v128.load32_splat(weight + (<usize> j << 2));
      sum = Lanes.madd(w, v128.load(x + (<usize> (t - taps + 1 + j) << 2)), sum);
    }
    Lanes.store(out + (<usize> t << 2), sum, end - t);
  }
}

/** `out` is dx and `x` is dy: dx[t] = sum_j weight[j] dy[t + taps - 1 - j]. */
export function convolutionInputGradient(job: ConvolutionJob, chunk: i32): void {
  const row = chunk / job.blocksPerRow, channel = row % job.channels;
  const length = job.length, taps = job.taps;
  const first = chunk % job.blocksPerRow * TIME_BLOCK, end = min(first + TIME_BLOCK, length);
  const dy = job.x + (<usize> row * length << 2), dx = job.out + (<usize> row * length << 2);
  const weight = job.weight + (<usize> channel * taps << 2);
  const whole = min(end, length - taps + 1);
  let t = first;
  for (; t + 4 <= whole; t += 4) {
    let sum = f32x4.splat(0);
    for (let j = 0; j < taps; j++) {
      const w = v128.load32_splat(weight + (<usize> j << 2));
      sum = Lanes.madd(w, v128.load(dy + (<usize> (t + taps - 1 - j) << 2)), sum);
    }
    v128.store(dx + (<usize> t << 2), sum);
  }
  for (; t < end; t++) {
    let sum: f32 = 0;
    for (let j = max(0, t + taps - length); j < taps; j++) {
      sum += load<f32>(weight + (<usize> j << 2)) * load<f32>(dy + (<usize> (t + taps - 1 - j) << 2));
    }
    store<f32>(dx + (<usize> t << 2), sum);
  }
}

@unmanaged
export class ConvolutionWeightJob {
  /** 0 where not wanted. */
  dweight: usize;
  dbias: usize;
  dy: usize;
  x: usize;
  rows: i32;
  channels: i32;
  length: i32;
  taps: i32;
}

/** A chunk is a channel; its rows are summed in order. */
export function convolutionWeightGradient(job: ConvolutionWeightJob, channel: i32): void {
  const length = job.length, taps = job.taps;
  if (job.dweight != 0) {
    for (let j = 0; j < taps; j++) {
      const shift = taps - 1 - j;
      let sum: f64 = 0;
      for (let row = channel; row < job.rows; row += job.channels) {
        const start = <usize> row * length << 2;
        if (shift < length) sum += dot(job.dy + start + (<usize> shift << 2), job.x + start, length - shift);
      }
      store<f32>(job.dweight + (<usize> (channel * taps + j) << 2), <f32> sum);
    }
  }
  if (job.dbias != 0) {
    let sum: f64 = 0;
    for (let row = channel; row < job.rows; row += job.channels) {
      sum += dot(job.dy + (<usize> row * length << 2), 0, length);
    }
    store<f32>(job.dbias + (<usize> channel << 2), <f32> sum);
  }
}

/** Sum of a b (b of ones where it is 0), in f64. */
function dot(a: usize, b: usize, n: i32): f64 {
  let low = f64x2.splat(0), high = low;
  const whole = n & ~3;
  for (let i = 0; i < whole; i += 4) {
    let x = v128.load(a + (<usize> i << 2));
    if (b != 0) x = f32x4.mul(x, v128.load(b + (<usize> i << 2)));
    low = f64x2.add(low, Lanes.promoteLow(x));
    high = f64x2.add(high, Lanes.promoteHigh(x));
  }
  let sum = Lanes.sum64(f64x2.add(low, high));
  for (let i = whole; i < n; i++) {
    sum += <f64> load<f32>(a + (<usize> i << 2)) * (b != 0 ? <f64> load<f32>(b + (<usize> i << 2)) : 1);
  }
  return sum;
}

@unmanaged
export class ComplexMultiplyJob {
  out: usize;
  a: usize;
  b: usize;
  rows: i32;
  bRows: i32;
  frequencies: i32;
  conjugate: i32;
  chunkRows: i32;
}

export function complexMultiply(job: ComplexMultiplyJob, chunk: i32): void {
  const first = chunk * job.chunkRows, end = min(first + job.chunkRows, job.rows);
  const n = 2 * job.frequencies;
  // (re, im) (bRe, bIm) = (re bRe - im bIm, im bRe + re bIm); conjugating b turns the sign of bIm.
  const sign: f32 = job.conjugate ? -1 : 1;
  const signs = f32x4(-sign, sign, -sign, sign);
  for (let r = first; r < end; r++) {
    const offset = <usize> r * n << 2;
    const b = job.b + (<usize> (r % job.bRows) * n << 2);
    for (let i = 0; i < n; i += 4) {
      const at = <usize> i << 2;
      const x = v128.load(job.a + offset + at), y = v128.load(b + at);
      const re = v128.shuffle<i32>(y, y, 0, 0, 2, 2),
        im = f32x4.mul(v128.shuffle<i32>(y, y, 1, 1, 3, 3), signs);
      const turned = v128.shuffle<i32>(x, x, 1, 0, 3, 2);
      Lanes.store(job.out + offset + at, Lanes.madd(turned, im, f32x4.mul(x, re)), n - i);
    }
  }
}
