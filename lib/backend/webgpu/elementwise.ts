/** Element-wise operations, in windows of at most one binding. */
import type { Activation, Broadcast, Storage } from "../backend.ts";
import elementwiseText from "../../../kernels/elementwise.wgsl" with { type: "text" };
import scalarFunctions from "../../../kernels/scalar_functions.wgsl" with { type: "text" };
import { own, part, type Window } from "./gpu_storage.ts";
import { Kernel } from "./kernel.ts";
import type { Operation, Operations } from "./operation.ts";
import type { Runtime } from "./runtime.ts";
import { pieces } from "./splitting.ts";

const kernel = new Kernel("elementwise", scalarFunctions + elementwiseText);

/** Numbers of the functions in scalar_functions.wgsl. */
export const activations: Record<Activation | "exp" | "copy", number> = {
  none: 0,
  copy: 0,
  relu: 1,
  gelu: 2,
  geluTanh: 3,
  silu: 4,
  tanh: 5,
  sin: 6,
  exp: 7,
};

const binaryFunctions = { add: 0, subtract: 1, multiply: 2 };
const broadcasts: Record<Broadcast, number> = { same: 0, row: 1, column: 2, scalar: 3 };

function run(
  runtime: Runtime,
  entry: string,
  what: string,
  operands: Partial<Record<"out" | "x" | "y" | "z" | "w", Window | null>>,
  params: { count: number } & Record<string, number>,
  constants: Record<string, number> = {},
  work = params.count,
): void {
  runtime.dispatch(kernel, what, { entry, operands, params, constants, work });
}

/** Pieces of n elements that fit one binding in every storage; they start at even elements. */
function flat(runtime: Runtime, n: number, ...storages: (Storage | null)[]) {
  const most = runtime.rowsPerWindow("element-wise operation", storages.map((storage) => [storage, 2]));
  return pieces(n, 2 * most);
}

export const fill: Operation<"fill"> = (runtime, out, value) => {
  own(out).mirror?.fill(value);
  for (const [start, count] of flat(runtime, out.length, out)) {
    run(runtime, "fill", `fill ${out.length}`, { out: part(out, start, count) }, { count, alpha: value });
  }
};

export const unary: Operation<"unary"> = (runtime, f, out, x, n) => {
  for (const [start, count] of flat(runtime, n, out, x)) {
    const operands = { out: part(out, start, count), x: part(x, start, count) };
    run(runtime, "unary", `${f} of ${n}`, operands, { count }, { FUNCTION: activations[f] });
  }
};

const unaryBackward: Operation<"unaryBackward"> = (runtime, f, dx, dy, x, n, { fromOutput = false } = {}) => {
  for (const [start, count] of flat(runtime, n, dx, dy, x)) {
    const operands = { out: part(dx, start, count), x: part(dy, start, count), y: part(x, start, count) };
    const constants = { FUNCTION: activations[f], FROM_OUTPUT: Number(fromOutput) };
    run(runtime, "unary_backward", `gradient of ${f} of ${n}`, operands, { count }, constants);
  }
};

export const binary: Operation<"binary"> = (runtime, f, out, a, b, rows, columns, broadcast) => {
  const what = `${f} ${rows} x ${columns} (${broadcast})`;
  const piece = (start: number, count: number, y: Window, kind: Broadcast) => {
    const operands = { out: part(out, start, count), x: part(a, start, count), y };
    const constants = { FUNCTION: binaryFunctions[f], BROADCAST: broadcasts[kind] };
    run(runtime, "binary", what, operands, { count, columns }, constants);
  };
  if (broadcast === "same" || broadcast === "scalar") {
    for (const [start, count] of flat(runtime, rows * columns, out, a, b)) {
      piece(start, count, broadcast === "same" ? part(b, start, count) : part(b, 0, 1), broadcast);
    }
    return;
  }
  const perRow = Math.floor(runtime.maxWindowBytes / (4 * Math.max(1, columns)));
  if (perRow > 0) {
    for (const [row, count] of pieces(rows, perRow)) {
      const y = broadcast === "row" ? part(b, 0, columns) : part(b, row, count);
      piece(row * columns, count * columns, y, broadcast);
    }
    return;
  }
  for (let row = 0; row < rows; row++) {
    for (const [column, count] of flat(runtime, columns, out, a, b)) {
      const y = broadcast === "row" ? part(b, column, count) : part(b, row, 1);
      piece(row * columns + column, count, y, broadcast === "row" ? "same" : "scalar");
    }
  }
};

const linearCombination: Operation<"linearCombination"> = (runtime, out, alpha, a, beta, b, n) => {
  for (const [start, count] of flat(runtime, n, out, a, b)) {
    const operands = {
      out: part(out, start, count),
      x: part(a, start, count),
      y: b && part(b, start, count),
    };
    run(runtime, "combine", `linear combination of ${n}`, operands, { count, alpha, beta });
  }
};

export const copy2d: Operation<"copy2d"> = (
  runtime,
  to,
  from,
  { rows, columns },
) => {
  const { storage: out, offset: outOffset = 0, stride: outStride = columns } = to;
  const { storage: x, offset: xOffset = 0, stride: xStride = columns } = from;
  const what = `copy ${rows} x ${columns}`;
  if (rows === 0 || columns === 0) return;
  const [target, source] = [own(out).mirror, own(x).mirror];
  if (target && source) {
    for (let row = 0; row < rows; row++) {
      const start = xOffset + row * xStride;
      target.set(source.subarray(start, start + columns), outOffset + row * outStride);
    }
  }
  const most = Math.floor(runtime.maxWindowBytes / 4 / Math.max(outStride, xStride, columns, 1));
  if (most === 0) {
    // Rows longer than a binding, or strides that are: row by row, in pieces.
    for (let row = 0; row < rows; row++) {
      for (const [column, count] of flat(runtime, columns, out, x)) {
        const operands = {
          out: part(out, outOffset + row * outStride + column, count),
          x: part(x, xOffset + row * xStride + column, count),
        };
        run(runtime, "copy_rows", what, operands, { count, columns: count });
      }
    }
    return;
  }
  for (const [row, count] of pieces(rows, most)) {
    const operands = {
      out: part(out, outOffset + row * outStride, (count - 1) * outStride + columns),
      x: part(x, xOffset + row * xStride, (count - 1) * xStride + columns),
    };
    const params = { count: count * columns, columns, out_stride: outStride, x_stride: xStride };
    run(runtime, "copy_rows", what, operands, params);
  }
};

const siluGate: Operation<"siluGate"> = (runtime, out, x, rows, width) => {
  for (const [row, count] of runtime.rowPieces("siluGate", rows, [[out, width], [x, 2 * width]])) {
    const operands = {
      out: part(out, row * width, count * width),
      x: part(x, 2 * row * width, 2 * count * width),
    };
    const params = { count: count * width, columns: width };
    run(runtime, "silu_gate", `silu gate ${rows} x ${width}`, operands, params);
  }
};

const siluGateBackward: Operation<"siluGateBackward"> = (runtime, dx, dy, x, rows, width) => {
  const rowWidths = [[dy, width], [dx, 2 * width], [x, 2 * width]] as const;
  for (const [row, count] of runtime.rowPieces("siluGateBackward", rows, rowWidths)) {
    const operands = {
      out: part(dx, 2 * row * width, 2 * count * width),
      x: part(dy, row * width, count * width),
      y: part(x, 2 * row * width, 2 * count * width),
    };
    const params = { count: count * width, columns: width };
    run(runtime, "silu_gate_backward", `gradient of silu gate ${rows} x ${width}`, operands, params);
  }
};

const dropout: Operation<"dropout"> = (runtime, out, x, n, p, seed, stream) => {
  const threshold = Math.min(2 ** 32 - 1, Math.round(p * 2 ** 32));
  for (const [start, count] of flat(runtime, n, out, x)) {
    const operands = { out: part(out, start, count), x: part(x, start, count) };
    const params = { count, rows: threshold, first: start / 2, alpha: 1 / (1 - p), seed, stream };
    run(runtime, "dropout", `dropout of ${n}`, operands, params, {}, Math.ceil(count / 2));
  }
};

/** What is done to a product before it is stored: activation((product + bias) scales) [+ out]. */
export interface Epilogue {
  readonly bias: Window | null;
  readonly biasByRow: boolean;
  readonly rowScale: Window | null;
  readonly columnScale: Window | null;
  readonly activation: Activation;
  readonly accumulate: boolean;
}

/** The epilogue of a product (rows x columns) that was summed in parts. */
export function epilogue(
  runtime: Runtime,
  what: string,
  out: { window: Window; stride: number },
  sums: { storage: Storage; rows: number; columns: number },
  { bias, biasByRow, rowScale, columnScale, activation, accumulate }: Epilogue,
): void {
  const { rows, columns } = sums;
  const x = part(sums.storage, 0, rows * columns);
  const operands = { out: out.window, x, y: bias, z: rowScale, w: columnScale };
  const params = { count: rows * columns, columns, out_stride: out.stride };
  run(runtime, "epilogue", what, operands, params, {
    FUNCTION: activations[activation],
    ACCUMULATE: Number(accumulate),
    BIAS_BY_ROW: Number(biasByRow),
  });
}

export const elementwise: Operations<
  "unary" | "unaryBackward" | "binary" | "linearCombination" | "siluGate" | "siluGateBackward" | "dropout"
> = { unary, unaryBackward, binary, linearCombination, siluGate, siluGateBackward, dropout };
