/** Operations on one number at a time, with broadcasts, and dropout. */
import type { Activation, Broadcast, DType } from "../backend/backend.ts";
import { record } from "./tape.ts";
import { sizeOf, Tensor } from "./tensor.ts";

/** a + b; b may be one value a column, one a row (last axis 1) or one number. */
export function add(a: Tensor, b: Tensor): Tensor {
  return combine("add", a, b);
}

/** a - b, b as in `add`. */
export function subtract(a: Tensor, b: Tensor): Tensor {
  return combine("subtract", a, b);
}

/** a x b element by element, b as in `add`; with b one value a column this is IA3's scaling of inputs or outputs. */
export function multiply(a: Tensor, b: Tensor): Tensor {
  return combine("multiply", a, b);
}

function combine(f: "add" | "subtract" | "multiply", a: Tensor, b: Tensor): Tensor {
  const { backend } = a;
  const { broadcast, rows, columns } = broadcastOf(a, b);
  const out = Tensor.empty(backend, a.shape, a.dtype);
  backend.binary(f, out.storage, a.storage, b.storage, rows, columns, broadcast);

  return record(out, [a, b], (needs) => ({
    saves: f === "multiply" ? [needs[0] && b, needs[1] && a] : [],
    backward: (dy) => {
      let da: Tensor | null = null;
      if (needs[0]) {
        if (f === "multiply") {
          da = Tensor.empty(backend, a.shape, a.dtype);
          backend.binary("multiply", da.storage, dy.storage, b.storage, rows, columns, broadcast);
        } else da = dy.view();
      }
      if (!needs[1]) return [da, null];

      const db = Tensor.empty(backend, b.shape, b.dtype);
      const factor = f === "multiply" ? a.storage : null;
      if (broadcast === "row") backend.columnSum(db.storage, dy.storage, factor, rows, columns);
      else if (broadcast === "column") backend.rowSum(db.storage, dy.storage, factor, rows, columns);
      else if (broadcast === "scalar") backend.rowSum(db.storage, dy.storage, factor, 1, rows * columns);
      else if (factor) backend.binary("multiply", db.storage, dy.storage, factor, rows, columns, "same");
      else backend.unary("copy", db.storage, dy.storage, db.size);
      if (f === "subtract") backend.linearCombination(db.storage, -1, db.storage, 0, null, db.size);
      return [da, db];
    },
  }));
}

function broadcastOf(a: Tensor, b: Tensor): { broadcast: Broadcast; rows: number; columns: number } {
  const { rows, columns } = a;
  if (a.size === b.size) return { broadcast: "same", rows, columns };
  if (b.size === 1) return { broadcast: "scalar", rows, columns };
  if (b.shape.at(-1) === 1 && b.size === rows) return { broadcast: "column", rows, columns };
  const trailing = a.shape.slice(-b.shape.length);
  if (trailing.every((size, i) => size === b.shape[i])) {
    return { broadcast: "row", rows: sizeOf(a.shape.slice(0, -b.shape.length)), columns: b.size };
  }
  if (b.size === columns && b.columns === columns) return { broadcast: "row", rows, columns };
  throw new RangeError(
    `Cannot combine [${a.shape}] with [${b.shape}]: neither a row, a column nor a number of it`,
  );
}

/** factor x, for a number known on the host. */
export function scale(x: Tensor, factor: number): Tensor {
  const { backend } = x;
  const times = (of: Tensor) => {
    const out = Tensor.empty(backend, of.shape, of.dtype);
    backend.linearCombination(out.storage, factor, of.storage, 0, null, of.size);
    return out;
  };
  return record(times(x), [x], () => ({ backward: (dy) => [times(dy)] }));
}

/** f(x). `gelu` is the exact form, `geluTanh` the approximation. */
export function activate(f: Activation, x: Tensor): Tensor {
  const { backend } = x;
  const out = Tensor.empty(backend, x.shape, x.dtype);
  backend.unary(f, out.storage, x.storage, x.size);
  const fromOutput = f === "relu" || f === "tanh";
  const kept = fromOutput ? out : x;
  return record(out, [x], () => ({
    saves: [kept],
    backward: (dy) => {
      const dx = Tensor.empty(backend, x.shape, x.dtype);
      backend.unaryBackward(f, dx.storage, dy.storage, kept.storage, x.size, { fromOutput });
      return [dx];
    },
  }));
}

/** max(x, 0). */
export const relu = (x: Tensor): Tensor => activate("relu", x);
/** x times the normal distribution function of x. */
export const gelu = (x: Tensor): Tensor => activate("gelu", x);
/** Hyperbolic tangent. */
export const tanh = (x: Tensor): Tensor => activate("tanh", x);
/** Sine, of any argument in radians. */
export const sin = (x: Tensor): Tensor => activate("sin", x);

/** silu(x1) x2 for x = [x1, x2] side by side. @param x (..., 2 width) @returns (..., width) */
export function siluGate(x: Tensor): Tensor {
  const { backend, rows } = x;
  const width = x.columns / 2;
  const out = Tensor.empty(backend, [...x.shape.slice(0, -1), width], x.dtype);
  backend.siluGate(out.storage, x.storage, rows, width);
  return record(out, [x], () => ({
    saves: [x],
    backward: (dy) => {
      const dx = Tensor.empty(backend, x.shape, x.dtype);
      backend.siluGateBackward(dx.storage, dy.storage, x.storage, rows, width);
      return [dx];
    },
  }));
}

/**
 * Each element zeroed with probability `p`, the others divided by 1 - p. Which ones depends on seed and stream alone, so
 * that the gradient, a recomputation and the other engine drop the same.
 *
 * @param seed of the run, u32
 * @param stream a number of this call of dropout in the run, u32
 */
export function dropout(x: Tensor, p: number, seed: number, stream: number): Tensor {
  if (p === 0) return x;
  const { backend } = x;
  const masked = (of: Tensor) => {
    const out = Tensor.empty(backend, of.shape, of.dtype);
    backend.dropout(out.storage, of.storage, of.size, p, seed, stream);
    return out;
  };
  return record(masked(x), [x], () => ({ backward: (dy) => [masked(dy)] }));
}

/** The same numbers as f32 or f16 (x itself where it is that already). */
export function cast(x: Tensor, dtype: DType): Tensor {
  if (x.dtype === dtype) return x;
  const { backend } = x;
  const converted = (of: Tensor, to: DType) => {
    const out = Tensor.empty(backend, of.shape, to);
    backend.copy2d({ storage: out.storage }, { storage: of.storage }, { rows: 1, columns: of.size });
    return out;
  };
  const from = x.dtype;
  return record(converted(x, dtype), [x], () => ({ backward: (dy) => [converted(dy, from)] }));
}
