/**
 * Trees on a GPU: kernels/boosting.wgsl grows those of a batch of outputs level by level. Splits are XGBoost's exact
 * ones up to the rounding of sums (float32 gains over fixed-point sums), so near-ties may fall otherwise than on the CPU;
 * predictions are as good. Takes the common case only: nothing missing, weights 0 or 1, no L1 penalty, no pruning, no
 * sampling, exact method, predictions alone.
 */
import { describeAdapter, findAdapter, openDevice } from "../backend/webgpu/adapter.ts";
import { DataError, UsageError } from "../cli/errors.ts";
import source from "../../kernels/boosting.wgsl" with { type: "text" };
import { type FitTask, type FittedOutput, needsTrees, type TreeEngine } from "./engine.ts";
import { GrowingBatch, mostOutputs, type TreeShape } from "./webgpu_batch.ts";
import { weightedMean } from "./kernel.ts";

/** Levels that a tree may have: every open node of a level needs a place. */
const MOST_LEVELS = 10;

/**
 * @param options.largestBatch outputs grown at once, at most
 * @throws {DataError} when there is no WebGPU adapter, or its driver refuses a device
 */
export async function openWebGpuTrees(options: { largestBatch?: number } = {}): Promise<TreeEngine> {
  const adapter = await findAdapter();
  if (!adapter) {
    throw new DataError("Cannot use the engine webgpu: there is no WebGPU adapter here (use --engine cpu)");
  }
  const device = await openDevice(adapter, "largest");
  const module = device.createShaderModule({ code: source });
  return {
    name: "webgpu",
    description: `WebGPU, ${describeAdapter(adapter).name}`,
    async fit(task: FitTask, onFitted: (fitted: FittedOutput) => void) {
      const shape = shapeOf(task);
      const most = Math.min(options.largestBatch ?? Infinity, mostOutputs(device, shape));
      if (most < 1) {
        throw new DataError(
          `Cannot use the engine webgpu: ${shape.rows} rows x ${shape.features} features do not fit its buffers (use --engine cpu)`,
        );
      }
      for (let first = 0; first < task.targets.columns; first += most) {
        const outputs = Array.from(
          { length: Math.min(most, task.targets.columns - first) },
          (_, i) => first + i,
        );
        await fitBatch(device, module, shape, task, outputs, onFitted);
      }
    },
    close: () => Promise.resolve(device.destroy()),
  };
}

async function fitBatch(
  device: GPUDevice,
  module: GPUShaderModule,
  shape: TreeShape,
  { data, parameters, targets }: FitTask,
  outputs: readonly number[],
  onFitted: (fitted: FittedOutput) => void,
): Promise<void> {
  const own = new Float32Array(outputs.length * data.rows);
  const baseScores = new Float32Array(outputs.length);
  outputs.forEach((output, i) => {
    const column = own.subarray(i * data.rows, (i + 1) * data.rows);
    for (let row = 0; row < data.rows; row++) column[row] = targets.data[row * targets.columns + output];
    baseScores[i] = parameters.baseScore === "mean"
      ? weightedMean(column, data.weights)
      : parameters.baseScore;
  });
  device.pushErrorScope("validation");
  device.pushErrorScope("out-of-memory");
  const batch = new GrowingBatch(device, module, shape, data, own, baseScores);
  try {
    await batch.grow(parameters.rounds);
    const test = await batch.readTestPredictions();
    const errors = [await device.popErrorScope(), await device.popErrorScope()].filter((error) =>
      error !== null
    );
    if (errors.length > 0) {
      throw new DataError(`Cannot grow trees on the WebGPU device: ${errors[0]!.message}`);
    }
    outputs.forEach((output, i) => {
      const values = test.slice(i * data.testRows, (i + 1) * data.testRows);
      onFitted({ output, test: values, model: null, importance: null });
    });
  } finally {
    batch.destroy();
  }
}

/** @throws {UsageError} when the task needs more than this engine can do */
function shapeOf({ data, parameters, wanted }: FitTask): TreeShape {
  const refuse = (what: string): never => {
    throw new UsageError(`The engine webgpu ${what}: use --engine cpu`);
  };
  const p = parameters;
  if (needsTrees(wanted)) refuse("only predicts, it saves no models or importances");
  if (p.treeMethod !== "exact") refuse("only has the exact tree method");
  if (!data.isPlain) refuse("takes no missing values and no sample weights other than 0 and 1");
  if (p.alpha > 0 || p.gamma > 0) refuse("has no L1 penalty and no gamma");
  if (Math.min(p.subsample, p.colsampleByTree, p.colsampleByLevel, p.colsampleByNode) < 1) {
    refuse("draws no samples");
  }
  if (p.maxDepth > MOST_LEVELS) refuse(`grows trees of at most ${MOST_LEVELS} levels`);
  const listed = data.weights.reduce((sum, weight) => sum + weight, 0);
  return {
    rows: data.rows,
    listed,
    features: data.features,
    testRows: data.testRows,
    depth: p.maxDepth,
    slots: Math.max(2, Math.min(2 ** p.maxDepth, listed)),
    minRows: Math.max(1, Math.ceil(p.minChildWeight)),
    lambda: p.lambda,
    eta: p.learningRate,
  };
}
