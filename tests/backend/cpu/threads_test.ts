import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { Kernel } from "../../../kernels/cpu/kernels.ts";
import type { Backend } from "../../../lib/backend/backend.ts";
import { Heap } from "../../../lib/backend/cpu/heap.ts";
import { openCpuBackend } from "../../../lib/backend/cpu/mod.ts";
import { reservedBytes, ThreadPool } from "../../../lib/backend/cpu/thread_pool.ts";
import { DataError } from "../../../lib/cli/errors.ts";
import { operationCases } from "../../support/operation_cases.ts";
import { Draw } from "../../support/operation_check.ts";

const kernels = new WebAssembly.Module(
  await Deno.readFile(new URL("../../../kernels/cpu/kernels.wasm", import.meta.url)),
);

/** Bits of all that the cases give on sizes that are cut into several chunks. */
async function resultBits(backend: Backend): Promise<Map<string, Int32Array>> {
  const bits = new Map<string, Int32Array>();
  for (const example of operationCases) {
    const draw = new Draw(backend, 77, 300, "f32");
    example.run(draw);
    for (const { name, storage } of draw.outputs) {
      bits.set(`${example.name}, ${name}`, new Int32Array((await backend.read(storage)).buffer));
    }
    draw.storages.forEach((storage) => backend.release(storage));
  }
  return bits;
}

Deno.test("every operation gives the same bits on 1, 2 and 5 threads, by four rows and by six", async () => {
  const results = [];
  for (const [threads, tileRows] of [[1, 4], [2, 4], [5, 4], [1, 6], [2, 6]] as const) {
    const backend = await openCpuBackend({ threads, blas: "off", tileRows });
    results.push(await resultBits(backend));
    await backend.close();
  }
  for (const [name, expected] of results[0]) {
    for (const other of results.slice(1)) {
      assertEquals(expected.findIndex((word, i) => word !== other.get(name)![i]), -1, name);
    }
  }
});

/** Threads that only count turns. */
function idlePool(threads: number, stallSeconds: number): ThreadPool {
  const heap = new Heap(reservedBytes(threads));
  return new ThreadPool(kernels, heap.memory, { threads, stallSeconds });
}

/** Waits until `pool`'s next job has a chunk to draw, takes it as a thread would, runs `then` and ends. */
async function thief(pool: ThreadPool, then = ""): Promise<Worker> {
  const source = `onmessage = ({ data }) => {
    const tickets = new BigInt64Array(data.buffer), words = new Int32Array(data.buffer), at = 1024 / 8;
    const before = Atomics.load(tickets, at);
    postMessage("ready");
    while (true) {
      const ticket = Atomics.load(tickets, at);
      if (ticket >> 32n !== before >> 32n && Atomics.compareExchange(tickets, at, ticket, ticket + 1n) === ticket) break;
    }
    ${then}
  };`;
  const worker = new Worker(`data:application/javascript,${encodeURIComponent(source)}`, { type: "module" });
  const ready = new Promise((resolve) => worker.onmessage = resolve);
  worker.postMessage(pool.memory);
  await ready;
  return worker;
}

Deno.test("a thread that dies with a chunk in hand ends the run with one clear error", async () => {
  const pool = idlePool(2, 1);
  const worker = await thief(pool);
  assertThrows(
    () => pool.run(Kernel.Idle, 50, [4_000_000]),
    DataError,
    "Cannot go on: a thread of the CPU engine has not answered for 1 s in Idle. Start again from the last checkpoint",
  );
  worker.terminate();
  assertThrows(() => pool.run(Kernel.Idle, 1, [1]), DataError, "Cannot go on");
  assertEquals(pool.workers.length, 0);
});

Deno.test("a thread that ends with an error ends the run at once", async () => {
  const pool = idlePool(2, 60);
  const fail = "Atomics.store(words, (1024 + 144) / 4, 1); Atomics.notify(words, (1024 + 64) / 4);";
  const worker = await thief(pool, fail);
  assertThrows(() => pool.run(Kernel.Idle, 50, [4_000_000]), DataError, "ended with an error in Idle");
  worker.terminate();
});

Deno.test("threads that die between two jobs are not missed", () => {
  const pool = idlePool(3, 60);
  pool.run(Kernel.Idle, 100, [1000]);
  assertEquals(pool.workers.length, 2);
  for (const worker of pool.workers) worker.terminate();
  pool.run(Kernel.Idle, 100, [1000]);
  pool.close();
});

Deno.test("a closed engine says so", async () => {
  const backend = await openCpuBackend({ threads: 1, blas: "off" });
  const x = backend.allocate("f32", 8);
  await backend.close();
  assertThrows(() => backend.fill(x, 1), DataError, "the CPU engine was closed");
});

Deno.test("out of memory is a DataError that leaves the engine usable", async () => {
  const backend = await openCpuBackend({ threads: 2, blas: "off", memoryLimit: 32 * 2 ** 20 });
  assertThrows(
    () => backend.allocate("f32", 2 ** 24),
    DataError,
    "A smaller batch or shorter sequences need less",
  );
  const x = backend.allocate("f32", 4);
  backend.fill(x, 2);
  assertEquals([...await backend.read(x)], [2, 2, 2, 2]);
  await backend.close();
});

Deno.test("10,000 training steps do not grow the memory", async () => {
  const backend = await openCpuBackend({ threads: 2, blas: "off" });
  const [rows, width] = [16, 24];
  const [w, m, v] = ["w", "m", "v"].map(() => backend.allocate("f32", width * width));
  const x = backend.allocate("f32", rows * width);
  for (const storage of [w, m, v, x]) backend.fill(storage, 0.01);
  const adam = {
    learningRate: 1e-3,
    beta1: 0.9,
    beta2: 0.999,
    epsilon: 1e-8,
    weightDecay: 0.01,
    decoupled: true,
  };
  const sizes = { m: rows, n: width, k: width };
  let peak = 0;
  for (let step = 1; step <= 10_000; step++) {
    const y = backend.allocate("f32", rows * width), gradient = backend.allocate("f32", width * width);
    backend.matmul({ storage: y }, { storage: x }, { storage: w }, { ...sizes, activation: "relu" });
    backend.matmul({ storage: gradient }, { storage: x, transposed: true }, { storage: y }, {
      m: width,
      n: width,
      k: rows,
    });
    backend.adam({ parameter: w, gradient, m, v }, width * width, { ...adam, step });
    backend.release(y);
    backend.release(gradient);
    if (step === 10) peak = backend.memory.peak;
  }
  assertEquals(backend.memory.peak, peak);
  assert((await backend.read(w)).every(Number.isFinite));
  await backend.close();
});

Deno.test("calls that break a shape contract are told with the operation and the sizes", async () => {
  const backend = await openCpuBackend({ threads: 1, blas: "off" });
  const six = backend.allocate("f32", 6), ids = backend.allocate("i32", 6), gone = backend.allocate("f32", 6);
  backend.release(gone);
  const refused: [() => void, string][] = [
    [() => backend.unary("relu", six, six, 7), "relu of 7: out holds 6 elements, 7 are needed"],
    [() => backend.unary("relu", six, ids, 6), "relu of 6: x holds i32, not f32"],
    [() => backend.unary("relu", six, gone, 6), "relu of 6: x has been released"],
    [
      () => backend.matmul({ storage: six }, { storage: six }, { storage: six }, { m: 2, n: 3, k: 4 }),
      "matmul of 1 x (2 x 4) (4 x 3): a holds 6 elements, 8 are needed",
    ],
    [() => backend.realFft(six, six, 1, 6, 12), "n must be a power of two from 2 to 2097152"],
    [() => backend.allocate("f16", 1), "the CPU engine has no f16"],
  ];
  for (const [call, message] of refused) assertThrows(call, RangeError, message);
  await assertRejects(async () => void await backend.read(gone), RangeError, "released");
  await backend.close();
});
