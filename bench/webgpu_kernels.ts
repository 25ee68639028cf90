/**
 * The WebGPU kernels, each by what it moves or computes a second, and matrix products beside onnxruntime-web's WebGPU
 * MatMul in the same run (inputs uploaded and the result read back in both).
 *
 *   deno run --lock=tests/deno.lock -A bench/webgpu_kernels.ts                   sizes that suit the adapter
 *   deno run --lock=tests/deno.lock -A bench/webgpu_kernels.ts --no-peer         without onnxruntime-web (npm, 279 MB)
 *   deno run --lock=tests/deno.lock -A bench/webgpu_kernels.ts --kernels gpu     kernels for real GPUs, on whatever there is
 *
 * On a real GPU the sizes are those of the goal: float32 products of 4096^3, attention over 2,048 positions with 16
 * heads of 32. Times are the best of `--repeats`, each of them a submission of several calls that is waited for.
 */
import { openWebGpuBackend } from "../lib/backend/webgpu/mod.ts";
import { onnxMatmul } from "./onnx_matmul.ts";
import { benchFlags, exitWith, noOnnxRuntime } from "./peer.ts";
import { printRows, type Row, rowsFlag } from "./rows.ts";

const flags = benchFlags({
  "repeats": { default: 5, min: 1, help: "runs of which the best counts" },
  "peer": { default: true, help: "time onnxruntime-web too" },
  "only-peer": { default: false, help: "nothing but the products beside onnxruntime-web" },
  "kernels": {
    default: "",
    choices: ["", "software", "gpu"],
    help: "kernels instead of those that suit the adapter",
  },
  ...rowsFlag,
  "size": { default: 0, min: 0, help: "largest product instead of the adapter's own" },
}, { script: "bench/webgpu_kernels.ts", about: "The WebGPU kernels beside onnxruntime-web's." });

const backend = await openWebGpuBackend({
  kernels: (flags.kernels || undefined) as "software" | "gpu" | undefined,
}).catch(exitWith);
const { software } = backend.adapter;
console.log(`${backend.description}${software ? " (software adapter)" : ""}`);

function random(length: number): Float32Array<ArrayBuffer> {
  let state = 1;
  return Float32Array.from(
    { length },
    () => (state = Math.imul(state, 1664525) + 1013904223 >>> 0) / 2 ** 31 - 1,
  );
}

function upload(length: number) {
  const storage = backend.allocate("f32", length);
  backend.write(storage, random(length));
  return storage;
}

/**
 * Seconds of one call: the best of `repeats`. A submission holds as many calls as take a third of a second, since Deno
 * looks for the end of one every 10 ms only.
 */
async function seconds(run: () => void): Promise<number> {
  run();
  await backend.finish();
  let best = Infinity;
  for (let i = 0, calls = 1; i < flags.repeats;) {
    const start = performance.now();
    for (let call = 0; call < calls; call++) run();
    await backend.finish();
    const taken = (performance.now() - start) / 1000;
    best = Math.min(best, taken / calls);
    if (taken < 0.15) calls = Math.ceil(calls * Math.min(16, 0.3 / taken));
    else i++;
  }
  return best;
}

function report(name: string, time: number, amount: number, unit: "GFLOP/s" | "GB/s", more = ""): void {
  const rate = (amount / time / 1e9).toFixed(2).padStart(10);
  console.log(`${name.padEnd(48)}${(time * 1000).toFixed(2).padStart(10)} ms${rate} ${unit}${more}`);
}

// Matrix products ---------------------------------------------------------------------------------------------

/** Time the same product in both, turn by turn, so that other work on the machine meets both alike. */
async function besidePeer(size: number): Promise<{ own: number; peer: number }> {
  const ort = await import("npm:onnxruntime-web@1.30.0/webgpu").catch(noOnnxRuntime);
  const session = await ort.InferenceSession.create(onnxMatmul(size, size, size), {
    executionProviders: ["webgpu"],
  });
  const [dataA, dataB] = [random(size * size), random(size * size)];
  const [a, b, out] = [0, 0, 0].map(() => backend.allocate("f32", size * size));
  const runs = {
    own: async () => {
      backend.write(a, dataA);
      backend.write(b, dataB);
      backend.matmul({ storage: out }, { storage: a }, { storage: b }, { m: size, n: size, k: size });
      await backend.read(out);
    },
    peer: async () => {
      const feeds = {
        a: new ort.Tensor("float32", dataA, [size, size]),
        b: new ort.Tensor("float32", dataB, [size, size]),
      };
      await (await session.run(feeds)).c.getData();
    },
  };
  const best = { own: Infinity, peer: Infinity };
  for (let i = 0; i <= flags.repeats; i++) {
    for (const name of ["own", "peer"] as const) {
      const start = performance.now();
      await runs[name]();
      if (i > 0) best[name] = Math.min(best[name], (performance.now() - start) / 1000);
    }
  }
  await session.release();
  [a, b, out].forEach((storage) => backend.release(storage));
  return best;
}

const largest = flags.size || (software ? 1024 : 4096);
if (flags.peer) {
  const rows: Row[] = [];
  for (const size of [largest / 2, largest]) {
    const { own, peer } = await besidePeer(size);
    const flops = 2 * size ** 3;
    rows.push({
      subject: `WebGPU matmul ${size}^3 with transfers`,
      engine: backend.description,
      ours: { seconds: own },
      peer: { seconds: peer },
      peerName: "onnxruntime-web 1.30.0",
    });
    report(`matmul ${size}^3 with transfers`, own, flops, "GFLOP/s");
    report(
      `  onnxruntime-web`,
      peer,
      flops,
      "GFLOP/s",
      `   ours is ${(peer / own).toFixed(2)} times as fast`,
    );
  }
  printRows(flags.json, rows);
}
if (flags.onlyPeer) {
  await backend.close();
  Deno.exit(0);
}

for (
  const [name, transposedA, transposedB] of [["A B", false, false], ["A' B", true, false], [
    "A B'",
    false,
    true,
  ]] as const
) {
  const size = largest;
  const [a, b, out] = [upload(size * size), upload(size * size), upload(size * size)];
  const time = await seconds(() =>
    backend.matmul(
      { storage: out },
      { storage: a, transposed: transposedA },
      { storage: b, transposed: transposedB },
      { m: size, n: size, k: size },
    )
  );
  report(`matmul ${name}, ${size}^3`, time, 2 * size ** 3, "GFLOP/s");
  [a, b, out].forEach((storage) => backend.release(storage));
}

// Attention ---------------------------------------------------------------------------------------------------

{
  const length = software ? 512 : 2048;
  const shape = { batch: 1, heads: 16, length, headWidth: 32, scale: 32 ** -0.5 };
  const size = length * 16 * 32;
  const [q, k, v, dout, out, dq, dk, dv] = Array.from({ length: 8 }, () => upload(size));
  const logSumExp = backend.allocate("f32", 16 * length);
  const operands = { out, logSumExp, q, k, v, keyMask: null };
  const pairs = 16 * length * length;
  const forward = await seconds(
    () => backend.attention(operands, shape),
  );
  report(`attention, ${length} positions, 16 heads of 32`, forward, 4 * pairs * 32, "GFLOP/s");
  const backwardTime = await seconds(
    () => backend.attentionBackward({ ...operands, dq, dk, dv, dout }, shape),
  );
  report("  its gradient", backwardTime, 14 * pairs * 32, "GFLOP/s");
}

// Everything that is bound by memory ------------------------------------------------------------------------------

const n = software ? 2 ** 20 : 2 ** 25;
const [x, y, z, w] = [upload(n), upload(n), upload(n), upload(n)];
const one = backend.allocate("f32", 2);
const columns = 512, rows = n / columns;
const perRow = upload(2 * rows);
const perColumn = upload(columns);
const norm = { stats: perRow, x, gamma: null };
const memoryBound: [string, number, () => void][] = [
  ["fill", 4, () => backend.fill(y, 1)],
  ["exact GELU", 8, () => backend.unary("gelu", y, x, n)],
  ["sine", 8, () => backend.unary("sin", y, x, n)],
  ["add", 12, () => backend.binary("add", z, x, y, rows, columns, "same")],
  ["SiLU gate", 6, () => backend.siluGate(y, x, rows, columns / 2)],
  ["dropout", 8, () => backend.dropout(y, x, n, 0.2, 1, 2)],
  ["transpose", 8, () => backend.transpose(y, x, 1, rows, columns)],
  ["column sums", 4, () => backend.columnSum(perColumn, x, null, rows, columns)],
  ["row sums", 4, () => backend.rowSum(perRow, x, null, rows, columns)],
  ["sum of squares", 4, () => backend.sumSquares(one, x, n)],
  ["masked squared error", 8, () => backend.maskedSquaredError(one, x, y, n)],
  [
    "layer norm",
    8,
    () => backend.layerNorm({ ...norm, out: y, beta: null }, { rows, columns, epsilon: 1e-5 }),
  ],
  [
    "  its gradient",
    12,
    () => backend.layerNormBackward({ ...norm, dx: y, dgamma: null, dbeta: null, dy: z }, { rows, columns }),
  ],
  [
    "causal convolution, 3 taps",
    8,
    () =>
      backend.causalConvolution(
        { out: y, x, weight: perColumn, bias: null },
        { rows: 128, channels: 128, length: n / 128, taps: 3 },
      ),
  ],
  ["Adam", 28, () =>
    backend.adam({ parameter: x, gradient: y, m: z, v: w }, n, {
      learningRate: 1e-9,
      beta1: 0.9,
      beta2: 0.999,
      epsilon: 1,
      weightDecay: 0,
      decoupled: false,
      step: 1,
    })],
];
for (const [name, bytesPerElement, run] of memoryBound) {
  report(`${name}, ${n} elements`, await seconds(run), bytesPerElement * n, "GB/s");
}

{
  const length = n / 16;
  const spectrum = upload(8 * (2 * length + 2));
  const time = await seconds(() => backend.realFft(spectrum, x, 8, length, 2 * length));
  report(
    `real FFT, 8 rows of ${length} in ${2 * length}`,
    time,
    8 * 5 * length * Math.log2(length),
    "GFLOP/s",
  );
}
await backend.close();
// onnxruntime-web keeps a device of its own that would hold the process.
Deno.exit(0);
