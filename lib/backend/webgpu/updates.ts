/** Gradient of the masked squared error, and the optimiser step. */
import updatesText from "../../../kernels/updates.wgsl" with { type: "text" };
import { part } from "./gpu_storage.ts";
import { Kernel } from "./kernel.ts";
import type { Operation, Operations } from "./operation.ts";

const kernel = new Kernel("updates", updatesText);

const maskedSquaredErrorBackward: Operation<"maskedSquaredErrorBackward"> = (
  runtime,
  dPrediction,
  prediction,
  target,
  stats,
  n,
  scale,
) => {
  const storages = [[dPrediction, 1], [prediction, 1], [target, 1]] as const;
  for (const [start, count] of runtime.rowPieces("squared error", n, storages)) {
    runtime.dispatch(kernel, `gradient of squared error of ${n}`, {
      entry: "squared_error_slope",
      operands: {
        out: part(dPrediction, start, count),
        x: part(prediction, start, count),
        y: part(target, start, count),
        factor: part(stats, 0, 2),
      },
      params: { count, scale },
      work: count,
    });
  }
};

const adam: Operation<"adam"> = (runtime, { parameter, gradient, m, v, gradientFactor }, n, options) => {
  const { learningRate, beta1, beta2, epsilon, weightDecay, decoupled, step } = options;
  const params = {
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
  for (
    const [start, count] of runtime.rowPieces("adam", n, [[parameter, 1], [gradient, 1], [m, 1], [v, 1]])
  ) {
    runtime.dispatch(kernel, `Adam step of ${n} parameters`, {
      entry: "adam",
      operands: {
        out: part(parameter, start, count),
        m: part(m, start, count),
        v: part(v, start, count),
        x: part(gradient, start, count),
        factor: gradientFactor ? part(gradientFactor, 0, 1) : null,
      },
      params: { ...params, count },
      work: count,
    });
  }
};

export const updates: Operations<"maskedSquaredErrorBackward" | "adam"> = {
  maskedSquaredErrorBackward,
  adam,
};
