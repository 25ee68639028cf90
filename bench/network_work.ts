/**
 * What NT-v2 and HyenaDNA need, counted from their shapes: a product takes 2 m n k, attention (all of it products) 4 length^2 width, a real transform
 * of n numbers 2.5 n log2 n. Bytes: weights once, and a layer's activations in and out once.
 */
import type { Work } from "./rows.ts";

interface Transformer {
  readonly width: number;
  readonly intermediate: number;
  readonly layers: number;
  readonly tokens: number;
}

/** Four square products a layer, and a gated pair of wide ones. */
const ntWeights = ({ width, intermediate }: Transformer) => 4 * width ** 2 + 3 * width * intermediate;

export function ntForward(shape: Transformer): Work {
  const { width, layers, tokens } = shape, weights = ntWeights(shape), attention = 4 * tokens ** 2 * width;
  return {
    gflop: layers * (2 * tokens * weights + attention) / 1e9,
    gbytes: 4 * layers * (weights + 2 * tokens * width) / 1e9,
  };
}

/**
 * Forward and backward. The weights are frozen, so a product has one gradient, that of its input; attention takes 10 length^2
 * width backward, its scores being computed again. Weights are read twice.
 */
export function ia3Step(shape: Transformer & { readonly batch: number }): Work {
  const { width, layers, tokens, batch } = shape, weights = ntWeights(shape), rows = batch * tokens;
  const attention = 14 * batch * tokens ** 2 * width;
  return {
    gflop: layers * (4 * rows * weights + attention) / 1e9,
    gbytes: 4 * layers * (2 * weights + 2 * rows * width) / 1e9,
  };
}

/**
 * A channel of a long convolution takes three transforms of twice the length, and three short convolutions of three taps; its
 * filter comes from a network of 5, `filter` three times and `width` units.
 */
export function hyenaForward(shape: {
  readonly width: number;
  readonly inner: number;
  readonly filter: number;
  readonly layers: number;
  readonly tokens: number;
}): Work {
  const { width, inner, filter, layers, tokens } = shape, n = 2 * tokens;
  const weights = 4 * width ** 2 + 2 * width * inner + 5 * filter + 2 * filter ** 2 + filter * width;
  const convolutions = width * (3 * 2.5 * n * Math.log2(n) + 3 * 6 * tokens);
  return {
    gflop: layers * (2 * tokens * weights + convolutions) / 1e9,
    gflopBesideProducts: layers * convolutions / 1e9,
    gbytes: 4 * layers * (weights + 2 * tokens * width) / 1e9,
  };
}
