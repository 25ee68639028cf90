import type { Blas } from "../../lib/backend/cpu/blas.ts";
import type { Heap } from "../../lib/backend/cpu/heap.ts";

/** A BLAS in plain loops on the heap, with one thing changed where `change` is given. */
export function plainBlas(
  heap: Heap,
  change: (sum: number, i: number, j: number, k: number) => number = (sum) => sum,
): Blas {
  return {
    library: "plain loops",
    sgemm(transposedA, transposedB, m, n, k, alpha, a, strideA, b, strideB, beta, c, strideC) {
      const f32 = new Float32Array(heap.memory.buffer);
      for (let i = 0; i < m; i++) {
        for (let j = 0; j < n; j++) {
          let sum = 0;
          for (let l = 0; l < k; l++) {
            sum += f32[a / 4 + (transposedA ? l * strideA + i : i * strideA + l)] *
              f32[b / 4 + (transposedB ? j * strideB + l : l * strideB + j)];
          }
          const at = c / 4 + i * strideC + j;
          f32[at] = alpha * change(sum, i, j, k) + (beta === 0 ? 0 : beta * f32[at]);
        }
      }
    },
    close() {},
  };
}
