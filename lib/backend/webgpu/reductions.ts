/** Sums over rows, columns and everything; each is a first pass of many partial sums and passes that add those. */
import type { Storage } from "../backend.ts";
import reductionsText from "../../../kernels/reductions.wgsl" with { type: "text" };
import { part, type Window } from "./gpu_storage.ts";
import { Kernel } from "./kernel.ts";
import type { Operation, Operations } from "./operation.ts";
import type { Runtime } from "./runtime.ts";
import { pieces } from "./splitting.ts";

const kernel = new Kernel("reductions", reductionsText);

interface Pass {
  readonly entry: string;
  readonly what: string;
  readonly operands: { out: Window; x: Window; y?: Window | null };
  readonly params: Record<string, number>;
  readonly work: number;
  readonly accumulate?: boolean;
}

function run(runtime: Runtime, { entry, what, operands, params, work, accumulate = false }: Pass): void {
  const constants = { ACCUMULATE: Number(accumulate) };
  runtime.dispatch(kernel, what, { entry, operands, params, constants, work });
}

export const columnSum: Operation<"columnSum"> = (runtime, out, x, y, rows, columns, options = {}) => {
  const { accumulate = false } = options;
  const pass = { entry: "column_sum", what: `column sums of ${rows} x ${columns}` };
  if (columns === 0 || rows === 0 && accumulate) return;
  const target = part(out, 0, columns);
  if (rows === 0) { // one row of no block at all is the sum of nothing
    const operands = { out: target, x: part(x, 0, 0) };
    run(runtime, { ...pass, operands, params: { rows: 1, columns }, work: columns });
    return;
  }
  for (const [first, count] of runtime.rowPieces("columnSum", rows, [[x, columns], [y, columns]])) {
    const add = accumulate || first > 0;
    const operands = {
      x: part(x, first * columns, count * columns),
      y: y && part(y, first * columns, count * columns),
    };
    if (count <= 64) {
      const params = { rows: count, columns, block: count };
      run(runtime, {
        ...pass,
        operands: { ...operands, out: target },
        params,
        work: columns,
        accumulate: add,
      });
      continue;
    }
    const block = Math.min(256, Math.max(32, Math.ceil(Math.sqrt(count))));
    const blocks = Math.ceil(count / block);
    runtime.scratch("f32", blocks * columns, (partial) => {
      const sums = { ...operands, out: part(partial, 0, blocks * columns) };
      run(runtime, {
        ...pass,
        operands: sums,
        params: { rows: count, columns, block },
        work: blocks * columns,
      });
      columnSum(runtime, out, partial, null, blocks, columns, { accumulate: add });
    });
  }
};

export const rowSum: Operation<"rowSum"> = (runtime, out, x, y, rows, columns, options = {}) => {
  const { accumulate = false } = options;
  const what = `row sums of ${rows} x ${columns}`;
  if (rows === 0 || columns === 0 && accumulate) return;
  if (4 * columns > runtime.maxWindowBytes) {
    longRowSums(runtime, what, { out, x, y }, { rows, columns, accumulate });
    return;
  }
  const lanes = columns <= 64 ? 1 : Math.min(1024, Math.ceil(columns / 64));
  const most = Math.min(rows, runtime.rowsPerWindow("rowSum", [[x, columns], [y, columns]]));
  for (const [first, count] of pieces(rows, most)) {
    const operands = {
      x: part(x, first * columns, count * columns),
      y: y && part(y, first * columns, count * columns),
    };
    sumRows(runtime, what, { ...operands, out: part(out, first, count) }, {
      rows: count,
      columns,
      lanes,
      accumulate,
    });
  }
};

interface RowSums {
  readonly rows: number;
  readonly columns: number;
  readonly accumulate: boolean;
}

/** Rows longer than a binding, piece by piece. */
function longRowSums(
  runtime: Runtime,
  what: string,
  { out, x, y }: { out: Storage; x: Storage; y: Storage | null },
  { rows, columns, accumulate }: RowSums,
): void {
  for (let row = 0; row < rows; row++) {
    for (const [first, count] of pieces(columns, Math.floor(runtime.maxWindowBytes / 4))) {
      const operands = {
        out: part(out, row, 1),
        x: part(x, row * columns + first, count),
        y: y && part(y, row * columns + first, count),
      };
      const size = { rows: 1, columns: count, accumulate: accumulate || first > 0 };
      sumRows(runtime, what, operands, { ...size, lanes: Math.ceil(count / 64) });
    }
  }
}

/** Sums of rows that fit a binding; each shared by `lanes` invocations, whose sums are then rows in turn. */
function sumRows(
  runtime: Runtime,
  what: string,
  operands: { out: Window; x: Window; y?: Window | null },
  { rows, columns, lanes, accumulate }: RowSums & { lanes: number },
): void {
  const pass = { entry: "row_sum", what, params: { rows, columns, lanes }, work: rows * lanes };
  if (lanes === 1) {
    run(runtime, { ...pass, operands, accumulate });
    return;
  }
  runtime.scratch("f32", rows * lanes, (partial) => {
    const x = part(partial, 0, rows * lanes);
    run(runtime, { ...pass, operands: { ...operands, out: x } });
    const next = lanes <= 64 ? 1 : Math.ceil(lanes / 64);
    sumRows(runtime, what, { out: operands.out, x }, { rows, columns: lanes, lanes: next, accumulate });
  });
}

/** Elements in a window, and how many invocations share them. */
function* shares(runtime: Runtime, n: number, storages: Storage[]): Generator<[number, number, number]> {
  for (const [start, count] of runtime.rowPieces("sum", n, storages.map((storage) => [storage, 1]))) {
    yield [start, count, Math.min(65536, Math.ceil(count / 64))];
  }
}

const sumSquares: Operation<"sumSquares"> = (runtime, out, x, n, { accumulate = false } = {}) => {
  const pass = { entry: "square_sum", what: `sum of squares of ${n}` };
  if (n === 0) columnSum(runtime, out, x, null, 0, 1, { accumulate });
  for (const [start, count, lanes] of shares(runtime, n, [x])) {
    runtime.scratch("f32", lanes, (partial) => {
      const operands = { out: part(partial, 0, lanes), x: part(x, start, count) };
      run(runtime, { ...pass, operands, params: { columns: count, lanes }, work: lanes });
      columnSum(runtime, out, partial, null, lanes, 1, { accumulate: accumulate || start > 0 });
    });
  }
};

const maskedSquaredError: Operation<"maskedSquaredError"> = (runtime, out, prediction, target, n) => {
  const pass = { entry: "squared_error", what: `squared error of ${n}` };
  if (n === 0) columnSum(runtime, out, prediction, null, 0, 2);
  for (const [start, count, lanes] of shares(runtime, n, [prediction, target])) {
    runtime.scratch("f32", 2 * lanes, (partial) => {
      const operands = {
        out: part(partial, 0, 2 * lanes),
        x: part(prediction, start, count),
        y: part(target, start, count),
      };
      run(runtime, { ...pass, operands, params: { columns: count, lanes }, work: lanes });
      columnSum(runtime, out, partial, null, lanes, 2, { accumulate: start > 0 });
    });
  }
};

const flagNonFinite: Operation<"flagNonFinite"> = (runtime, out, x, n) => {
  const pass = { entry: "flag_non_finite", what: `check of ${n} for NaN` };
  for (const [start, count, lanes] of shares(runtime, n, [x])) {
    const operands = { out: part(out, 0, 1), x: part(x, start, count) };
    run(runtime, { ...pass, operands, params: { columns: count, lanes }, work: lanes });
  }
};

const clipFactor: Operation<"clipFactor"> = (runtime, out, sumSquares, maxNorm, inverseScale) => {
  const operands = { out: part(out, 0, 1), x: part(sumSquares, 0, 1) };
  const params = { max_norm: maxNorm, inverse_scale: inverseScale };
  run(runtime, { entry: "clip_factor", what: "clip factor", operands, params, work: 1 });
};

export const reductions: Operations<
  "columnSum" | "rowSum" | "sumSquares" | "maskedSquaredError" | "flagNonFinite" | "clipFactor"
> = { columnSum, rowSum, sumSquares, maskedSquaredError, flagNonFinite, clipFactor };
