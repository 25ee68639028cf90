/** Starting weights: PyTorch's distributions, from our own stream of random numbers. */
import type { ModelStream } from "../random/model_stream.ts";

/** Half width of Xavier's uniform distribution, `torch.nn.init.xavier_uniform_` (Glorot and Bengio 2010, eq. 16). */
export function xavierUniformBound(inputs: number, outputs: number): number {
  return Math.sqrt(6 / (inputs + outputs));
}

/** Half width of the uniform distribution of weights and biases that `torch.nn.Linear` starts with. */
export function torchLinearBound(inputs: number): number {
  return inputs > 0 ? 1 / Math.sqrt(inputs) : 0;
}

/** `count` numbers spread evenly over -bound .. bound. */
export function uniformWeights(stream: ModelStream, count: number, bound: number): Float32Array {
  return stream.fillUniform(new Float32Array(count), -bound, bound);
}
