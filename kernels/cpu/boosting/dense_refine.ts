/** The last step of exact_dense.ts: the features that may hold a slot's best split are walked as XGBoost walks them. */
import { MIN_GAIN, nodeGain } from "./gain";
import {
  allowedInNode,
  columns,
  features,
  gradients,
  minChildWeight,
  rows,
  sampled,
  slotRows,
  usesBins,
} from "./state";
import { BEST_FEATURE, BEST_GAIN, BEST_THRESHOLD, COUNT, midpoint, NODE, propose, ROOT_GAIN } from "./slot";
import { SEGMENT, SEGMENT_LENGTH, START, SUM_G, SUM_H } from "./slot";
import { hasZeroWeights, isListed, lists, ROW_BITS, stride } from "./dense_lists";
import { binOf, cutOf } from "./histogram";
import { errorBound } from "./dense_gains";
import { rememberRoot } from "./settled_root";

/** Walk the features that may hold the best split, exactly. */
export function refine(slot: usize, gains: usize): void {
  const n = <f64> load<i32>(slot, SEGMENT_LENGTH);
  let largest = f32.NEGATIVE_INFINITY;
  for (let feature = 0; feature < features; feature++) {
    if (load<u8>(allowedInNode + <usize> feature) == 0) continue;
    largest = max(largest, load<f32>(gains + (<usize> feature << 2)));
  }
  const error = errorBound(slot, n, <f64> largest);
  if (<f64> largest + error <= <f64> MIN_GAIN) {
    if (load<i32>(slot, NODE) == 0) rememberRoot(max(<f64> largest + error, 0));
    return;
  }
  // Gains at positions inside a tie are no candidates: the second pass catches what such a gain hid in the first.
  const atLeast = <f64> largest - 2 * error;
  walkThose(slot, gains, atLeast, Infinity);
  const found = <f64> load<f32>(slot, BEST_GAIN) - 2 * error;
  if (found < atLeast) walkThose(slot, gains, found, atLeast);
  if (hasZeroWeights && !usesBins && load<f32>(slot, BEST_GAIN) > MIN_GAIN) lowerThreshold(slot);
}

function walkThose(slot: usize, gains: usize, atLeast: f64, below: f64): void {
  for (let feature = 0; feature < features; feature++) {
    if (load<u8>(allowedInNode + <usize> feature) == 0) continue;
    const gain = <f64> load<f32>(gains + (<usize> feature << 2));
    if (!(gain >= atLeast && gain < below)) continue;
    if (usesBins) walkBins(slot, feature);
    else walkExactly(slot, feature);
  }
}

/** ColMaker::EnumerateSplit, backwards, over one segment of one list. */
function walkExactly(slot: usize, feature: i32): void {
  const n = load<i32>(slot, SEGMENT_LENGTH);
  const G = load<f64>(slot, SUM_G);
  const H = load<f64>(slot, SUM_H);
  const rootGain = load<f32>(slot, ROOT_GAIN);
  const minHessian = <f64> minChildWeight;
  const mask: u32 = (1 << ROW_BITS) - 1;
  const values = columns + (<usize> (feature * rows) << 2);
  let at = lists + (<usize> ((feature >> 2) * stride) << 4) +
    (<usize> load<i32>(slot, SEGMENT) << 4) + (<usize> (feature & 3) << 2);
  let g: f64 = 0;
  let h: f64 = 0;
  let last: f32 = 0;
  for (let i = 0; i < n; i++, at += 16) {
    const row = <usize> (load<u32>(at) & mask);
    const value = load<f32>(values + (row << 2));
    if (i > 0 && value != last && h >= minHessian) {
      const restG = G - g;
      const restH = H - h;
      if (restH >= minHessian) {
        const gain: f32 = (nodeGain(restG, restH) + nodeGain(g, h)) - rootGain;
        propose(slot, gain, feature, midpoint(value, last), 1, restG, restH, g, h);
      }
    }
    g += load<f64>(gradients + (row << 4));
    h += 1;
    last = value;
  }
}

/** HistEvaluator::EnumerateSplit, forwards, over one segment of one list: bins without rows change no sum and win nothing. */
function walkBins(slot: usize, feature: i32): void {
  const n = load<i32>(slot, SEGMENT_LENGTH);
  const G = load<f64>(slot, SUM_G);
  const H = load<f64>(slot, SUM_H);
  const rootGain = load<f32>(slot, ROOT_GAIN);
  const minHessian = <f64> minChildWeight;
  const mask: u32 = (1 << ROW_BITS) - 1;
  let at = lists + (<usize> ((feature >> 2) * stride) << 4) +
    (<usize> load<i32>(slot, SEGMENT) << 4) + (<usize> (feature & 3) << 2);
  let g: f64 = 0;
  let h: f64 = 0;
  let last = -1;
  for (let i = 0; i < n; i++, at += 16) {
    const row = load<u32>(at) & mask;
    const bin = binOf(row, feature);
    if (i > 0 && bin != last && h >= minHessian) {
      const restG = G - g;
      const restH = H - h;
      if (restH < minHessian) return;
      const gain: f32 = (nodeGain(g, h) + nodeGain(restG, restH)) - rootGain;
      propose(slot, gain, feature, cutOf(last), 0, g, h, restG, restH);
    }
    g += load<f64>(gradients + (<usize> row << 4));
    h += 1;
    last = bin;
  }
}

/**
 * XGBoost also meets the rows of weight 0: between the two weighted neighbours of a threshold, the highest of them is
 * the lower neighbour.
 */
function lowerThreshold(slot: usize): void {
  const feature = load<i32>(slot, BEST_FEATURE);
  const threshold = load<f32>(slot, BEST_THRESHOLD);
  const values = columns + (<usize> (feature * rows) << 2);
  const first = load<i32>(slot, START);
  const end = first + load<i32>(slot, COUNT);
  let above = f32.POSITIVE_INFINITY;
  for (let i = first; i < end; i++) {
    const row = load<i32>(slotRows + (<usize> i << 2));
    const value = load<f32>(values + (<usize> row << 2));
    if (isListed(row) && value >= threshold) above = min(above, value);
  }
  let below = f32.NEGATIVE_INFINITY;
  for (let i = first; i < end; i++) {
    const row = load<i32>(slotRows + (<usize> i << 2));
    if (load<u8>(sampled + <usize> row) == 0) continue;
    const value = load<f32>(values + (<usize> row << 2));
    if (value < above) below = max(below, value);
  }
  store<f32>(slot, midpoint(below, above), BEST_THRESHOLD);
}
