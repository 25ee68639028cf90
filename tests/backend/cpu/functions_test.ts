import { assert, assertEquals } from "@std/assert";
import type { Activation } from "../../../lib/backend/backend.ts";
import { openCpuBackend } from "../../../lib/backend/cpu/mod.ts";
import { derivatives, functions } from "../../support/reference.ts";

/** Where each function is tried, and its largest error at any single point: relative, or absolute where it cancels. */
const ranges: [f: Activation | "exp", from: number, to: number, relative: number, absolute: number][] = [
  ["exp", -87, 88, 2e-7, 0],
  ["exp", -103, -87, 2e-7, 1.5e-45],
  ["tanh", -10, 10, 4e-7, 0],
  ["tanh", -0.01, 0.01, 4e-7, 0],
  ["sin", -1e4, 1e4, 2e-7, 1e-9],
  ["sin", -3, 3, 2e-7, 0],
  // x / 2 (1 + erf) far below zero is half of x times what the last bit of 1 leaves.
  ["gelu", -6, 6, 4e-7, 1.5e-6],
  ["geluTanh", -6, 6, 4e-7, 1.5e-6],
  ["silu", -80, 80, 3e-7, 0],
];

const points = 100_001;

for (const plainSimd of [false, true]) {
  const build = plainSimd ? "plain SIMD" : "relaxed SIMD";
  Deno.test(`functions are right to single precision at ${points} points, ${build}`, async () => {
    const backend = await openCpuBackend({ threads: 2, blas: "off", plainSimd });
    const [x, y, ones] = [0, 1, 2].map(() => backend.allocate("f32", points));
    backend.fill(ones, 1);
    for (const [f, from, to, relative, absolute] of ranges) {
      const at = Float32Array.from({ length: points }, (_, i) => from + (to - from) * i / (points - 1));
      backend.write(x, at);
      backend.unary(f, y, x, points);
      (await backend.read(y)).forEach((found, i) => {
        const wanted = functions[f](at[i]);
        const error = Math.abs(found - wanted);
        assert(error <= relative * Math.abs(wanted) + absolute, `${f}(${at[i]}) = ${found}, not ${wanted}`);
      });
      if (f === "exp") continue;
      backend.unaryBackward(f, y, ones, x, points);
      (await backend.read(y)).forEach((found, i) => {
        const wanted = derivatives[f](at[i]);
        assert(Math.abs(found - wanted) <= 1e-5, `slope of ${f} at ${at[i]} is ${found}, not ${wanted}`);
      });
    }
    await backend.close();
  });

  Deno.test(`functions keep NaN and are finite where they should be, ${build}`, async () => {
    const backend = await openCpuBackend({ threads: 1, blas: "off", plainSimd });
    const apply = async (f: Activation | "exp", ...numbers: number[]) => {
      const x = backend.allocate("f32", numbers.length);
      backend.write(x, Float32Array.from(numbers));
      backend.unary(f, x, x, numbers.length);
      return [...await backend.read(x)];
    };
    for (const f of ["relu", "gelu", "geluTanh", "silu", "tanh", "sin", "exp"] as const) {
      assertEquals(await apply(f, NaN), [NaN], f);
    }
    assertEquals(await apply("exp", -Infinity, Infinity, 0, 89, -150), [0, Infinity, 1, Infinity, 0]);
    assertEquals(await apply("relu", Infinity, -Infinity, -1, 0, 1), [Infinity, 0, 0, 0, 1]);
    assert(
      (await apply("tanh", Infinity, -1e30, 1e30)).every((value) => Math.abs(Math.abs(value) - 1) < 4e-7),
    );
    assert((await apply("sin", 1e10, -1e20, 3e38)).every((value) => Math.abs(value) <= 1));
    assertEquals(await apply("gelu", 1e30, -1e30), [Math.fround(1e30), 0]);
    await backend.close();
  });
}
