/**
 * Search over histograms (XGBoost's hist): candidates are the bins' upper bounds, sums go by bin in float64. Of two
 * children the one with the smaller hessian is summed from its rows, the other is its parent less that. The order of
 * all additions is XGBoost's on one thread, since one last bit decides whether it also looks backwards. The feature with
 * the largest gain is found four bins at a time (histogram_gains.ts), and walked once more for where that is.
 */
import { nodeGain } from "./gain";
import { reserve } from "./memory";
import { allowedInLevel, allowedInNode, colsampleNode, features, gradients, minChildWeight } from "./state";
import { rows, slotCount, slotRows, slots } from "./state";
import { COUNT, NODE, OPEN, propose, ROOT_GAIN, SEGMENT, SLOT_BYTES, START, SUM_G, SUM_H } from "./slot";
import { sampleNodeColumns } from "./sampling";
import { largestGain, takeLargest } from "./histogram_gains";

/** In place of a feature. */
const NONE: i32 = -1;
const UNKNOWN: i32 = -2;

/** u32, rows x features: cell of each value (see `cellBytes`); missing values have one of their own behind the last. */
let bins: usize = 0;
/** i32, features + 1: where each feature's bins begin. */
let binStarts: usize = 0;
/** f32, bins: upper bounds; f32, features: a value below the lowest. */
let cuts: usize = 0;
let lowest: usize = 0;
/** f64, histograms x (bins + 1) x 2: sums of gradient and hessian; the last cell is that of missing values. */
let histograms: usize = 0;
/** i32: those not in use, as a stack. */
let freeHistograms: usize = 0;
let freeCount: i32 = 0;
/** Those laid out so far. */
let laidOut: i32 = 0;
/** Of a histogram; a cell is 16 bytes. */
let cellBytes: usize = 0;
let hasMissing: bool = false;
/** This tree's gradients are. */
let areFinite: bool = false;

export function placeHistogram(
  newBins: usize,
  newBinStarts: usize,
  newCuts: usize,
  newLowest: usize,
  newFreeHistograms: usize,
  newHasMissing: bool,
): void {
  bins = newBins;
  binStarts = newBinStarts;
  cuts = newCuts;
  lowest = newLowest;
  freeHistograms = newFreeHistograms;
  cellBytes = (<usize> load<i32>(binStarts + (<usize> features << 2)) + 1) << 4;
  const end = bins + (<usize> rows * <usize> features << 2);
  for (let at = bins; at < end; at += 4) {
    const bin = load<i32>(at);
    store<u32>(at, bin < 0 ? <u32> cellBytes - 16 : <u32> bin << 4);
  }
  hasMissing = newHasMissing;
  histograms = reserve(0);
  laidOut = 0;
}

/** Bin of a row's value, counted over all features. */
export function binOf(row: u32, feature: i32): i32 {
  return load<u32>(bins + (<usize> (row * features + feature) << 2)) >> 4;
}

/** Upper bound of a bin. */
export function cutOf(bin: i32): f32 {
  return load<f32>(cuts + (<usize> bin << 2));
}

/** A new tree begins: every histogram is free. */
export function forgetHistograms(): void {
  freeCount = 0;
  for (let i = laidOut - 1; i >= 0; i--) freeHistogram(i);
}

/** A free histogram; new ones grow at the end of memory. */
export function takeHistogram(): i32 {
  if (freeCount == 0) {
    reserve(cellBytes);
    freeHistogram(laidOut++);
  }
  freeCount--;
  return load<i32>(freeHistograms + (<usize> freeCount << 2));
}

export function freeHistogram(index: i32): void {
  store<i32>(freeHistograms + (<usize> freeCount << 2), index);
  freeCount++;
}

function histogramAt(index: i32): usize {
  return histograms + <usize> index * cellBytes;
}

/** Sum a slot's rows by bin. */
export function buildHistogram(slot: usize, into: i32): void {
  const histogram = histogramAt(into);
  memory.fill(histogram, 0, cellBytes);
  addRows(slot, histogram, 1);
}

/** Add a slot's rows, `sign` times each (1 or -1), to the cells of their bins. */
function addRows(slot: usize, histogram: usize, sign: f64): void {
  const signs = f64x2.splat(sign);
  const start = load<i32>(slot, START);
  const end = start + load<i32>(slot, COUNT);
  for (let i = start; i < end; i++) {
    const row = load<i32>(slotRows + (<usize> i << 2));
    const gradient = f64x2.mul(v128.load(gradients + (<usize> row << 4)), signs);
    // Out of the sample, or of weight 0.
    if (!v128.any_true(gradient)) continue;
    let at = bins + (<usize> (row * features) << 2);
    const last = at + (<usize> features << 2);
    for (; at + 12 < last; at += 16) {
      addTo(histogram + <usize> load<u32>(at), gradient);
      addTo(histogram + <usize> load<u32>(at, 4), gradient);
      addTo(histogram + <usize> load<u32>(at, 8), gradient);
      addTo(histogram + <usize> load<u32>(at, 12), gradient);
    }
    for (; at < last; at += 4) addTo(histogram + <usize> load<u32>(at), gradient);
  }
}

// @ts-ignore: a decorator of AssemblyScript

function addTo(cell: usize, gradient: v128): void {
  v128.store(cell, f64x2.add(v128.load(cell), gradient));
}

/** Its rows are far fewer than bins: then a histogram loses them sooner row by row than bin by bin. */
export function isSmall(slot: usize): bool {
  return <usize> (load<i32>(slot, COUNT) * features) << 6 < cellBytes;
}

/** The parent's histogram less one child's rows is the other child's, where sums round nothing. */
export function subtractRows(slot: usize, parent: i32): void {
  addRows(slot, histogramAt(parent), -1);
}

/** The parent's histogram less one child's is the other child's, in the parent's place. */
export function subtractHistogram(parent: i32, child: i32): void {
  let from = histogramAt(parent);
  let less = histogramAt(child);
  const end = from + cellBytes;
  for (; from < end; from += 16, less += 16) {
    v128.store(from, f64x2.sub(v128.load(from), v128.load(less)));
  }
}

/** Sums of the root: over the first feature's bins where nothing is missing, else over the rows. */
export function sumRoot(slot: usize, histogram: i32): void {
  let sum = f64x2.splat(0);
  if (hasMissing) {
    for (let row = 0; row < rows; row++) sum = f64x2.add(sum, v128.load(gradients + (<usize> row << 4)));
  } else {
    const end = load<i32>(binStarts, 4);
    for (let bin = 0; bin < end; bin++) {
      sum = f64x2.add(sum, v128.load(histogramAt(histogram) + (<usize> bin << 4)));
    }
  }
  v128.store(slot + SUM_G, sum);
  areFinite = isFinite(f64x2.extract_lane(sum, 0));
}

/** Best split of every slot of the level from its histogram. */
export function searchHistograms(round: i32): void {
  for (let s = 0; s < slotCount; s++) {
    const slot = slots + <usize> s * SLOT_BYTES;
    if (load<i32>(slot, OPEN) == 0) continue;
    if (colsampleNode < 1) sampleNodeColumns(round, load<i32>(slot, NODE));
    else memory.copy(allowedInNode, allowedInLevel, features);
    const histogram = histogramAt(load<i32>(slot, SEGMENT));
    const winner = minChildWeight > 0 && areFinite ? findWinner(slot, histogram) : UNKNOWN;
    if (winner == NONE) continue;
    const end = winner == UNKNOWN ? features : winner + 1;
    for (let feature = winner == UNKNOWN ? 0 : winner; feature < end; feature++) {
      if (load<u8>(allowedInNode + <usize> feature) == 0) continue;
      if (searchForwards(slot, histogram, feature)) searchBackwards(slot, histogram, feature);
    }
  }
}

/** The first of the features with the largest gain; NONE where no split gains, UNKNOWN where one gains infinitely. */
function findWinner(slot: usize, histogram: usize): i32 {
  let most: f32 = 0;
  let winner = NONE;
  for (let feature = 0; feature < features; feature++) {
    if (load<u8>(allowedInNode + <usize> feature) == 0) continue;
    const start = load<i32>(binStarts + (<usize> feature << 2));
    const count = load<i32>(binStarts + (<usize> feature << 2), 4) - start;
    const first = histogram + (<usize> start << 4);
    if (largestGain(slot, first, count, 16)) {
      largestGain(slot, first + (<usize> (count - 1) << 4), count, -16);
    }
    const gain = takeLargest();
    if (gain == f32.POSITIVE_INFINITY) return UNKNOWN;
    if (gain > most) {
      most = gain;
      winner = feature;
    }
  }
  return winner;
}

/** Missing values go right. Returns whether the bins' sum differs from the slot's: then some are missing. */
function searchForwards(slot: usize, histogram: usize, feature: i32): bool {
  const G = load<f64>(slot, SUM_G);
  const H = load<f64>(slot, SUM_H);
  const rootGain = load<f32>(slot, ROOT_GAIN);
  const minHessian = <f64> minChildWeight;
  let g: f64 = 0;
  let h: f64 = 0;
  const end = load<i32>(binStarts + (<usize> feature << 2), 4);
  for (let bin = load<i32>(binStarts + (<usize> feature << 2)); bin < end; bin++) {
    const cell = histogram + (<usize> bin << 4);
    g += load<f64>(cell);
    h += load<f64>(cell, 8);
    if (h < minHessian) continue;
    const restG = G - g;
    const restH = H - h;
    if (restH < minHessian) continue;
    const gain: f32 = (nodeGain(g, h) + nodeGain(restG, restH)) - rootGain;
    propose(slot, gain, feature, load<f32>(cuts + (<usize> bin << 2)), 0, g, h, restG, restH);
  }
  return g != G || h != H;
}

/** Missing values go left. */
function searchBackwards(slot: usize, histogram: usize, feature: i32): void {
  const G = load<f64>(slot, SUM_G);
  const H = load<f64>(slot, SUM_H);
  const rootGain = load<f32>(slot, ROOT_GAIN);
  const minHessian = <f64> minChildWeight;
  let g: f64 = 0;
  let h: f64 = 0;
  const start = load<i32>(binStarts + (<usize> feature << 2));
  for (let bin = load<i32>(binStarts + (<usize> feature << 2), 4) - 1; bin >= start; bin--) {
    const cell = histogram + (<usize> bin << 4);
    g += load<f64>(cell);
    h += load<f64>(cell, 8);
    if (h < minHessian) continue;
    const restG = G - g;
    const restH = H - h;
    if (restH < minHessian) continue;
    const gain: f32 = (nodeGain(restG, restH) + nodeGain(g, h)) - rootGain;
    const threshold = bin == start
      ? load<f32>(lowest + (<usize> feature << 2))
      : load<f32>(cuts + (<usize> (bin - 1) << 2));
    propose(slot, gain, feature, threshold, 1, restG, restH, g, h);
  }
}
