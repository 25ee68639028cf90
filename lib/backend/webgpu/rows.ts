/** Row gather and its scatter-add. Sums are over rows sorted by target on the host, so they repeat bit for bit. */
import rowsText from "../../../kernels/rows.wgsl" with { type: "text" };
import { binary, unary } from "./elementwise.ts";
import { own, part, whole, type Window } from "./gpu_storage.ts";
import { Kernel } from "./kernel.ts";
import type { Operation, Operations } from "./operation.ts";
import type { Runtime } from "./runtime.ts";
import { pieces } from "./splitting.ts";
import { upload } from "./transfer.ts";

const kernel = new Kernel("rows", rowsText);

function run(
  runtime: Runtime,
  entry: string,
  what: string,
  operands: Record<string, Window>,
  params: { rows: number; columns: number } & Record<string, number>,
): void {
  runtime.dispatch(kernel, what, { entry, operands, params, work: params.rows * params.columns });
}

const gatherRows: Operation<"gatherRows"> = (runtime, out, table, indices, rows, columns) => {
  if (columns === 0) return;
  const most = runtime.rowsPerWindow("gatherRows", [[out, columns], [table, columns]]);
  for (const [row, count] of pieces(rows, most)) {
    for (const [start, tableRows] of pieces(Math.floor(table.length / columns), most)) {
      const operands = {
        out: part(out, row * columns, count * columns),
        x: part(table, start * columns, tableRows * columns),
        index: part(indices, row, count),
      };
      const params = { rows: count, columns, table_start: start, table_rows: tableRows };
      run(runtime, "gather", `gather of ${rows} rows of ${columns}`, operands, params);
    }
  }
};

const gatherPairs: Operation<"gatherPairs"> = (
  runtime,
  { out, a, ia, b, ib },
  { rows, columns, activation },
) => {
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
    const params = { rows: count, columns, activation: activation === "relu" ? 1 : 0 };
    run(runtime, "gather_pairs", `gather of ${rows} pairs of rows of ${columns}`, operands, params);
  }
};

/** Most rows that one invocation adds up. */
const pieceRows = 256;

const scatterAddRows: Operation<"scatterAddRows"> = (runtime, out, x, indices, rows, columns, outRows) => {
  if (columns === 0) return;
  const what = `scatter-add of ${rows} rows of ${columns}`;
  const most = runtime.rowsPerWindow("scatterAddRows", [[out, columns], [x, columns]]);
  for (const [row, count] of pieces(rows, most)) {
    const targets = own(indices).mirror!.subarray(row, row + count);
    for (const [start, height] of pieces(outRows, most)) {
      const plan = planSegments(targets, start, height);
      if (plan.targets.length === 0) continue;
      const operands = {
        out: part(out, start * columns, height * columns),
        x: part(x, row * columns, count * columns),
      };
      addSegments(runtime, what, plan, operands, { columns, table_start: start });
    }
  }
};

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
  { out, x }: { out: Window; x: Window },
  params: { columns: number; table_start: number },
): void {
  const { columns } = params;
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
      run(runtime, "segment_sum", what, first, { rows: pieceCount, columns });
      const last = { out, x: whole(sums), index: targetWindow, second: segmentWindow };
      run(runtime, "segment_add", what, last, { ...params, rows: targets.length });
    });
  });
}

export const rowOperations: Operations<"gatherRows" | "gatherPairs" | "scatterAddRows"> = {
  gatherRows,
  gatherPairs,
  scatterAddRows,
};
