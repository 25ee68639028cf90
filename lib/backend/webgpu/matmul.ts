/** Matrix products, cut so that every operand fits a binding and every core has work. */
import { runProduct, skinny } from "./matmul_kernels.ts";
import type { Operation, Operations } from "./operation.ts";
import {
  bareEpilogue,
  batchPart,
  columnPart,
  extent,
  finishSums,
  packedMatrix,
  type Product,
  productOf,
  rowPart,
  type Strided,
  sumOverDepth,
} from "./product.ts";
import { columnSum } from "./reductions.ts";
import type { Runtime } from "./runtime.ts";
import { pieces, roundUp } from "./splitting.ts";

const matmul: Operation<"matmul"> = (runtime, out, a, b, options) => {
  const { batch = 1, m, n } = options;
  if (batch === 0 || m === 0 || n === 0) return;
  split(runtime, productOf(out, a, b, options));
};

/** Cut a product until each operand fits one binding, then run it. */
function split(runtime: Runtime, product: Product): void {
  const { out, a, b, batch, m, n, k } = product;
  const fits = (x: Strided, rows: number, columns: number) =>
    extent(x, rows, columns, batch) * x.storage.bytesPerElement <= runtime.maxWindowBytes;
  const large = !fits(out, m, n) ? "out" : !fits(a, m, k) ? "a" : !fits(b, k, n) ? "b" : null;
  if (large === null) {
    for (const [z, count] of pieces(batch, 65535)) {
      runParts(runtime, count === batch ? product : batchPart(product, z, count));
    }
    return;
  }
  if (batch > 1) {
    const half = Math.ceil(batch / 2);
    split(runtime, batchPart(product, 0, half));
    split(runtime, batchPart(product, half, batch - half));
    return;
  }
  const alongRows = large === "out" ? m > 1 : large === "a" ? a.columnStep === 1 && m > 1 : false;
  const alongColumns = large === "out" ? m === 1 : large === "b" && b.rowStep === 1 && n > 1;
  if (alongRows) {
    for (const [i, count] of pieces(m, Math.ceil(m / 2))) split(runtime, rowPart(product, i, count));
  } else if (alongColumns) {
    for (const [j, count] of pieces(n, Math.ceil(n / 2))) split(runtime, columnPart(product, j, count));
  } else {
    sumOverDepth(runtime, product, roundUp(Math.ceil(k / 2), 4), (piece) => split(runtime, piece));
  }
}

/** On a GPU a product of few tiles and a long inner dimension is cut along it, so that all cores have work. */
function runParts(runtime: Runtime, product: Product): void {
  const { m, n, k, batch } = product;
  const tiles = Math.ceil(m / 64) * Math.ceil(n / 64) * batch;
  const parts = runtime.kernels === "gpu" && batch === 1 && n > skinny
    ? Math.min(Math.floor(k / 512), Math.floor(256 / tiles))
    : 1;
  if (parts < 2 || parts * m * n * 4 > runtime.maxWindowBytes) {
    runProduct(runtime, product, 1);
    return;
  }
  runtime.scratch("f32", parts * m * n, (partial) =>
    runtime.scratch("f32", m * n, (sums) => {
      runProduct(runtime, { ...product, ...bareEpilogue, out: packedMatrix(partial, n) }, parts);
      columnSum(runtime, sums, partial, null, parts, m * n);
      finishSums(runtime, product, sums);
    }));
}

export const products: Operations<"matmul"> = { matmul };
