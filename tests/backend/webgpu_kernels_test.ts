import { assertEquals } from "@std/assert";
import {
  openWebGpuBackend,
  type WebGpuBackend,
  webGpuBackend,
  type WebGpuOptions,
} from "../../lib/backend/webgpu/mod.ts";
import { operationCases } from "../support/operation_cases.ts";
import { checkCase } from "../support/operation_check.ts";
import { webGpuTest } from "../support/webgpu.ts";

/** Engines of this file by name. They share one device, so that each kernel is compiled once. */
const variants = {
  plain: {},
  gpu: { kernels: "gpu" },
  split: { limits: { bindingBytes: 33024, bufferBytes: 20480 } },
  splitSmall: { limits: { bindingBytes: 4352, bufferBytes: 2560 } },
} satisfies Record<string, WebGpuOptions>;
const opened = new Map<string, WebGpuBackend>();

async function engine(variant: keyof typeof variants): Promise<WebGpuBackend> {
  if (!opened.has("plain")) opened.set("plain", await openWebGpuBackend());
  const { device, adapter } = opened.get("plain")!;
  if (!opened.has(variant)) opened.set(variant, webGpuBackend(device, adapter, variants[variant]));
  return opened.get(variant)!;
}

Deno.test.afterAll(async () => {
  await opened.get("plain")?.close();
});

for (const example of operationCases) {
  webGpuTest(`${example.name}: the kernels equal the float64 reference on 30 random shapes`, async () => {
    await checkCase(await engine("plain"), example, { repeats: 30 });
  });
}

for (const example of operationCases.filter(({ half }) => half)) {
  webGpuTest(`${example.name}: the kernels on f16 storages equal the float64 reference`, async () => {
    const backend = await engine("plain");
    if (backend.supportsF16) await checkCase(backend, example, { repeats: 30, dtype: "f16" });
  });
}

for (const example of operationCases) {
  webGpuTest(
    `${example.name}: split over small bindings and buffers, the kernels equal the reference`,
    async () => {
      await checkCase(await engine("split"), example, { repeats: 10, firstSeed: 200 });
    },
  );
}

// Transforms, heads and lists of rows have a smallest piece, which is larger than these limits.
for (const example of operationCases.filter(({ name }) => !/Fft|attention|scatter/.test(name))) {
  webGpuTest(
    `${example.name}: split over tiny bindings and buffers, the kernels equal the reference`,
    async () => {
      await checkCase(await engine("splitSmall"), example, { repeats: 10, firstSeed: 300 });
    },
  );
}

for (const example of operationCases.filter(({ name }) => /matmul|layerNorm|transpose/.test(name))) {
  webGpuTest(`${example.name}: the kernels for real GPUs equal the float64 reference`, async () => {
    await checkCase(await engine("gpu"), example, { repeats: 15, firstSeed: 100 });
  });
}

webGpuTest("matmul() for real GPUs takes 128 x 128 tiles for large products", async () => {
  const backend = await engine("gpu");
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
});

webGpuTest(
  "realFft() of 2^21 points equals the direct sum at single frequencies, and its inverse gives x back",
  async () => {
    const backend = await engine("plain");
    const n = 2 ** 21, length = n - 5;
    const x = Float32Array.from(
      { length },
      (_, t) => Math.fround(Math.sin(t * t % 1000) + (t % 7 === 0 ? 1 : 0)),
    );
    const [signal, spectrum, back] = [length, n + 2, length].map((size) => backend.allocate("f32", size));
    backend.write(signal, x);
    backend.fill(spectrum, NaN);
    backend.fill(back, NaN);
    backend.realFft(spectrum, signal, 1, length, n);
    const found = await backend.read(spectrum);
    const norm = Math.sqrt(x.reduce((sum, v) => sum + v * v, 0));
    for (const f of [0, 1, 12345, n / 7 | 0, n / 2]) {
      let re = 0, im = 0;
      for (let t = 0; t < length; t++) {
        const angle = 2 * Math.PI * (f * t % n) / n;
        re += x[t] * Math.cos(angle);
        im -= x[t] * Math.sin(angle);
      }
      const error = Math.hypot(found[2 * f] - re, found[2 * f + 1] - im);
      assertEquals(
        error < 1e-5 * Math.max(norm, Math.hypot(re, im)),
        true,
        `frequency ${f} is off by ${error}`,
      );
    }
    backend.inverseRealFft(back, spectrum, 1, length, n);
    const again = await backend.read(back) as Float32Array;
    const worst = again.reduce((most, v, t) => Math.max(most, Math.abs(v - x[t])), 0);
    assertEquals(worst < 1e-5, true, `off by ${worst}`);
    [signal, spectrum, back].forEach((storage) => backend.release(storage));
  },
);
