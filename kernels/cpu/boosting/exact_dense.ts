/**
 * Exact greedy search for the common case: nothing missing, weights 0 or 1, no L1 penalty. The same splits as
 * exact_any.ts to the last bit, at a tenth of its work:
 *
 * 1. Sorted lists are kept a node apart (as in CART and SPRINT), so that a node's candidates lie side by side. An entry
 *    is 32 bits: the row below, its gradient in fixed point above. Four features are interleaved, one a SIMD lane.
 * 2. A level is one pass over the lists: split each parent's segment in two, scan each child's for its largest gain.
 *    The scan is approximate: with hessians of 1 the gain at position j is a quadratic in the prefix sum, whose
 *    coefficients depend on the node alone. Integer sums round nothing; what fixed point lost has a proven bound.
 * 3. Only the features whose approximate gain comes within that bound of the best are walked exactly, in float64 and in
 *    XGBoost's order: one or two of hundreds, as a rule.
 *
 * Bytes moved a level: 8 for each row and feature in an open node; operations: 8 to split, 3 to scan.
 */
import { MIN_GAIN, nodeGain } from "./gain";
import {
  allowedInLevel,
  allowedInNode,
  colsampleLevel,
  colsampleNode,
  colsampleTree,
  features,
} from "./state";
import { columns, goesRight, gradients, lambda, minChildWeight, order, rows, sampled } from "./state";
import { slotCount, slotRows, slots, subsample, weights } from "./state";
import { BEST_FEATURE, BEST_GAIN, BEST_THRESHOLD, COUNT, midpoint, NODE, OPEN, propose } from "./slot";
import { ROOT_GAIN, SEGMENT, SEGMENT_LENGTH, SEGMENT_MEAN, SLOT_BYTES, START, SUM_G, SUM_H } from "./slot";
import { sampleNodeColumns } from "./sampling";

/** u16, groups of 4 features x rows x 4: rows of weight 1 by descending value. Made once a data set. */
let interleavedOrder: usize = 0;
/** u32, the same shape: the lists; two buffers that take turns by level. */
let lists: usize = 0;
let nextLists: usize = 0;
/** u32, rows: this tree's entry of each row. */
let entries: usize = 0;
/** f32, list x 3: coefficients P, Q, R of the gain at each position of each segment. */
let coefficients: usize = 0;
/** f32, slots x groups x 4: largest approximate gain of each feature. */
let approximate: usize = 0;
/** i32 x 2 for each parent of this level: its segment, slot of its left child. */
let partitions: usize = 0;
let partitionCount: i32 = 0;
/** Where the next segment of the level begins. */
let nextSegment: i32 = 0;
/** Most slots of a level. */
let mostSegments: i32 = 0;

let weightedRows: i32 = 0;
/** Entries of a list: a segment's, and one more behind each that partition() may spoil. */
let stride: i32 = 0;
let groups: i32 = 0;
let rowBits: i32 = 0;
let hasZeroWeights: bool = false;

// Fixed point of this tree: gradient ~ center + quantum * k.
let center: f64 = 0;
let quantum: f64 = 0;
let listed: i32 = 0;

/** No split of the root gained more in the last round; infinite where nothing is known. */
let rootBound: f64 = Infinity;
/** f64, rows: the gradients that this was proven for. */
let rootGradients: usize = 0;

export function placeExactDense(
  newInterleavedOrder: usize,
  newLists: usize,
  newNextLists: usize,
  newEntries: usize,
  newCoefficients: usize,
  newMostSegments: i32,
  newApproximate: usize,
  newPartitions: usize,
  newRootGradients: usize,
): void {
  interleavedOrder = newInterleavedOrder;
  lists = newLists;
  nextLists = newNextLists;
  entries = newEntries;
  coefficients = newCoefficients;
  mostSegments = newMostSegments;
  approximate = newApproximate;
  partitions = newPartitions;
  rootGradients = newRootGradients;
}

/** Interleave the sorted columns, largest value first, rows of weight 0 left out. */
export function prepareExactDense(): void {
  groups = (features + 3) >> 2;
  rowBits = 32 - clz<i32>(max(rows - 1, 1));
  weightedRows = 0;
  for (let row = 0; row < rows; row++) {
    if (load<f32>(weights + (<usize> row << 2)) != 0) weightedRows++;
  }
  hasZeroWeights = weightedRows != rows;
  stride = weightedRows + mostSegments;
  for (let lane = 0; lane < groups << 2; lane++) {
    const feature = min(lane, features - 1);
    const sorted = order + (<usize> (feature * rows) << 2);
    let to = interleavedOrder + (<usize> ((lane >> 2) * weightedRows) << 3) + (<usize> (lane & 3) << 1);
    for (let i = rows - 1; i >= 0; i--) {
      const row = load<i32>(sorted + (<usize> i << 2));
      if (load<f32>(weights + (<usize> row << 2)) == 0) continue;
      store<u16>(to, <u16> row);
      to += 8;
    }
  }
}

/** Fixed-point entries of this tree's gradients. */
export function startExactDense(): void {
  let low = Infinity;
  let high = -Infinity;
  listed = 0;
  for (let row = 0; row < rows; row++) {
    if (!isListed(row)) continue;
    const g = load<f64>(gradients + (<usize> row << 4));
    low = min(low, g);
    high = max(high, g);
    listed++;
  }
  if (listed == 0) return;
  center = (low + high) * 0.5;
  // Sums over up to 2^rowBits entries, less the node's mean, stay within 32 bits.
  const largest = <f64> ((1 << (30 - rowBits)) - 1);
  quantum = max((high - low) * 0.5 / largest, 1e-300);
  const perQuantum = 1 / quantum;
  for (let row = 0; row < rows; row++) {
    const g = load<f64>(gradients + (<usize> row << 4));
    const k = <i32> nearest<f64>((g - center) * perQuantum);
    store<u32>(entries + (<usize> row << 2), (<u32> k << rowBits) | <u32> row);
  }
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
function rootStaysLeaf(slot: usize): bool {
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

function rememberRoot(bound: f64): void {
  if (subsample < 1 || colsampleTree < 1 || colsampleLevel < 1 || colsampleNode < 1) return;
  rootBound = bound;
  for (let row = 0; row < rows; row++) {
    store<f64>(rootGradients + (<usize> row << 3), load<f64>(gradients + (<usize> row << 4)));
  }
}

function isListed(row: i32): bool {
  return load<u8>(sampled + <usize> row) != 0 && load<f32>(weights + (<usize> row << 2)) != 0;
}

/** The root's lists of four features. */
function fillLists(group: i32, to: usize): void {
  let from = interleavedOrder + (<usize> (group * weightedRows) << 3);
  if (listed != weightedRows) return fillSampledLists(from, to);
  const end = from + (<usize> weightedRows << 3);
  for (; from < end; from += 8, to += 16) {
    store<u32>(to, load<u32>(entries + (<usize> load<u16>(from) << 2)));
    store<u32>(to, load<u32>(entries + (<usize> load<u16>(from, 2) << 2)), 4);
    store<u32>(to, load<u32>(entries + (<usize> load<u16>(from, 4) << 2)), 8);
    store<u32>(to, load<u32>(entries + (<usize> load<u16>(from, 6) << 2)), 12);
  }
}

function fillSampledLists(from: usize, to: usize): void {
  for (let lane: usize = 0; lane < 4; lane++) {
    let at = to + (lane << 2);
    for (let i = 0; i < weightedRows; i++) {
      const row = <usize> load<u16>(from + (<usize> i << 3) + (lane << 1));
      if (load<u8>(sampled + row) == 0) continue;
      store<u32>(at, load<u32>(entries + (row << 2)));
      at += 16;
    }
  }
}

/** Best split of every slot of the level, whose parents' segments still have to be split unless it is the root. */
export function searchExactDense(round: i32, depth: i32): void {
  if (depth == 0 && rootStaysLeaf(slots)) return;
  let anyOpen = false;
  for (let s = 0; s < slotCount; s++) anyOpen = tabulate(slots + <usize> s * SLOT_BYTES) || anyOpen;
  if (!anyOpen) return;
  for (let group = 0; group < groups; group++) {
    const base = <usize> (group * stride) << 4;
    if (depth == 0) fillLists(group, nextLists + base);
    else partitionOpen(base);
    for (let s = 0; s < slotCount; s++) {
      const slot = slots + <usize> s * SLOT_BYTES;
      if (load<i32>(slot, OPEN) == 0) continue;
      v128.store(approximate + (<usize> (s * groups + group) << 4), scan(nextLists + base, slot));
    }
  }
  const old = lists;
  lists = nextLists;
  nextLists = old;
  for (let s = 0; s < slotCount; s++) {
    const slot = slots + <usize> s * SLOT_BYTES;
    if (load<i32>(slot, OPEN) == 0) continue;
    if (colsampleNode < 1) sampleNodeColumns(round, load<i32>(slot, NODE));
    else memory.copy(allowedInNode, allowedInLevel, features);
    refine(slot, approximate + (<usize> (s * groups) << 4));
  }
}

export function clearPartitions(): void {
  partitionCount = 0;
  nextSegment = 0;
}

/** Plan the split of a slot's segment; its rows' sides are in `goesRight`, its children's sums are known. */
export function planPartition(slot: usize, left: usize, right: usize, leftSlot: i32): void {
  // With weights 0 or 1 a hessian sum is a number of rows.
  const leftLength = <i32> load<f64>(left, SUM_H);
  const rightLength = <i32> load<f64>(right, SUM_H);
  store<i32>(left, nextSegment, SEGMENT);
  store<i32>(left, leftLength, SEGMENT_LENGTH);
  store<i32>(right, nextSegment + leftLength + 1, SEGMENT);
  store<i32>(right, rightLength, SEGMENT_LENGTH);
  const record = partitions + (<usize> partitionCount << 3);
  store<i32>(record, load<i32>(slot, SEGMENT));
  store<i32>(record, leftSlot, 4);
  partitionCount++;
  nextSegment += leftLength + rightLength + 2;
}

/** How far XGBoost's float32 gain, and ours, may lie from the true gain of a slot whose terms reach `size`. */
function roundingOf(size: f64): f64 {
  return size * 9.5367431640625e-7; // 2^-20
}

/**
 * Coefficients of the gain at each position of a slot, or the proof that no candidate can gain enough (then the slot
 * is closed). By Cauchy-Schwarz no split gains more than the sum of squares around the mean and what lambda shrinks.
 */
function tabulate(slot: usize): bool {
  const start = load<i32>(slot, SEGMENT);
  const n = load<i32>(slot, SEGMENT_LENGTH);
  const smallest = max(1, <i32> Math.ceil(<f64> minChildWeight));
  store<i32>(slot, 0, OPEN);
  if (n < smallest * 2) return false;
  const G = load<f64>(slot, SUM_G);
  const l2 = <f64> lambda;
  const unsplit = G * G / (<f64> n + l2);
  let squares: f64 = 0;
  let sumOfK: i64 = 0;
  const first = load<i32>(slot, START);
  const end = first + load<i32>(slot, COUNT);
  for (let i = first; i < end; i++) {
    const row = load<i32>(slotRows + (<usize> i << 2));
    if (!isListed(row)) continue;
    const g = load<f64>(gradients + (<usize> row << 4));
    squares += g * g;
    sumOfK += <i64> (load<i32>(entries + (<usize> row << 2)) >> rowBits);
  }
  const most = max(squares - G * G / <f64> n, 0) + unsplit * l2 / <f64> n;
  if (most + roundingOf(most + unsplit) + 1e-12 * squares <= <f64> MIN_GAIN) return false;
  store<i32>(slot, 1, OPEN);

  const mean = <i32> nearest<f64>(<f64> sumOfK / <f64> n);
  store<i32>(slot, mean, SEGMENT_MEAN);
  const m = center + quantum * <f64> mean;
  const rest = G - <f64> n * m;
  let at = coefficients + <usize> start * 12;
  for (let j = 1; j <= n; j++, at += 12) {
    if (j < smallest || n - j < smallest) {
      store<f32>(at, 0);
      store<f32>(at, 0, 4);
      store<f32>(at, f32.NEGATIVE_INFINITY, 8);
      continue;
    }
    const a = 1 / (<f64> j + l2);
    const b = 1 / (<f64> (n - j) + l2);
    const right = <f64> j * m;
    const left = <f64> (n - j) * m + rest;
    store<f32>(at, <f32> ((a + b) * quantum * quantum));
    store<f32>(at, <f32> (2 * quantum * (right * a - left * b)), 4);
    store<f32>(at, <f32> (right * right * a + left * left * b - unsplit), 8);
  }
  return true;
}

/** Split the segments of those parents that have a child to scan. */
function partitionOpen(base: usize): void {
  for (let p = 0; p < partitionCount; p++) {
    const record = partitions + (<usize> p << 3);
    const left = slots + <usize> load<i32>(record, 4) * SLOT_BYTES;
    if (load<i32>(left, OPEN) != 0 || load<i32>(left + SLOT_BYTES, OPEN) != 0) {
      partition(base, load<i32>(record), left);
    }
  }
}

/**
 * Stable split of one segment of four lists. Every entry is written to both children's segments, and only the pointer
 * of its side moves on: no branch, no choice. What comes after a segment's last entry is spoiled by that.
 */
function partition(base: usize, parentSegment: i32, leftSlot: usize): void {
  const rightSlot = leftSlot + SLOT_BYTES;
  const length = <usize> (load<i32>(leftSlot, SEGMENT_LENGTH) + load<i32>(rightSlot, SEGMENT_LENGTH));
  const mask = (1 << rowBits) - 1;
  const sides = goesRight;
  let from = lists + base + (<usize> parentSegment << 4);
  const end = from + (length << 4);
  const right = nextLists + base + (<usize> load<i32>(rightSlot, SEGMENT) << 4);
  // One of the two pointers moves at each entry, so their sum and one of them tell both.
  let left = nextLists + base + (<usize> load<i32>(leftSlot, SEGMENT) << 4) + right;
  let right0 = right;
  let right1 = right + 4;
  let right2 = right + 8;
  let right3 = right + 12;
  for (; from < end; from += 16, left += 16) {
    const entry0 = load<u32>(from);
    store<u32>(right0, entry0);
    store<u32>(left - right0, entry0);
    right0 += <usize> load<u8>(sides + <usize> (entry0 & mask));
    const entry1 = load<u32>(from, 4);
    store<u32>(right1, entry1);
    store<u32>(left - right1, entry1, 8);
    right1 += <usize> load<u8>(sides + <usize> (entry1 & mask));
    const entry2 = load<u32>(from, 8);
    store<u32>(right2, entry2);
    store<u32>(left - right2, entry2, 16);
    right2 += <usize> load<u8>(sides + <usize> (entry2 & mask));
    const entry3 = load<u32>(from, 12);
    store<u32>(right3, entry3);
    store<u32>(left - right3, entry3, 24);
    right3 += <usize> load<u8>(sides + <usize> (entry3 & mask));
  }
}

/** Largest approximate gain of four features in one segment. */
function scan(base: usize, slot: usize): v128 {
  const start = <usize> load<i32>(slot, SEGMENT);
  const n = <usize> load<i32>(slot, SEGMENT_LENGTH);
  const mean = i32x4.splat(load<i32>(slot, SEGMENT_MEAN));
  const shift = rowBits;
  let from = base + (start << 4);
  const end = from + ((n - 1) << 4);
  let at = coefficients + start * 12;
  let sum = i32x4.splat(0);
  let largest = f32x4.splat(f32.NEGATIVE_INFINITY);
  for (; from < end; from += 16, at += 12) {
    sum = i32x4.add(sum, i32x4.sub(i32x4.shr_s(v128.load(from), shift), mean));
    const u = f32x4.convert_i32x4_s(sum);
    const slope = f32x4.relaxed_madd(u, v128.load32_splat(at), v128.load32_splat(at, 4));
    const gain = f32x4.relaxed_madd(slope, u, v128.load32_splat(at, 8));
    largest = f32x4.pmax(largest, gain);
  }
  return largest;
}

/** Walk the features that may hold the best split, exactly. */
function refine(slot: usize, gains: usize): void {
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
  if (hasZeroWeights && load<f32>(slot, BEST_GAIN) > MIN_GAIN) lowerThreshold(slot);
}

/**
 * The distance between an approximate gain and the one XGBoost computes, at most. Fixed point: each gradient is off by
 * half a quantum, and the gain's slope in the prefix sum is below four times the largest gradient. Float32: a few last
 * bits of each term, in our polynomial (whose middle one is small where it is steep) and in XGBoost's own sums.
 */
function errorBound(slot: usize, n: f64, largest: f64): f64 {
  const G = load<f64>(slot, SUM_G);
  const l2 = <f64> lambda;
  const reach = abs(center) + quantum * <f64> (1 << (30 - rowBits));
  const fixedPoint = 2 * reach * n * quantum + n * n * quantum * quantum;
  const m = abs(G) / n;
  return fixedPoint + roundingOf(max(largest, 0) + G * G / (n + l2) + 4 * l2 * m * (reach + m));
}

function walkThose(slot: usize, gains: usize, atLeast: f64, below: f64): void {
  for (let feature = 0; feature < features; feature++) {
    if (load<u8>(allowedInNode + <usize> feature) == 0) continue;
    const gain = <f64> load<f32>(gains + (<usize> feature << 2));
    if (gain >= atLeast && gain < below) walkExactly(slot, feature);
  }
}

/** ColMaker::EnumerateSplit, backwards, over one segment of one list. */
function walkExactly(slot: usize, feature: i32): void {
  const n = load<i32>(slot, SEGMENT_LENGTH);
  const G = load<f64>(slot, SUM_G);
  const H = load<f64>(slot, SUM_H);
  const rootGain = load<f32>(slot, ROOT_GAIN);
  const minHessian = <f64> minChildWeight;
  const mask = (1 << rowBits) - 1;
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
