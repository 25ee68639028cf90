/** Gradient of the masked squared error, and the optimiser step. */
import type { AdamOptions } from "../backend.ts";
import updatesText from "../../../kernels/updates.wgsl" with { type: "text" };
import { part, pieces } from "./elementwise.ts";
import type { GpuStorage } from "./gpu_storage.ts";
import { Kernel } from "./kernel.ts";
import { grid, type Runtime } from "./runtime.ts";

const kernel = new Kernel("updates", updatesText);
const unused = {
  count: 0,
  scale: 0,
  step_size: 0,
  beta1: 0,
  beta2: 0,
  rest1: 0,
  rest2: 0,
  epsilon: 0,
  inverse_root_correction: 0,
  decay: 0,
  keep: 1,
};

export function maskedSquaredErrorBackward(
  runtime: Runtime,
  dPrediction: GpuStorage,
  prediction: GpuStorage,
  target: GpuStorage,
  stats: GpuStorage,
  n: number,
  scale: number,
): void {
  const most = runtime.rowsPerWindow("squared error", [[dPrediction, 1], [prediction, 1], [target, 1]]);
  for (const [start, count] of pieces(n, most)) {
    runtime.dispatch(kernel, `gradient of squared error of ${n}`, {
      entry: "squared_error_slope",
      operands: {
        out: part(dPrediction, start, count),
        x: part(prediction, start, count),
        y: part(target, start, count),
        factor: part(stats, 0, 2),
      },
      params: { ...unused, count, scale },
      workgroups: grid(count, 64),
    });
  }
}

export function adam(
  runtime: Runtime,
  parameter: GpuStorage,
  gradient: GpuStorage,
  m: GpuStorage,
  v: GpuStorage,
  n: number,
  options: AdamOptions,
  gradientFactor: GpuStorage | null,
): void {
  const { learningRate, beta1, beta2, epsilon, weightDecay, decoupled, step } = options;
  const params = {
    ...unused,
    step_size: learningRate / (1 - beta1 ** step),
    beta1,
    beta2,
    rest1: 1 - beta1,
    rest2: 1 - beta2,
    epsilon,
    inverse_root_correction: 1 / Math.sqrt(1 - beta2 ** step),
    decay: decoupled ? 0 : weightDecay,
    keep: decoupled ? 1 - learningRate * weightDecay : 1,
  };
  const most = runtime.rowsPerWindow("adam", [[parameter, 1], [gradient, 1], [m, 1], [v, 1]]);
  for (const [start, count] of pieces(n, most)) {
    runtime.dispatch(kernel, `Adam step of ${n} parameters`, {
      entry: "adam",
      operands: {
        out: part(parameter, start, count),
        m: part(m, start, count),
        v: part(v, start, count),
        x: part(gradient, start, count),
        factor: gradientFactor && part(gradientFactor, 0, 1),
      },
      params: { ...params, count },
      workgroups: grid(count, 64),
    });
  }
}
