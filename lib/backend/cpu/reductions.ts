/** Sums over rows, columns and everything. */
import { Kernel } from "../../../kernels/cpu/kernels.ts";
import { FlatSum } from "../../../kernels/cpu/operation_codes.ts";
import type { Backend, Storage } from "../backend.ts";
import { type Engine, flatChunks, rowChunks } from "./engine.ts";
import { float } from "./thread_pool.ts";

type Reductions = Pick<
  Backend,
  "columnSum" | "rowSum" | "sumSquares" | "flagNonFinite" | "clipFactor" | "maskedMean" | "maskedSquaredError"
>;

/** Columns of a chunk (COLUMN_BLOCK of kernels/cpu/float32/reductions.ts), and rows: their sums are one part. */
const columnBlock = 256, partRows = 64;
/** A sum is in no more parts than this, however many rows there are. */
const mostParts = 256;

interface ColumnSums {
  out: Storage;
  x: Storage;
  y?: Storage | null;
  mask?: Storage;
  stats?: Storage;
  rows: number;
  groups?: number;
  columns: number;
  accumulate?: boolean;
}

/**
 * out (groups x columns) = sums over each group's rows of x, times y where given, over rows where the mask is not 0, x
 * normalised by `stats` first; divided by the number of rows counted where there is a mask.
 */
export function sumColumns(engine: Engine, sums: ColumnSums): void {
  const { out, x, y, mask, stats, rows, groups = 1, columns, accumulate = false } = sums;
  if (groups === 0 || columns === 0) return;
  const rowsOfPart = Math.max(partRows, Math.ceil(rows / mostParts));
  const parts = Math.max(1, Math.ceil(rows / rowsOfPart));
  const partials = engine.heap.allocate("f32", 2 * groups * parts * columns);
  try {
    engine.run(Kernel.ColumnPartials, groups * parts * Math.ceil(columns / columnBlock), [
      ...[
        engine.pointer(x),
        engine.pointer(y),
        engine.pointer(mask),
        engine.pointer(stats),
        partials.pointer,
      ],
      ...[rows, groups, columns, rowsOfPart, parts],
    ]);
    engine.run(Kernel.ColumnTotals, groups, [
      ...[engine.pointer(out), partials.pointer, parts, groups, columns],
      ...[+accumulate, engine.pointer(mask), rows],
    ]);
  } finally {
    engine.heap.release(partials);
  }
}

export function reductions(engine: Engine): Reductions {
  const flatSum = (
    what: FlatSum,
    out: Storage,
    x: Storage,
    y: Storage | null,
    n: number,
    accumulate = false,
  ) => {
    const parts = flatChunks(n);
    const partials = engine.heap.allocate("f32", 4 * parts);
    const args = [engine.pointer(out), engine.pointer(x), engine.pointer(y), n, what, +accumulate];
    args.push(partials.pointer, parts);
    try {
      engine.run(Kernel.FlatPartials, parts, args);
      engine.run(Kernel.FlatTotals, 1, args);
    } finally {
      engine.heap.release(partials);
    }
  };
  return {
    columnSum(out, x, y, rows, columns, { accumulate } = {}) {
      const what = `columnSum of ${rows} x ${columns}`;
      engine.check(`${what}: out`, out, columns);
      engine.check(`${what}: x`, x, rows * columns);
      engine.check(`${what}: y`, y, rows * columns);
      sumColumns(engine, { out, x, y, rows, columns, accumulate });
    },

    rowSum(out, x, y, rows, columns, { accumulate = false } = {}) {
      const what = `rowSum of ${rows} x ${columns}`;
      engine.check(`${what}: out`, out, rows);
      engine.check(`${what}: x`, x, rows * columns);
      engine.check(`${what}: y`, y, rows * columns);
      const [chunkRows, chunks] = rowChunks(rows, columns);
      engine.run(Kernel.RowSum, chunks, [
        ...[engine.pointer(out), engine.pointer(x), engine.pointer(y)],
        ...[rows, columns, +accumulate, chunkRows],
      ]);
    },

    sumSquares(out, x, n, { accumulate } = {}) {
      engine.check(`sumSquares of ${n}: out`, out, 1);
      engine.check(`sumSquares of ${n}: x`, x, n);
      flatSum(FlatSum.Squares, out, x, null, n, accumulate);
    },

    flagNonFinite(out, x, n) {
      engine.check(`flagNonFinite of ${n}: out`, out, 1);
      engine.check(`flagNonFinite of ${n}: x`, x, n);
      engine.run(Kernel.FlagNonFinite, flatChunks(n), [engine.pointer(out), engine.pointer(x), n]);
    },

    clipFactor(out, sumSquares, maxNorm, inverseScale) {
      engine.check("clipFactor: out", out, 1);
      engine.check("clipFactor: sumSquares", sumSquares, 1);
      engine.run(Kernel.ClipFactor, 1, [
        ...[engine.pointer(out), engine.pointer(sumSquares), float(maxNorm), float(inverseScale)],
      ]);
    },

    maskedMean(out, x, mask, batch, length, width) {
      const what = `maskedMean of ${batch} x ${length} x ${width}`;
      engine.check(`${what}: out`, out, batch * width);
      engine.check(`${what}: x`, x, batch * length * width);
      engine.check(`${what}: mask`, mask, batch * length, "i32");
      sumColumns(engine, { out, x, mask, rows: length, groups: batch, columns: width });
    },

    maskedSquaredError(out, prediction, target, n) {
      engine.check(`maskedSquaredError of ${n}: out`, out, 2);
      engine.check(`maskedSquaredError of ${n}: prediction`, prediction, n);
      engine.check(`maskedSquaredError of ${n}: target`, target, n);
      flatSum(FlatSum.SquaredError, out, prediction, target, n);
    },
  };
}
