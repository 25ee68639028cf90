/**
 * Sums. Each is cut by its shape alone, every part summed in f64, and the parts added in order: the same bits for any
 * number of threads.
 */
import { FlatSum } from "../operation_codes";
import { FLAT_CHUNK } from "./elementwise";
import { Lanes } from "./lanes";

/** Columns that a chunk of a column sum spans. */
const COLUMN_BLOCK: i32 = 256;

@unmanaged
export class ColumnSumJob {
  x: usize;
  /** Multiplies x where it is not 0. */
  y: usize;
  /** Per row and not 0 where the row counts; 0 for all rows. */
  mask: usize;
  /** Sets x[r] = (x[r] - mean[r]) inverse[r] first, where not 0: two f32 arrays of all rows. */
  stats: usize;
  /** f64, parts x columns. */
  partials: usize;
  /** Rows of a group (all of them, or the length of a sequence), and number of groups. */
  rows: i32;
  groups: i32;
  columns: i32;
  /** Rows of a part, parts of a group. */
  partRows: i32;
  parts: i32;
}

/** What a column sum adds up: x, normalised and multiplied as the job says. */
class Cell {
  @inline
  static value(x: usize, y: usize, normal: bool, offset: usize, mean: v128, inverse: v128): v128 {
    let value = v128.load(x + offset);
    if (normal) value = f32x4.mul(f32x4.sub(value, mean), inverse);
    if (y != 0) value = f32x4.mul(value, v128.load(y + offset));
    return value;
  }

  @inline
  static mean(job: ColumnSumJob, row: i32): v128 {
    return job.stats != 0 ? v128.load32_splat(job.stats + (<usize> row << 2)) : f32x4.splat(0);
  }

  @inline
  static inverse(job: ColumnSumJob, row: i32): v128 {
    return Cell.mean(job, job.rows * job.groups + row);
  }

  /** Add four lanes, or as many as are left, to f64 sums. */
  @inline
  static add(sums: usize, x: v128, left: i32): void {
    const low = f64x2.add(v128.load(sums, 0), Lanes.promoteLow(x));
    if (left >= 4) {
      v128.store(sums, low, 0);
      v128.store(sums, f64x2.add(v128.load(sums, 16), Lanes.promoteHigh(x)), 16);
      return;
    }
    if (left >= 2) v128.store(sums, low);
    else store<f64>(sums, f64x2.extract_lane(low, 0));
    if (left == 3) store<f64>(sums, load<f64>(sums, 16) + f32x4.extract_lane(x, 2), 16);
  }
}

/** Chunks: parts of all groups x blocks of columns. */
export function columnPartials(job: ColumnSumJob, chunk: i32): void {
  const columns = job.columns;
  const blocks = (columns + COLUMN_BLOCK - 1) / COLUMN_BLOCK;
  const part = chunk / blocks, group = part / job.parts;
  const firstColumn = chunk % blocks * COLUMN_BLOCK;
  const width = min(COLUMN_BLOCK, columns - firstColumn);
  const firstRow = group * job.rows + part % job.parts * job.partRows;
  const endRow = min(firstRow + job.partRows, (group + 1) * job.rows);
  const sums = job.partials + (<usize> part * columns + firstColumn) * 8;
  const rowBytes = <usize> columns << 2;
  const x = job.x, y = job.y, normal = job.stats != 0;
  memory.fill(sums, 0, <usize> width * 8);
  let row = firstRow;
  // Eight or four rows are added in f32 before they join the f64 sums.
  for (; row + 8 <= endRow && job.mask == 0 && y == 0 && !normal; row += 8) {
    const offset = x + <usize> row * rowBytes + (<usize> firstColumn << 2);
    for (let c = 0; c < width; c += 4) {
      const at = offset + (<usize> c << 2), next = at + 4 * rowBytes;
      const first = f32x4.add(v128.load(at), v128.load(at + rowBytes));
      const second = f32x4.add(v128.load(at + 2 * rowBytes), v128.load(at + 3 * rowBytes));
      const third = f32x4.add(v128.load(next), v128.load(next + rowBytes));
      const fourth = f32x4.add(v128.load(next + 2 * rowBytes), v128.load(next + 3 * rowBytes));
      const sum = f32x4.add(f32x4.add(first, second), f32x4.add(third, fourth));
      Cell.add(sums + <usize> c * 8, sum, width - c);
    }
  }
  for (; row + 4 <= endRow && job.mask == 0; row += 4) {
    const mean0 = Cell.mean(job, row), mean1 = Cell.mean(job, row + 1);
    const mean2 = Cell.mean(job, row + 2), mean3 = Cell.mean(job, row + 3);
    const inverse0 = Cell.inverse(job, row), inverse1 = Cell.inverse(job, row + 1);
    const inverse2 = Cell.inverse(job, row + 2), inverse3 = Cell.inverse(job, row + 3);
    const offset = <usize> row * rowBytes + (<usize> firstColumn << 2);
    for (let c = 0; c < width; c += 4) {
      const at = offset + (<usize> c << 2);
      const first = f32x4.add(
        Cell.value(x, y, normal, at, mean0, inverse0),
        Cell.value(x, y, normal, at + rowBytes, mean1, inverse1),
      );
      const second = f32x4.add(
        Cell.value(x, y, normal, at + 2 * rowBytes, mean2, inverse2),
        Cell.value(x, y, normal, at + 3 * rowBytes, mean3, inverse3),
      );
      Cell.add(sums + <usize> c * 8, f32x4.add(first, second), width - c);
    }
  }
  for (; row < endRow; row++) {
    if (job.mask != 0 && load<i32>(job.mask + (<usize> row << 2)) == 0) continue;
    const mean = Cell.mean(job, row), inverse = Cell.inverse(job, row);
    const offset = <usize> row * rowBytes + (<usize> firstColumn << 2);
    for (let c = 0; c < width; c += 4) {
      Cell.add(
        sums + <usize> c * 8,
        Cell.value(x, y, normal, offset + (<usize> c << 2), mean, inverse),
        width - c,
      );
    }
  }
}

@unmanaged
export class ColumnTotalsJob {
  out: usize;
  partials: usize;
  parts: i32;
  groups: i32;
  columns: i32;
  accumulate: i32;
  /** Divide each group's sums by its number of masked-in rows, where not 0. */
  mask: usize;
  rows: i32;
}

/** A chunk is a group. */
export function columnTotals(job: ColumnTotalsJob, group: i32): void {
  const columns = job.columns;
  let divisor: f64 = 1;
  if (job.mask != 0) {
    let count = 0;
    for (let r = 0; r < job.rows; r++) {
      if (load<i32>(job.mask + (<usize> (group * job.rows + r) << 2)) != 0) count++;
    }
    divisor = max(1, count);
  }
  const partials = job.partials + <usize> group * job.parts * columns * 8;
  const out = job.out + (<usize> group * columns << 2);
  // All parts are added to the first, row by row as they lie in memory.
  for (let part = 1; part < job.parts; part++) {
    const from = partials + <usize> part * columns * 8;
    for (let c = 0; c < (columns & ~1); c += 2) {
      const at = <usize> c * 8;
      v128.store(partials + at, f64x2.add(v128.load(partials + at), v128.load(from + at)));
    }
    if (columns & 1) {
      const at = <usize> (columns - 1) * 8;
      store<f64>(partials + at, load<f64>(partials + at) + load<f64>(from + at));
    }
  }
  for (let c = 0; c < columns; c++) {
    let sum = load<f64>(partials + <usize> c * 8);
    const to = out + (<usize> c << 2);
    if (job.accumulate) sum += load<f32>(to);
    store<f32>(to, <f32> (sum / divisor));
  }
}

@unmanaged
export class RowSumJob {
  out: usize;
  x: usize;
  y: usize;
  rows: i32;
  columns: i32;
  accumulate: i32;
  chunkRows: i32;
}

export function rowSum(job: RowSumJob, chunk: i32): void {
  const first = chunk * job.chunkRows, end = min(first + job.chunkRows, job.rows);
  const columns = job.columns;
  for (let r = first; r < end; r++) {
    const offset = <usize> r * columns << 2;
    let low = f64x2.splat(0), high = low;
    const whole = columns & ~15;
    for (let c = 0; c < whole; c += 16) {
      const x = job.x + offset + (<usize> c << 2), y = job.y + offset + (<usize> c << 2);
      let a = v128.load(x, 0), b = v128.load(x, 16), d = v128.load(x, 32), e = v128.load(x, 48);
      if (job.y != 0) {
        a = f32x4.mul(a, v128.load(y, 0));
        b = f32x4.mul(b, v128.load(y, 16));
        d = f32x4.mul(d, v128.load(y, 32));
        e = f32x4.mul(e, v128.load(y, 48));
      }
      const four = f32x4.add(f32x4.add(a, b), f32x4.add(d, e));
      low = f64x2.add(low, Lanes.promoteLow(four));
      high = f64x2.add(high, Lanes.promoteHigh(four));
    }
    let sum = Lanes.sum64(f64x2.add(low, high));
    for (let c = whole; c < columns; c++) {
      const at = offset + (<usize> c << 2);
      sum += <f64> load<f32>(job.x + at) * (job.y != 0 ? <f64> load<f32>(job.y + at) : 1);
    }
    const to = job.out + (<usize> r << 2);
    if (job.accumulate) sum += load<f32>(to);
    store<f32>(to, <f32> sum);
  }
}

@unmanaged
export class FlatSumJob {
  out: usize;
  x: usize;
  /** The targets of a squared error. */
  y: usize;
  n: i32;
  what: i32;
  accumulate: i32;
  /** f64, two a chunk: sum and count. */
  partials: usize;
  parts: i32;
}

export function flatPartials(job: FlatSumJob, chunk: i32): void {
  const start = chunk * FLAT_CHUNK, end = min(start + FLAT_CHUNK, job.n);
  const squares = job.what == FlatSum.Squares;
  let low = f64x2.splat(0), high = low;
  let counts = i32x4.splat(0);
  const whole = start + ((end - start) & ~3);
  for (let i = start; i < whole; i += 4) {
    const at = <usize> i << 2;
    const x = v128.load(job.x + at);
    if (squares) {
      const xLow = Lanes.promoteLow(x), xHigh = Lanes.promoteHigh(x);
      low = Lanes.madd64(xLow, xLow, low);
      high = Lanes.madd64(xHigh, xHigh, high);
    } else {
      const target = v128.load(job.y + at);
      const counted = Lanes.finite(target);
      const difference = v128.and(f32x4.sub(x, target), counted);
      const xLow = Lanes.promoteLow(difference), xHigh = Lanes.promoteHigh(difference);
      low = Lanes.madd64(xLow, xLow, low);
      high = Lanes.madd64(xHigh, xHigh, high);
      counts = i32x4.sub(counts, counted);
    }
  }
  let sum = Lanes.sum64(f64x2.add(low, high));
  let count = i32x4.extract_lane(counts, 0) + i32x4.extract_lane(counts, 1) + i32x4.extract_lane(counts, 2) +
    i32x4.extract_lane(counts, 3);
  for (let i = whole; i < end; i++) {
    const at = <usize> i << 2;
    let x = <f64> load<f32>(job.x + at);
    if (!squares) {
      const target = load<f32>(job.y + at);
      if (!isFinite(target)) continue;
      x -= target;
      count++;
    }
    sum += x * x;
  }
  store<f64>(job.partials + <usize> chunk * 16, sum, 0);
  store<f64>(job.partials + <usize> chunk * 16, <f64> count, 8);
}

/** One chunk: adds the parts up. */
export function flatTotals(job: FlatSumJob): void {
  let sum: f64 = job.accumulate ? <f64> load<f32>(job.out) : 0, count: f64 = 0;
  for (let part = 0; part < job.parts; part++) {
    sum += load<f64>(job.partials + <usize> part * 16, 0);
    count += load<f64>(job.partials + <usize> part * 16, 8);
  }
  store<f32>(job.out, <f32> sum);
  if (job.what == FlatSum.SquaredError) store<f32>(job.out, <f32> count, 4);
}

@unmanaged
export class FlagJob {
  out: usize;
  x: usize;
  n: i32;
}

/** Threads may set the flag at the same time: they all write the same number. */
export function flagNonFinite(job: FlagJob, chunk: i32): void {
  const start = chunk * FLAT_CHUNK, end = min(start + FLAT_CHUNK, job.n);
  const whole = start + ((end - start) & ~3);
  let finite = i32x4.splat(-1);
  for (let i = start; i < whole; i += 4) {
    finite = v128.and(finite, Lanes.finite(v128.load(job.x + (<usize> i << 2))));
  }
  let all = i32x4.all_true(finite);
  for (let i = whole; i < end; i++) all = all && isFinite(load<f32>(job.x + (<usize> i << 2)));
  if (!all) store<f32>(job.out, 1);
}
