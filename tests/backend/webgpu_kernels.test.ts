import { assertEquals } from "@std/assert";
import { openWebGpuBackend, type WebGpuOptions } from "../../lib/backend/webgpu/mod.ts";
import { operationCases } from "../support/operation_cases.ts";
import { checkCase } from "../support/operation_check.ts";
import { webGpuTest } from "../support/webgpu.ts";

/** The engine with options, closed after `body`. */
async function withBackend(
  options: WebGpuOptions,
  body: (backend: Awaited<ReturnType<typeof openWebGpuBackend>>) => Promise<void>,
): Promise<void> {
  const backend = await openWebGpuBackend(options);
  try {
    await body(backend);
  } finally {
    await backend.close();
  }
}

for (const example of operationCases) {
  webGpuTest(
    `${example.name}: the kernels equal the float64 reference on 30 random shapes`,
    () =>
      withBackend({}, async (backend) => {
        await checkCase(backend, example, { repeats: 30 });
      }),
  );
}

for (const example of operationCases.filter(({ half }) => half)) {
  webGpuTest(
    `${example.name}: the kernels on f16 storages equal the float64 reference`,
    () =>
      withBackend({}, async (backend) => {
        if (backend.supportsF16) await checkCase(backend, example, { repeats: 10, dtype: "f16" });
      }),
  );
}

for (const example of operationCases) {
  webGpuTest(
    `${example.name}: split over small bindings and buffers, the kernels equal the float64 reference`,
    () =>
      withBackend({ limits: { bindingBytes: 33024, bufferBytes: 20480 } }, async (backend) => {
        await checkCase(backend, example, { repeats: 10, firstSeed: 200 });
      }),
  );
}

const tiled = operationCases.filter(({ name }) => /matmul|layerNorm|transpose/.test(name));
for (const example of tiled) {
  webGpuTest(
    `${example.name}: the kernels for real GPUs equal the float64 reference`,
    () =>
      withBackend(
        { kernels: "gpu" },
        (backend) => checkCase(backend, example, { repeats: 12, firstSeed: 100 }),
      ),
  );
}

webGpuTest(
  "matmul() for real GPUs takes 128 x 128 tiles for large products",
  () =>
    withBackend({ kernels: "gpu" }, async (backend) => {
      // 96 tiles at least: wide, with a short inner dimension to keep the software adapter's time small.
      const [m, n, k] = [1100, 1400, 5];
      const a = Float32Array.from({ length: m * k }, (_, i) => Math.sin(i));
      const b = Float32Array.from({ length: k * n }, (_, i) => Math.cos(i));
      const [sa, sb, out] = [
        backend.allocate("f32", m * k),
        backend.allocate("f32", k * n),
        backend.allocate("f32", m * n),
      ];
      backend.write(sa, a);
      backend.write(sb, b);
      backend.fill(out, NaN);
      backend.matmul({ storage: out }, { storage: sa }, { storage: sb }, { m, n, k });
      const found = await backend.read(out);
      let worst = 0;
      for (let i = 0; i < m; i++) {
        for (let j = 0; j < n; j++) {
          let sum = 0;
          for (let c = 0; c < k; c++) sum += a[i * k + c] * b[c * n + j];
          worst = Math.max(worst, Math.abs(found[i * n + j] - sum));
        }
      }
      assertEquals(worst < 1e-6, true, `off by ${worst}`);
    }),
);
