/** Operations that move numbers: reshape (free), transpose, slice, concatenate, rows by index. */
import { record } from "./tape.ts";
import { full, sizeOf, Tensor } from "./tensor.ts";

/** The same numbers under another shape; shares the memory. One size may be -1: what remains. */
export function reshape(x: Tensor, shape: readonly number[]): Tensor {
  const known = -sizeOf(shape);
  const out = x.view(shape.includes(-1) ? shape.map((size) => size === -1 ? x.size / known : size) : shape);
  return record(out, [x], () => ({ backward: (dy) => [dy.view(x.shape)] }));
}

/** Swap the last two axes. */
export function transpose(x: Tensor): Tensor {
  const { backend } = x;
  const swapped = (of: Tensor) => {
    const [rows, columns] = of.shape.slice(-2);
    const leading = of.shape.slice(0, -2);
    const out = Tensor.empty(backend, [...leading, columns, rows], of.dtype);
    backend.transpose(out.storage, of.storage, sizeOf(leading), rows, columns);
    return out;
  };
  return record(swapped(x), [x], () => ({ backward: (dy) => [swapped(dy)] }));
}

/** Elements start .. start + size - 1 of one axis (negative axes count from the end). */
export function slice(x: Tensor, axis: number, start: number, size: number): Tensor {
  const { backend } = x;
  const { at, outer, inner } = around(x, axis);
  if (start < 0 || size < 0 || start + size > x.shape[at]) {
    throw new RangeError(`Cannot take ${start}..${start + size} of axis ${axis} of [${x.shape}]`);
  }
  const stride = x.shape[at] * inner;
  const width = size * inner;
  const out = Tensor.empty(backend, x.shape.with(at, size), x.dtype);
  backend.copy2d({ storage: out.storage }, { storage: x.storage, offset: start * inner, stride }, {
    rows: outer,
    columns: width,
  });
  return record(out, [x], () => ({
    backward: (dy) => {
      const dx = full(backend, x.shape, 0, x.dtype);
      backend.copy2d({ storage: dx.storage, offset: start * inner, stride }, { storage: dy.storage }, {
        rows: outer,
        columns: width,
      });
      return [dx];
    },
  }));
}

/** The tensors one after the other along an axis; their other axes agree. */
export function concatenate(parts: readonly Tensor[], axis: number): Tensor {
  const [first] = parts;
  const { backend } = first;
  const { at, outer, inner } = around(first, axis);
  const total = parts.reduce((sum, part) => sum + part.shape[at], 0);
  const out = Tensor.empty(backend, first.shape.with(at, total), first.dtype);
  const starts: number[] = [];
  let filled = 0;
  for (const part of parts) {
    if (sizeOf(part.shape.with(at, 1)) !== outer * inner || part.shape.length !== first.shape.length) {
      throw new RangeError(`Cannot concatenate [${first.shape}] and [${part.shape}] along axis ${axis}`);
    }
    const width = part.shape[at] * inner;
    backend.copy2d(
      { storage: out.storage, offset: filled, stride: total * inner },
      { storage: part.storage },
      { rows: outer, columns: width },
    );
    starts.push(filled);
    filled += width;
  }
  return record(out, parts, (needs) => ({
    backward: (dy) =>
      parts.map((part, i) => {
        if (!needs[i]) return null;
        const width = part.shape[at] * inner;
        const d = Tensor.empty(backend, part.shape, part.dtype);
        backend.copy2d({ storage: d.storage }, {
          storage: dy.storage,
          offset: starts[i],
          stride: total * inner,
        }, { rows: outer, columns: width });
        return d;
      }),
  }));
}

function around(x: Tensor, axis: number): { at: number; outer: number; inner: number } {
  const at = axis < 0 ? axis + x.shape.length : axis;
  if (at < 0 || at >= x.shape.length) throw new RangeError(`Cannot take axis ${axis} of [${x.shape}]`);
  return { at, outer: sizeOf(x.shape.slice(0, at)), inner: sizeOf(x.shape.slice(at + 1)) };
}

/**
 * Rows of a table by index, also the embedding lookup.
 *
 * @param table rows x width
 * @param indices i32 of any shape, in range
 * @returns (...indices.shape, width)
 */
export function gatherRows(table: Tensor, indices: Tensor): Tensor {
  const { backend } = table;
  const [tableRows, width] = table.shape;
  const out = Tensor.empty(backend, [...indices.shape, width], table.dtype);
  backend.gatherRows(out.storage, table.storage, indices.storage, indices.size, width);
  return record(out, [table], () => ({
    saves: [indices],
    backward: (dy) => {
      const d = full(backend, table.shape, 0, table.dtype);
      backend.scatterAddRows(d.storage, dy.storage, indices.storage, indices.size, width, tableRows);
      return [d];
    },
  }));
}

/**
 * activation(a[ia] + b[ib]), row by row: the first layer of a network on pairs, when `a` and `b` are the two halves'
 * projections, made once a row instead of once a pair.
 *
 * @param a, b rows x width
 * @param ia, ib i32, one a pair
 * @returns pairs x width
 */
export function gatherPairs(
  a: Tensor,
  ia: Tensor,
  b: Tensor,
  ib: Tensor,
  activation: "none" | "relu",
): Tensor {
  const { backend, columns: width } = a;
  const pairs = ia.size;
  const out = Tensor.empty(backend, [pairs, width], a.dtype);
  backend.gatherPairs({ out: out.storage, a: a.storage, ia: ia.storage, b: b.storage, ib: ib.storage }, {
    rows: pairs,
    columns: width,
    activation,
  });
  return record(out, [a, b], (needs) => ({
    saves: [activation === "relu" && out, ia, ib],
    backward: (dy) => {
      let dz = dy;
      if (activation === "relu") {
        dz = Tensor.empty(backend, out.shape, out.dtype);
        backend.unaryBackward("relu", dz.storage, dy.storage, out.storage, out.size, { fromOutput: true });
      }
      return [[a, ia], [b, ib]].map(([table, indices], i) => {
        if (!needs[i]) return null;
        const d = full(backend, table.shape, 0, table.dtype);
        backend.scatterAddRows(d.storage, dz.storage, indices.storage, pairs, width, table.rows);
        return d;
      });
    },
  }));
}
