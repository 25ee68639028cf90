import { assertEquals } from "@std/assert";
import { forbiddenBlas } from "../../../lib/backend/cpu/blas_places.ts";
import { openCpuBackend } from "../../../lib/backend/cpu/mod.ts";
import { operationCases } from "../../support/operation_cases.ts";
import { checkCase } from "../../support/operation_check.ts";

/** Sizes up to 131 meet every edge of tiles and vectors; those up to 400 are cut into several chunks. */
const small = { repeats: 30, largest: 131 }, large = { repeats: 5, largest: 400, firstSeed: 1001 };

const engines = [
  { name: "relaxed SIMD", draws: [small, large], options: { blas: "off" } },
  { name: "plain SIMD", draws: [large], options: { blas: "off", plainSimd: true } },
] as const;

for (const { name, draws, options } of engines) {
  for (const example of operationCases) {
    Deno.test(`${example.name} equals float64 on random shapes, ${name}`, async () => {
      const backend = await openCpuBackend({ threads: 2, ...options });
      try {
        for (const draw of draws) await checkCase(backend, example, draw);
      } finally {
        await backend.close();
      }
    });
  }
}

const withBlas = await openCpuBackend({ threads: 2, blas: "auto" });
const library = withBlas.description.split("products by ")[1];
const hasBlas = library !== undefined;
await withBlas.close();

for (const example of operationCases.filter(({ name }) => name.startsWith("matmul"))) {
  Deno.test({
    name: `${example.name} equals float64 on random shapes, BLAS${hasBlas ? "" : " [left out: no library]"}`,
    ignore: !hasBlas,
    fn: async () => {
      const backend = await openCpuBackend({ threads: 2, blas: "auto" });
      try {
        await checkCase(backend, example, { ...small, largest: 200 });
      } finally {
        await backend.close();
      }
    },
  });
}

Deno.test({
  name: "without permission for FFI products stay in WebAssembly, and nobody is asked",
  permissions: { ffi: false, read: true },
  fn: async () => {
    const backend = await openCpuBackend({ threads: 2, blas: "auto" });
    assertEquals(backend.description, "CPU, 2 threads, relaxed SIMD");
    assertEquals(forbiddenBlas(), library ?? null);
    await backend.close();
  },
});

Deno.test({
  name: `permission for the library alone is enough${hasBlas ? "" : " [left out: no library]"}`,
  ignore: !hasBlas,
  permissions: { ffi: [library ?? ""] },
  fn: async () => {
    const backend = await openCpuBackend({ threads: 2, blas: "auto" });
    assertEquals(backend.description, withBlas.description);
    await checkCase(backend, operationCases[0], { repeats: 2, largest: 200 });
    await backend.close();
  },
});

Deno.test("forbiddenBlas() names no library that may be used", () => {
  assertEquals(forbiddenBlas(), null);
});

Deno.test({
  name: "forbiddenBlas() does not look where it may not",
  permissions: "none",
  fn: () => assertEquals(forbiddenBlas(), null),
});

Deno.test("every operation works on storages beyond 2 GiB", async () => {
  const backend = await openCpuBackend({ threads: 2, blas: "off" });
  // Never touched, so it takes addresses and no memory.
  backend.allocate("f32", 9 * 2 ** 26);
  for (const example of operationCases) await checkCase(backend, example, { repeats: 2 });
  await backend.close();
});
