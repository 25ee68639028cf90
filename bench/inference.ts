/**
 * Embeddings beside PyTorch on the same machine in the same run: models of the published shapes with random weights,
 * one sequence at a time, each program in a process of its own. Prints seconds of a forward pass (the best of the
 * repeats), peak memory of the process and their ratios; and how the cost of a token grows with length.
 *
 *   deno run -A bench/inference.ts                       (all; about 20 minutes on two cores)
 *   deno run -A bench/inference.ts nt-2001 hyena-16384   (some)
 *   deno run -A bench/inference.ts growth                (tokens a second from 1,024 to 131,072; about 15 minutes)
 *
 * Our CPU figures are taken twice: with matrix products by the system's BLAS library (-P=blas), and by our own WebAssembly
 * kernels alone (-P). The peer is bench/inference_peer.py under the Python of bench/peers.sh, with one thread and with all
 * cores, of which the faster counts; --no-peer prints our own figures alone.
 */
import { fromFileUrl, join } from "@std/path";
import { openBackend } from "../lib/backend/device.ts";
import { openHyenaEmbedder } from "../lib/embedding/hyena_embedder.ts";
import { openNtEmbedder } from "../lib/embedding/nt_embedder.ts";
import { openModelSource } from "../lib/models/model_source.ts";
import { hyenaForward, ntForward } from "./network_work.ts";
import { peakMib } from "./peak_memory.ts";
import { benchFlags, exitWith, type Peer, peerFlags, peerOrExit } from "./peer.ts";
import { printRows, type Row, rowsFlag } from "./rows.ts";
import { hyenaLarge, nt50m, writeRandomHyena, writeRandomNt } from "../tests/support/random_models.ts";

interface Case {
  name: string;
  kind: "ntv2" | "hyenadna";
  tokens: number;
  repeats: number;
  blas?: "auto" | "off";
}

const self = fromFileUrl(import.meta.url);
const declarations = {
  "tiny": { default: false, help: "one layer and 65 tokens: to see that it runs" },
  "repeats": { default: 3, min: 1, help: "passes of which the best counts (131,072 tokens: one)" },
  "peer-threads": {
    default: "best",
    choices: ["best", "all"],
    help: "PyTorch on one thread and on all, whichever is faster, or on all alone",
  },
  ...peerFlags,
  ...rowsFlag,
};

const cases: Case[] = [
  { name: "nt-2001", kind: "ntv2", tokens: 2001, repeats: Infinity },
  { name: "hyena-16384", kind: "hyenadna", tokens: 16_384, repeats: Infinity },
  { name: "hyena-131072", kind: "hyenadna", tokens: 131_072, repeats: 1 },
];

const growthLengths = [1024, 2048, 4096, 8192, 16_384, 32_768, 65_536, 131_072];
/** All layers cost the same: one of NT's shows how the cost grows, and twelve at 131,072 tokens would take over an hour. */
const growthModels = {
  hyenadna: "HyenaDNA large, 8 layers",
  ntv2: "NT-v2-50m, one of its 12 layers",
};

interface Measurement {
  seconds: number;
  peakMiB: number;
  mean: number[];
  version?: string;
}

/** Random tokens, the same as the peer draws. */
function randomTokens(kind: Case["kind"], count: number): Int32Array<ArrayBuffer> {
  const [low, choices] = kind === "ntv2" ? [6, 4096] : [7, 4];
  let state = 1;
  return Int32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return low + (state >>> 8) % choices;
  });
}

/** In a process of its own: load, run, print a Measurement. */
async function measureOurs(
  folder: string,
  { kind, tokens, repeats, blas }: Case,
  profile: boolean,
): Promise<void> {
  const { backend } = await openBackend({ device: "auto", blas, profile });
  const log = console.log;
  console.log = () => {};
  const source = await openModelSource(folder);
  const embedder = kind === "ntv2"
    ? await openNtEmbedder(backend, source, { dtype: "f32", memoryBytes: 2 ** 32 })
    : await openHyenaEmbedder(backend, source, { dtype: "f32", memoryBytes: 3.5 * 2 ** 30 });
  console.log = log;
  const batch = {
    tokenIds: randomTokens(kind, tokens),
    mask: new Int32Array(tokens).fill(1),
    batch: 1,
    length: tokens,
  };
  let seconds = Infinity, mean: number[] = [];
  for (let i = 0; i < repeats; i++) {
    const start = performance.now();
    const { values: [[vector]] } = await embedder.embed(batch, [{ layer: "last", pooling: "mean" }], false);
    mean = [...vector.slice(0, 8)];
    seconds = Math.min(seconds, (performance.now() - start) / 1000);
  }
  const peakMiB = peakMib() ?? NaN;
  for (const [family, { calls, ms }] of [...await backend.profile()].sort(([, a], [, b]) => b.ms - a.ms)) {
    console.error(`${ms.toFixed(0).padStart(8)} ms ${String(calls).padStart(6)} calls  ${family}`);
  }
  await embedder.close();
  await backend.close();
  console.log(JSON.stringify({ seconds, peakMiB, mean, version: backend.description }));
}

interface Options {
  readonly python: Peer | null;
  /** Of PyTorch: each of them is tried. */
  readonly threads: readonly number[];
  readonly layers: number | null;
}

async function oursInChild(folder: string, one: Case): Promise<Measurement> {
  const args = ["run", "-A", self, "--ours", folder, JSON.stringify(one)];
  const { success, stdout } = await new Deno.Command(Deno.execPath(), { args, stderr: "inherit" }).output();
  if (!success) throw new Error(`${one.kind} with ${one.tokens} tokens failed`);
  return JSON.parse(new TextDecoder().decode(stdout));
}

async function compare(folder: string, one: Case, options: Options): Promise<Row[]> {
  const { python } = options;
  const peer = python && await fastestPeer(python, folder, one, options.threads);
  const rows: Row[] = [];
  if (peer) {
    console.log(
      `${one.name}: PyTorch ${peer.version}: ${peer.seconds.toFixed(2)} s, ${peer.peakMiB.toFixed(0)} MiB`,
    );
  }
  const seen = new Set<string>();
  for (const blas of ["auto", "off"] as const) {
    const ours = await oursInChild(folder, { ...one, blas });
    if (seen.has(ours.version!)) continue;
    seen.add(ours.version!);
    console.log(
      `${one.name}: ${ours.seconds.toFixed(2)} s, ${ours.peakMiB.toFixed(0)} MiB (${ours.version})`,
    );
    if (!peer) continue;
    const scale = Math.max(...peer.mean.map(Math.abs));
    const worst = Math.max(...peer.mean.map((value, i) => Math.abs(value - ours.mean[i]))) / scale;
    console.log(
      `  ours / PyTorch: time ${(ours.seconds / peer.seconds).toFixed(2)}, ` +
        `memory ${(ours.peakMiB / peer.peakMiB).toFixed(2)}; vectors agree to ${worst.toExponential(1)}`,
    );
    rows.push({
      subject: `${one.kind === "ntv2" ? "NT-v2-50m" : "HyenaDNA large-1m"}, forward, ${one.tokens} tokens`,
      engine: ours.version!,
      ours: { seconds: ours.seconds, peakMib: ours.peakMiB },
      peer: { seconds: peer.seconds, peakMib: peer.peakMiB },
      peerName: `PyTorch ${peer.version}`,
      work: one.kind === "ntv2"
        ? ntForward({ ...nt50m, layers: options.layers ?? nt50m.layers, tokens: one.tokens })
        : hyenaForward({ ...hyenaLarge, layers: options.layers ?? hyenaLarge.layers, tokens: one.tokens }),
    });
  }
  return rows;
}

/** PyTorch with each of these numbers of threads: whichever is faster. */
async function fastestPeer(
  python: Peer,
  folder: string,
  { kind, tokens, repeats }: Case,
  allowed: readonly number[],
): Promise<Measurement> {
  const measured: Measurement[] = [];
  for (const threads of allowed) {
    const args = [folder, kind, tokens, threads, repeats].map(String);
    measured.push(JSON.parse(await python.run("inference_peer.py", args)));
  }
  return measured.sort((a, b) => a.seconds - b.seconds)[0];
}

/** Cost of a token beside that at the shortest length. Attention grows with length, a convolution with its logarithm. */
async function growth(folders: Record<Case["kind"], string>): Promise<void> {
  for (const kind of ["hyenadna", "ntv2"] as const) {
    console.log(`growth, ${growthModels[kind]}`);
    let first: { tokens: number; cost: number } | null = null;
    for (const tokens of growthLengths) {
      const one: Case = { name: "", kind, tokens, repeats: tokens > 32_768 ? 1 : 3 };
      const ours = await oursInChild(folders[kind], one);
      const cost = ours.seconds / tokens;
      first ??= { tokens, cost };
      const allowed = kind === "ntv2"
        ? tokens / first.tokens
        : Math.log2(2 * tokens) / Math.log2(2 * first.tokens);
      console.log(
        `${String(tokens).padStart(9)} tokens: ${(1 / cost).toFixed(0).padStart(6)} tokens/s, ` +
          `${(cost / first.cost).toFixed(2)} times the cost of a token at ${first.tokens} ` +
          `(${kind === "ntv2" ? "length" : "its logarithm"}: ${allowed.toFixed(2)} times), ` +
          `${ours.peakMiB.toFixed(0)} MiB`,
      );
    }
  }
}

if (import.meta.main) {
  if (Deno.args[0] === "--ours") {
    await measureOurs(Deno.args[1], JSON.parse(Deno.args[2]), Deno.env.has("PROFILE"));
  } else {
    const names = [...cases.map(({ name }) => name), "growth"];
    const flags = benchFlags(
      declarations,
      { script: "bench/inference.ts", about: `Embeddings beside PyTorch: ${names.join(", ")}.` },
      Deno.args.filter((argument) => !names.includes(argument)),
    );
    const python = await peerOrExit(["torch", "numpy"], flags);
    const folder = await Deno.makeTempDir({ prefix: "inference_bench" });
    try {
      const folders = { ntv2: join(folder, "nt"), hyenadna: join(folder, "hyena") };
      const size: { layers?: number } = flags.tiny ? { layers: 1 } : {};
      writeRandomNt(folders.ntv2, { ...nt50m, ...size });
      writeRandomHyena(folders.hyenadna, { ...hyenaLarge, ...size, maxTokens: flags.tiny ? 1026 : 131_074 });
      const named = names.filter((name) => Deno.args.includes(name));
      const chosen = named.length > 0 ? named : names;
      const rows: Row[] = [];
      const all = navigator.hardwareConcurrency;
      const options: Options = {
        python,
        threads: flags.peerThreads === "all" ? [all] : [...new Set([1, all])],
        layers: size.layers ?? null,
      };
      for (const one of cases) {
        if (!chosen.includes(one.name)) continue;
        const shape = {
          ...one,
          repeats: Math.min(one.repeats, flags.repeats),
          ...flags.tiny && { tokens: 65 },
        };
        rows.push(...await compare(folders[one.kind], shape, options).catch(exitWith));
      }
      printRows(flags.json, rows);
      if (chosen.includes("growth")) {
        const oneLayer = join(folder, "nt-one-layer");
        writeRandomNt(oneLayer, { ...nt50m, layers: 1 });
        await growth({ ...folders, ntv2: oneLayer });
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  }
}
