/** One product whose operands fit their bindings: choice of kernel, packing for the register-tiled one, dispatch. */
import matmulText from "../../../kernels/matmul.wgsl" with { type: "text" };
import scalarFunctions from "../../../kernels/scalar_functions.wgsl" with { type: "text" };
import { uniformBytes } from "./binder.ts";
import { activations } from "./elementwise.ts";
import { part, type Window } from "./gpu_storage.ts";
import { Kernel } from "./kernel.ts";
import {
  batchPart,
  columnPart,
  extent,
  packedMatrix,
  type Product,
  rowPart,
  type Strided,
  sumOverDepth,
} from "./product.ts";
import type { Runtime } from "./runtime.ts";
import { grid, pieces, roundUp } from "./splitting.ts";
import { pack } from "./transpose.ts";

const kernel = new Kernel("matmul", scalarFunctions + matmulText);

/** Products of at most this many columns are computed an element an invocation. */
export const skinny = 4;

/** @param parts pieces of the inner dimension whose sums are stored one after the other, for the caller to add */
export function runProduct(runtime: Runtime, product: Product, parts: number): void {
  const { m, n, k } = product;
  if (n <= skinny || k === 0 || m * n * k < 4096) dispatch(runtime, product, "plain", { parts });
  else if (runtime.kernels === "gpu") dispatch(runtime, product, "tiled", { parts });
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
    sumOverDepth(runtime, product, longest, (piece) => runRegister(runtime, piece));
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
    pack(runtime, { storage: packed, rows: m, columns: depth }, stepped(a, m, k));
    withAligned(runtime, b, { rows: k, columns: n, depth }, (aligned) => {
      for (const [first, count] of pieces(m, rows)) {
        const panel = part(packed, first * depth, panelFloats);
        const piece = { ...rowPart(product, first, count), b: aligned, k: depth };
        dispatch(runtime, { ...piece, a: { ...a, rowStep: depth } }, "register_tile", { panel });
      }
    });
  });
}

/** A matrix as `pack` takes it. */
function stepped(x: Strided, rows: number, columns: number) {
  const window = part(x.storage, x.offset, extent(x, rows, columns, 1));
  return { window, rows, columns, rowStep: x.rowStep, columnStep: x.columnStep };
}

/** B as it is where vec4 loads can read it, else a packed copy with zeros up to `depth` rows. */
function withAligned(
  runtime: Runtime,
  b: Strided,
  { rows, columns, depth }: { rows: number; columns: number; depth: number },
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
    pack(runtime, { storage: packed, rows: depth, columns: width }, stepped(b, rows, columns));
    use(packedMatrix(packed, width));
  });
}

function dispatch(
  runtime: Runtime,
  product: Product,
  entry: "plain" | "register_tile" | "tiled",
  { parts = 1, panel = null }: { parts?: number; panel?: Window | null },
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
  const window = (operand: Strided, rows: number, columns: number) => {
    const elements = extent(operand, rows, columns, batch);
    return part(operand.storage, operand.offset, entry === "register_tile" ? roundUp(elements, 4) : elements);
  };
  const order = { A_BY_COLUMN: Number(a.columnStep !== 1), B_BY_COLUMN: Number(b.columnStep !== 1) };
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
    constants: entry === "tiled" ? order : {},
    sizes: { ROWS4: groupsOf4, COLUMNS4: groupsOf4, TILE_K: groupsOf4 === 2 ? 8 : 16 },
    work: [x, y, batch * parts],
  });
}

/** What the kernels do to a sum before they store it, as in matmul.wgsl. */
function epilogueBits({ bias, biasByRow, rowScale, columnScale, accumulate }: Product): number {
  return (bias ? biasByRow ? 2 : 1 : 0) + (rowScale ? 4 : 0) + (columnScale ? 8 : 0) + (accumulate ? 16 : 0);
}
