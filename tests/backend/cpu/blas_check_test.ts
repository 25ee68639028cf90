import { assertEquals } from "@std/assert";
import kernels from "../../../kernels/cpu/kernels.wasm" with { type: "bytes" };
import { multipliesRight } from "../../../lib/backend/cpu/blas_check.ts";
import { Engine } from "../../../lib/backend/cpu/engine.ts";
import { Heap } from "../../../lib/backend/cpu/heap.ts";
import { reservedBytes, ThreadPool } from "../../../lib/backend/cpu/thread_pool.ts";
import { plainBlas } from "../../support/plain_blas.ts";

Deno.test("multipliesRight() takes a BLAS that multiplies, and finds one element wrong, NaN or of swapped order", () => {
  const heap = new Heap(reservedBytes(1), 64 * 2 ** 20);
  const engine = new Engine(
    heap,
    new ThreadPool(new WebAssembly.Module(kernels), heap.memory, { threads: 1 }),
  );
  const check = (change: Parameters<typeof plainBlas>[1]) => multipliesRight(engine, plainBlas(heap, change));
  assertEquals(check((sum) => sum), true);
  assertEquals(check((sum, i, j, k) => i === 96 && j === 82 ? sum * (1 + 1 / k) + 0.01 : sum), false);
  assertEquals(check((sum, i, j) => i === 3 && j === 5 ? NaN : sum), false);
  assertEquals(check((sum, i, j) => i < j ? sum : -sum), false);
  assertEquals(heap.current, 0);
});
