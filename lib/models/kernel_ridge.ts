/**
 * Kernel ridge regression with an intercept: F(x) = mu + k(x)' (K + lambda I)^-1 (Y - mu), mu the mean of the training rows
 * (scikit-learn's KernelRidge on centred targets). One Cholesky factor of K + lambda I a fold serves all genes.
 *
 * Kernels: RBF, exp(-gamma |x - z|^2), and linear, x'z / width, so that a lambda means about the same for both. The linear one
 * is ridge regression with the penalty lambda * width.
 *
 * Saved beside what weighted_rows.ts keeps: lambda (1), gamma (1): 0 stands for the linear kernel.
 */
import { Cholesky } from "../linalg/cholesky.ts";
import { pairwiseSquaredDistances } from "../linalg/distances.ts";
import type { Matrix } from "../linalg/matrix.ts";
import { multiplyTransposed } from "../linalg/products.ts";
import { type Weigher, weightedRowsFamily } from "./weighted_rows.ts";

export type RidgeSettings = {
  /** Ridge penalty, above 0. */
  readonly lambda: number;
};

export type RbfSettings = RidgeSettings & {
  /** Of exp(-gamma |x - z|^2), above 0. */
  readonly gamma: number;
};

type Doubles = Matrix<Float64Array>;

export const linearWeigher: Weigher<RidgeSettings> = {
  prepare(known, x) {
    const ofKnown = perColumn(multiplyTransposed(known, known)),
      ofX = perColumn(multiplyTransposed(x, known));
    return ({ lambda }) => ridgeWeights(ofKnown, ofX, lambda);

    function perColumn(products: Doubles): Doubles {
      return { ...products, data: products.data.map((product) => product / known.columns) };
    }
  },
  tensors: ({ lambda }) => ({ lambda, gamma: 0 }),
};

export const rbfWeigher: Weigher<RbfSettings> = {
  prepare(known, x) {
    const ofKnown = pairwiseSquaredDistances(known, known), ofX = pairwiseSquaredDistances(x, known);
    for (let i = 0; i < known.rows; i++) ofKnown.data[i * known.rows + i] = 0;
    const kernel = (distances: Doubles, gamma: number) => ({
      ...distances,
      data: distances.data.map((distance) => Math.exp(-gamma * distance)),
    });
    let last: { gamma: number; ofKnown: Doubles; ofX: Doubles } | null = null; // kept while only lambda changes
    return ({ gamma, lambda }) => {
      if (last?.gamma !== gamma) {
        last = { gamma, ofKnown: kernel(ofKnown, gamma), ofX: kernel(ofX, gamma) };
      }
      return ridgeWeights(last.ofKnown, last.ofX, lambda);
    };
  },
  tensors: (settings) => ({ ...settings }),
};

export const kernelRidge = weightedRowsFamily(
  "kernel_ridge",
  ["lambda", "gamma"],
  ({ lambda, gamma }) =>
    gamma === 0
      ? { weigher: linearWeigher, settings: { lambda } }
      : { weigher: rbfWeigher as Weigher<RidgeSettings>, settings: { lambda, gamma } },
);

/** K_x (K + lambda I)^-1, x rows x known rows; null where K + lambda I is singular but for rounding. */
function ridgeWeights(K: Doubles, ofX: Doubles, lambda: number): Doubles | null {
  return Cholesky.of(K, lambda)?.solveRows(ofX) ?? null;
}
