/** Element-wise operations, in windows of at most one binding. */
import type { Activation, Broadcast } from "../backend.ts";
import elementwiseText from "../../../kernels/elementwise.wgsl" with { type: "text" };
import scalarFunctions from "../../../kernels/scalar_functions.wgsl" with { type: "text" };
import { GpuStorage, type Window } from "./gpu_storage.ts";
import { Kernel } from "./kernel.ts";
import { grid, type Runtime } from "./runtime.ts";

export const elementwise = new Kernel("elementwise", scalarFunctions + elementwiseText);
const lanes = 64;

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

/** Parameters that an entry point does not use. */
const unused = {
  count: 0,
  rows: 0,
  columns: 0,
  out_stride: 0,
  x_stride: 0,
  alpha: 0,
  beta: 0,
  seed: 0,
  stream: 0,
  first: 0,
};

type Operands = Partial<Record<"out" | "x" | "y" | "z" | "w", Window | null>>;

function run(
  runtime: Runtime,
  entry: string,
  what: string,
  operands: Operands,
  params: Partial<typeof unused>,
  constants: Record<string, number> = {},
  invocations = params.count ?? 0,
): void {
  runtime.dispatch(elementwise, what, {
    entry,
    operands,
    params: { ...unused, ...params },
    constants,
    workgroups: grid(invocations, lanes),
  });
}

/** [start, count] pieces of `total`, at most `most` each. */
export function* pieces(total: number, most: number): Generator<[start: number, count: number]> {
  for (let start = 0; start < total; start += most) yield [start, Math.min(most, total - start)];
}

/** Pieces of n elements that fit one binding in every storage; they start at even elements. */
function flat(runtime: Runtime, n: number, ...storages: (GpuStorage | null)[]) {
  const most = runtime.rowsPerWindow("element-wise operation", storages.map((storage) => [storage, 2]));
  return pieces(n, 2 * most);
}

export function part(storage: GpuStorage, start: number, count: number): Window {
  return { storage, start, count };
}

export function fill(runtime: Runtime, out: GpuStorage, value: number): void {
  out.mirror?.fill(value);
  for (const [start, count] of flat(runtime, out.length, out)) {
    run(runtime, "fill", `fill ${out.length}`, { out: part(out, start, count) }, { count, alpha: value });
  }
}

export function unary(
  runtime: Runtime,
  f: Activation | "exp" | "copy",
  out: GpuStorage,
  x: GpuStorage,
  n: number,
): void {
  for (const [start, count] of flat(runtime, n, out, x)) {
    run(runtime, "unary", `${f} of ${n}`, { out: part(out, start, count), x: part(x, start, count) }, {
      count,
    }, {
      FUNCTION: activations[f],
    });
  }
}

export function unaryBackward(
  runtime: Runtime,
  f: Activation,
  dx: GpuStorage,
  dy: GpuStorage,
  x: GpuStorage,
  n: number,
  fromOutput: boolean,
): void {
  for (const [start, count] of flat(runtime, n, dx, dy, x)) {
    const operands = { out: part(dx, start, count), x: part(dy, start, count), y: part(x, start, count) };
    run(runtime, "unary_backward", `gradient of ${f} of ${n}`, operands, { count }, {
      FUNCTION: activations[f],
      FROM_OUTPUT: Number(fromOutput),
    });
  }
}

export function binary(
  runtime: Runtime,
  f: keyof typeof binaryFunctions,
  out: GpuStorage,
  a: GpuStorage,
  b: GpuStorage,
  rows: number,
  columns: number,
  broadcast: Broadcast,
): void {
  const what = `${f} ${rows} x ${columns} (${broadcast})`;
  const piece = (start: number, count: number, y: Window, kind: Broadcast) =>
    run(
      runtime,
      "binary",
      what,
      { out: part(out, start, count), x: part(a, start, count), y },
      { count, columns },
      { FUNCTION: binaryFunctions[f], BROADCAST: broadcasts[kind] },
    );
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
}

export function linearCombination(
  runtime: Runtime,
  out: GpuStorage,
  alpha: number,
  a: GpuStorage,
  beta: number,
  b: GpuStorage | null,
  n: number,
): void {
  for (const [start, count] of flat(runtime, n, out, a, b)) {
    const operands = {
      out: part(out, start, count),
      x: part(a, start, count),
      y: b && part(b, start, count),
    };
    run(runtime, "combine", `linear combination of ${n}`, operands, { count, alpha, beta });
  }
}

export function copy2d(
  runtime: Runtime,
  out: GpuStorage,
  outOffset: number,
  outStride: number,
  x: GpuStorage,
  xOffset: number,
  xStride: number,
  rows: number,
  columns: number,
): void {
  const what = `copy ${rows} x ${columns}`;
  if (rows === 0 || columns === 0) return;
  if (out.mirror && x.mirror) {
    for (let row = 0; row < rows; row++) {
      const from = xOffset + row * xStride;
      out.mirror.set(x.mirror.subarray(from, from + columns), outOffset + row * outStride);
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
}

export function siluGate(
  runtime: Runtime,
  out: GpuStorage,
  x: GpuStorage,
  rows: number,
  width: number,
): void {
  for (
    const [row, count] of pieces(rows, runtime.rowsPerWindow("siluGate", [[out, width], [x, 2 * width]]))
  ) {
    const operands = {
      out: part(out, row * width, count * width),
      x: part(x, 2 * row * width, 2 * count * width),
    };
    run(runtime, "silu_gate", `silu gate ${rows} x ${width}`, operands, {
      count: count * width,
      columns: width,
    });
  }
}

export function siluGateBackward(
  runtime: Runtime,
  dx: GpuStorage,
  dy: GpuStorage,
  x: GpuStorage,
  rows: number,
  width: number,
): void {
  const most = runtime.rowsPerWindow("siluGateBackward", [[dy, width], [dx, 2 * width], [x, 2 * width]]);
  for (const [row, count] of pieces(rows, most)) {
    const operands = {
      out: part(dx, 2 * row * width, 2 * count * width),
      x: part(dy, row * width, count * width),
      y: part(x, 2 * row * width, 2 * count * width),
    };
    const params = { count: count * width, columns: width };
    run(runtime, "silu_gate_backward", `gradient of silu gate ${rows} x ${width}`, operands, params);
  }
}

export function dropout(
  runtime: Runtime,
  out: GpuStorage,
  x: GpuStorage,
  n: number,
  p: number,
  seed: number,
  stream: number,
): void {
  const threshold = Math.min(2 ** 32 - 1, Math.round(p * 2 ** 32));
  for (const [start, count] of flat(runtime, n, out, x)) {
    const operands = { out: part(out, start, count), x: part(x, start, count) };
    const params = { count, rows: threshold, first: start / 2, alpha: 1 / (1 - p), seed, stream };
    run(runtime, "dropout", `dropout of ${n}`, operands, params, {}, Math.ceil(count / 2));
  }
}

/** The epilogue of a product that was summed in parts: out window = activation((sums + bias) scales) [+ out]. */
export function epilogue(
  runtime: Runtime,
  what: string,
  out: Window,
  outStride: number,
  sums: GpuStorage,
  rows: number,
  columns: number,
  options: {
    bias: Window | null;
    biasByRow: boolean;
    rowScale: Window | null;
    columnScale: Window | null;
    activation: Activation;
    accumulate: boolean;
  },
): void {
  run(
    runtime,
    "epilogue",
    what,
    { out, x: part(sums, 0, rows * columns), y: options.bias, z: options.rowScale, w: options.columnScale },
    { count: rows * columns, columns, out_stride: outStride },
    {
      FUNCTION: activations[options.activation],
      ACCUMULATE: Number(options.accumulate),
      BIAS_BY_ROW: Number(options.biasByRow),
    },
  );
}
