/** A short measure of an engine: how fast it multiplies matrices, and how fast it streams memory. */
import type { Backend } from "./backend.ts";

export interface EngineSpeed {
  /** float32 matrix products, billions of operations a second. */
  readonly gigaflops: number;
  /** Size of the square matrices. */
  readonly size: number;
  /** Element-wise addition, billions of bytes read and written a second. */
  readonly gigabytes: number;
}

/**
 * Time matrix products for half of `seconds` and additions for the other half.
 *
 * @param size of the square matrices
 */
export async function measureEngine(backend: Backend, seconds: number, size: number): Promise<EngineSpeed> {
  const n = size * size;
  const data = Float32Array.from({ length: n }, (_, i) => i % 17 / 17 - 0.5);
  const [a, b, out] = [0, 0, 0].map(() => backend.allocate("f32", n));
  backend.write(a, data);
  backend.write(b, data);
  const shape = { m: size, n: size, k: size };
  const products = await callsPerSecond(
    backend,
    seconds / 2,
    () => backend.matmul({ storage: out }, { storage: a }, { storage: b }, shape),
  );
  const additions = await callsPerSecond(
    backend,
    seconds / 2,
    () => backend.binary("add", out, a, b, size, size, "same"),
  );
  [a, b, out].forEach((storage) => backend.release(storage));
  return { gigaflops: products * 2 * size ** 3 / 1e9, size, gigabytes: additions * 12 * n / 1e9 };
}

/** Calls are enqueued in batches that grow until one takes a quarter of the time, so that waiting costs nothing. */
async function callsPerSecond(backend: Backend, seconds: number, call: () => void): Promise<number> {
  call(); // the first call compiles
  await backend.finish();
  const end = performance.now() + 1000 * seconds;
  let best = 0;
  for (let calls = 1; performance.now() < end;) {
    const start = performance.now();
    for (let i = 0; i < calls; i++) call();
    await backend.finish();
    const taken = (performance.now() - start) / 1000;
    best = Math.max(best, calls / taken);
    if (taken < seconds / 4) calls *= 2;
  }
  return best;
}
