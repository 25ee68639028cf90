/** Sums over rows, columns and everything; each is a first pass of many partial sums and passes that add those. */
import reductionsText from "../../../kernels/reductions.wgsl" with { type: "text" };
import { part, pieces } from "./elementwise.ts";
import type { GpuStorage, Window } from "./gpu_storage.ts";
import { Kernel } from "./kernel.ts";
import { grid, type Runtime } from "./runtime.ts";

const kernel = new Kernel("reductions", reductionsText);
const unused = { rows: 0, columns: 0, block: 0, lanes: 0, max_norm: 0, inverse_scale: 0 };

function run(
  runtime: Runtime,
  entry: string,
  what: string,
  operands: { out: Window; x: Window; y?: Window | null },
  params: Partial<typeof unused>,
  accumulate: boolean,
  invocations: number,
): void {
  runtime.dispatch(kernel, what, {
    entry,
    operands,
    params: { ...unused, ...params },
    constants: { ACCUMULATE: Number(accumulate) },
    workgroups: grid(invocations, 64),
  });
}

/** out[columns] = sum over rows of x [times y] [+ out]. */
export function columnSum(
  runtime: Runtime,
  out: GpuStorage,
  x: GpuStorage,
  y: GpuStorage | null,
  rows: number,
  columns: number,
  accumulate: boolean,
): void {
  const what = `column sums of ${rows} x ${columns}`;
  if (columns === 0) return;
  const target = part(out, 0, columns);
  if (rows === 0) {
    if (!accumulate) {
      run(
        runtime,
        "column_sum",
        what,
        { out: target, x: part(x, 0, 0) },
        { rows: 1, columns },
        false,
        columns,
      );
    }
    return;
  }
  const most = runtime.rowsPerWindow("columnSum", [[x, columns], [y, columns]]);
  for (const [first, count] of pieces(rows, most)) {
    const add = accumulate || first > 0;
    const operands = {
      x: part(x, first * columns, count * columns),
      y: y && part(y, first * columns, count * columns),
    };
    if (count <= 64) {
      run(
        runtime,
        "column_sum",
        what,
        { ...operands, out: target },
        { rows: count, columns, block: count },
        add,
        columns,
      );
      continue;
    }
    const block = Math.min(256, Math.max(32, Math.ceil(Math.sqrt(count))));
    const blocks = Math.ceil(count / block);
    runtime.scratch("f32", blocks * columns, (partial) => {
      const window = part(partial, 0, blocks * columns);
      run(
        runtime,
        "column_sum",
        what,
        { ...operands, out: window },
        { rows: count, columns, block },
        false,
        blocks * columns,
      );
      columnSum(runtime, out, partial, null, blocks, columns, add);
    });
  }
}

/** out[rows] = sum over columns of x [times y] [+ out]. */
export function rowSum(
  runtime: Runtime,
  out: GpuStorage,
  x: GpuStorage,
  y: GpuStorage | null,
  rows: number,
  columns: number,
  accumulate: boolean,
): void {
  const what = `row sums of ${rows} x ${columns}`;
  if (rows === 0 || columns === 0 && accumulate) return;
  if (4 * columns > runtime.maxWindowBytes) {
    longRowSums(runtime, what, out, x, y, rows, columns, accumulate);
    return;
  }
  const lanes = columns <= 64 ? 1 : Math.min(1024, Math.ceil(columns / 64));
  for (
    const [first, count] of pieces(
      rows,
      Math.min(rows, runtime.rowsPerWindow("rowSum", [[x, columns], [y, columns]])),
    )
  ) {
    const operands = {
      x: part(x, first * columns, count * columns),
      y: y && part(y, first * columns, count * columns),
    };
    const params = { rows: count, columns, lanes };
    if (lanes === 1) {
      run(runtime, "row_sum", what, { ...operands, out: part(out, first, count) }, params, accumulate, count);
      continue;
    }
    runtime.scratch("f32", count * lanes, (partial) => {
      run(
        runtime,
        "row_sum",
        what,
        { ...operands, out: part(partial, 0, count * lanes) },
        params,
        false,
        count * lanes,
      );
      sumLanes(runtime, what, part(out, first, count), partial, count, lanes, accumulate);
    });
  }
}

/** Rows longer than a binding, piece by piece. */
function longRowSums(
  runtime: Runtime,
  what: string,
  out: GpuStorage,
  x: GpuStorage,
  y: GpuStorage | null,
  rows: number,
  columns: number,
  accumulate: boolean,
): void {
  for (let row = 0; row < rows; row++) {
    for (const [first, count] of pieces(columns, Math.floor(runtime.maxWindowBytes / 4))) {
      const lanes = Math.ceil(count / 64);
      runtime.scratch("f32", lanes, (partial) => {
        const operands = {
          out: part(partial, 0, lanes),
          x: part(x, row * columns + first, count),
          y: y && part(y, row * columns + first, count),
        };
        run(runtime, "row_sum", what, operands, { rows: 1, columns: count, lanes }, false, lanes);
        sumLanes(runtime, what, part(out, row, 1), partial, 1, lanes, accumulate || first > 0);
      });
    }
  }
}

function sumLanes(
  runtime: Runtime,
  what: string,
  out: Window,
  partial: GpuStorage,
  rows: number,
  columns: number,
  accumulate: boolean,
): void {
  const lanes = columns <= 64 ? 1 : Math.ceil(columns / 64);
  const x = part(partial, 0, rows * columns);
  const params = { rows, columns, lanes };
  if (lanes === 1) {
    run(runtime, "row_sum", what, { out, x }, params, accumulate, rows);
    return;
  }
  runtime.scratch("f32", rows * lanes, (next) => {
    run(runtime, "row_sum", what, { out: part(next, 0, rows * lanes), x }, params, false, rows * lanes);
    sumLanes(runtime, what, out, next, rows, lanes, accumulate);
  });
}

/** Elements in a window, and how many invocations share them. */
function* shares(runtime: Runtime, n: number, storages: GpuStorage[]): Generator<[number, number, number]> {
  const most = runtime.rowsPerWindow("sum", storages.map((storage) => [storage, 1]));
  for (const [start, count] of pieces(n, most)) yield [start, count, Math.min(65536, Math.ceil(count / 64))];
}

export function sumSquares(
  runtime: Runtime,
  out: GpuStorage,
  x: GpuStorage,
  n: number,
  accumulate: boolean,
): void {
  const what = `sum of squares of ${n}`;
  if (n === 0 && !accumulate) columnSum(runtime, out, x, null, 0, 1, false);
  for (const [start, count, lanes] of shares(runtime, n, [x])) {
    runtime.scratch("f32", lanes, (partial) => {
      const operands = { out: part(partial, 0, lanes), x: part(x, start, count) };
      run(runtime, "square_sum", what, operands, { columns: count, lanes }, false, lanes);
      columnSum(runtime, out, partial, null, lanes, 1, accumulate || start > 0);
    });
  }
}

/** out = [sum of (prediction - target)^2, number of cells] over cells whose target is finite. */
export function maskedSquaredError(
  runtime: Runtime,
  out: GpuStorage,
  prediction: GpuStorage,
  target: GpuStorage,
  n: number,
): void {
  const what = `squared error of ${n}`;
  if (n === 0) columnSum(runtime, out, prediction, null, 0, 2, false);
  for (const [start, count, lanes] of shares(runtime, n, [prediction, target])) {
    runtime.scratch("f32", 2 * lanes, (partial) => {
      const operands = {
        out: part(partial, 0, 2 * lanes),
        x: part(prediction, start, count),
        y: part(target, start, count),
      };
      run(runtime, "squared_error", what, operands, { columns: count, lanes }, false, lanes);
      columnSum(runtime, out, partial, null, lanes, 2, start > 0);
    });
  }
}

export function flagNonFinite(runtime: Runtime, out: GpuStorage, x: GpuStorage, n: number): void {
  for (const [start, count, lanes] of shares(runtime, n, [x])) {
    const operands = { out: part(out, 0, 1), x: part(x, start, count) };
    run(
      runtime,
      "flag_non_finite",
      `check of ${n} for NaN`,
      operands,
      { columns: count, lanes },
      false,
      lanes,
    );
  }
}

export function clipFactor(
  runtime: Runtime,
  out: GpuStorage,
  sumSquares: GpuStorage,
  maxNorm: number,
  inverseScale: number,
): void {
  const operands = { out: part(out, 0, 1), x: part(sumSquares, 0, 1) };
  run(
    runtime,
    "clip_factor",
    "clip factor",
    operands,
    { max_norm: maxNorm, inverse_scale: inverseScale },
    false,
    1,
  );
}
