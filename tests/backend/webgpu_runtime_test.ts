import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { DataError } from "../../lib/cli/errors.ts";
import { Kernel } from "../../lib/backend/webgpu/kernel.ts";
import { openWebGpuBackend, type WebGpuBackend, type WebGpuOptions } from "../../lib/backend/webgpu/mod.ts";
import { openReferenceBackend } from "../support/reference.ts";
import { webGpuTest } from "../support/webgpu.ts";

function withBackend(
  name: string,
  body: (backend: WebGpuBackend) => Promise<void>,
  options: WebGpuOptions = {},
): void {
  webGpuTest(name, async () => {
    const backend = await openWebGpuBackend(options);
    try {
      await body(backend);
    } finally {
      await backend.close();
    }
  });
}

const counted = (length: number) => Float32Array.from({ length }, (_, i) => i % 1000);

withBackend(
  "a device destroyed in mid-run ends in one clear error, whatever is called next",
  async (backend) => {
    const x = backend.allocate("f32", 1000);
    backend.write(x, counted(1000));
    backend.unary("exp", x, x, 1000);
    backend.device.destroy();
    const error = await assertRejects(
      () => backend.read(x),
      DataError,
      "Lost the WebGPU device while working",
    );
    assert(error.message.includes("--device cpu") && !error.message.includes("\n"), error.message);
    assertThrows(() => backend.unary("exp", x, x, 1000), DataError, "Lost the WebGPU device");
    assertThrows(() => backend.allocate("f32", 10), DataError, "Lost the WebGPU device");
    await assertRejects(() => backend.finish(), DataError, "Lost the WebGPU device");
  },
);

withBackend(
  "allocate() beyond the memory limit says what to do, and the engine stays usable",
  async (backend) => {
    const x = backend.allocate("f32", 1000);
    assertThrows(
      () => backend.allocate("f32", 2 ** 20),
      DataError,
      "Cannot allocate 4.00 MiB for a tensor of 1048576 f32 elements: the WebGPU device is out of memory",
    );
    assertThrows(
      () => backend.allocate("f32", 2 ** 20),
      DataError,
      "Use a smaller --batch-size, or --device cpu",
    );
    backend.fill(x, 3);
    assertEquals((await backend.read(x))[999], 3);
  },
  { memoryLimit: 2 ** 20 },
);

withBackend("a kernel that the device refuses is told with the operation and its shapes", async (backend) => {
  const broken = new Kernel("broken", "@compute @workgroup_size(1) fn main() { nonsense(); }");
  const call = { entry: "main", operands: {}, work: 1 } as const;
  backend.runtime.dispatch(broken, "frobnicate 3 x 4", call);
  await assertRejects(
    () => backend.finish(),
    DataError,
    "Cannot run frobnicate 3 x 4: its kernel was refused",
  );
});

withBackend("matmul() beyond the end of its operand is a RangeError with the sizes", (backend) => {
  const [a, b] = [backend.allocate("f32", 12), backend.allocate("f32", 20)];
  const out = backend.allocate("f32", 15);
  assertThrows(
    () => backend.matmul({ storage: out }, { storage: a }, { storage: b }, { m: 3, n: 6, k: 4 }),
    RangeError,
    "matmul 3 x 4 x 6",
  );
  return Promise.resolve();
});

withBackend(
  "release() refuses a storage that was released before, and so does every operation",
  (backend) => {
    const x = backend.allocate("f32", 10);
    backend.release(x);
    assertThrows(() => backend.release(x), RangeError);
    assertThrows(() => backend.unary("exp", x, x, 10), RangeError);
    return Promise.resolve();
  },
);

withBackend(
  "write() and read() move any range of any type, and leave the cells around it",
  async (backend) => {
    const types = ["f32", "i32", ...(backend.supportsF16 ? ["f16" as const] : [])] as const;
    for (const dtype of types) {
      for (
        const [length, offset, count] of [[1, 0, 1], [7, 1, 3], [7, 2, 5], [300, 33, 64], [301, 300, 1], [
          12000,
          5,
          11990,
        ]]
      ) {
        const x = backend.allocate(dtype, length);
        const ground = dtype === "i32" ? new Int32Array(length).fill(-1) : new Float32Array(length).fill(-1);
        const data = dtype === "i32" ? Int32Array.from(counted(count)) : counted(count);
        backend.write(x, ground);
        backend.write(x, data, offset);
        ground.set(data, offset);
        assertEquals(await backend.read(x), ground, `${dtype} ${length} ${offset} ${count}`);
        assertEquals(await backend.read(x, offset, count), data);
        backend.release(x);
      }
    }
  },
  { limits: { bindingBytes: 8192, bufferBytes: 4096 } },
);

withBackend("write() after an operation does not change what the operation read", async (backend) => {
  const [x, y] = [backend.allocate("f32", 4), backend.allocate("f32", 4)];
  backend.write(x, Float32Array.of(1, 2, 3, 4));
  backend.unary("copy", y, x, 4);
  backend.write(x, Float32Array.of(9, 9, 9, 9));
  assertEquals(await backend.read(y), Float32Array.of(1, 2, 3, 4));
});

withBackend(
  "at the smallest limits of the standard a tensor beyond one binding is computed whole",
  async (backend) => {
    const length = 2 ** 25 + 12345; // 128 MiB and a bit; beyond a binding, within a buffer
    assertEquals(backend.device.limits.maxStorageBufferBindingSize, 2 ** 27);
    assertEquals(backend.device.limits.maxBufferSize, 2 ** 28);
    const [x, sums] = [backend.allocate("f32", length), backend.allocate("f32", 2)];
    backend.fill(x, 0.5);
    backend.write(x, Float32Array.of(4, 5, 6), 2 ** 25 - 1);
    backend.linearCombination(x, 2, x, 0, null, length);
    backend.sumSquares(sums, x, length);
    const sum = (await backend.read(sums))[0]; // a float32 of this size is a multiple of four
    assert(Math.abs(sum - (length - 3 + 64 + 100 + 144)) <= 4, `${sum}`);
    assertEquals(await backend.read(x, 2 ** 25 - 3, 6), Float32Array.of(1, 1, 8, 10, 12, 1));
  },
  { limits: "smallest" },
);

/** Training steps of a small network, with everything released that a step allocates. */
function trainingStep(
  backend: WebGpuBackend,
  weights: ReturnType<WebGpuBackend["allocate"]>[],
  step: number,
): void {
  const [w, m, v, x] = weights;
  const size = 20 + step % 7; // batches of changing size, as the last one of an epoch is
  const y = backend.allocate("f32", size * 64);
  backend.matmul({ storage: y }, { storage: x }, { storage: w }, {
    m: size,
    n: 64,
    k: 32,
    activation: "relu",
  });
  const gradient = backend.allocate("f32", 32 * 64);
  backend.matmul({ storage: gradient }, { storage: x, transposed: true, stride: 32 }, { storage: y }, {
    m: 32,
    n: 64,
    k: size,
  });
  backend.adam({ parameter: w, gradient, m, v }, 32 * 64, {
    learningRate: 1e-3,
    beta1: 0.9,
    beta2: 0.999,
    epsilon: 1e-8,
    weightDecay: 0,
    decoupled: false,
    step: step + 1,
  });
  backend.release(y);
  backend.release(gradient);
}

withBackend("2,000 training steps hold no more memory than 20 do", async (backend) => {
  const weights = [32 * 64, 32 * 64, 32 * 64, 27 * 32].map((length) => {
    const storage = backend.allocate("f32", length);
    backend.fill(storage, 0.01);
    return storage;
  });
  for (let step = 0; step < 20; step++) trainingStep(backend, weights, step);
  await backend.finish();
  const { current, peak } = backend.memory;
  const held = current + backend.runtime.pool.idle;
  for (let step = 20; step < 2000; step++) trainingStep(backend, weights, step);
  await backend.finish();
  assertEquals(backend.memory.current, current);
  assertEquals(backend.memory.peak, peak);
  assertEquals(backend.memory.current + backend.runtime.pool.idle, held);
});

withBackend("released buffers beyond the pool's budget are destroyed", async (backend) => {
  for (let i = 1; i <= 4; i++) {
    const storages = Array.from({ length: 3 }, () => backend.allocate("f32", i * 8 * 2 ** 20)); // up to 96 MiB each
    storages.forEach((storage) => backend.release(storage));
    await backend.finish();
  }
  const { pool } = backend.runtime;
  assertEquals(pool.current < 2 ** 20, true);
  assert(pool.idle <= pool.peak, `${pool.idle} bytes idle, ${pool.peak} were in use at most`);
});

withBackend("idle buffers make room for new ones of another size at once", async (backend) => {
  const { pool } = backend.runtime;
  for (const megabytes of [200, 210, 220, 230]) {
    const storage = backend.allocate("f32", megabytes * 2 ** 18);
    assert(pool.current + pool.idle <= 1.15 * 256 * 2 ** 20, `${pool.current} in use, ${pool.idle} idle`);
    backend.release(storage);
  }
  await backend.finish();
});

withBackend("profile() tells calls and time of each kernel family", async (backend) => {
  const x = backend.allocate("f32", 1000);
  backend.fill(x, 1);
  backend.unary("exp", x, x, 1000);
  backend.matmul({ storage: backend.allocate("f32", 400) }, { storage: x }, { storage: x }, {
    m: 20,
    n: 20,
    k: 20,
  });
  const profile = await backend.profile();
  assertEquals(profile.get("elementwise")!.calls, 2);
  assertEquals(profile.get("matmul")!.calls, 1);
  assert([...profile.values()].every(({ ms }) => ms >= 0 && ms < 60_000));
}, { profile: true });

withBackend("profile() is empty unless it was asked for", async (backend) => {
  backend.fill(backend.allocate("f32", 10), 1);
  assertEquals((await backend.profile()).size, 0);
});

withBackend(
  "without timestamp queries profile() goes by the wall time of each operation",
  async (backend) => {
    const x = backend.allocate("f32", 1000);
    backend.fill(x, 1);
    backend.unary("exp", x, x, 1000);
    await backend.finish();
    const { calls, ms } = (await backend.profile()).get("elementwise")!;
    assertEquals(calls, 2);
    assert(ms > 0 && ms < 60_000);
  },
  { profile: true, limits: "smallest" },
);

withBackend("a device without half precision says so", (backend) => {
  assertEquals(backend.supportsF16, false);
  assertThrows(() => backend.allocate("f16", 10), DataError, "has no half precision");
  return Promise.resolve();
}, { limits: "smallest" });

withBackend("a storage of another engine is refused by its size and type", (backend) => {
  const foreign = openReferenceBackend().allocate("f32", 7);
  const out = backend.allocate("f32", 7);
  const message = "A storage of 7 f32 is not of the WebGPU engine";
  assertThrows(() => backend.unary("relu", out, foreign, 7), RangeError, message);
  assertThrows(() => backend.fill(foreign, 0), RangeError, message);
  assertThrows(() => backend.release(foreign), RangeError, message);
  return Promise.resolve();
});

withBackend("a parameter that a kernel does not declare is refused by name", (backend) => {
  const text = "struct Params { count: u32 }\n@compute @workgroup_size(1) fn main() {}";
  const call = { entry: "main", operands: {}, params: { count: 1, cuont: 1 }, work: 1 };
  assertThrows(
    () => backend.runtime.dispatch(new Kernel("misspelt", text), "do nothing", call),
    RangeError,
    'do nothing: kernel "misspelt" has no parameter "cuont"',
  );
  return Promise.resolve();
});
