/**
 * A training step of Nucleotide Transformer v2 (50M shape, random weights) with IA3, beside PyTorch in the same run:
 * time of the step and its halves, peak memory of the process.
 *
 *   deno run -A bench/ia3.ts                       (CPU; -A for /proc; the peer is the Python of bench/peers.sh)
 *   deno run -A bench/ia3.ts --device webgpu --batch 4 --no-peer
 *   deno run -A bench/ia3.ts --tokens 501 --checkpoint --profile --no-peer
 */
import { deviceFlags, openDevice, printProfile } from "../lib/backend/device_flags.ts";
import type { TensorFile, TensorInfo } from "../lib/io/tensor_file.ts";
import { Ia3Regressor } from "../lib/models/nucleotide_transformer/ia3/vectors.ts";
import { NucleotideTransformer } from "../lib/models/nucleotide_transformer/model.ts";
import { StateDict } from "../lib/models/state_dict.ts";
import { Adam, clipFactor } from "../lib/nn/mod.ts";
import { ModelStream } from "../lib/random/model_stream.ts";
import { backward, fromArray, maskedSquaredError, noGrad, scope } from "../lib/tensor/mod.ts";
import { ia3Step } from "./network_work.ts";
import { peakMib as peakOfProcess } from "./peak_memory.ts";
import { benchFlags, exitWith, peerFlags, peerOrExit } from "./peer.ts";
import { printRows, type Row, rowsFlag } from "./rows.ts";

const flags = benchFlags({
  "tokens": { default: 2001, min: 1, help: "tokens of a sequence" },
  "batch": { default: 1, min: 1, help: "sequences" },
  "layers": { default: 12, min: 1, help: "layers" },
  "outputs": { default: 4912, min: 1, help: "predicted genes" },
  "steps": { default: 3, min: 1, help: "training steps; the fastest counts" },
  "checkpoint": { default: false, help: "compute layers again in the backward pass" },
  "peer-threads": {
    default: "both",
    choices: ["both", "all"],
    help: "PyTorch on one thread too, or on all alone",
  },
  "f16": { default: false, help: "activations and frozen weights in f16" },
  ...peerFlags,
  ...rowsFlag,
  ...deviceFlags,
}, { script: "bench/ia3.ts", about: "A training step of NT-v2 with IA3 beside PyTorch." });

const python = await peerOrExit(["torch"], flags);

const config = {
  vocabularySize: 4107,
  width: 512,
  heads: 16,
  layers: flags.layers,
  intermediateWidth: 2048,
  layerNormEpsilon: 1e-12,
};

/** Random weights under the names of the published file. */
function randomWeights(): StateDict {
  const tensors = new Map<string, TensorInfo>();
  const add = (name: string, ...shape: number[]) => tensors.set(name, { shape, dtype: "F32" });
  const { width, intermediateWidth } = config;
  const norm = (name: string) => ["weight", "bias"].forEach((part) => add(`${name}.${part}`, width));
  add("esm.embeddings.word_embeddings.weight", config.vocabularySize, width);
  for (let layer = 0; layer < config.layers; layer++) {
    const name = `esm.encoder.layer.${layer}`;
    for (const module of ["self.query", "self.key", "self.value", "output.dense"]) {
      add(`${name}.attention.${module}.weight`, width, width);
      add(`${name}.attention.${module}.bias`, width);
    }
    add(`${name}.attention.self.rotary_embeddings.inv_freq`, width / config.heads / 2);
    add(`${name}.intermediate.dense.weight`, 2 * intermediateWidth, width);
    add(`${name}.output.dense.weight`, width, intermediateWidth);
    norm(`${name}.attention.LayerNorm`);
    norm(`${name}.LayerNorm`);
  }
  norm("esm.encoder.emb_layer_norm_after");
  const stream = new ModelStream(0, "bench weights");
  const file: TensorFile = {
    path: "random weights",
    tensors,
    read(name) {
      const { shape } = tensors.get(name)!;
      const numbers = new Float32Array(shape.reduce((product, size) => product * size, 1));
      if (name.endsWith("inv_freq")) {
        return Promise.resolve(numbers.map((_, i) => 10000 ** (-i / numbers.length)));
      }
      if (name.includes("Norm") && name.endsWith("weight")) return Promise.resolve(numbers.fill(1));
      return Promise.resolve(stream.fillUniform(numbers, -0.04, 0.04) as Float32Array<ArrayBuffer>);
    },
    close() {},
  };
  return new StateDict(file);
}

const opened = await openDevice(flags);
const { backend } = opened;
const encoder = await NucleotideTransformer.load(backend, randomWeights(), config, flags.f16 ? "f16" : "f32");
const model = Ia3Regressor.untrained(encoder, flags.outputs, new ModelStream(0, "head"));
const optimiser = new Adam(model.parameters(), { learningRate: 1e-3 });
const tokens = {
  tokenIds: new Int32Array(flags.batch * flags.tokens).map((_, i) => 6 + (i * 7919) % 4096),
  mask: new Int32Array(flags.batch * flags.tokens).fill(1),
  batch: flags.batch,
  length: flags.tokens,
};
const targets = new Float32Array(flags.batch * flags.outputs).map((_, i) => Math.sin(i));

/** Seconds of what `f` enqueues. */
async function seconds(f: () => void): Promise<number> {
  const startMs = performance.now();
  f();
  await backend.finish();
  return (performance.now() - startMs) / 1000;
}

const predict = () => noGrad(() => scope(() => void model.forward(encoder.batch(tokens))));
predict(); // compiles kernels and fills caches
await backend.finish();
const predictS = await seconds(predict);

let best = { forwardS: Infinity, backwardS: Infinity, stepS: Infinity };
for (let step = 0; step < flags.steps; step++) {
  let loss: ReturnType<typeof maskedSquaredError>;
  const forwardS = await seconds(() => {
    loss = scope(() => {
      const logits = model.forward(encoder.batch(tokens), { checkpointLayers: flags.checkpoint });
      return maskedSquaredError(logits, fromArray(backend, targets, logits.shape));
    });
  });
  const backwardS = await seconds(() => backward(loss));
  const updateS = await seconds(() => {
    const factor = clipFactor(model.parameters(), 1);
    optimiser.step(factor);
    factor.dispose();
    loss.dispose();
  });
  const stepS = forwardS + backwardS + updateS;
  if (stepS < best.stepS) best = { forwardS, backwardS, stepS };
}
const rows: Row[] = [];
const peakMib = peakOfProcess();
const tokensOfStep = flags.batch * flags.tokens;
console.log(`${flags.batch} x ${flags.tokens} tokens, ${flags.layers} layers, ${flags.outputs} outputs`);
console.log(
  `ours: predict ${predictS.toFixed(2)} s, forward ${best.forwardS.toFixed(2)} s, backward ${
    best.backwardS.toFixed(2)
  } s (${(best.backwardS / best.forwardS).toFixed(2)} x forward), step ${best.stepS.toFixed(2)} s, ` +
    `${(tokensOfStep / best.stepS).toFixed(0)} tokens/s; process ${peakMib?.toFixed(0)} MiB, ` +
    `device ${(backend.memory.peak / 2 ** 20).toFixed(0)} MiB`,
);
await printProfile(opened);
await backend.close();

if (python) {
  const sizes = [flags.tokens, flags.batch, flags.layers, flags.outputs, flags.steps].map(String);
  const run = async (threads: number) => {
    const names = ["OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"];
    const env = Object.fromEntries(names.map((name) => [name, String(threads)]));
    return JSON.parse(await python.run("ia3_peer.py", sizes, env).catch(exitWith));
  };
  const all = flags.threads ?? navigator.hardwareConcurrency;
  for (const threads of flags.peerThreads === "all" ? [all] : new Set([1, all])) {
    const peer = await run(threads);
    rows.push({
      subject: `NT-v2-50m, IA3 step, ${flags.batch} x ${flags.tokens} tokens, PyTorch on ${threads} threads`,
      engine: backend.description,
      ours: { seconds: best.stepS, peakMib },
      peer: { seconds: peer.step_s, peakMib: peer.peak_mib },
      peerName: `PyTorch ${peer.version}`,
      work: ia3Step({
        ...{ width: config.width, intermediate: config.intermediateWidth, layers: config.layers },
        ...{ tokens: flags.tokens, batch: flags.batch },
      }),
    });
    console.log(
      `PyTorch ${peer.version}, ${threads} threads: predict ${peer.predict_s.toFixed(2)} s, forward ${
        peer.forward_s.toFixed(2)
      } s, backward ${peer.backward_s.toFixed(2)} s, step ${peer.step_s.toFixed(2)} s; process ${
        peer.peak_mib.toFixed(0)
      } MiB`,
    );
    console.log(
      `ours / PyTorch: predict ${(predictS / peer.predict_s).toFixed(2)}, step ${
        (best.stepS / peer.step_s).toFixed(2)
      }, memory ${((peakMib ?? NaN) / peer.peak_mib).toFixed(2)}`,
    );
  }
  printRows(flags.json, rows);
}
