/**
 * The roof of this machine, measured: GFLOP/s of its widest vectors (NumPy's product), of the 128-bit multiply-adds that
 * WebAssembly has, and GB/s from memory and from the cache, by NumPy and by our engine, on one thread and on all.
 *
 *   deno run -A bench/roofline.ts            (about half a minute; the peer is the Python of bench/peers.sh)
 *
 * A task that needs F operations and B bytes takes at least the longer of F / (GFLOP/s) and B / (GB/s): `share` is that time
 * over the time taken (Williams et al. 2009, the roofline model).
 */
import { openCpuBackend } from "../lib/backend/cpu/mod.ts";
import { parseFlags } from "../lib/cli/flags.ts";
import { multiplyAddRate } from "./multiply_adds.ts";
import { type Peer, peerFlags, peerOrExit } from "./peer.ts";
import type { Work } from "./rows.ts";

/** Of one number of threads. */
export interface Rates {
  readonly threads: number;
  /** GFLOP/s of NumPy's product. */
  readonly widest: number;
  /** GFLOP/s of 128-bit multiply-adds in WebAssembly. */
  readonly wasm: number;
  /** GB/s of additions, by NumPy and by our engine. */
  readonly memory: number;
  readonly ownMemory: number;
  readonly cache: number;
  readonly ownCache: number;
}

export interface Roof {
  /** Bits of the processor's widest vectors; null where it cannot be told. */
  readonly widestBits: number | null;
  /** Of the third-level cache; null where it cannot be told. */
  readonly cacheBytes: number | null;
  readonly rates: readonly Rates[];
}

export interface Reached {
  readonly gflops: number | null;
  readonly gbs: number | null;
  /** Of the roof that binds, 0 to 1. */
  readonly share: number;
  /** "128-bit multiply-adds", "memory". */
  readonly roof: string;
  /** `gflops` of what the processor's widest vectors reach. */
  readonly ofWidest: number | null;
}

/**
 * What a task reached of the roof that binds it. Products that BLAS takes have the roof of the widest vectors, all else that of
 * our own kernels.
 *
 * @param engine what ran it (`Backend.description`)
 * @returns null where nothing was counted
 */
export function reachedOf(roof: Roof, work: Work, engine: string, seconds: number): Reached | null {
  const { gflop, gbytes } = work;
  if (gflop === undefined && gbytes === undefined) return null;
  const threads = Number(/(\d+) threads?/.exec(engine)?.[1] ?? Infinity);
  const rates = roof.rates.find((rates) => rates.threads === threads) ?? roof.rates.at(-1)!;
  const blas = /products by/.test(engine);
  const beside = blas ? work.gflopBesideProducts ?? 0 : gflop ?? 0, products = (gflop ?? 0) - beside;
  const widest = widestName(roof);
  // A bench repeats its call: what fits stays there.
  const inCache = roof.cacheBytes !== null && (gbytes ?? 0) * 1e9 <= roof.cacheBytes;
  const bandwidth = inCache ? Math.max(rates.cache, rates.ownCache) : Math.max(rates.memory, rates.ownMemory);
  const arithmetic = products / rates.widest + beside / rates.wasm;
  const moving = (gbytes ?? 0) / bandwidth;
  const names = [...products > 0 ? [widest] : [], ...beside > 0 ? ["128-bit multiply-adds"] : []];
  return {
    gflops: gflop === undefined ? null : gflop / seconds,
    gbs: gbytes === undefined ? null : gbytes / seconds,
    share: Math.max(arithmetic, moving) / seconds,
    roof: arithmetic >= moving ? names.join(" and ") : inCache ? "cache" : "memory",
    ofWidest: gflop === undefined ? null : gflop / seconds / rates.widest,
  };
}

function widestName({ widestBits }: Roof): string {
  if (widestBits === 512) return "AVX-512 multiply-adds";
  return widestBits === 256 ? "AVX2 multiply-adds" : "the widest multiply-adds";
}

/** Markdown: a line a roof. */
export function describeRoof(roof: Roof): string {
  const line = (name: string, unit: string, of: (rates: Rates) => number) =>
    `| ${name} | ${roof.rates.map((rates) => `${of(rates).toPrecision(3)} ${unit}`).join(" | ")} |`;
  return [
    `| roof | ${
      roof.rates.map(({ threads }) => `${threads} thread${threads === 1 ? "" : "s"}`).join(" | ")
    } |`,
    `| --- |${" --- |".repeat(roof.rates.length)}`,
    line(`${widestName(roof)} (NumPy's product)`, "GFLOP/s", ({ widest }) => widest),
    line("128-bit multiply-adds (WebAssembly, registers alone)", "GFLOP/s", ({ wasm }) => wasm),
    line("memory, additions by NumPy", "GB/s", ({ memory }) => memory),
    line("memory, additions by our engine", "GB/s", ({ ownMemory }) => ownMemory),
    line("cache, additions by NumPy", "GB/s", ({ cache }) => cache),
    line("cache, additions by our engine", "GB/s", ({ ownCache }) => ownCache),
  ].join("\n");
}

/** @param options.tiny small sizes, whose rates mean nothing */
export async function measureRoof(peer: Peer, options: { tiny?: boolean } = {}): Promise<Roof> {
  // Arrays of 256 MB, and three of 1 MiB: more than a first-level cache, less than a third-level one.
  const sizes = options.tiny
    ? { size: 256, memory: 2 ** 18, cache: 2 ** 14 }
    : { size: 4096, memory: 2 ** 26, cache: 2 ** 18 };
  const rates: Rates[] = [];
  for (const threads of new Set([1, navigator.hardwareConcurrency])) {
    const args = [threads, sizes.size, sizes.memory, sizes.cache].map(String);
    const { gflops, memory, cache } = JSON.parse(await peer.run("roofline_peer.py", args));
    rates.push({
      threads,
      widest: gflops,
      wasm: await multiplyAddRate(threads),
      memory,
      ownMemory: await ownAdditions(threads, sizes.memory),
      cache,
      ownCache: await ownAdditions(threads, sizes.cache),
    });
  }
  return { widestBits: widestBits(), cacheBytes: cacheBytes(), rates };
}

/** The higher of each rate: other work on the machine can only lower one. */
export function higherRoof(a: Roof, b: Roof): Roof {
  const names = ["widest", "wasm", "memory", "ownMemory", "cache", "ownCache"] as const;
  const rates = a.rates.map((one, i) => ({
    ...one,
    ...Object.fromEntries(names.map((name) => [name, Math.max(one[name], b.rates[i][name])])),
  }));
  return { ...a, rates };
}

/** @returns GB/s of c = a + b by our engine */
async function ownAdditions(threads: number, length: number): Promise<number> {
  const backend = await openCpuBackend({ threads, blas: "off" });
  const [a, b, c] = [1, 2, 0].map((value) => {
    const storage = backend.allocate("f32", length);
    backend.fill(storage, value);
    return storage;
  });
  let best = Infinity;
  for (let i = 0; i < Math.max(7, 2 ** 25 / length); i++) {
    const start = performance.now();
    backend.binary("add", c, a, b, 1, length, "same");
    await backend.finish();
    best = Math.min(best, performance.now() - start);
  }
  await backend.close();
  return 12 * length / best / 1e6;
}

function widestBits(): number | null {
  try {
    const flags = Deno.readTextFileSync("/proc/cpuinfo");
    return /\bavx512f\b/.test(flags) ? 512 : /\bavx2\b/.test(flags) ? 256 : null;
  } catch { // another system than Linux
    return null;
  }
}

function cacheBytes(): number | null {
  try {
    const [, size, unit] = /^(\d+)([KM])/.exec(
      Deno.readTextFileSync("/sys/devices/system/cpu/cpu0/cache/index3/size"),
    )!;
    return Number(size) * (unit === "M" ? 2 ** 20 : 2 ** 10);
  } catch {
    return null;
  }
}

if (import.meta.main) {
  const flags = parseFlags({
    "python": peerFlags.python,
    "tiny": { default: false, help: "small sizes, to see that it runs" },
  }, {
    script: "bench/roofline.ts",
    about: "The roof of this machine: GFLOP/s and GB/s.",
  });
  const peer = (await peerOrExit(["numpy"], { peer: true, python: flags.python }))!;
  console.log(describeRoof(await measureRoof(peer, flags)));
}
