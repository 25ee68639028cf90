/** A matrix product whose operands are told by strides, and its parts. */
import type { MatmulOptions, MatrixOperand } from "../backend.ts";
import { placeOf } from "../matrix_operand.ts";
import { type Epilogue, epilogue } from "./elementwise.ts";
import { type GpuStorage, own, part, type Window } from "./gpu_storage.ts";
import type { Runtime } from "./runtime.ts";
import { pieces } from "./splitting.ts";

/** A matrix by its strides: element (i, j) of batch z lies at offset + z batchStep + i rowStep + j columnStep. */
export interface Strided {
  readonly storage: GpuStorage;
  readonly offset: number;
  readonly rowStep: number;
  readonly columnStep: number;
  readonly batchStep: number;
}

/** out (m x n) = epilogue(alpha a b), a m x k, b k x n. */
export interface Product extends Epilogue {
  readonly what: string;
  readonly out: Strided;
  readonly a: Strided;
  readonly b: Strided;
  readonly batch: number;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly alpha: number;
}

/** The product that `Backend.matmul` is asked for. Its `out` has rows of consecutive elements, as the kernels store them. */
export function productOf(
  out: MatrixOperand,
  a: MatrixOperand,
  b: MatrixOperand,
  options: MatmulOptions,
): Product {
  const { batch = 1, m, n, k, alpha = 1, bias, rowScale, columnScale, activation = "none" } = options;
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
    bias: bias ? part(bias, 0, biasByRow ? m : n) : null,
    biasByRow,
    rowScale: rowScale ? part(rowScale, 0, m) : null,
    columnScale: columnScale ? part(columnScale, 0, n) : null,
    activation,
    accumulate: options.accumulate ?? false,
  };
  return out.transposed ? mirrored(product) : product;
}

function strided(operand: MatrixOperand, rows: number, columns: number): Strided {
  const { offset, stride, batchStride } = placeOf(operand, rows, columns);
  const [rowStep, columnStep] = operand.transposed ? [1, stride] : [stride, 1];
  return { storage: own(operand.storage), offset, rowStep, columnStep, batchStep: batchStride };
}

/** out' = op(B)' op(A)'. */
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

/** A matrix of `columns` a row from the start of a storage. */
export function packedMatrix(storage: GpuStorage, columns: number): Strided {
  return { storage, offset: 0, rowStep: columns, columnStep: 1, batchStep: 0 };
}

/** Elements from the first to the last of a rows x columns x batch block, both included. */
export function extent(x: Strided, rows: number, columns: number, batch: number): number {
  if (rows === 0 || columns === 0) return 0;
  return (batch - 1) * x.batchStep + (rows - 1) * x.rowStep + (columns - 1) * x.columnStep + 1;
}

function shifted(x: Strided, elements: number): Strided {
  return { ...x, offset: x.offset + elements };
}

function slice(window: Window | null, start: number, count: number): Window | null {
  return window && { ...window, start: window.start + start, count };
}

/** `batch` matrices from the z-th on. */
export function batchPart(product: Product, z: number, batch: number): Product {
  const { out, a, b } = product;
  return {
    ...product,
    out: shifted(out, z * out.batchStep),
    a: shifted(a, z * a.batchStep),
    b: shifted(b, z * b.batchStep),
    batch,
  };
}

/** `m` rows of out from the i-th on. */
export function rowPart(product: Product, i: number, m: number): Product {
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

/** `n` columns of out from the j-th on. */
export function columnPart(product: Product, j: number, n: number): Product {
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

/** For sums that an epilogue of their own finishes. */
export const bareEpilogue = {
  bias: null,
  rowScale: null,
  columnScale: null,
  activation: "none",
  accumulate: false,
} as const;

/** The epilogue of a product of one matrix, from its sums (m x n). */
export function finishSums(runtime: Runtime, product: Product, sums: GpuStorage): void {
  const { out, m, n, what } = product;
  const window = part(out.storage, out.offset, extent(out, m, n, 1));
  const target = { window, stride: out.rowStep };
  epilogue(runtime, what, target, { storage: sums, rows: m, columns: n }, product);
}

/** A product of one matrix as the sum of those over `depth` of the inner dimension at a time, each computed by `run`. */
export function sumOverDepth(
  runtime: Runtime,
  product: Product,
  depth: number,
  run: (piece: Product) => void,
): void {
  const { a, b, m, n, k } = product;
  runtime.scratch("f32", m * n, (sums) => {
    for (const [from, count] of pieces(k, depth)) {
      run({
        ...product,
        ...bareEpilogue,
        out: packedMatrix(sums, n),
        a: shifted(a, from * a.columnStep),
        b: shifted(b, from * b.rowStep),
        k: count,
        accumulate: from > 0,
      });
    }
    finishSums(runtime, product, sums);
  });
}
