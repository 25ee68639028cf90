/** Rows picked by index, and what is added back to them. */
import { Lanes } from "./lanes";

@unmanaged
export class GatherJob {
  out: usize;
  table: usize;
  indices: usize;
  rows: i32;
  columns: i32;
  chunkRows: i32;
}

export function gatherRows(job: GatherJob, chunk: i32): void {
  const first = chunk * job.chunkRows, end = min(first + job.chunkRows, job.rows);
  const rowBytes = <usize> job.columns << 2;
  for (let r = first; r < end; r++) {
    const from = <usize> load<i32>(job.indices + (<usize> r << 2));
    memory.copy(job.out + <usize> r * rowBytes, job.table + from * rowBytes, rowBytes);
  }
}

@unmanaged
export class ScatterJob {
  out: usize;
  x: usize;
  indices: usize;
  rows: i32;
  columns: i32;
  chunkColumns: i32;
}

/** A chunk is a range of columns, so that rows are added in their order whatever the number of threads. */
export function scatterAddRows(job: ScatterJob, chunk: i32): void {
  const first = chunk * job.chunkColumns, width = min(job.chunkColumns, job.columns - first);
  const rowBytes = <usize> job.columns << 2;
  const out = job.out + (<usize> first << 2);
  let x = job.x + (<usize> first << 2);
  for (let r = 0; r < job.rows; r++) {
    const to = out + <usize> load<i32>(job.indices + (<usize> r << 2)) * rowBytes;
    for (let c = 0; c < width; c += 4) {
      const at = <usize> c << 2;
      Lanes.store(to + at, f32x4.add(v128.load(to + at), v128.load(x + at)), width - c);
    }
    x += rowBytes;
  }
}

@unmanaged
export class PairsJob {
  out: usize;
  a: usize;
  ia: usize;
  b: usize;
  ib: usize;
  rows: i32;
  columns: i32;
  relu: i32;
  chunkRows: i32;
}

export function gatherPairs(job: PairsJob, chunk: i32): void {
  const first = chunk * job.chunkRows, end = min(first + job.chunkRows, job.rows);
  const columns = job.columns, rowBytes = <usize> columns << 2;
  const floor = f32x4.splat(job.relu ? 0 : -Infinity);
  for (let r = first; r < end; r++) {
    const a = job.a + <usize> load<i32>(job.ia + (<usize> r << 2)) * rowBytes;
    const b = job.b + <usize> load<i32>(job.ib + (<usize> r << 2)) * rowBytes;
    const out = job.out + <usize> r * rowBytes;
    for (let c = 0; c < columns; c += 4) {
      const at = <usize> c << 2;
      const sum = f32x4.add(v128.load(a + at), v128.load(b + at));
      Lanes.store(out + at, f32x4.pmax(sum, floor), columns - c);
    }
  }
}

@unmanaged
export class MeanBackwardJob {
  dx: usize;
  dy: usize;
  mask: usize;
  length: i32;
  width: i32;
  chunkRows: i32;
  chunksPerSequence: i32;
}

/** A chunk is some positions of one sequence. */
export function maskedMeanBackward(job: MeanBackwardJob, chunk: i32): void {
  const sequence = chunk / job.chunksPerSequence;
  const first = chunk % job.chunksPerSequence * job.chunkRows;
  const end = min(first + job.chunkRows, job.length);
  const mask = job.mask + (<usize> sequence * job.length << 2);
  let count = 0;
  for (let t = 0; t < job.length; t++) if (load<i32>(mask + (<usize> t << 2)) != 0) count++;
  const share = f32x4.splat(1 / <f32> max(1, count));
  const width = job.width;
  const dy = job.dy + (<usize> sequence * width << 2);
  for (let t = first; t < end; t++) {
    const weight = load<i32>(mask + (<usize> t << 2)) != 0 ? share : f32x4.splat(0);
    const to = job.dx + ((<usize> sequence * job.length + t) * width << 2);
    for (let c = 0; c < width; c += 4) {
      const at = <usize> c << 2;
      Lanes.store(to + at, f32x4.mul(v128.load(dy + at), weight), width - c);
    }
  }
}
