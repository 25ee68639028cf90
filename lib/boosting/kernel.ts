/** The WebAssembly tree kernel (kernels/cpu/boosting): one instance a thread, one data set at a time. */
import { type BoostingExports, instantiateBoosting } from "./kernel_module.ts";
import type { BoostingParameters } from "./parameters.ts";
import type { PreparedData } from "./prepared_data.ts";
import type { Tree } from "./tree.ts";

const EXACT_ANY = 0;
const EXACT_DENSE = 1;
const HIST = 2;
const HIST_DENSE = 3;

/** Rows that an entry of the dense kernel can name (ROW_BITS of kernels/cpu/boosting/dense_lists.ts). */
const MOST_DENSE_ROWS = 8192;

/** With more rows than this to a bin, walking bins is faster than walking rows. */
const MOST_ROWS_PER_BIN = 8;

const NODE_WORDS = 9;

/** A fitted output. */
export interface Fit {
  readonly baseScore: number;
  /** One value a training row, one a test row. */
  readonly train: Float32Array;
  readonly test: Float32Array;
  /** Absent unless the kernel was made to keep them. */
  readonly trees: Tree[] | null;
}

export class BoostingKernel {
  readonly #wasm: BoostingExports;
  readonly #data: PreparedData;
  readonly #parameters: BoostingParameters;
  readonly #keepTrees: boolean;

  /** Load a data set. `search` "any" forces the search for data of every kind, which checks the fast one. */
  constructor(
    data: PreparedData,
    parameters: BoostingParameters,
    options: { keepTrees?: boolean; search?: "auto" | "any" } = {},
  ) {
    this.#wasm = instantiateBoosting();
    this.#data = data;
    this.#parameters = parameters;
    this.#keepTrees = options.keepTrees ?? false;
    const p = parameters;
    const wasm = this.#wasm;
    wasm.setParameters(p.rounds, p.maxDepth, p.learningRate, p.lambda, p.alpha, p.gamma, p.minChildWeight);
    wasm.setSampling(p.colsampleByTree, p.colsampleByLevel, p.colsampleByNode, p.subsample, p.seed);
    const method = searchMethod(data, parameters, options.search ?? "auto");
    const bins = data.binned?.cuts.cuts.length ?? 0;
    wasm.configure(
      method,
      data.rows,
      data.features,
      data.testRows,
      this.#keepTrees,
      bins,
      data.binned?.hasMissing ?? false,
    );
    this.#floats(wasm.valuesAt(), data.columns.length).set(data.columns);
    this.#ints(wasm.orderAt(), data.order.length).set(data.order);
    this.#ints(wasm.presentAt(), data.features).set(data.present);
    this.#floats(wasm.testValuesAt(), data.test.length).set(data.test);
    this.#floats(wasm.weightsAt(), data.rows).set(data.weights);
    if (data.binned !== null) {
      this.#ints(wasm.binsAt(), data.binned.bins.length).set(data.binned.bins);
      this.#ints(wasm.binStartsAt(), data.features + 1).set(data.binned.cuts.starts);
      this.#floats(wasm.cutsAt(), bins).set(data.binned.cuts.cuts);
      this.#floats(wasm.lowestAt(), data.features).set(data.binned.cuts.lowest);
    }
    wasm.prepare();
  }

  /** Fit one output: a finite target for each training row. */
  fit(targets: Float32Array): Fit {
    const wasm = this.#wasm;
    const baseScore = this.#parameters.baseScore === "mean"
      ? weightedMean(targets, this.#data.weights)
      : Math.fround(this.#parameters.baseScore);
    this.#floats(wasm.targetsAt(), this.#data.rows).set(targets);
    wasm.train(baseScore);
    return {
      baseScore,
      train: this.#floats(wasm.trainPredictionAt(), this.#data.rows).slice(),
      test: this.#floats(wasm.testPredictionAt(), this.#data.testRows).slice(),
      trees: this.#keepTrees ? this.#readTrees() : null,
    };
  }

  #readTrees(): Tree[] {
    const { rounds } = this.#parameters;
    const counts = this.#ints(this.#wasm.nodeCountsAt(), rounds);
    const bytes = this.#wasm.nodesPerTree() * NODE_WORDS * 4;
    return Array.from({ length: rounds }, (_, round) => {
      const at = this.#wasm.treesAt() + round * bytes;
      const n = counts[round];
      const ints = this.#ints(at, n * NODE_WORDS);
      const floats = this.#floats(at, n * NODE_WORDS);
      const intColumn = (word: number) =>
        Int32Array.from({ length: n }, (_, i) => ints[i * NODE_WORDS + word]);
      const floatColumn = (word: number) =>
        Float32Array.from({ length: n }, (_, i) => floats[i * NODE_WORDS + word]);
      return {
        left: intColumn(0),
        right: intColumn(1),
        parent: intColumn(2),
        feature: intColumn(3),
        condition: floatColumn(4),
        defaultLeft: Uint8Array.from(intColumn(5)),
        lossChange: floatColumn(6),
        baseWeight: floatColumn(7),
        sumHessian: floatColumn(8),
      };
    });
  }

  #floats(at: number, length: number): Float32Array {
    return new Float32Array(this.#wasm.memory.buffer, at, length);
  }

  #ints(at: number, length: number): Int32Array {
    return new Int32Array(this.#wasm.memory.buffer, at, length);
  }
}

function searchMethod(data: PreparedData, parameters: BoostingParameters, search: "auto" | "any"): number {
  // With a child weight of 0 the exact search may split off a child without rows; hist never does.
  const isDense = data.isPlain && parameters.alpha === 0 && data.rows <= MOST_DENSE_ROWS &&
    (parameters.minChildWeight > 0 || data.binned !== null);
  const fast = isDense && search === "auto";
  if (data.binned === null) return fast ? EXACT_DENSE : EXACT_ANY;
  const bins = data.binned.cuts.cuts.length / data.features;
  return fast && data.rows <= MOST_ROWS_PER_BIN * bins ? HIST_DENSE : HIST;
}

/** What XGBoost 2.0 and later start from, for squared error; 0 where all weights are 0. */
export function weightedMean(targets: Float32Array, weights: Float32Array): number {
  let sum = 0;
  let weight = 0;
  for (let row = 0; row < targets.length; row++) {
    sum += targets[row] * weights[row];
    weight += weights[row];
  }
  return weight > 0 ? Math.fround(sum / weight) : 0;
}
