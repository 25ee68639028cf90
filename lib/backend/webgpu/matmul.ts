/** Matrix products: choice of kernel, splitting over bindings, packing for the register-tiled kernel. */
import type { Activation, MatmulOptions, MatrixOperand } from "../backend.ts";
import matmulText from "../../../kernels/matmul.wgsl" with { type: "text" };
import scalarFunctions from "../../../kernels/scalar_functions.wgsl" with { type: "text" };
import { activations, epilogue, part, pieces } from "./elementwise.ts";
import type { GpuStorage, Window } from "./gpu_storage.ts";
import { Kernel } from "./kernel.ts";
import { columnSum } from "./reductions.ts";
import { grid, roundUp, type Runtime, uniformBytes } from "./runtime.ts";
import { pack } from "./transpose.ts";

const kernel = new Kernel("matmul", scalarFunctions + matmulText);

/** Which kernels an adapter runs well: "software" has slow workgroup barriers, "gpu" slow uncoalesced loads. */
export type KernelSet = "software" | "gpu";

/** A matrix by its strides: element (i, j) of batch z lies at offset + z batchStep + i rowStep + j columnStep. */
interface Strided {
  readonly storage: GpuStorage;
  readonly offset: number;
  readonly rowStep: number;
  readonly columnStep: number;
  readonly batchStep: number;
}

interface Product {
  readonly what: string;
  readonly out: Strided;
  readonly a: Strided;
  readonly b: Strided;
  readonly batch: number;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly alpha: number;
  readonly bias: Window | null;
  readonly biasByRow: boolean;
  readonly rowScale: Window | null;
  readonly columnScale: Window | null;
  readonly activation: Activation;
  readonly accumulate: boolean;
}

export function matmul(
  runtime: Runtime,
  kernels: KernelSet,
  out: MatrixOperand,
  a: MatrixOperand,
  b: MatrixOperand,
  options: MatmulOptions,
): void {
  const { batch = 1, m, n, k, alpha = 1, bias, rowScale, columnScale, activation = "none" } = options;
  if (batch === 0 || m === 0 || n === 0) return;
  const biasByRow = options.biasAxis === "row";
  const product: Product = {
    what: `matmul ${batch > 1 ? `${batch} x ` : ""}${m} x ${k} x ${n}`,
    out: strided(out, m, n),
    a: strided(a, m, k),
    b: strided(b, k, n),
    batch,
    m,
    n,
    k,
    alpha,
    bias: bias ? part(bias as GpuStorage, 0, biasByRow ? m : n) : null,
    biasByRow,
    rowScale: rowScale ? part(rowScale as GpuStorage, 0, m) : null,
    columnScale: columnScale ? part(columnScale as GpuStorage, 0, n) : null,
    activation,
    accumulate: options.accumulate ?? false,
  };
  split(runtime, kernels, out.transposed ? mirrored(product) : product);
}

function strided(operand: MatrixOperand, rows: number, columns: number): Strided {
  const [storedRows, storedColumns] = operand.transposed ? [columns, rows] : [rows, columns];
  const { storage, offset = 0, stride = storedColumns } = operand;
  const { batchStride = storedRows * stride } = operand;
  const [rowStep, columnStep] = operand.transposed ? [1, stride] : [stride, 1];
  return { storage: storage as GpuStorage, offset, rowStep, columnStep, batchStep: batchStride };
}

/** out' = op(B)' op(A)': the kernels store rows of out. */
function mirrored(product: Product): Product {
  const flip = (x: Strided): Strided => ({ ...x, rowStep: x.columnStep, columnStep: x.rowStep });
  return {
    ...product,
    out: flip(product.out),
    a: flip(product.b),
    b: flip(product.a),
    m: product.n,
    n: product.m,
    biasByRow: !product.biasByRow,
    rowScale: product.columnScale,
    columnScale: product.rowScale,
  };
}

/** Elements from the first to the last of a rows x columns x batch block, both included. */
function extent(x: Strided, rows: number, columns: number, batch: number): number {
  if (rows === 0 || columns === 0) return 0;
  return (batch - 1) * x.batchStep + (rows - 1) * x.rowStep + (columns - 1) * x.columnStep + 1;
}

function shifted(x: Strided, elements: number): Strided {
  return { ...x, offset: x.offset + elements };
}

function slice(window: Window | null, start: number, count: number): Window | null {
  return window && { ...window, start: window.start + start, count };
}

/** For sums that an epilogue of their own finishes. */
const bareEpilogue = { bias: null, rowScale: null, columnScale: null, activation: "none" } as const;

/** Cut a product until each operand fits one binding, then run it. */
function split(runtime: Runtime, kernels: KernelSet, product: Product): void {
  const { out, a, b, batch, m, n, k } = product;
  const fits = (x: Strided, rows: number, columns: number) =>
    extent(x, rows, columns, batch) * x.storage.bytesPerElement <= runtime.maxWindowBytes;
  const large = !fits(out, m, n) ? "out" : !fits(a, m, k) ? "a" : !fits(b, k, n) ? "b" : null;
  if (large === null) {
    for (const [z, count] of pieces(batch, 65535)) {
      runParts(runtime, kernels, count === batch ? product : batchPart(product, z, count));
    }
    return;
  }
  if (batch > 1) {
    const half = Math.ceil(batch / 2);
    split(runtime, kernels, batchPart(product, 0, half));
    split(runtime, kernels, batchPart(product, half, batch - half));
    return;
  }
  const alongRows = large === "out" ? m > 1 : large === "a" ? a.columnStep === 1 && m > 1 : false;
  const alongColumns = large === "out" ? m === 1 : large === "b" && b.rowStep === 1 && n > 1;
  if (alongRows) {
    for (const [i, count] of pieces(m, Math.ceil(m / 2))) split(runtime, kernels, rowPart(product, i, count));
  } else if (alongColumns) {
    for (const [j, count] of pieces(n, Math.ceil(n / 2))) {
      split(runtime, kernels, columnPart(product, j, count));
    }
  } else {
    runtime.scratch("f32", m * n, (sums) => {
      const target: Strided = { storage: sums, offset: 0, rowStep: n, columnStep: 1, batchStep: 0 };
      for (const [from, count] of pieces(k, roundUp(Math.ceil(k / 2), 4))) {
        split(runtime, kernels, {
          ...product,
          ...bareEpilogue,
          out: target,
          a: shifted(a, from * a.columnStep),
          b: shifted(b, from * b.rowStep),
          k: count,
          accumulate: from > 0,
        });
      }
      finishSums(runtime, product, sums);
    });
  }
}

function batchPart(product: Product, z: number, batch: number): Product {
  const { out, a, b } = product;
  return {
    ...product,
    out: shifted(out, z * out.batchStep),
    a: shifted(a, z * a.batchStep),
    b: shifted(b, z * b.batchStep),
    batch,
  };
}

function rowPart(product: Product, i: number, m: number): Product {
  const { out, a, bias, biasByRow } = product;
  return {
    ...product,
    out: shifted(out, i * out.rowStep),
    a: shifted(a, i * a.rowStep),
    bias: biasByRow ? slice(bias, i, m) : bias,
    rowScale: slice(product.rowScale, i, m),
    m,
  };
}

function columnPart(product: Product, j: number, n: number): Product {
  const { out, b, bias, biasByRow } = product;
  return {
    ...product,
    out: shifted(out, j * out.columnStep),
    b: shifted(b, j * b.columnStep),
    bias: biasByRow ? bias : slice(bias, j, n),
    columnScale: slice(product.columnScale, j, n),
    n,
  };
}

function finishSums(runtime: Runtime, product: Product, sums: GpuStorage): void {
  const { out, m, n } = product;
  const window = part(out.storage, out.offset, extent(out, m, n, 1));
  epilogue(runtime, product.what, window, out.rowStep, sums, m, n, product);
}

/** On a GPU a product of few tiles and a long inner dimension is cut along it, so that all cores have work. */
function runParts(runtime: Runtime, kernels: KernelSet, product: Product): void {
  const { m, n, k, batch } = product;
  const tiles = Math.ceil(m / 64) * Math.ceil(n / 64) * batch;
  const parts = kernels === "gpu" && batch === 1 && n > skinny
    ? Math.min(Math.floor(k / 512), Math.floor(256 / tiles))
    : 1;
  if (parts < 2 || parts * m * n * 4 > runtime.maxWindowBytes) {
    run(runtime, kernels, product, 1);
    return;
  }
  runtime.scratch("f32", parts * m * n, (partial) =>
    runtime.scratch("f32", m * n, (sums) => {
      const target: Strided = { storage: partial, offset: 0, rowStep: n, columnStep: 1, batchStep: 0 };
      run(runtime, kernels, { ...product, ...bareEpilogue, out: target, accumulate: false }, parts);
      columnSum(runtime, sums, partial, null, parts, m * n, false);
      finishSums(runtime, product, sums);
    }));
}

/** Products of at most this many columns are computed an element an invocation. */
const skinny = 4;

function run(runtime: Runtime, kernels: KernelSet, product: Product, parts: number): void {
  const { m, n, k } = product;
  if (n <= skinny || k === 0 || m * n * k < 4096) dispatch(runtime, product, parts, "plain");
  else if (kernels === "gpu") dispatch(runtime, product, parts, "tiled");
  else runRegister(runtime, product);
}

/** Floats of a panel of rows of A, and rows that an invocation of the register kernel keeps. */
const panelFloats = uniformBytes / 4;
const panelRows = 16;

/**
 * The register kernel takes f32 operands: A packed, a panel of rows a dispatch; B row-major and aligned, by a packed copy
 * where it is not. It is compiled for f32 alone, since that takes seconds: results of other types are widened into
 * sums first, as are inner dimensions too long for a panel.
 */
function runRegister(runtime: Runtime, product: Product): void {
  const { a, b, m, n, k, batch } = product;
  const longest = panelFloats / panelRows;
  const stored = [product.out, product.bias, product.rowScale, product.columnScale];
  if (batch > 1) {
    for (let z = 0; z < batch; z++) runRegister(runtime, batchPart(product, z, 1));
    return;
  }
  if (k > longest || stored.some((x) => x !== null && x.storage.dtype !== "f32")) {
    runtime.scratch("f32", m * n, (sums) => {
      const out: Strided = { storage: sums, offset: 0, rowStep: n, columnStep: 1, batchStep: 0 };
      for (const [from, count] of pieces(k, longest)) {
        runRegister(runtime, {
          ...product,
          ...bareEpilogue,
          out,
          a: shifted(a, from * a.columnStep),
          b: shifted(b, from * b.rowStep),
          k: count,
          accumulate: from > 0,
        });
      }
      finishSums(runtime, product, sums);
    });
    return;
  }
  const depth = roundUp(k, 4);
  if (4 * depth * Math.max(m, roundUp(n, 4)) > runtime.maxWindowBytes) { // packing would outgrow a binding: halve
    const [size, cut] = m > n ? [m, rowPart] as const : [n, columnPart] as const;
    for (const [first, count] of pieces(size, Math.ceil(size / 2))) {
      runRegister(runtime, cut(product, first, count));
    }
    return;
  }
  const rows = Math.floor(panelFloats / depth / panelRows) * panelRows;
  runtime.scratch("f32", m * depth + panelFloats, (packed) => { // the last panel is bound whole, too
    pack(runtime, part(packed, 0, m * depth), m, depth, strip(a, m, k), m, k, a.rowStep, a.columnStep);
    withAligned(runtime, b, k, n, depth, (aligned) => {
      for (const [first, count] of pieces(m, rows)) {
        const panel = part(packed, first * depth, panelFloats);
        const piece = { ...rowPart(product, first, count), b: aligned, k: depth };
        dispatch(runtime, { ...piece, a: { ...a, rowStep: depth } }, 1, "register_tile", panel);
      }
    });
  });
}

/** A matrix as a window from its first to its last element. */
function strip(x: Strided, rows: number, columns: number): Window {
  return part(x.storage, x.offset, extent(x, rows, columns, 1));
}

/** B as it is where vec4 loads can read it, else a packed copy with zeros up to `depth` rows. */
function withAligned(
  runtime: Runtime,
  b: Strided,
  rows: number,
  columns: number,
  depth: number,
  use: (aligned: Strided) => void,
): void {
  const aligned = b.storage.dtype === "f32" && b.columnStep === 1 && b.rowStep % 4 === 0 &&
    b.offset % 4 === 0 &&
    rows === depth && b.offset + roundUp(extent(b, rows, columns, 1), 4) <= b.storage.length;
  if (aligned) {
    use(b);
    return;
  }
  const width = roundUp(columns, 4);
  runtime.scratch("f32", depth * width, (packed) => {
    pack(
      runtime,
      part(packed, 0, depth * width),
      depth,
      width,
      strip(b, rows, columns),
      rows,
      columns,
      b.rowStep,
      b.columnStep,
    );
    use({ storage: packed, offset: 0, rowStep: width, columnStep: 1, batchStep: 0 });
  });
}

function dispatch(
  runtime: Runtime,
  product: Product,
  parts: number,
  entry: "plain" | "register_tile" | "tiled",
  panel: Window | null = null,
): void {
  const { out, a, b, batch, m, n, k } = product;
  const large = Math.ceil(m / 128) * Math.ceil(n / 128) * batch * parts >= 96;
  const groupsOf4 = entry === "tiled" && large ? 2 : 1;
  const tiles = {
    plain: Math.ceil(m * n / 64),
    register_tile: Math.ceil(m / 16) * Math.ceil(n / 128),
    tiled: Math.ceil(m / (64 * groupsOf4)) * Math.ceil(n / (64 * groupsOf4)),
  }[entry];
  const [x, y] = grid(tiles, 1);
  const vectors = entry === "register_tile";
  const window = (operand: Strided, rows: number, columns: number) =>
    part(
      operand.storage,
      operand.offset,
      vectors ? roundUp(extent(operand, rows, columns, batch), 4) : extent(operand, rows, columns, batch),
    );
  runtime.dispatch(kernel, product.what, {
    entry,
    operands: {
      out: part(out.storage, out.offset, parts > 1 ? parts * m * n : extent(out, m, n, batch)),
      a: panel ? null : window(a, m, k),
      panel,
      b: window(b, k, n),
      bias: product.bias,
      row_scale: product.rowScale,
      column_scale: product.columnScale,
    },
    params: {
      m,
      n,
      k,
      a_row: a.rowStep,
      a_column: a.columnStep,
      a_batch: a.batchStep,
      b_row: b.rowStep,
      b_column: b.columnStep,
      b_batch: b.batchStep,
      out_row: out.rowStep,
      out_batch: out.batchStep,
      parts,
      k_part: parts > 1 ? roundUp(Math.ceil(k / parts), 16) : k,
      out_part: m * n,
      alpha: product.alpha,
      activation: activations[product.activation],
      epilogue: epilogueBits(product),
    },
    constants: {
      plain: {},
      register_tile: {},
      tiled: { A_BY_COLUMN: Number(a.columnStep !== 1), B_BY_COLUMN: Number(b.columnStep !== 1) },
    }[entry] as Record<string, number>,
    sizes: { ROWS4: groupsOf4, COLUMNS4: groupsOf4, TILE_K: groupsOf4 === 2 ? 8 : 16 },
    workgroups: [x, y, batch * parts],
  });
}

/** What the kernels do to a sum before they store it, as in matmul.wgsl. */
function epilogueBits({ bias, biasByRow, rowScale, columnScale, accumulate }: Product): number {
  return (bias ? biasByRow ? 2 : 1 : 0) + (rowScale ? 4 : 0) + (columnScale ? 8 : 0) + (accumulate ? 16 : 0);
}
