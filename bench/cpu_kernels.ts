/**
 * The CPU engine's kernels beside onnxruntime-web (WebAssembly), NumPy and PyTorch on the same machine in the same run.
 *
 *   deno run --lock=tests/deno.lock -P=test bench/cpu_kernels.ts --threads 1
 *   deno run --lock=tests/deno.lock -P=test bench/cpu_kernels.ts --threads 2
 *   deno run --lock=tests/deno.lock -P=test bench/cpu_kernels.ts --only matmul --no-peer
 *
 * Times are the best of `--repeats`. Products and attention are timed as the engine's own WebAssembly and, where a library is
 * found, with BLAS; NumPy and PyTorch are those of bench/peers.sh. OPENBLAS_CORETYPE, where it is set, holds for ours alone.
 */
import type { Backend, Storage } from "../lib/backend/backend.ts";
import { openCpuBackend } from "../lib/backend/cpu/mod.ts";
import { onnxMatmul } from "./onnx_matmul.ts";
import { benchFlags, exitWith, noOnnxRuntime, type Peer, peerFlags, peerOrExit } from "./peer.ts";
import { printRows, type Row, rowsFlag } from "./rows.ts";

const flags = benchFlags({
  "threads": {
    default: navigator.hardwareConcurrency,
    min: 1,
    help: "threads of the engine and of its peers",
  },
  "repeats": { default: 15, min: 1, help: "runs of which the best counts" },
  "onnx": { default: true, help: "also onnxruntime-web (npm, 279 MB)" },
  "only": { default: "", help: "cases whose name contains this" },
  ...peerFlags,
  ...rowsFlag,
}, { script: "bench/cpu_kernels.ts", about: "The CPU engine's kernels beside their peers." });

const peerPython = await peerOrExit(["numpy", "torch"], flags);

interface Case {
  name: string;
  /** Floating-point operations of a call, or bytes moved where that is what counts. */
  work: number;
  unit: "GFLOP/s" | "GB/s";
  /** The least bytes of a call, where `work` is operations: inputs and results once. */
  bytes?: number;
  /** Has its peer in bench/cpu_kernels_peer.py under this name. */
  peer?: boolean;
  /** @returns the call to time */
  prepare(backend: Backend, input: (length: number) => Storage): () => void;
}

const matmul = (m: number, n: number, k: number, kind: "" | "A' B" | "A B'" = ""): Case => ({
  name: `matmul ${m} x ${n} x ${k}${kind && `, ${kind}`}`,
  work: 2 * m * n * k,
  unit: "GFLOP/s",
  bytes: 4 * (m * k + k * n + m * n),
  peer: true,
  prepare(backend, input) {
    const [a, b, out] = [input(m * k), input(k * n), input(m * n)];
    const left = { storage: a, transposed: kind === "A' B" },
      right = { storage: b, transposed: kind === "A B'" };
    return () => backend.matmul({ storage: out }, left, right, { m, n, k });
  },
});

const attention = (length: number, heads: number, headWidth: number, backward: boolean): Case => ({
  name: `attention ${length} x ${heads} heads of ${headWidth}${backward ? ", forward and backward" : ""}`,
  work: (backward ? 14 : 4) * length ** 2 * heads * headWidth,
  unit: "GFLOP/s",
  bytes: 4 * (backward ? 12 : 4) * length * heads * headWidth,
  peer: true,
  prepare(backend, input) {
    const size = length * heads * headWidth;
    const [q, k, v, out, dq, dk, dv, dout] = Array.from({ length: 8 }, () => input(size));
    const logSumExp = input(heads * length);
    const shape = { batch: 1, heads, length, headWidth, scale: headWidth ** -0.5 };
    const operands = { out, logSumExp, q, k, v, keyMask: null };
    return () => {
      backend.attention(operands, shape);
      if (backward) backend.attentionBackward({ ...operands, dq, dk, dv, dout }, shape);
    };
  },
});

const fft = (rows: number, n: number): Case => ({
  name: `real FFT ${rows} x ${n}`,
  work: 2.5 * n * Math.log2(n) * rows,
  unit: "GFLOP/s",
  bytes: 4 * rows * (2 * n + 2),
  peer: true,
  prepare(backend, input) {
    const x = input(rows * n), spectrum = input(rows * (n + 2));
    return () => backend.realFft(spectrum, x, rows, n, n);
  },
});

const elements = 1 << 22;

const elementWise = (
  name: string,
  storages: number,
  run: (backend: Backend, storages: Storage[]) => void,
): Case => ({
  name: `${name}, ${elements} elements`,
  work: 4 * storages * elements,
  unit: "GB/s",
  peer: true,
  prepare(backend, input) {
    const inputs = Array.from({ length: 4 }, () => input(elements));
    return () => run(backend, inputs);
  },
});

const adam = {
  ...{ learningRate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 1e-4 },
  decoupled: true,
  step: 2,
};

const cases: Case[] = [
  matmul(1024, 1024, 1024),
  matmul(241, 1024, 512),
  matmul(241, 4912, 256),
  matmul(256, 4912, 241, "A' B"),
  matmul(241, 256, 4912, "A B'"),
  matmul(2001, 4096, 512),
  matmul(4, 4912, 512),
  attention(2001, 16, 32, false),
  attention(2001, 16, 32, true),
  attention(512, 16, 32, true),
  attention(512, 20, 64, true),
  attention(8192, 4, 32, true),
  attention(8192, 4, 64, true),
  fft(256, 8192),
  fft(16, 1 << 19),
  fft(1, 1 << 21),
  elementWise("add", 3, (backend, [a, b, out]) => backend.binary("add", out, a, b, 1, elements, "same")),
  elementWise("gelu", 2, (backend, [x, out]) => backend.unary("gelu", out, x, elements)),
  elementWise("siluGate", 3, (backend, [x, out]) => backend.siluGate(out, x, elements / 1024, 512)),
  elementWise("tanh", 2, (backend, [x, out]) => backend.unary("tanh", out, x, elements)),
  elementWise("sin", 2, (backend, [x, out]) => backend.unary("sin", out, x, elements)),
  elementWise("dropout", 2, (backend, [x, out]) => backend.dropout(out, x, elements, 0.2, 1, 2)),
  elementWise("layerNorm", 2, (backend, [x, out, stats]) => {
    backend.layerNorm(
      { out, stats, x, gamma: null, beta: null },
      { rows: elements / 512, columns: 512, epsilon: 1e-5 },
    );
  }),
  elementWise("columnSum", 1, (backend, [x, out]) => backend.columnSum(out, x, null, elements / 512, 512)),
  elementWise(
    "AdamW",
    7,
    (backend, [p, g, m, v]) => backend.adam({ parameter: p, gradient: g, m, v }, elements, adam),
  ),
].filter(({ name }) => name.includes(flags.only));

/** Best seconds of each case. */
async function timeOurs(
  blas: "auto" | "off",
  cases: readonly Case[],
): Promise<{ description: string; seconds: Map<string, number> }> {
  const backend = await openCpuBackend({ threads: flags.threads, blas });
  const seconds = new Map<string, number>();
  for (const example of cases) {
    const storages: Storage[] = [];
    const run = example.prepare(backend, (length) => {
      const storage = backend.allocate("f32", length);
      backend.write(storage, Float32Array.from({ length }, (_, i) => i * 7919 % 1000 / 500 + 0.001));
      storages.push(storage);
      return storage;
    });
    for (let i = 0; i < 3; i++) run();
    let best = Infinity;
    for (let i = 0; i < flags.repeats; i++) {
      const start = performance.now();
      run();
      best = Math.min(best, (performance.now() - start) / 1000);
    }
    seconds.set(example.name, best);
    for (const storage of storages) backend.release(storage);
  }
  await backend.close();
  return { description: backend.description, seconds };
}

async function timeOnnx(size: number): Promise<number> {
  const ort = await import("npm:onnxruntime-web@1.30.0").catch(noOnnxRuntime);
  ort.env.wasm.numThreads = flags.threads;
  const session = await ort.InferenceSession.create(onnxMatmul(size, size, size), {
    executionProviders: ["wasm"],
  });
  const matrix = () => new ort.Tensor("float32", new Float32Array(size * size).fill(0.5), [size, size]);
  const feeds = { a: matrix(), b: matrix() };
  let best = Infinity;
  for (let i = 0; i < flags.repeats + 3; i++) {
    const start = performance.now();
    await session.run(feeds);
    best = Math.min(best, (performance.now() - start) / 1000);
  }
  await session.release();
  return best;
}

/** Best seconds by name, and the versions. */
async function timePython(peer: Peer): Promise<{ versions: string; seconds: Record<string, number> }> {
  const names = cases.filter(({ peer }) => peer).map(({ name }) => name);
  const settings = JSON.stringify({ names, threads: flags.threads, repeats: flags.repeats });
  return JSON.parse(await peer.run("cpu_kernels_peer.py", [settings]).catch(exitWith));
}

/** Whether a library has a part in it. */
const byBlas = ({ name }: Case) => name.startsWith("matmul") || name.startsWith("attention");
const own = await timeOurs("off", cases), blas = await timeOurs("auto", cases.filter(byBlas));
const hasBlas = blas.description !== own.description;
const python = peerPython ? await timePython(peerPython) : null;
console.log(own.description);
if (hasBlas) console.log(blas.description);
if (python) console.log(`beside ${python.versions}, ${flags.threads} threads`);
console.log(
  `\n${"".padEnd(54)}${"own".padStart(18)}${"with BLAS".padStart(12)}${
    "peer".padStart(10)
  }   peer's time / ours`,
);
for (const one of cases) {
  const { name, work, unit } = one;
  const time = own.seconds.get(name)!, library = blas.seconds.get(name), peer = python?.seconds[name];
  const rate = (seconds: number | undefined) =>
    seconds === undefined ? "" : (work / seconds / 1e9).toFixed(1);
  const isProduct = hasBlas && byBlas(one);
  const ratio = peer === undefined
    ? ""
    : `${(peer / time).toFixed(2)}${isProduct ? `, with BLAS ${(peer / library!).toFixed(2)}` : ""}`;
  console.log(
    `${name.padEnd(54)}${rate(time).padStart(10)} ${unit.padEnd(7)}${
      (isProduct ? rate(library) : "").padStart(12)
    }${rate(peer).padStart(10)}   ${ratio}`,
  );
}
if (python) {
  const row = (one: Case, engine: string, seconds: number): Row => ({
    subject: `${one.name}, ${flags.threads} threads`,
    engine,
    ours: { seconds },
    peer: { seconds: python.seconds[one.name] },
    peerName: python.versions,
    work: {
      ...one.unit === "GFLOP/s" &&
        { gflop: one.work / 1e9, gflopBesideProducts: byBlas(one) ? 0 : one.work / 1e9 },
      gbytes: (one.bytes ?? one.work) / 1e9,
    },
  });
  const timed = cases.filter(({ name }) => name in python.seconds);
  printRows(flags.json, [
    ...timed.map((one) => row(one, own.description, own.seconds.get(one.name)!)),
    ...(hasBlas ? timed.filter(byBlas) : []).map((one) =>
      row(one, blas.description, blas.seconds.get(one.name)!)
    ),
  ]);
}
if (flags.peer && flags.onnx && "matmul 1024".startsWith(flags.only)) {
  const peer = await timeOnnx(1024), time = own.seconds.get("matmul 1024 x 1024 x 1024");
  const rate = (2 * 1024 ** 3 / peer / 1e9).toFixed(1);
  console.log(
    `\nonnxruntime-web, MatMul 1024^3: ${rate} GFLOP/s${
      time ? `; ours is ${(peer / time).toFixed(2)} times as fast` : ""
    }`,
  );
}
