/** What fills, copies and turns matrices. */
import { FLAT_CHUNK } from "./elementwise";
import { Lanes } from "./lanes";

@unmanaged
export class FillJob {
  out: usize;
  n: i32;
  /** The bits of the value, of either type. */
  value: i32;
}

export function fill(job: FillJob, chunk: i32): void {
  const start = chunk * FLAT_CHUNK, end = min(start + FLAT_CHUNK, job.n);
  const value = i32x4.splat(job.value);
  const out = job.out, whole = Lanes.wholeTurns(start, end, 4);
  let i = start;
  for (; i < whole; i += 16) {
    const to = out + (<usize> i << 2);
    v128.store(to, value);
    v128.store(to, value, 16);
    v128.store(to, value, 32);
    v128.store(to, value, 48);
  }
  for (; i < end; i += 4) Lanes.store(out + (<usize> i << 2), value, end - i);
}

@unmanaged
export class CopyJob {
  out: usize;
  x: usize;
  /** Bytes from row to row. */
  outStride: usize;
  xStride: usize;
  rows: i32;
  columns: i32;
  chunkRows: i32;
}

export function copy2d(job: CopyJob, chunk: i32): void {
  const first = chunk * job.chunkRows, end = min(first + job.chunkRows, job.rows);
  for (let r = first; r < end; r++) {
    memory.copy(
      job.out + <usize> r * job.outStride,
      job.x + <usize> r * job.xStride,
      <usize> job.columns << 2,
    );
  }
}

@unmanaged
export class TransposeJob {
  out: usize;
  x: usize;
  rows: i32;
  columns: i32;
  /** Blocks of 64 x 64 down and across a matrix. */
  blocksDown: i32;
  blocksAcross: i32;
}

/** A chunk is a block of 64 x 64 of one matrix of the batch. */
export function transpose(job: TransposeJob, chunk: i32): void {
  const blocks = job.blocksDown * job.blocksAcross;
  const matrix = <usize> (chunk / blocks) * job.rows * job.columns << 2;
  const x = job.x + matrix, out = job.out + matrix;
  const row = chunk % blocks / job.blocksAcross * 64, column = chunk % job.blocksAcross * 64;
  const endRow = min(row + 64, job.rows), endColumn = min(column + 64, job.columns);
  const xStride = <usize> job.columns << 2, outStride = <usize> job.rows << 2;
  for (let r = row; r < endRow; r += 4) {
    for (let c = column; c < endColumn; c += 4) {
      const from = x + <usize> r * xStride + (<usize> c << 2);
      const to = out + <usize> c * outStride + (<usize> r << 2);
      if (r + 4 <= endRow && c + 4 <= endColumn) {
        const r0 = v128.load(from), r1 = v128.load(from + xStride);
        const r2 = v128.load(from + 2 * xStride), r3 = v128.load(from + 3 * xStride);
        const low01 = v128.shuffle<i32>(r0, r1, 0, 4, 1, 5), high01 = v128.shuffle<i32>(r0, r1, 2, 6, 3, 7);
        const low23 = v128.shuffle<i32>(r2, r3, 0, 4, 1, 5), high23 = v128.shuffle<i32>(r2, r3, 2, 6, 3, 7);
        v128.store(to, v128.shuffle<i64>(low01, low23, 0, 2));
        v128.store(to + outStride, v128.shuffle<i64>(low01, low23, 1, 3));
        v128.store(to + 2 * outStride, v128.shuffle<i64>(high01, high23, 0, 2));
        v128.store(to + 3 * outStride, v128.shuffle<i64>(high01, high23, 1, 3));
      } else {
        for (let i = 0; i < min(4, endRow - r); i++) {
          for (let j = 0; j < min(4, endColumn - c); j++) {
            store<f32>(
              to + <usize> j * outStride + (<usize> i << 2),
              load<f32>(from + <usize> i * xStride + (<usize> j << 2)),
            );
          }
        }
      }
    }
  }
}
