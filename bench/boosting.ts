/**
 * Boosted trees of one fold of hs27_xgboost.ts beside Python's `MultiOutputRegressor(XGBRegressor())` in the same run, with the
 * largest difference between their predictions; then how time grows with outputs and with rounds.
 *
 *   deno run -P=test bench/boosting.ts --data-dir my-data
 *   deno run -P=test bench/boosting.ts --data-dir my-data --engine webgpu
 *   deno run -P=test bench/boosting.ts --no-peer --no-growth
 *   deno run -P=test bench/boosting.ts --no-growth --peer-method hist
 *   deno run -P=test bench/boosting.ts --no-growth --multi-output-tree
 *
 * The last but one sets our default beside that of XGBoost 2.0 and later, the last beside its trees of vector leaves.
 * Genes are spread evenly over the targets (--genes top: those of largest change, whose trees grow fullest). Without
 * --data-dir the numbers are random ones of the real size. The peer is the Python of bench/peers.sh, on as many threads.
 */
import { join } from "@std/path";
import { openTreeEngine } from "../lib/boosting/open_engine.ts";
import { type BoostingParameters, defaultParameters } from "../lib/boosting/parameters.ts";
import { prepareData } from "../lib/boosting/prepared_data.ts";
import { UsageError } from "../lib/cli/errors.ts";
import { readHyenaEmbeddings } from "../lib/dataset/embeddings.ts";
import { kFold } from "../lib/dataset/kfold.ts";
import { fillMissing } from "../lib/dataset/missing_values.ts";
import { StandardScaler } from "../lib/dataset/standard_scaler.ts";
import { readTargets } from "../lib/dataset/targets.ts";
import { topGenes } from "../lib/dataset/top_genes.ts";
import { openDataFolder } from "../lib/experiment/read_data.ts";
import { matchTfs } from "../lib/experiment/read_inputs.ts";
import { encodeNpy, readNpyMatrix } from "../lib/io/npy.ts";
import { type Matrix, takeColumns, takeRows } from "../lib/linalg/matrix.ts";
import { ModelStream } from "../lib/random/model_stream.ts";
import { peakMib } from "./peak_memory.ts";
import { benchFlags, exitWith, type Peer, peerFlags, peerOrExit } from "./peer.ts";
import { printRows, rowsFlag } from "./rows.ts";

const flags = benchFlags({
  "data-dir": { default: null, type: "text", value: "DIR", help: "data set, as hs27_xgboost.ts takes it" },
  "outputs": { default: 64, min: 1, help: "genes of the comparison" },
  "genes": { default: "even", choices: ["even", "top"], help: "which ones" },
  "threads": { default: navigator.hardwareConcurrency, min: 1, help: "of both sides" },
  "engine": { default: "cpu", choices: ["cpu", "webgpu", "ml-xgboost"], help: "what grows our trees" },
  "tree-method": { default: "exact", choices: ["exact", "hist"], help: "of ours, and of the peer's" },
  "peer-method": {
    default: null,
    type: "text",
    choices: ["exact", "hist", "approx"],
    shownDefault: "as --tree-method; hist with --multi-output-tree",
    help: "tree method of the peer, where it shall be another than ours",
  },
  "multi-output-tree": {
    default: false,
    help:
      "let the peer grow one tree a round for all outputs (multi_strategy; hist only, XGBoost 2.0 and later)",
  },
  "growth": { default: true, help: "also time 64 to 1,024 outputs and 5 to 40 rounds" },
  ...peerFlags,
  ...rowsFlag,
}, { script: "bench/boosting.ts", about: "Boosted trees of one fold beside Python's." });

interface FoldData {
  readonly train: Matrix;
  readonly test: Matrix;
  readonly targets: Matrix;
}

/** The first fold of a data set, inputs standardised. */
async function foldOf(dataDir: string): Promise<FoldData> {
  const files = await openDataFolder(dataDir, []);
  const targets = await readTargets(join(files.artifacts, "targets_377.csv"), { prefer: "gene_id" });
  const embeddings = await readHyenaEmbeddings(files.hyenaFolder);
  const { rows: targetRows, values: x } = await matchTfs(targets, embeddings, () => [], "hyenadna", {
    order: "sorted",
    exactCase: true,
  });
  const scaled = new StandardScaler(x).transform(x);
  const y = fillMissing(takeRows(targets.values, targetRows)).filled;
  const [{ train, test }] = kFold(targetRows.length, 5, 42);
  return { train: takeRows(scaled, train), test: takeRows(scaled, test), targets: takeRows(y, train) };
}

function randomFold(): FoldData {
  const stream = new ModelStream(0);
  const normal = (rows: number, columns: number, scale: number): Matrix => ({
    data: stream.fillNormal(new Float32Array(rows * columns)).map((value) => value * scale),
    rows,
    columns,
  });
  return { train: normal(301, 256, 1), test: normal(76, 256, 1), targets: normal(301, 1024, 0.1) };
}

function evenGenes(genes: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => Math.floor(i * genes / count));
}

const peerMethod = flags.peerMethod ?? (flags.multiOutputTree ? "hist" : flags.treeMethod);
if (flags.multiOutputTree && peerMethod !== "hist") {
  exitWith(
    new UsageError(
      `Cannot use --multi-output-tree with --peer-method ${peerMethod}: XGBoost has it with hist only`,
    ),
  );
}
const peerTrees = flags.multiOutputTree ? `multi-output trees by ${peerMethod}` : peerMethod;
/** What the two sides grow, said once where it is the same. */
const methods = peerTrees === flags.treeMethod ? peerTrees : `${flags.treeMethod} beside ${peerTrees}`;
const python = await peerOrExit(["numpy", "xgboost", "sklearn"], flags);
const fold = flags.dataDir ? await foldOf(flags.dataDir) : randomFold();
const engine = await openTreeEngine(flags.engine, flags.threads);
const defaults: BoostingParameters = { ...defaultParameters, treeMethod: flags.treeMethod };

/** Fit some genes, preparing the inputs included. */
async function timeFit(
  genes: number[],
  parameters: BoostingParameters,
): Promise<{ ms: number; test: Matrix }> {
  const startMs = performance.now();
  const data = prepareData(fold.train, fold.test, null, parameters);
  const targets = takeColumns(fold.targets, genes);
  const test = {
    data: new Float32Array(data.testRows * genes.length),
    rows: data.testRows,
    columns: genes.length,
  };
  await engine.fit({ data, parameters, targets, wanted: { models: false, importance: null } }, (fitted) => {
    fitted.test.forEach((value, row) => test.data[row * genes.length + fitted.output] = value);
  });
  return { ms: performance.now() - startMs, test };
}

async function timePeer(
  python: Peer,
  genes: number[],
): Promise<{ ms: number; test: Matrix; version: string; peakMib: number }> {
  const folder = await Deno.makeTempDir();
  try {
    const write = ({ data, rows, columns }: Matrix, name: string) =>
      Deno.writeFile(join(folder, name), encodeNpy({ shape: [rows, columns], data }));
    await write(fold.train, "train.npy");
    await write(fold.test, "test.npy");
    await write(takeColumns(fold.targets, genes), "targets.npy");
    const args = [folder, `${flags.threads}`, peerMethod, flags.multiOutputTree ? "vector" : "single"];
    const { seconds, version, peak_mib: peakMib } = JSON.parse(await python.run("boosting_peer.py", args));
    return {
      ms: seconds * 1000,
      version,
      peakMib,
      test: await readNpyMatrix(join(folder, "predictions.npy")),
    };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const genes = flags.genes === "top"
  ? topGenes(fold.targets, flags.outputs)
  : evenGenes(fold.targets.columns, flags.outputs);
const size = `${fold.train.rows} rows x ${fold.train.columns} features, ${genes.length} outputs`;
console.log(`${size}, ${flags.peer ? methods : flags.treeMethod}, ${engine.description}`);
await timeFit(genes.slice(0, 4), defaults);
const ours = { ...await timeFit(genes, defaults), peakMib: peakMib() };
console.log(`ours    ${(ours.ms / genes.length).toFixed(1)} ms a model`);
if (python) {
  const peer = await timePeer(python, genes).catch(exitWith);
  const apart = ours.test.data.reduce(
    (most, value, i) => Math.max(most, Math.abs(value - peer.test.data[i])),
    0,
  );
  console.log(
    `xgboost ${(peer.ms / genes.length).toFixed(1)} ms a model (${peer.version}, ${flags.threads} threads)`,
  );
  console.log(
    `ratio   ${(peer.ms / ours.ms).toFixed(1)}; predictions differ by at most ${apart.toExponential(1)}`,
  );
  const steps = fold.train.rows * fold.train.columns * defaults.maxDepth * defaults.rounds / 1e6;
  const bound = flags.treeMethod === "exact"
    ? `scans of each column's sorted rows in the cache, at most ${steps.toFixed(0)} M steps a model`
    : "sums over rows into bins, in the cache";
  printRows(flags.json, [{
    subject: `boosted trees, ${methods}, a model of ${fold.train.rows} x ${fold.train.columns}`,
    engine: null,
    ours: { seconds: ours.ms / 1000 / genes.length, peakMib: ours.peakMib },
    peer: { seconds: peer.ms / 1000 / genes.length, peakMib: peer.peakMib },
    peerName: peer.version,
    bound,
  }]);
}
if (flags.growth) {
  console.log("outputs   ms a model");
  for (let outputs = 64; outputs <= Math.min(1024, fold.targets.columns); outputs *= 2) {
    const { ms } = await timeFit(evenGenes(fold.targets.columns, outputs), defaults);
    console.log(`${String(outputs).padStart(7)}   ${(ms / outputs).toFixed(1)}`);
  }
  console.log("rounds    ms a round, 64 outputs");
  for (const rounds of [5, 10, 20, 40]) {
    const { ms } = await timeFit(evenGenes(fold.targets.columns, 64), { ...defaults, rounds });
    console.log(`${String(rounds).padStart(6)}    ${(ms / rounds).toFixed(1)}`);
  }
}
await engine.close();
