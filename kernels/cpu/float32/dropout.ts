import { FLAT_CHUNK } from "./elementwise";
import { Lanes } from "./lanes";

@unmanaged
export class DropoutJob {
  out: usize;
  x: usize;
  n: i32;
  /** Words below it are dropped. */
  threshold: i32;
  /** 1 / (1 - p). */
  scale: f32;
  seed: i32;
  stream: i32;
}

/** Parts of Threefry-2x32 on four blocks side by side. */
class Threefry {
  @inline
  static turn(x: v128, left: i32): v128 {
    return v128.or(i32x4.shl(x, left), i32x4.shr_u(x, 32 - left));
  }

  /** Turned left by whole bytes: one shuffle. */
  @inline
  static turn16(x: v128): v128 {
    return v128.shuffle<i16>(x, x, 1, 0, 3, 2, 5, 4, 7, 6);
  }

  @inline
  static turn24(x: v128): v128 {
    return v128.shuffle<i8>(x, x, 1, 2, 3, 0, 5, 6, 7, 4, 9, 10, 11, 8, 13, 14, 15, 12);
  }
}

/** Eight elements a turn: both output words of four counters. */
export function dropout(job: DropoutJob, chunk: i32): void {
  const start = chunk * FLAT_CHUNK, end = min(start + FLAT_CHUNK, job.n);
  const k0 = i32x4.splat(job.seed), k1 = i32x4.splat(job.stream);
  const k2 = i32x4.splat(0x1bd11bda ^ job.seed ^ job.stream);
  // What is injected after each fourth round: keys in turn, and the number of the injection.
  const inject1 = i32x4.add(k2, i32x4.splat(1)), inject2 = i32x4.add(k0, i32x4.splat(2));
  const inject3 = i32x4.add(k1, i32x4.splat(3)), inject4 = i32x4.add(k2, i32x4.splat(4));
  const inject5 = i32x4.add(k0, i32x4.splat(5));
  const threshold = i32x4.splat(job.threshold), scale = f32x4.splat(job.scale);
  for (let i = start; i < end; i += 8) {
    let a = i32x4.add(i32x4.add(i32x4.splat(i >>> 1), i32x4(0, 1, 2, 3)), k0);
    let b = k1;
    a = i32x4.add(a, b);
    b = v128.xor(Threefry.turn(b, 13), a);
    a = i32x4.add(a, b);
    b = v128.xor(Threefry.turn(b, 15), a);
    a = i32x4.add(a, b);
    b = v128.xor(Threefry.turn(b, 26), a);
    a = i32x4.add(a, b);
    b = v128.xor(Threefry.turn(b, 6), a);
    a = i32x4.add(a, k1);
    b = i32x4.add(b, inject1);
    a = i32x4.add(a, b);
    b = v128.xor(Threefry.turn(b, 17), a);
    a = i32x4.add(a, b);
    b = v128.xor(Threefry.turn(b, 29), a);
    a = i32x4.add(a, b);
    b = v128.xor(Threefry.turn16(b), a);
    a = i32x4.add(a, b);
    b = v128.xor(Threefry.turn24(b), a);
    a = i32x4.add(a, k2);
    b = i32x4.add(b, inject2);
    a = i32x4.add(a, b);
    b = v128.xor(Threefry.turn(b, 13), a);
    a = i32x4.add(a, b);
    b = v128.xor(Threefry.turn(b, 15), a);
    a = i32x4.add(a, b);
    b = v128.xor(Threefry.turn(b, 26), a);
    a = i32x4.add(a, b);
    b = v128.xor(Threefry.turn(b, 6), a);
    a = i32x4.add(a, k0);
    b = i32x4.add(b, inject3);
    a = i32x4.add(a, b);
    b = v128.xor(Threefry.turn(b, 17), a);
    a = i32x4.add(a, b);
    b = v128.xor(Threefry.turn(b, 29), a);
    a = i32x4.add(a, b);
    b = v128.xor(Threefry.turn16(b), a);
    a = i32x4.add(a, b);
    b = v128.xor(Threefry.turn24(b), a);
    a = i32x4.add(a, k1);
    b = i32x4.add(b, inject4);
    a = i32x4.add(a, b);
    b = v128.xor(Threefry.turn(b, 13), a);
    a = i32x4.add(a, b);
    b = v128.xor(Threefry.turn(b, 15), a);
    a = i32x4.add(a, b);
    b = v128.xor(Threefry.turn(b, 26), a);
    a = i32x4.add(a, b);
    b = v128.xor(Threefry.turn(b, 6), a);
    a = i32x4.add(a, k2);
    b = i32x4.add(b, inject5);
    const at = <usize> i << 2;
    const keepLow = i32x4.ge_u(v128.shuffle<i32>(a, b, 0, 4, 1, 5), threshold);
    const keepHigh = i32x4.ge_u(v128.shuffle<i32>(a, b, 2, 6, 3, 7), threshold);
    const low = v128.and(f32x4.mul(v128.load(job.x + at), scale), keepLow);
    const high = v128.and(f32x4.mul(v128.load(job.x + at, 16), scale), keepHigh);
    Lanes.store(job.out + at, low, end - i);
    if (end - i > 4) Lanes.store(job.out + at + 16, high, end - i - 4);
  }
}
