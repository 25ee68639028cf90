import type { Parameters } from "../../lib/nn/mod.ts";

/** Joint norm of the gradients of all parameters, summed in float64. */
export async function gradientNorm(parameters: Parameters): Promise<number> {
  let sum = 0;
  for (const { grad } of parameters.values()) {
    for (const value of await grad?.read() ?? []) sum += value * value;
  }
  return Math.sqrt(sum);
}
