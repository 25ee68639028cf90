/**
 * Training of the networks of hs_27_mlp_nt.ts and concat_gene_tf_mlp.ts at full size, beside the same work in PyTorch in the same run: an epoch of
 * the MLP (one step of the whole fold, a check every fifth time), and an epoch of the pair network (363 steps of 4,096
 * pairs, then the 373,312 held-out pairs), from the median time of a step.
 *
 *   deno run -P=test bench/mlp.ts                  (with the system's BLAS, as PyTorch has it)
 *   deno run -P=test bench/mlp.ts --blas off
 *   deno run -P=test bench/mlp.ts --profile --no-peer
 *
 * The peer is the Python of bench/peers.sh; --no-peer does without.
 */
import { deviceFlags, openDevice, printProfile } from "../lib/backend/device_flags.ts";
import { ConcatMlp } from "../lib/models/concat_mlp.ts";
import { batchLoss, predictPairs } from "../lib/models/concat_mlp_fit.ts";
import { Mlp } from "../lib/models/mlp.ts";
import { Adam, Dropout, LossLog, trainingStep } from "../lib/nn/mod.ts";
import { ModelStream } from "../lib/random/model_stream.ts";
import { fromArray, maskedSquaredError, noGrad, scope } from "../lib/tensor/mod.ts";
import { peakMib } from "./peak_memory.ts";
import { benchFlags, exitWith, peerFlags, peerOrExit } from "./peer.ts";
import { printRows, type Row, rowsFlag, type Work } from "./rows.ts";

const flags = benchFlags({
  "repeats": { default: 9, min: 1, help: "steps of which the median counts" },
  "genes": { default: 4912, min: 1, help: "read-out genes" },
  ...peerFlags,
  ...rowsFlag,
  ...deviceFlags,
}, { script: "bench/mlp.ts", about: "Epochs of the MLP and of the pair network beside PyTorch." });

const { repeats, genes } = flags;
const python = await peerOrExit(["torch"], flags);
const mlp = { rows: 241, validation: 60, width: 512, hidden: [1024, 512, 256], genes, repeats };
const concat = { tfs: 301, genes, width: 512, hidden: [512, 256, 128], batch: 4096, repeats };
const heldOutTfs = 76;

interface Seconds {
  step: number;
  check: number;
}

async function medianSeconds(run: () => Promise<unknown>, repeats: number): Promise<number> {
  await run();
  const times: number[] = [];
  for (let i = 0; i < repeats; i++) {
    const start = performance.now();
    await run();
    times.push((performance.now() - start) / 1000);
  }
  return times.sort((a, b) => a - b)[repeats >> 1];
}

const opened = await openDevice(flags);
const { backend } = opened;
const stream = new ModelStream(0);
const random = (rows: number, columns: number) => ({
  data: stream.fillNormal(new Float32Array(rows * columns)),
  rows,
  columns,
});
const upload = (rows: number, columns: number) =>
  fromArray(backend, random(rows, columns).data, [rows, columns]);

async function timeMlp(): Promise<Seconds> {
  const model = Mlp.xavier(backend, [mlp.width, ...mlp.hidden, mlp.genes], stream);
  const parameters = model.parameters();
  const optimiser = Adam.decoupled(parameters, { learningRate: 1e-3, weightDecay: 1e-4 });
  const trainee = { parameters, optimiser, losses: new LossLog(), scaler: null };
  const x = upload(mlp.rows, mlp.width), y = upload(mlp.rows, mlp.genes);
  const xv = upload(mlp.validation, mlp.width), yv = upload(mlp.validation, mlp.genes);
  const dropout = new Dropout(0.2, 1);
  const step = async () => {
    await trainingStep(trainee, 0, 0, () => maskedSquaredError(model.forward(x, dropout), y));
    await trainee.losses.drain();
  };
  const check = async () => {
    const loss = noGrad(() => scope(() => maskedSquaredError(model.forward(xv), yv)));
    await loss.read();
    loss.dispose();
  };
  const seconds = { step: await medianSeconds(step, repeats), check: await medianSeconds(check, repeats) };
  for (const tensor of [x, y, xv, yv]) tensor.dispose();
  optimiser.dispose();
  model.dispose();
  return seconds;
}

async function timePairs(): Promise<Seconds> {
  const widths = { tf: concat.width, gene: concat.width };
  const model = ConcatMlp.torchDefault(backend, widths, concat.hidden, stream);
  const parameters = model.parameters();
  const optimiser = new Adam(parameters, { learningRate: 1e-4, weightDecay: 1e-4 });
  const trainee = { parameters, optimiser, losses: new LossLog(), scaler: null };
  const tables = { tfs: upload(concat.tfs, concat.width), genes: upload(concat.genes, concat.width) };
  const targets = random(concat.tfs, concat.genes), heldOut = random(heldOutTfs, concat.width);
  const step = async () => {
    const cells = Int32Array.from({ length: concat.batch }, () => stream.below(targets.data.length));
    await trainingStep(trainee, 0, 0, () => batchLoss(model, tables, targets, cells));
    await trainee.losses.drain();
  };
  const pairs = heldOutTfs * concat.genes;
  const seconds = {
    step: await medianSeconds(step, repeats),
    check: await medianSeconds(() => predictPairs(model, heldOut, tables.genes), 1) / (pairs / concat.batch),
  };
  optimiser.dispose();
  model.dispose();
  return seconds;
}

/** An epoch from its parts. */
const epochs = {
  mlp: ({ step, check }: Seconds) => step + check / 5,
  concat: ({ step, check }: Seconds) =>
    Math.ceil(concat.tfs * concat.genes / concat.batch) * step +
    Math.ceil(heldOutTfs * concat.genes / concat.batch) * check,
};

/**
 * Of an epoch. A layer's product takes 2 m n k, its two gradients as much each, but for the inputs of the first; Adam reads and
 * writes a weight and its two moments, and the gradient goes out and in. The pair network is counted as ours works: each
 * TF and gene that occurs in a batch goes through the first layer once, and the layers above take every pair.
 */
const work: Record<"mlp" | "concat", Work> = (() => {
  const weights = (widths: number[]) => widths.slice(1).reduce((sum, n, i) => sum + widths[i] * n, 0);
  const epoch = (training: number, check: number, parameters: number, data: number): Work => ({
    gflop: (training + check) / 1e9,
    gbytes: 4 * (8 * parameters + data) / 1e9,
  });
  const all = weights([mlp.width, ...mlp.hidden, genes]);
  const inputs = 2 * mlp.rows * mlp.width * mlp.hidden[0];
  const { rows, validation } = mlp;
  const above = weights([...concat.hidden, 1]), first = concat.width * concat.hidden[0];
  const steps = Math.ceil(concat.tfs * genes / concat.batch);
  const occurring = (of: number) => of * (1 - (1 - 1 / of) ** concat.batch); // expected, of equally likely ones
  const pairs = steps * concat.batch, projected = steps * (occurring(concat.tfs) + occurring(genes));
  const heldOut = heldOutTfs * genes;
  return {
    mlp: epoch(
      6 * rows * all - inputs,
      2 * validation * all / 5,
      all,
      (rows + validation / 5) * (mlp.width + genes),
    ),
    concat: epoch(
      6 * pairs * above + 4 * projected * first,
      2 * heldOut * above + 2 * (heldOutTfs + genes) * first,
      steps * (above + 2 * first),
      2 * (pairs + heldOut) * concat.hidden[0],
    ),
  };
})();

const oursMlp = await timeMlp(), peakMlp = peakMib();
const ours = { mlp: oursMlp, concat: await timePairs() };
const peaks = { mlp: peakMlp, concat: peakMib() };
const threads = flags.threads ?? navigator.hardwareConcurrency;
/** Of the peer's process so far: that of the pair network holds the MLP's too, as ours does. */
interface Peak {
  peak_mib: number;
}
/** `loader_*`: batches put together pair by pair, as the original script does; else gathered at once. */
type PairSeconds = Seconds & { loader_step: number; loader_check: number };
let peer: { version: string; mlp: Seconds & Peak; concat: PairSeconds & Peak } | null = null;
if (python) {
  peer = JSON.parse(
    await python.run("mlp_peer.py", [JSON.stringify({ threads, mlp, concat })]).catch(exitWith),
  );
}
const ms = (seconds: number) => `${(1000 * seconds).toFixed(1)} ms`;
function tell(name: "mlp" | "concat", who: string, times: Seconds, own?: Seconds) {
  const ratio = own ? `; ours / this ${(epochs[name](own) / epochs[name](times)).toFixed(2)}` : "";
  console.log(
    `${name}, ${who}: step ${ms(times.step)}, check ${ms(times.check)}, epoch ${
      epochs[name](times).toFixed(3)
    } s${ratio}`,
  );
}
tell("mlp", "ours", ours.mlp);
tell("concat", "ours", ours.concat);
if (peer) {
  const who = `PyTorch ${peer.version}, ${threads} threads`;
  tell("mlp", who, peer.mlp, ours.mlp);
  const { loader_step, loader_check } = peer.concat;
  tell("concat", `${who}, original loader`, { step: loader_step, check: loader_check }, ours.concat);
  tell("concat", `${who}, batches gathered`, peer.concat, ours.concat);
  const row = (name: "mlp" | "concat", subject: string, theirs: Seconds): Row => ({
    subject,
    engine: backend.description,
    ours: { seconds: epochs[name](ours[name]), peakMib: peaks[name] },
    peer: { seconds: epochs[name](theirs), peakMib: peer![name].peak_mib },
    peerName: `PyTorch ${peer!.version}`,
    work: work[name],
  });
  printRows(flags.json, [
    row("mlp", "MLP, epoch", peer.mlp),
    row("concat", "pair network, epoch, beside the original's loader", {
      step: loader_step,
      check: loader_check,
    }),
    row("concat", "pair network, epoch, beside batches gathered at once", peer.concat),
  ]);
}
console.log(`device memory at most ${(backend.memory.peak / 2 ** 20).toFixed(0)} MiB`);
await printProfile(opened);
await backend.close();
