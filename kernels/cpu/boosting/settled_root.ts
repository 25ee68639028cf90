/** Spares exact_dense.ts the search of a root that is proven to stay a leaf. */
import { MIN_GAIN } from "./gain";
import { colsampleLevel, colsampleNode, colsampleTree, gradients, lambda, rows, subsample } from "./state";
import { SUM_G } from "./slot";
import { isListed, listed } from "./dense_lists";
import { roundingOf } from "./dense_gains";

/** No split of the root gained more in the last round; infinite where nothing is known. */
let rootBound: f64 = Infinity;
/** f64, rows: the gradients that this was proven for. */
let rootGradients: usize = 0;

export function placeSettledRoot(newRootGradients: usize): void {
  rootGradients = newRootGradients;
  rootBound = Infinity;
}

/** A new output begins: what was proven of the last one's root holds no more. */
export function forgetRoot(): void {
  rootBound = Infinity;
}

/**
 * Once no split of the root gains 1e-6, trees are single leaves: all gradients move together by the leaf's value, and
 * the largest gain hardly changes. Bounds that change, to spare the search: with g' = g + v + e_i, |e_i| <= e, and |g|,
 * |g'| <= r, a gain moves by at most 4 lambda r |v| + lambda v^2 (a common shift matters only through lambda) and
 * 4 n r e + 2 n e^2.
 */
export function rootStaysLeaf(slot: usize): bool {
  if (rootBound == Infinity) return false;
  let low = Infinity;
  let high = -Infinity;
  let reach: f64 = 0;
  for (let row = 0; row < rows; row++) {
    if (!isListed(row)) continue;
    const g = load<f64>(gradients + (<usize> row << 4));
    const old = load<f64>(rootGradients + (<usize> row << 3));
    low = min(low, g - old);
    high = max(high, g - old);
    reach = max(reach, max(abs(g), abs(old)));
  }
  const v = (low + high) * 0.5;
  const e = (high - low) * 0.5;
  const l2 = <f64> lambda;
  const n = <f64> listed;
  reach += e;
  rootBound += 4 * l2 * reach * abs(v) + l2 * v * v + 4 * n * reach * e + 2 * n * e * e;
  const G = load<f64>(slot, SUM_G);
  const isLeaf = rootBound + roundingOf(rootBound + G * G / (n + l2)) <= <f64> MIN_GAIN;
  if (isLeaf) rememberRoot(rootBound);
  else rootBound = Infinity;
  return isLeaf;
}

export function rememberRoot(bound: f64): void {
  if (subsample < 1 || colsampleTree < 1 || colsampleLevel < 1 || colsampleNode < 1) return;
  rootBound = bound;
  for (let row = 0; row < rows; row++) {
    store<f64>(rootGradients + (<usize> row << 3), load<f64>(gradients + (<usize> row << 4)));
  }
}
