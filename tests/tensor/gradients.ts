/** Every differentiable operation with inputs to try it on: what the gradient tests run over, on each engine. */
import type { Backend } from "../../lib/backend/backend.ts";
import * as t from "../../lib/tensor/mod.ts";

export interface Case {
  readonly name: string;
  /** Shapes of the inputs, all of which get a gradient. */
  readonly shapes: number[][];
  readonly run: (inputs: t.Tensor[]) => t.Tensor;
}

const integers = (like: t.Tensor, values: number[], shape?: number[]) =>
  t.fromArray(like.backend, Int32Array.from(values), shape);

/** Fixed numbers that vary without pattern, none near a kink of relu. */
export function numbers(count: number, seed: number): Float32Array {
  let state = seed * 2654435761 >>> 0;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const x = state / 2 ** 31 - 1;
    return Math.abs(x) < 0.05 ? x + 0.2 : x;
  });
}

const frequencies = [1, 0.3, 0.07];

export const cases: Case[] = [
  { name: "matmul", shapes: [[3, 4], [4, 5]], run: ([a, b]) => t.matmul(a, b) },
  {
    name: "matmul A'",
    shapes: [[4, 3], [4, 5]],
    run: ([a, b]) => t.matmul(a, b, { transposeA: true, alpha: 0.5 }),
  },
  { name: "matmul B'", shapes: [[3, 4], [5, 4]], run: ([a, b]) => t.matmul(a, b, { transposeB: true }) },
  {
    name: "matmul A' B'",
    shapes: [[4, 3], [5, 4]],
    run: ([a, b]) => t.matmul(a, b, { transposeA: true, transposeB: true }),
  },
  {
    name: "batched matmul",
    shapes: [[2, 3, 4], [2, 5, 4]],
    run: ([a, b]) => t.matmul(a, b, { transposeB: true }),
  },
  { name: "batched matmul, one B", shapes: [[2, 3, 4], [4, 5]], run: ([a, b]) => t.matmul(a, b) },
  {
    name: "batched matmul, one A'",
    shapes: [[4, 3], [2, 4, 5]],
    run: ([a, b]) => t.matmul(a, b, { transposeA: true }),
  },
  { name: "linear", shapes: [[2, 3, 4], [5, 4], [5]], run: ([x, w, b]) => t.linear(x, w, b) },
  ...(["relu", "tanh", "gelu", "geluTanh", "silu", "sin"] as const).flatMap((activation): Case[] => [
    {
      name: `linear with ${activation}`,
      shapes: [[6, 4], [5, 4], [5]],
      run: ([x, w, b]) => t.linear(x, w, b, { activation }),
    },
    { name: activation, shapes: [[3, 7]], run: ([x]) => t.activate(activation, x) },
  ]),
  {
    name: "linear with relu and dropout",
    shapes: [[6, 4], [5, 4], [5]],
    run: ([x, w, b]) => t.linear(x, w, b, { activation: "relu", dropout: { p: 0.3, seed: 3, stream: 1 } }),
  },
  { name: "add", shapes: [[3, 4], [3, 4]], run: ([a, b]) => t.add(a, b) },
  { name: "x + x", shapes: [[3, 4]], run: ([x]) => t.add(x, x) },
  { name: "add a row", shapes: [[2, 3, 4], [4]], run: ([a, b]) => t.add(a, b) },
  { name: "add a matrix to each", shapes: [[2, 3, 4], [3, 4]], run: ([a, b]) => t.add(a, b) },
  { name: "subtract a column", shapes: [[3, 4], [3, 1]], run: ([a, b]) => t.subtract(a, b) },
  { name: "subtract", shapes: [[3, 4], [3, 4]], run: ([a, b]) => t.subtract(a, b) },
  { name: "multiply", shapes: [[3, 4], [3, 4]], run: ([a, b]) => t.multiply(a, b) },
  { name: "x squared", shapes: [[3, 4]], run: ([x]) => t.multiply(x, x) },
  { name: "multiply by a row", shapes: [[3, 4], [1, 4]], run: ([a, b]) => t.multiply(a, b) },
  { name: "multiply by a column", shapes: [[3, 4], [3, 1]], run: ([a, b]) => t.multiply(a, b) },
  { name: "multiply by a number", shapes: [[3, 4], [1]], run: ([a, b]) => t.multiply(a, b) },
  { name: "scale", shapes: [[3, 4]], run: ([x]) => t.scale(x, -1.5) },
  { name: "siluGate", shapes: [[3, 8]], run: ([x]) => t.siluGate(x) },
  { name: "dropout", shapes: [[5, 9]], run: ([x]) => t.dropout(x, 0.3, 7, 2) },
  {
    name: "reshape",
    shapes: [[3, 4]],
    run: ([x]) => t.multiply(t.reshape(x, [2, -1]), t.reshape(x, [2, 6])),
  },
  { name: "transpose", shapes: [[2, 3, 4]], run: ([x]) => t.transpose(x) },
  { name: "slice rows", shapes: [[5, 3]], run: ([x]) => t.slice(x, 0, 1, 3) },
  { name: "slice the middle axis", shapes: [[2, 5, 3]], run: ([x]) => t.slice(x, 1, 2, 2) },
  { name: "slice columns", shapes: [[2, 3, 6]], run: ([x]) => t.slice(x, -1, 3, 2) },
  { name: "concatenate", shapes: [[2, 3], [2, 1], [2, 2]], run: (parts) => t.concatenate(parts, 1) },
  {
    name: "gatherRows",
    shapes: [[4, 3]],
    run: ([x]) => t.gatherRows(x, integers(x, [3, 0, 3, 1, 3, 0], [2, 3])),
  },
  ...(["none", "relu"] as const).map((activation): Case => ({
    name: `gatherPairs, ${activation}`,
    shapes: [[3, 4], [5, 4]],
    run: ([a, b]) =>
      t.gatherPairs(a, integers(a, [0, 2, 2, 1, 0]), b, integers(b, [4, 4, 0, 3, 3]), activation),
  })),
  {
    name: "layerNorm",
    shapes: [[2, 3, 5], [5], [5]],
    run: ([x, gamma, beta]) => t.layerNorm(x, gamma, beta, 1e-5),
  },
  { name: "layerNorm, plain", shapes: [[3, 5]], run: ([x]) => t.layerNorm(x, null, null, 1e-5) },
  {
    name: "rotary",
    shapes: [[2, 4, 12]],
    run: ([x]) => t.rotary(x, t.rotaryTables(x.backend, frequencies, 4), 2),
  },
  {
    name: "attention",
    shapes: [[2, 5, 6], [2, 5, 6], [2, 5, 6]],
    run: ([q, k, v]) =>
      t.attention(q, k, v, {
        heads: 2,
        scale: 0.7,
        keyMask: integers(q, [1, 1, 1, 1, 1, 1, 1, 1, 0, 0], [2, 5]),
      }),
  },
  {
    name: "maskedMean",
    shapes: [[2, 3, 4]],
    run: ([x]) => t.maskedMean(x, integers(x, [1, 1, 0, 1, 1, 1], [2, 3])),
  },
  {
    name: "causalConvolution",
    shapes: [[2, 3, 6], [3, 3], [3]],
    run: ([x, w, b]) => t.causalConvolution(x, w, b),
  },
  {
    name: "fftConvolution",
    shapes: [[2, 3, 6]],
    run: ([x]) => {
      const filters = t.fromArray(x.backend, numbers(18, 5), [3, 6]);
      return t.fftConvolution(x, t.filterSpectrum(filters, 16));
    },
  },
  {
    name: "checkpoint",
    shapes: [[3, 4], [5, 4]],
    run: ([x, w]) => t.checkpoint((x) => t.gelu(t.linear(t.scale(x, 2), w, null)), t.tanh(x)),
  },
];

/** The inputs as leaves on `backend`, `run`'s output for them, and the gradients of sum(seed x output). */
export function differentiate(backend: Backend, { shapes, run }: Case) {
  const inputs = shapes.map((shape, i) => t.parameter(backend, numbers(t.sizeOf(shape), i + 1), shape));
  const output = t.scope(() => run(inputs));
  const seed = t.fromArray(backend, numbers(output.size, 99), output.shape);
  t.backward(output, seed);
  return { inputs, output, seed };
}
