/** Whether a BLAS library multiplies right: builds older than the processor have been seen to compute wrong numbers. */
import type { MatrixOperand } from "../backend.ts";
import type { Blas } from "./blas.ts";
import type { Engine } from "./engine.ts";
import { matmulOperations } from "./matmul.ts";

/** Sizes that reach the library's inner kernels and their edges; each is multiplied with either operand transposed. */
const shapes = [{ m: 64, n: 64, k: 64 }, { m: 97, n: 83, k: 517 }];

/** Products by the library beside our own, to float32's accuracy. Takes a few milliseconds. */
export function multipliesRight(engine: Engine, blas: Blas): boolean {
  const own = matmulOperations(engine), theirs = matmulOperations(engine, blas);
  return shapes.every(({ m, n, k }) => {
    const [a, b, wanted, found] = [m * k, k * n, m * n, m * n].map((size) =>
      engine.heap.allocate("f32", size)
    );
    try {
      for (const x of [a, b]) {
        const numbers = engine.heap.view(x);
        for (let i = 0; i < numbers.length; i++) numbers[i] = Math.sin(i * i + x.length);
      }
      return [0, 1, 2, 3].every((which) => {
        const left: MatrixOperand = { storage: a, transposed: (which & 1) !== 0 };
        const right: MatrixOperand = { storage: b, transposed: (which & 2) !== 0 };
        own.matmul({ storage: wanted }, left, right, { m, n, k });
        theirs.matmul({ storage: found }, left, right, { m, n, k });
        const products = engine.heap.view(wanted);
        // Terms are below 1, so sums of k of them differ by far less than this.
        return engine.heap.view(found).every((value, i) => Math.abs(value - products[i]) <= 1e-6 * k);
      });
    } finally {
      for (const x of [a, b, wanted, found]) engine.heap.release(x);
    }
  });
}
