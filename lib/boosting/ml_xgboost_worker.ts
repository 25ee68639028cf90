/** A worker thread of ml_xgboost_engine.ts: one instance of the package, without changing the working directory. */
import source from "npm:ml-xgboost@1.1.2/dist/wasm/xgboost.js" with { type: "text" };
import wasmBinary from "npm:ml-xgboost@1.1.2/dist/wasm/xgboost.wasm" with { type: "bytes" };
import { type Fitter, type LoadMessage, serveFits } from "./fitting_threads.ts";
import { weightedMean } from "./kernel.ts";
import type { PreparedData } from "./prepared_data.ts";

/** What of the Emscripten module is used. */
interface XgboostModule {
  readonly HEAPU8: Uint8Array;
  readonly HEAPF32: Float32Array;
  _malloc(bytes: number): number;
  _free(at: number): void;
  cwrap(name: string, result: string | null, args: string[]): (...args: (number | string)[]) => number;
}

/** What the package means by a missing value. */
const MISSING = -1;

serveFits(async (load): Promise<Fitter> => openFitter(await instantiate(), load));

/**
 * The package's script looks for its .wasm in the working directory, through Node's modules. Handed a Module object
 * that already has the bytes, it does not look.
 */
function instantiate(): Promise<XgboostModule> {
  const body = source.replace(/^[^]*?(?=var Module;if\(!Module\))/, "var Module=__Module;")
    .replace("var Module;if(!Module)", "if(!Module)");
  const process = { argv: ["node", "xgboost"], platform: "linux", hrtime: () => [0, 0], on() {} };
  const require = () => ({ normalize: (path: string) => path, readFileSync() {}, existsSync: () => false });
  return new Promise((resolve) => {
    const module = {
      wasmBinary,
      ENVIRONMENT: "NODE",
      print() {},
      printErr() {},
      onRuntimeInitialized: () => resolve(module as unknown as XgboostModule),
    };
    new Function("__Module", "process", "require", "__dirname", "module", body)(
      module,
      process,
      require,
      "",
      {},
    );
  });
}

function openFitter(xgboost: XgboostModule, { data, parameters }: LoadMessage): Fitter {
  const createModel = xgboost.cwrap("create_model", "number", ["number", "number", "number", "number"]);
  const freeModel = xgboost.cwrap("free_memory_model", null, ["number"]);
  const setParameter = xgboost.cwrap("set_param", null, ["number", "string", "string"]);
  const train = xgboost.cwrap("train_full_model", null, ["number", "number"]);
  const predictOne = xgboost.cwrap("predict_one", "number", ["number", "number", "number", "number"]);
  const kept = Int32Array.from(data.weights.keys()).filter((row) => data.weights[row] > 0);
  const x = place(xgboost, rowsOf(data, kept));
  const y = place(xgboost, new Float32Array(kept.length));
  const values = place(xgboost, new Float32Array(data.features + 1));
  return {
    fit(output, targets) {
      const baseScore = parameters.baseScore === "mean"
        ? weightedMean(targets, data.weights)
        : parameters.baseScore;
      const test = new Float32Array(data.testRows).fill(baseScore);
      if (kept.length === 0) return { output, test, model: null, importance: null };
      xgboost.HEAPF32.set(Float32Array.from(kept, (row) => targets[row]), y / 4);
      const model = createModel(x, y, kept.length, data.features);
      const settings: Record<string, number | string> = {
        booster: "gbtree",
        objective: "reg:linear",
        silent: 1,
        nthread: 1,
        max_depth: parameters.maxDepth,
        eta: parameters.learningRate,
        lambda: parameters.lambda,
        alpha: parameters.alpha,
        gamma: parameters.gamma,
        min_child_weight: parameters.minChildWeight,
        subsample: parameters.subsample,
        colsample_bytree: parameters.colsampleByTree,
        colsample_bylevel: parameters.colsampleByLevel,
        tree_method: parameters.treeMethod,
        max_bin: parameters.maxBin,
        base_score: baseScore,
        seed: parameters.seed,
      };
      for (const [key, value] of Object.entries(settings)) setParameter(model, key, String(value));
      train(model, parameters.rounds);
      for (let row = 0; row < data.testRows; row++) {
        const start = row * data.features;
        const rowValues = data.test.subarray(start, start + data.features);
        xgboost.HEAPF32.set(rowValues.map((value) => Number.isNaN(value) ? MISSING : value), values / 4);
        predictOne(model, values, data.features, values + data.features * 4);
        test[row] = xgboost.HEAPF32[values / 4 + data.features];
      }
      freeModel(model);
      return { output, test, model: null, importance: null };
    },
  };
}

/** Rows x features, missing values marked. */
function rowsOf(data: PreparedData, rows: Int32Array): Float32Array {
  const values = new Float32Array(rows.length * data.features);
  rows.forEach((row, i) => {
    for (let feature = 0; feature < data.features; feature++) {
      const value = data.columns[feature * data.rows + row];
      values[i * data.features + feature] = Number.isNaN(value) ? MISSING : value;
    }
  });
  return values;
}

/** Copy numbers into the module's memory. Returns their address. */
function place(xgboost: XgboostModule, values: Float32Array): number {
  const at = xgboost._malloc(values.length * 4);
  xgboost.HEAPF32.set(values, at / 4);
  return at;
}
