/** Loads kernels/cpu/boosting.wasm: compiled once a thread, instantiated once a data set. */
import wasmBytes from "../../kernels/cpu/boosting.wasm" with { type: "bytes" };

/** What kernels/cpu/boosting/boosting.ts exports; addresses are bytes in `memory`. */
export interface BoostingExports {
  readonly memory: WebAssembly.Memory;
  setParameters(
    rounds: number,
    maxDepth: number,
    eta: number,
    lambda: number,
    alpha: number,
    gamma: number,
    minChildWeight: number,
  ): void;
  setSampling(tree: number, level: number, node: number, rows: number, seed: number): void;
  configure(
    method: number,
    rows: number,
    features: number,
    testRows: number,
    keepTrees: boolean,
    totalBins: number,
    missingBins: boolean,
  ): void;
  prepare(): void;
  train(baseScore: number): void;
  valuesAt(): number;
  orderAt(): number;
  presentAt(): number;
  testValuesAt(): number;
  weightsAt(): number;
  targetsAt(): number;
  trainPredictionAt(): number;
  testPredictionAt(): number;
  binsAt(): number;
  binStartsAt(): number;
  cutsAt(): number;
  lowestAt(): number;
  treesAt(): number;
  nodeCountsAt(): number;
  nodesPerTree(): number;
}

let compiled: WebAssembly.Module | null = null;

export function instantiateBoosting(): BoostingExports {
  compiled ??= new WebAssembly.Module(wasmBytes);
  return new WebAssembly.Instance(compiled, {}).exports as unknown as BoostingExports;
}
