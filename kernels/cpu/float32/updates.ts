/** Losses' gradients and the update rules. */
import { FLAT_CHUNK } from "./elementwise";
import { Lanes } from "./lanes";

@unmanaged
export class AdamJob {
  parameter: usize;
  gradient: usize;
  m: usize;
  v: usize;
  n: i32;
  /** 0 where absent; else one f32 that multiplies the gradient. */
  factor: usize;
  beta1: f32;
  beta2: f32;
  oneMinusBeta1: f32;
  oneMinusBeta2: f32;
  /** 1 - learning rate x weight decay (AdamW), else 1. */
  decay: f32;
  /** Weight decay added to the gradient (Adam), else 0. */
  l2: f32;
  /** Learning rate / (1 - beta1^step). */
  stepSize: f32;
  /** 1 / sqrt(1 - beta2^step). */
  inverseCorrection: f32;
  epsilon: f32;
}

export function adam(job: AdamJob, chunk: i32): void {
  const start = chunk * FLAT_CHUNK, end = min(start + FLAT_CHUNK, job.n);
  const factor = job.factor != 0 ? v128.load32_splat(job.factor) : f32x4.splat(1);
  const beta1 = f32x4.splat(job.beta1), rest1 = f32x4.splat(job.oneMinusBeta1);
  const beta2 = f32x4.splat(job.beta2), rest2 = f32x4.splat(job.oneMinusBeta2);
  const decay = f32x4.splat(job.decay), l2 = f32x4.splat(job.l2);
  const stepSize = f32x4.splat(job.stepSize), epsilon = f32x4.splat(job.epsilon);
  const inverseCorrection = f32x4.splat(job.inverseCorrection);
  for (let i = start; i < end; i += 4) {
    const at = <usize> i << 2;
    const before = v128.load(job.parameter + at);
    const g = Lanes.madd(l2, before, f32x4.mul(factor, v128.load(job.gradient + at)));
    const m = Lanes.madd(rest1, g, f32x4.mul(beta1, v128.load(job.m + at)));
    const v = Lanes.madd(f32x4.mul(rest2, g), g, f32x4.mul(beta2, v128.load(job.v + at)));
    const size = Lanes.madd(f32x4.sqrt(v), inverseCorrection, epsilon);
    const after = Lanes.nmadd(stepSize, f32x4.div(m, size), f32x4.mul(decay, before));
    Lanes.store(job.m + at, m, end - i);
    Lanes.store(job.v + at, v, end - i);
    Lanes.store(job.parameter + at, after, end - i);
  }
}

@unmanaged
export class SquaredErrorJob {
  out: usize;
  prediction: usize;
  target: usize;
  /** [sum, number of cells]. */
  stats: usize;
  n: i32;
  scale: f32;
}

export function squaredErrorBackward(job: SquaredErrorJob, chunk: i32): void {
  const start = chunk * FLAT_CHUNK, end = min(start + FLAT_CHUNK, job.n);
  const factor = f32x4.splat(2 * job.scale / max<f32>(1, load<f32>(job.stats, 4)));
  for (let i = start; i < end; i += 4) {
    const at = <usize> i << 2;
    const target = v128.load(job.target + at);
    const slope = f32x4.mul(factor, f32x4.sub(v128.load(job.prediction + at), target));
    Lanes.store(job.out + at, v128.and(slope, Lanes.finite(target)), end - i);
  }
}

@unmanaged
export class ClipJob {
  out: usize;
  sumSquares: usize;
  maxNorm: f32;
  inverseScale: f32;
}

export function clipFactor(job: ClipJob): void {
  const norm = sqrt(load<f32>(job.sumSquares)) * job.inverseScale;
  store<f32>(job.out, min<f32>(1, job.maxNorm / (norm + 1e-6)) * job.inverseScale);
}
