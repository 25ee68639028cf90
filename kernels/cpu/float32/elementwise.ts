/** Element-wise operations. A chunk is a run of FLAT_CHUNK elements, whatever rows they lie in. */
import { BinaryFunction, Repeat, UnaryFunction } from "../operation_codes";
import { Activations } from "./activations";
import { Lanes } from "./lanes";

/** Elements of a chunk; lib/backend/cpu/elementwise.ts cuts by the same number. */
export const FLAT_CHUNK: i32 = 16384;

@unmanaged
export class UnaryJob {
  out: usize;
  x: usize;
  n: i32;
  f: i32;
}

/** The loops of unary operations, a copy for each function so that none asks which it is at every vector. */
class UnaryLoop {
  @inline
  static forward(job: UnaryJob, chunk: i32, f: i32): void {
    const start = chunk * FLAT_CHUNK, end = min(start + FLAT_CHUNK, job.n);
    const out = job.out, x = job.x;
    const whole = Lanes.wholeTurns(start, end, 2);
    let i = start;
    for (; i < whole; i += 8) {
      const from = x + (<usize> i << 2), to = out + (<usize> i << 2);
      const first = Activations.one(f, v128.load(from)), second = Activations.one(f, v128.load(from, 16));
      v128.store(to, first);
      v128.store(to, second, 16);
    }
    for (; i < end; i += 4) {
      const at = <usize> i << 2;
      Lanes.store(out + at, Activations.one(f, v128.load(x + at)), end - i);
    }
  }

  @inline
  static backward(job: UnaryBackwardJob, chunk: i32, f: i32): void {
    const start = chunk * FLAT_CHUNK, end = min(start + FLAT_CHUNK, job.n);
    const fromOutput = job.fromOutput != 0;
    for (let i = start; i < end; i += 4) {
      const at = <usize> i << 2;
      const slope = Activations.slope(f, v128.load(job.x + at), fromOutput);
      Lanes.store(job.dx + at, f32x4.mul(v128.load(job.dy + at), slope), end - i);
    }
  }
}

export function unary(job: UnaryJob, chunk: i32): void {
  switch (job.f) {
    case UnaryFunction.Relu:
      return UnaryLoop.forward(job, chunk, UnaryFunction.Relu);
    case UnaryFunction.Gelu:
      return UnaryLoop.forward(job, chunk, UnaryFunction.Gelu);
    case UnaryFunction.GeluTanh:
      return UnaryLoop.forward(job, chunk, UnaryFunction.GeluTanh);
    case UnaryFunction.Silu:
      return UnaryLoop.forward(job, chunk, UnaryFunction.Silu);
    case UnaryFunction.Tanh:
      return UnaryLoop.forward(job, chunk, UnaryFunction.Tanh);
    case UnaryFunction.Sin:
      return UnaryLoop.forward(job, chunk, UnaryFunction.Sin);
    case UnaryFunction.Exp:
      return UnaryLoop.forward(job, chunk, UnaryFunction.Exp);
    default:
      return UnaryLoop.forward(job, chunk, UnaryFunction.None);
  }
}

@unmanaged
export class UnaryBackwardJob {
  dx: usize;
  dy: usize;
  x: usize;
  n: i32;
  f: i32;
  fromOutput: i32;
}

export function unaryBackward(job: UnaryBackwardJob, chunk: i32): void {
  switch (job.f) {
    case UnaryFunction.Relu:
      return UnaryLoop.backward(job, chunk, UnaryFunction.Relu);
    case UnaryFunction.Gelu:
      return UnaryLoop.backward(job, chunk, UnaryFunction.Gelu);
    case UnaryFunction.GeluTanh:
      return UnaryLoop.backward(job, chunk, UnaryFunction.GeluTanh);
    case UnaryFunction.Silu:
      return UnaryLoop.backward(job, chunk, UnaryFunction.Silu);
    case UnaryFunction.Tanh:
      return UnaryLoop.backward(job, chunk, UnaryFunction.Tanh);
    case UnaryFunction.Sin:
      return UnaryLoop.backward(job, chunk, UnaryFunction.Sin);
    default:
      return UnaryLoop.backward(job, chunk, UnaryFunction.None);
  }
}

@unmanaged
export class BinaryJob {
  out: usize;
  a: usize;
  b: usize;
  n: i32;
  columns: i32;
  f: i32;
  repeat: i32;
}

class Pair {
  @inline
  static combine(f: i32, a: v128, b: v128): v128 {
    if (f == BinaryFunction.Add) return f32x4.add(a, b);
    if (f == BinaryFunction.Subtract) return f32x4.sub(a, b);
    return f32x4.mul(a, b);
  }
}

export function binary(job: BinaryJob, chunk: i32): void {
  const start = chunk * FLAT_CHUNK, end = min(start + FLAT_CHUNK, job.n);
  const f = job.f, columns = job.columns;
  if (job.repeat == Repeat.Same || job.repeat == Repeat.Scalar) {
    const out = job.out, left = job.a, right = job.b;
    const one = v128.load32_splat(right);
    const whole = Lanes.wholeTurns(start, end, 4);
    let i = start;
    if (job.repeat == Repeat.Same) {
      for (; i < whole; i += 16) {
        const at = <usize> i << 2;
        const a = left + at, b = right + at, to = out + at;
        v128.store(to, Pair.combine(f, v128.load(a), v128.load(b)));
        v128.store(to, Pair.combine(f, v128.load(a, 16), v128.load(b, 16)), 16);
        v128.store(to, Pair.combine(f, v128.load(a, 32), v128.load(b, 32)), 32);
        v128.store(to, Pair.combine(f, v128.load(a, 48), v128.load(b, 48)), 48);
      }
    }
    for (; i < end; i += 4) {
      const at = <usize> i << 2;
      const b = job.repeat == Repeat.Scalar ? one : v128.load(right + at);
      Lanes.store(out + at, Pair.combine(f, v128.load(left + at), b), end - i);
    }
    return;
  }
  // Row by row, as much of each as lies in the chunk.
  let i = start, row = start / columns;
  while (i < end) {
    const rowEnd = min(end, (row + 1) * columns);
    const byColumn = job.repeat == Repeat.Column;
    const one = v128.load32_splat(job.b + (byColumn ? <usize> row << 2 : 0));
    let b = job.b + (<usize> (i - row * columns) << 2);
    const whole = byColumn ? i : Lanes.wholeTurns(i, rowEnd, 4);
    for (; i < whole; i += 16) {
      const a = job.a + (<usize> i << 2), to = job.out + (<usize> i << 2);
      v128.store(to, Pair.combine(f, v128.load(a), v128.load(b)));
      v128.store(to, Pair.combine(f, v128.load(a, 16), v128.load(b, 16)), 16);
      v128.store(to, Pair.combine(f, v128.load(a, 32), v128.load(b, 32)), 32);
      v128.store(to, Pair.combine(f, v128.load(a, 48), v128.load(b, 48)), 48);
      b += 64;
    }
    for (; i < rowEnd; i += 4) {
      const at = <usize> i << 2;
      const value = byColumn ? one : v128.load(b);
      Lanes.store(job.out + at, Pair.combine(f, v128.load(job.a + at), value), rowEnd - i);
      b += 16;
    }
    i = rowEnd;
    row++;
  }
}

@unmanaged
export class CombinationJob {
  out: usize;
  a: usize;
  /** 0 where absent. */
  b: usize;
  n: i32;
  alpha: f32;
  beta: f32;
}

export function linearCombination(job: CombinationJob, chunk: i32): void {
  const start = chunk * FLAT_CHUNK, end = min(start + FLAT_CHUNK, job.n);
  const alpha = f32x4.splat(job.alpha), beta = f32x4.splat(job.beta);
  const a = job.a, b = job.b, out = job.out;
  const whole = b != 0 ? Lanes.wholeTurns(start, end, 2) : start;
  let i = start;
  for (; i < whole; i += 8) {
    const left = a + (<usize> i << 2), right = b + (<usize> i << 2), to = out + (<usize> i << 2);
    v128.store(to, Lanes.madd(beta, v128.load(right), f32x4.mul(alpha, v128.load(left))));
    v128.store(to, Lanes.madd(beta, v128.load(right, 16), f32x4.mul(alpha, v128.load(left, 16))), 16);
  }
  for (; i < end; i += 4) {
    const at = <usize> i << 2;
    let sum = f32x4.mul(alpha, v128.load(a + at));
    if (b != 0) sum = Lanes.madd(beta, v128.load(b + at), sum);
    Lanes.store(out + at, sum, end - i);
  }
}
