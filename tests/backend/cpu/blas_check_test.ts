import { assertEquals } from "@std/assert";
import kernels from "../../../kernels/cpu/kernels.wasm" with { type: "bytes" };
import type { Blas } from "../../../lib/backend/cpu/blas.ts";
import { multipliesRight } from "../../../lib/backend/cpu/blas_check.ts";
import { Engine } from "../../../lib/backend/cpu/engine.ts";
import { Heap } from "../../../lib/backend/cpu/heap.ts";
import { reservedBytes, ThreadPool } from "../../../lib/backend/cpu/thread_pool.ts";

/** A plain product on the heap, with one thing changed. */
function fakeBlas(heap: Heap, change: (sum: number, i: number, j: number, k: number) => number): Blas {
  return {
    library: "fake",
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

Deno.test("multipliesRight() takes a BLAS that multiplies, and finds one element wrong, NaN or of swapped order", () => {
  const heap = new Heap(reservedBytes(1), 64 * 2 ** 20);
  const engine = new Engine(
    heap,
    new ThreadPool(new WebAssembly.Module(kernels), heap.memory, { threads: 1 }),
  );
  const check = (change: Parameters<typeof fakeBlas>[1]) => multipliesRight(engine, fakeBlas(heap, change));
  assertEquals(check((sum) => sum), true);
  assertEquals(check((sum, i, j, k) => i === 96 && j === 82 ? sum * (1 + 1 / k) + 0.01 : sum), false);
  assertEquals(check((sum, i, j) => i === 3 && j === 5 ? NaN : sum), false);
  assertEquals(check((sum, i, j) => i < j ? sum : -sum), false);
  assertEquals(heap.current, 0);
});
