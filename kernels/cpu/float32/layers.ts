/** Layer norm and rotary positions. */
import { Lanes } from "./lanes";

/** Sums along one row: sixteen numbers in f32, then on in f64. */
class RowMoments {
  static sum(x: usize, columns: i32): f64 {
    let low = f64x2.splat(0), high = low;
    const whole = columns & ~15;
    for (let c = 0; c < whole; c += 16) {
      const at = x + (<usize> c << 2);
      const first = f32x4.add(v128.load(at, 0), v128.load(at, 16));
      const four = f32x4.add(first, f32x4.add(v128.load(at, 32), v128.load(at, 48)));
      low = f64x2.add(low, Lanes.promoteLow(four));
      high = f64x2.add(high, Lanes.promoteHigh(four));
    }
    let sum = Lanes.sum64(f64x2.add(low, high));
    for (let c = whole; c < columns; c++) sum += load<f32>(x + (<usize> c << 2));
    return sum;
  }

  /** Sum of (x - mean)^2. */
  static squares(x: usize, columns: i32, mean: f32): f64 {
    const means = f32x4.splat(mean);
    let low = f64x2.splat(0), high = low;
    const whole = columns & ~15;
    for (let c = 0; c < whole; c += 16) {
      const at = x + (<usize> c << 2);
      const a = f32x4.sub(v128.load(at, 0), means), b = f32x4.sub(v128.load(at, 16), means);
      const d = f32x4.sub(v128.load(at, 32), means), e = f32x4.sub(v128.load(at, 48), means);
      const four = f32x4.add(Lanes.madd(a, a, f32x4.mul(b, b)), Lanes.madd(d, d, f32x4.mul(e, e)));
      low = f64x2.add(low, Lanes.promoteLow(four));
      high = f64x2.add(high, Lanes.promoteHigh(four));
    }
    let sum = Lanes.sum64(f64x2.add(low, high));
    for (let c = whole; c < columns; c++) {
      const difference = <f64> (load<f32>(x + (<usize> c << 2)) - mean);
      sum += difference * difference;
    }
    return sum;
  }
}

@unmanaged
export class LayerNormJob {
  out: usize;
  /** Mean of each row, then 1 / sqrt(variance + epsilon) of each. */
  stats: usize;
  x: usize;
  gamma: usize;
  beta: usize;
  rows: i32;
  columns: i32;
  epsilon: f32;
  chunkRows: i32;
}

export function layerNorm(job: LayerNormJob, chunk: i32): void {
  const first = chunk * job.chunkRows, end = min(first + job.chunkRows, job.rows);
  const columns = job.columns;
  for (let r = first; r < end; r++) {
    const x = job.x + (<usize> r * columns << 2);
    const mean = RowMoments.sum(x, columns) / columns;
    const squares = RowMoments.squares(x, columns, <f32> mean);
    const inverse = <f32> (1 / sqrt(squares / columns + job.epsilon));
    store<f32>(job.stats + (<usize> r << 2), <f32> mean);
    store<f32>(job.stats + (<usize> (job.rows + r) << 2), inverse);
    const out = job.out + (<usize> r * columns << 2);
    const shift = f32x4.splat(<f32> mean), scale = f32x4.splat(inverse);
    for (let c = 0; c < columns; c += 4) {
      const at = <usize> c << 2;
      let v = f32x4.mul(f32x4.sub(v128.load(x + at), shift), scale);
      if (job.gamma != 0) v = f32x4.mul(v, v128.load(job.gamma + at));
      if (job.beta != 0) v = f32x4.add(v, v128.load(job.beta + at));
      Lanes.store(out + at, v, columns - c);
    }
  }
}

@unmanaged
export class LayerNormBackwardJob {
  dx: usize;
  dy: usize;
  x: usize;
  stats: usize;
  gamma: usize;
  rows: i32;
  columns: i32;
  chunkRows: i32;
}

/** dx alone; the gradients of gamma and beta are column sums. */
export function layerNormBackward(job: LayerNormBackwardJob, chunk: i32): void {
  const first = chunk * job.chunkRows, end = min(first + job.chunkRows, job.rows);
  const columns = job.columns, whole = columns & ~3;
  for (let r = first; r < end; r++) {
    const offset = <usize> r * columns << 2;
    const mean = v128.load32_splat(job.stats + (<usize> r << 2));
    const inverse = v128.load32_splat(job.stats + (<usize> (job.rows + r) << 2));
    let slopes = f64x2.splat(0), products = f64x2.splat(0);
    for (let c = 0; c < columns; c += 4) {
      const at = <usize> c << 2;
      let slope = v128.load(job.dy + offset + at);
      if (job.gamma != 0) slope = f32x4.mul(slope, v128.load(job.gamma + at));
      if (c >= whole) slope = Lanes.keepFirst(slope, columns - c);
      let normal = f32x4.mul(f32x4.sub(v128.load(job.x + offset + at), mean), inverse);
      if (c >= whole) normal = Lanes.keepFirst(normal, columns - c);
      const low = Lanes.promoteLow(slope), high = Lanes.promoteHigh(slope);
      slopes = f64x2.add(slopes, f64x2.add(low, high));
      products = Lanes.madd64(low, Lanes.promoteLow(normal), products);
      products = Lanes.madd64(high, Lanes.promoteHigh(normal), products);
    }
    const meanSlope = f32x4.splat(<f32> (Lanes.sum64(slopes) / columns));
    const meanProduct = f32x4.splat(<f32> (Lanes.sum64(products) / columns));
    for (let c = 0; c < columns; c += 4) {
      const at = <usize> c << 2;
      let slope = v128.load(job.dy + offset + at);
      if (job.gamma != 0) slope = f32x4.mul(slope, v128.load(job.gamma + at));
      const normal = f32x4.mul(f32x4.sub(v128.load(job.x + offset + at), mean), inverse);
      const rest = Lanes.nmadd(normal, meanProduct, f32x4.sub(slope, meanSlope));
      Lanes.store(job.dx + offset + at, f32x4.mul(rest, inverse), columns - c);
    }
  }
}

@unmanaged
export class RotaryJob {
  out: usize;
  x: usize;
  cos: usize;
  sin: usize;
  rows: i32;
  heads: i32;
  length: i32;
  half: i32;
  /** 1, or -1 to turn back. */
  sign: f32;
  chunkRows: i32;
}

/** A row is one position of one sequence, all heads. */
export function rotary(job: RotaryJob, chunk: i32): void {
  const first = chunk * job.chunkRows, end = min(first + job.chunkRows, job.rows);
  const half = job.half, halfBytes = <usize> half << 2;
  const sign = f32x4.splat(job.sign);
  for (let row = first; row < end; row++) {
    const table = <usize> (row % job.length) * halfBytes;
    for (let head = 0; head < job.heads; head++) {
      const offset = (<usize> row * job.heads + head) * 2 * halfBytes;
      for (let i = 0; i < half; i += 4) {
        const at = offset + (<usize> i << 2);
        const c = v128.load(job.cos + table + (<usize> i << 2));
        const s = f32x4.mul(sign, v128.load(job.sin + table + (<usize> i << 2)));
        const low = v128.load(job.x + at), high = v128.load(job.x + at + halfBytes);
        Lanes.store(job.out + at, Lanes.nmadd(high, s, f32x4.mul(low, c)), half - i);
        Lanes.store(job.out + at + halfBytes, Lanes.madd(low, s, f32x4.mul(high, c)), half - i);
      }
    }
  }
}
