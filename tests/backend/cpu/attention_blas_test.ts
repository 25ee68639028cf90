import { assert } from "@std/assert";
import kernels from "../../../kernels/cpu/kernels.wasm" with { type: "bytes" };
import plainKernels from "../../../kernels/cpu/kernels_simd.wasm" with { type: "bytes" };
import type { Backend } from "../../../lib/backend/backend.ts";
import { attendBackwardByBlas, attendByBlas } from "../../../lib/backend/cpu/attention_blas.ts";
import { Engine } from "../../../lib/backend/cpu/engine.ts";
import { Heap } from "../../../lib/backend/cpu/heap.ts";
import { memoryOperations } from "../../../lib/backend/cpu/memory_operations.ts";
import { openCpuBackend } from "../../../lib/backend/cpu/mod.ts";
import { reservedBytes, ThreadPool } from "../../../lib/backend/cpu/thread_pool.ts";
import { operationCases } from "../../support/operation_cases.ts";
import { checkCase, type OperationCase } from "../../support/operation_check.ts";
import { plainBlas } from "../../support/plain_blas.ts";

const anyShape = operationCases.find(({ name }) => name === "attention and its gradient")!;

/** More scores than are held at once: several blocks of queries, a last one that is shorter, heads one by one. */
const longRows = (headWidth: number): OperationCase => ({
  ...anyShape,
  name: "attention of long rows",
  run(draw) {
    const [batch, heads, length] = [draw.pick([1, 2]), 2, draw.pick([1459, 1601])];
    const shape = { batch, heads, length, headWidth, scale: headWidth ** -0.5 };
    const size = batch * length * heads * headWidth;
    const [q, k, v] = [draw.input(size, { scale: 2 }), draw.input(size), draw.input(size)];
    const logSumExp = draw.output("logSumExp", batch * heads * length);
    const keyMask = draw.chance() ? draw.mask(batch * length) : null;
    const operands = { out: draw.output("out", size), logSumExp, q, k, v, keyMask };
    draw.backend.attention(operands, shape);
    const [dq, dk, dv] = [draw.output("dq", size), draw.output("dk", size), draw.output("dv", size)];
    draw.backend.attentionBackward({ ...operands, dq, dk, dv, dout: draw.input(size) }, shape);
  },
});

for (const [name, bytes] of Object.entries({ relaxed: kernels, plain: plainKernels })) {
  Deno.test(`attention by products of a library equals float64, ${name} SIMD`, async () => {
    const heap = new Heap(reservedBytes(1), 256 * 2 ** 20);
    const engine = new Engine(
      heap,
      new ThreadPool(new WebAssembly.Module(bytes), heap.memory, { threads: 1 }),
    );
    const blas = plainBlas(heap);
    const backend = {
      ...memoryOperations(engine),
      attention: (operands, shape) => attendByBlas(engine, blas, operands, shape),
      attentionBackward: (operands, shape) => attendBackwardByBlas(engine, blas, operands, shape),
    } as Backend;
    await checkCase(backend, anyShape);
    await checkCase(backend, longRows(4), { repeats: 2 });
    assert(heap.current === 0);
  });
}

const library = await openCpuBackend({ threads: 2 });
const hasBlas = library.blas !== null;
await library.close();

Deno.test({
  name: `attention of long rows equals float64, BLAS${hasBlas ? "" : " [left out: no library]"}`,
  ignore: !hasBlas,
  fn: async () => {
    const backend = await openCpuBackend({ threads: 2 });
    try {
      await checkCase(backend, longRows(16), { repeats: 2 });
    } finally {
      await backend.close();
    }
  },
});
