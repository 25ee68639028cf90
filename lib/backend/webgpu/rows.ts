/** Row gather and its scatter-add. Sums are over rows sorted by target on the host, so they repeat bit for bit. */
import rowsText from "../../../kernels/rows.wgsl" with { type: "text" };
import { binary, part, pieces, unary } from "./elementwise.ts";
import { type GpuStorage, whole, type Window } from "./gpu_storage.ts";
import { Kernel } from "./kernel.ts";
import { grid, type Runtime } from "./runtime.ts";
import { upload } from "./transfer.ts";

const kernel = new Kernel("rows", rowsText);

function run(
  runtime: Runtime,
  entry: string,
  what: string,
  operands: Record<string, Window>,
  rows: number,
  columns: number,
  params: { activation?: number; table_start?: number; table_rows?: number } = {},
): void {
  runtime.dispatch(kernel, what, {
    entry,
    operands,
    params: { rows, columns, activation: 0, table_start: 0, table_rows: 0, ...params },
    workgroups: grid(rows * columns, 64),
  });
}

export function gatherRows(
  runtime: Runtime,
  out: GpuStorage,
  table: GpuStorage,
  indices: GpuStorage,
  rows: number,
  columns: number,
): void {
  if (columns === 0) return;
  const most = runtime.rowsPerWindow("gatherRows", [[out, columns], [table, columns]]);
  for (const [row, count] of pieces(rows, most)) {
    for (const [start, tableRows] of pieces(Math.floor(table.length / columns), most)) {
      run(
        runtime,
        "gather",
        `gather of ${rows} rows of ${columns}`,
        {
          out: part(out, row * columns, count * columns),
          x: part(table, start * columns, tableRows * columns),
          index: part(indices, row, count),
        },
        count,
        columns,
        { table_start: start, table_rows: tableRows },
      );
    }
  }
}

export function gatherPairs(
  runtime: Runtime,
  out: GpuStorage,
  a: GpuStorage,
  ia: GpuStorage,
  b: GpuStorage,
  ib: GpuStorage,
  rows: number,
  columns: number,
  activation: "none" | "relu",
): void {
  if (columns === 0) return;
  const most = runtime.rowsPerWindow("gatherPairs", [[out, columns], [a, columns], [b, columns]]);
  if (Math.max(a.length, b.length) > most * columns) {
    runtime.scratch("f32", rows * columns, (second) => {
      gatherRows(runtime, out, a, ia, rows, columns);
      gatherRows(runtime, second, b, ib, rows, columns);
      binary(runtime, "add", out, out, second, rows, columns, "same");
      if (activation === "relu") unary(runtime, "relu", out, out, rows * columns);
    });
    return;
  }
  for (const [row, count] of pieces(rows, most)) {
    const operands = {
      out: part(out, row * columns, count * columns),
      x: whole(a),
      y: whole(b),
      index: part(ia, row, count),
      second: part(ib, row, count),
    };
    const what = `gather of ${rows} pairs of rows of ${columns}`;
    run(runtime, "gather_pairs", what, operands, count, columns, {
      activation: activation === "relu" ? 1 : 0,
    });
  }
}

/** Most rows that one invocation adds up. */
const pieceRows = 256;

export function scatterAddRows(
  runtime: Runtime,
  out: GpuStorage,
  x: GpuStorage,
  indices: GpuStorage,
  rows: number,
  columns: number,
  outRows: number,
): void {
  if (columns === 0) return;
  const most = runtime.rowsPerWindow("scatterAddRows", [[out, columns], [x, columns]]);
  for (const [row, count] of pieces(rows, most)) {
    const targets = indices.mirror!.subarray(row, row + count);
    for (const [start, height] of pieces(outRows, most)) {
      const plan = planSegments(targets, start, height);
      if (plan.targets.length === 0) continue;
      addSegments(
        runtime,
        `scatter-add of ${rows} rows of ${columns}`,
        plan,
        part(out, start * columns, height * columns),
        part(x, row * columns, count * columns),
        columns,
        start,
      );
    }
  }
}

interface Segments {
  /** Rows of x, sorted by target, in their original order within one. */
  readonly order: Int32Array;
  /** Where each piece of at most `pieceRows` begins in `order`, and the end. */
  readonly pieceStarts: Int32Array;
  /** Which pieces belong to each target: where they begin, and the end. */
  readonly segmentStarts: Int32Array;
  readonly targets: Int32Array;
}

/** Counting sort of the rows whose target lies in `start` to `start + height`. */
function planSegments(rowTargets: Int32Array, start: number, height: number): Segments {
  const counts = new Int32Array(height);
  for (const target of rowTargets) if (target >= start && target < start + height) counts[target - start]++;
  const pieceStarts = [0], segmentStarts = [0], targets: number[] = [];
  const next = new Int32Array(height);
  let total = 0;
  counts.forEach((count, target) => {
    next[target] = total;
    if (count === 0) return;
    for (let left = count; left > 0; left -= pieceRows) pieceStarts.push(total += Math.min(left, pieceRows));
    segmentStarts.push(pieceStarts.length - 1);
    targets.push(target + start);
  });
  const order = new Int32Array(total);
  rowTargets.forEach((target, row) => {
    if (target >= start && target < start + height) order[next[target - start]++] = row;
  });
  return {
    order,
    pieceStarts: Int32Array.from(pieceStarts),
    segmentStarts: Int32Array.from(segmentStarts),
    targets: Int32Array.from(targets),
  };
}

function addSegments(
  runtime: Runtime,
  what: string,
  { order, pieceStarts, segmentStarts, targets }: Segments,
  out: Window,
  x: Window,
  columns: number,
  tableStart: number,
): void {
  const pieceCount = pieceStarts.length - 1;
  // One upload for the four lists; the kernels see windows of it.
  const lists = [order, pieceStarts, segmentStarts, targets];
  const joined = new Int32Array(lists.reduce((sum, list) => sum + list.length, 0));
  runtime.scratch("i32", joined.length, (storage) => {
    let at = 0;
    const windows = lists.map((list) => {
      joined.set(list, at);
      at += list.length;
      return part(storage, at - list.length, list.length);
    });
    upload(runtime, storage, joined, 0);
    const [orderWindow, pieceWindow, segmentWindow, targetWindow] = windows;
    const most = runtime.rowsPerWindow("scatterAddRows", [[x.storage, columns]]);
    if (pieceCount > most) {
      throw new RangeError(`${what}: ${pieceCount} partial sums are larger than a binding`);
    }
    runtime.scratch("f32", pieceCount * columns, (sums) => {
      const first = { out: whole(sums), x, index: orderWindow, second: pieceWindow };
      run(runtime, "segment_sum", what, first, pieceCount, columns);
      const last = { out, x: whole(sums), index: targetWindow, second: segmentWindow };
      run(runtime, "segment_add", what, last, targets.length, columns, { table_start: tableStart });
    });
  });
}
