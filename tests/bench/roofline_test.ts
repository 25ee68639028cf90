/** What a task reached of the roof of a machine, and the loop that measures one. */
import { assertAlmostEquals, assertEquals } from "@std/assert";
import { multiplyAddModule } from "../../bench/multiply_adds.ts";
import { higherRoof, reachedOf, type Roof } from "../../bench/roofline.ts";

const rates = { widest: 400, wasm: 100, memory: 40, ownMemory: 50, cache: 200, ownCache: 100 };
const roof: Roof = {
  widestBits: 512,
  cacheBytes: 2e6,
  rates: [{ ...rates, threads: 1, wasm: 50 }, { ...rates, threads: 2 }],
};
const own = "CPU, 2 threads, relaxed SIMD", blas = `${own}, products by libopenblas.so.0`;

Deno.test("reachedOf() takes the roof that binds: multiply-adds of our vectors, or memory", () => {
  const heavy = reachedOf(roof, { gflop: 100, gbytes: 1 }, own, 2)!;
  assertEquals(heavy.roof, "128-bit multiply-adds");
  assertAlmostEquals(heavy.share, 0.5);
  assertAlmostEquals(heavy.ofWidest!, 50 / 400);
  const light = reachedOf(roof, { gflop: 1, gbytes: 100 }, own, 4)!;
  assertEquals([light.roof, light.share], ["memory", 0.5]);
  const small = reachedOf(roof, { gbytes: 0.001 }, own, 1e-5)!; // fits in the cache
  assertEquals([small.roof, small.share], ["cache", 0.5]);
  assertEquals(reachedOf(roof, {}, own, 1), null);
});

Deno.test("reachedOf() gives products by BLAS the widest vectors, and the rest of the task ours", () => {
  const mixed = reachedOf(roof, { gflop: 500, gflopBesideProducts: 100 }, blas, 4)!;
  // 400 at 400 a second and 100 at 100 a second.
  assertAlmostEquals(mixed.share, 2 / 4);
  assertEquals(mixed.roof, "AVX-512 multiply-adds and 128-bit multiply-adds");
});

Deno.test("reachedOf() takes the rates of the engine's threads", () => {
  const share = (engine: string) => reachedOf(roof, { gflop: 100 }, engine, 4)!.share;
  assertAlmostEquals(share("CPU, 1 thread, relaxed SIMD"), 0.5);
  assertAlmostEquals(share("CPU, 2 threads, relaxed SIMD"), 0.25);
});

Deno.test("higherRoof() keeps the better of two measurements, rate by rate", () => {
  const other = { ...roof, rates: roof.rates.map((one) => ({ ...one, widest: 300, memory: 60 })) };
  const [, { widest, memory, wasm, threads }] = higherRoof(roof, other).rates;
  assertEquals({ widest, memory, wasm, threads }, { widest: 400, memory: 60, wasm: 100, threads: 2 });
});

Deno.test("the loop of multiply-adds sums what it says", async () => {
  const { instance } = await WebAssembly.instantiate(multiplyAddModule());
  const run = instance.exports.run as (n: number) => number;
  // Twelve sums of n products 0.999 * 0.001 each; float32 keeps 6 digits of them.
  assertAlmostEquals(run(10), 12 * 10 * 0.999e-3, 1e-6);
});
