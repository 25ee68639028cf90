/** The gate of Nucleotide Transformer's feed-forward layer: silu(first half of a row) x second half. */
import { UnaryFunction } from "../operation_codes";
import { Activations } from "./activations";
import { Constants, ONE } from "./constants";
import { FLAT_CHUNK } from "./elementwise";
import { Lanes } from "./lanes";

@unmanaged
export class GateJob {
  out: usize;
  x: usize;
  /** Only for the gradient. */
  dy: usize;
  n: i32;
  width: i32;
}

export function siluGate(job: GateJob, chunk: i32): void {
  const start = chunk * FLAT_CHUNK, end = min(start + FLAT_CHUNK, job.n);
  const width = job.width;
  let i = start, row = start / width;
  while (i < end) {
    const rowEnd = min(end, (row + 1) * width);
    let x = job.x + (<usize> (i + row * width) << 2), value = x + (<usize> width << 2);
    const whole = Lanes.wholeTurns(i, rowEnd, 2);
    for (; i < whole; i += 8) {
      const to = job.out + (<usize> i << 2);
      v128.store(to, f32x4.mul(Activations.one(UnaryFunction.Silu, v128.load(x)), v128.load(value)));
      v128.store(
        to,
        f32x4.mul(Activations.one(UnaryFunction.Silu, v128.load(x, 16)), v128.load(value, 16)),
        16,
      );
      x += 32;
      value += 32;
    }
    for (; i < rowEnd; i += 4) {
      const y = f32x4.mul(Activations.one(UnaryFunction.Silu, v128.load(x)), v128.load(value));
      Lanes.store(job.out + (<usize> i << 2), y, rowEnd - i);
      x += 16;
      value += 16;
    }
    i = rowEnd;
    row++;
  }
}

/** `out` is dx here. */
export function siluGateBackward(job: GateJob, chunk: i32): void {
  const start = chunk * FLAT_CHUNK, end = min(start + FLAT_CHUNK, job.n);
  const width = job.width, half = <usize> width << 2;
  let i = start, row = start / width;
  while (i < end) {
    const rowEnd = min(end, (row + 1) * width);
    let at = <usize> (i + row * width) << 2;
    for (; i < rowEnd; i += 4) {
      const gate = v128.load(job.x + at), value = v128.load(job.x + at + half);
      const dy = v128.load(job.dy + (<usize> i << 2));
      const s = Lanes.sigmoid(gate);
      const slope = f32x4.mul(s, Lanes.madd(gate, f32x4.sub(Constants.of(ONE), s), Constants.of(ONE)));
      Lanes.store(job.out + at, f32x4.mul(f32x4.mul(dy, value), slope), rowEnd - i);
      Lanes.store(job.out + at + half, f32x4.mul(dy, f32x4.mul(gate, s)), rowEnd - i);
      at += 16;
    }
    i = rowEnd;
    row++;
  }
}
