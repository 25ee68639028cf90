/**
 * Gradient-boosted regression trees for squared error, one output a call, on a data set that stays in place: XGBoost
 * 1.7's trees, to the last bit of their float32 thresholds and leaf values. Built to boosting.wasm by
 * build_boosting.ts; lib/boosting/kernel.ts is its only caller.
 *
 * Use: configure() with sizes, write the data set where dataSet*() say, prepare(), then for each output write its
 * targets and call train().
 */
import { MIN_GAIN, nodeGain, nodeWeight } from "./gain";
import * as state from "./state";
import { COUNT, LEFT_G, LEFT_H, NODE, OPEN, RIGHT_G, RIGHT_H, ROOT_GAIN, SEGMENT } from "./slot";
import { BEST_DEFAULT_LEFT, BEST_FEATURE, BEST_GAIN, BEST_THRESHOLD } from "./slot";
import { SEGMENT_LENGTH, SLOT_BYTES, START, SUM_G, SUM_H } from "./slot";
import { addLeaf, addToTestPrediction, BASE_WEIGHT, leafValue, LOSS_CHANGE, makeSplit, nodeAt } from "./tree";
import { LEFT, NODE_BYTES, prune, RIGHT } from "./tree";
import { sampleLevelColumns, sampleRows, sampleTreeColumns } from "./sampling";
import { placeExactAny, searchExactAny } from "./exact_any";
import {
  clearPartitions,
  forgetRoot,
  placeExactDense,
  planPartition,
  prepareExactDense,
} from "./exact_dense";
import { searchExactDense, startExactDense } from "./exact_dense";
import { buildHistogram, placeHistogram, searchHistograms, subtractHistogram, sumRoot } from "./histogram";

const EXACT_ANY: i32 = 0;
const EXACT_DENSE: i32 = 1;
const HIST: i32 = 2;

/** In `goesRight`: the bytes of an entry of the presorted lists (exact_dense.ts). */
const TO_RIGHT: u8 = 16;

let method: i32 = EXACT_ANY;
let top: usize = 0;
/** Node records: one tree's, or every round's one after the other where the host wants the model. */
let trees: usize = 0;
/** i32, rounds: nodes of each tree. */
let nodeCounts: usize = 0;
let keepsTrees: bool = false;
let bins: usize = 0;
let binStarts: usize = 0;
let cuts: usize = 0;
let lowest: usize = 0;
let histograms: usize = 0;
/** i32: histograms not in use, as a stack. */
let freeHistograms: usize = 0;
let freeCount: i32 = 0;
/** Histograms laid out so far. */
let histogramRoom: i32 = 0;
let binsHaveMissing: bool = false;
/** i32, rows: node that the row ended in. */
let leafOfRow: usize = 0;

/** Room for `bytes`, 16-byte aligned, behind everything so far; memory grows as needed. */
function reserve(bytes: usize): usize {
  const at = top;
  top = (at + bytes + 15) & ~(<usize> 15);
  const have = <usize> memory.size() << 16;
  if (top > have) {
    if (memory.grow(<i32> ((top - have + 0xffff) >> 16)) < 0) unreachable();
  }
  return at;
}

export function setParameters(
  rounds: i32,
  maxDepth: i32,
  eta: f32,
  lambda: f32,
  alpha: f32,
  gamma: f32,
  minChildWeight: f32,
): void {
  state.setParameters(rounds, maxDepth, eta, lambda, alpha, gamma, minChildWeight);
}

export function setSampling(tree: f32, level: f32, node: f32, rows: f32, seed: u32): void {
  state.setSampling(rows, tree, level, node, seed);
}

/**
 * Lay out the arrays. `newMethod`: 0 exact on any data, 1 exact on dense data with weights 0 or 1, 2 hist. `totalBins` and
 * `missingBins` concern hist alone. Parameters come first, since the depth decides how many nodes a tree can have.
 */
export function configure(
  newMethod: i32,
  rows: i32,
  features: i32,
  testRows: i32,
  keepTrees: bool,
  totalBins: i32,
  missingBins: bool,
): void {
  method = newMethod;
  keepsTrees = keepTrees;
  binsHaveMissing = missingBins;
  const mostNodes = 2 * rows - 1;
  const deep = state.maxDepth == 0 || state.maxDepth > 24;
  const maxNodes = deep ? mostNodes : min(mostNodes, (2 << state.maxDepth) - 1);
  // A split may leave a child without rows of its own when min_child_weight is 0.
  const nodeRoom = state.minChildWeight > 0 ? maxNodes : (deep ? 4 * rows + 64 : (2 << state.maxDepth) - 1);
  state.setSizes(rows, features, testRows, nodeRoom);
  const slotRoom = <usize> (nodeRoom / 2 + 2);
  const cells = <usize> rows * <usize> features;

  top = (__heap_base + 15) & ~(<usize> 15);
  const n = <usize> rows;
  const p = <usize> features;
  const values = reserve(cells << 2);
  const order = reserve(cells << 2);
  const present = reserve(p << 2);
  const testValues = reserve(<usize> testRows * p << 2);
  const weights = reserve(n << 2);
  state.setDataSet(values, order, present, testValues, weights);
  const targets = reserve(n << 2);
  const trainPrediction = reserve(n << 2);
  const testPrediction = reserve(<usize> testRows << 2);
  const gradients = reserve(n << 4);
  state.setOutput(targets, trainPrediction, testPrediction, gradients);
  const sampled = reserve(n);
  const allowed = reserve(p);
  const allowedInLevel = reserve(p);
  const allowedInNode = reserve(p);
  const shuffled = reserve(p << 2);
  state.setMasks(sampled, allowed, allowedInLevel, allowedInNode, shuffled);
  const slotRows = reserve(n << 2);
  const nextSlotRows = reserve(n << 2);
  const goesRight = reserve(n);
  const slots = reserve(slotRoom * SLOT_BYTES);
  const nextSlots = reserve(slotRoom * SLOT_BYTES);
  state.setLevel(slotRows, nextSlotRows, goesRight, slots, nextSlots);
  leafOfRow = reserve(n << 2);
  trees = reserve(<usize> nodeRoom * NODE_BYTES * (keepTrees ? <usize> state.rounds : 1));
  nodeCounts = reserve(<usize> state.rounds << 2);

  if (method == EXACT_ANY) {
    const slotOfRow = reserve(n << 2);
    const walked = reserve(slotRoom * 24);
    placeExactAny(slotOfRow, walked, reserve(state.colsampleNode < 1 ? slotRoom * p : 0));
  } else if (method == EXACT_DENSE) {
    const groups = (p + 3) >> 2;
    const segments = <i32> min(slotRoom, n + 1);
    const listLength = n + <usize> segments;
    const interleaved = reserve(groups * n << 3);
    const lists = reserve(groups * listLength << 4);
    const nextLists = reserve(groups * listLength << 4);
    const entries = reserve(n << 2);
    const coefficients = reserve(listLength * 12);
    const approximate = reserve(slotRoom * groups << 4);
    const partitions = reserve(slotRoom << 3);
    placeExactDense(
      interleaved,
      lists,
      nextLists,
      entries,
      coefficients,
      segments,
      approximate,
      partitions,
      reserve(n << 3),
    );
  } else {
    bins = reserve(cells << 2);
    binStarts = reserve((p + 1) << 2);
    cuts = reserve(<usize> totalBins << 2);
    lowest = reserve(p << 2);
    freeHistograms = reserve(slotRoom << 2);
    histograms = top;
    histogramRoom = 0;
  }
}

/** Where the host writes the data set, and where it reads results. */
export function valuesAt(): usize {
  return state.columns;
}
export function orderAt(): usize {
  return state.order;
}
export function presentAt(): usize {
  return state.present;
}
export function testValuesAt(): usize {
  return state.testValues;
}
export function weightsAt(): usize {
  return state.weights;
}
export function targetsAt(): usize {
  return state.targets;
}
export function testPredictionAt(): usize {
  return state.testPrediction;
}
export function trainPredictionAt(): usize {
  return state.trainPrediction;
}
export function binsAt(): usize {
  return bins;
}
export function binStartsAt(): usize {
  return binStarts;
}
export function cutsAt(): usize {
  return cuts;
}
export function lowestAt(): usize {
  return lowest;
}
export function treesAt(): usize {
  return trees;
}
export function nodeCountsAt(): usize {
  return nodeCounts;
}
export function nodesPerTree(): i32 {
  return state.maxNodes;
}

/** Once the data set is written. */
export function prepare(): void {
  if (method == EXACT_DENSE) prepareExactDense();
  if (method == HIST) placeHistogram(bins, binStarts, cuts, lowest, histograms, binsHaveMissing);
}

/** Fit the output whose targets lie at targetsAt(); predictions of both row sets and the trees are left in place. */
export function train(baseScore: f32): void {
  for (let row = 0; row < state.rows; row++) {
    store<f32>(state.trainPrediction + (<usize> row << 2), baseScore);
  }
  for (let row = 0; row < state.testRows; row++) {
    store<f32>(state.testPrediction + (<usize> row << 2), baseScore);
  }
  forgetRoot();
  for (let round = 0; round < state.rounds; round++) {
    state.startTree(trees + (keepsTrees ? <usize> (round * state.maxNodes) * NODE_BYTES : 0));
    computeGradients(round);
    growTree(round);
    prune();
    for (let row = 0; row < state.rows; row++) {
      const at = state.trainPrediction + (<usize> row << 2);
      store<f32>(at, load<f32>(at) + leafValue(load<i32>(leafOfRow + (<usize> row << 2))));
    }
    addToTestPrediction();
    store<i32>(nodeCounts + (<usize> round << 2), state.nodeCount);
  }
}

/** Squared error: g = (prediction - target) w, h = w, in float32. For hist, rows out of the sample count as zeros. */
function computeGradients(round: i32): void {
  sampleRows(round);
  sampleTreeColumns(round);
  for (let row = 0; row < state.rows; row++) {
    const at = <usize> row << 2;
    const weight = load<f32>(state.weights + at);
    const difference: f32 = load<f32>(state.trainPrediction + at) - load<f32>(state.targets + at);
    const counts = method != HIST || load<u8>(state.sampled + <usize> row) != 0;
    const gradient = state.gradients + (<usize> row << 4);
    store<f64>(gradient, counts ? <f64> (difference * weight) : 0);
    store<f64>(gradient, counts ? <f64> weight : 0, 8);
  }
}

function growTree(round: i32): void {
  openRoot();
  for (let depth = 0; state.maxDepth == 0 || depth < state.maxDepth; depth++) {
    sampleLevelColumns(round, depth);
    if (method == EXACT_ANY) searchExactAny(round);
    else if (method == EXACT_DENSE) searchExactDense(round, depth);
    else searchHistograms(round);
    splitLevel(depth + 1);
    if (state.slotCount == 0) return;
  }
  for (let s = 0; s < state.slotCount; s++) closeSlot(state.slots + <usize> s * SLOT_BYTES);
}

function openRoot(): void {
  const slot = state.slots;
  state.setSlotCount(1);
  for (let row = 0; row < state.rows; row++) store<i32>(state.slotRows + (<usize> row << 2), row);
  startSlot(slot, 0, state.rows);
  if (method == HIST) {
    freeCount = 0;
    for (let i = histogramRoom - 1; i >= 0; i--) freeHistogram(i);
    reserveHistograms(1);
    store<i32>(slot, takeHistogram(), SEGMENT);
    buildHistogram(slot, load<i32>(slot, SEGMENT));
    sumRoot(slot, load<i32>(slot, SEGMENT));
  } else {
    sumRows(slot, state.slotRows);
    if (method == EXACT_DENSE) {
      startExactDense();
      store<i32>(slot, <i32> load<f64>(slot, SUM_H), SEGMENT_LENGTH);
    }
  }
  finishSlot(slot, -1);
}

function startSlot(slot: usize, start: i32, count: i32): void {
  memory.fill(slot, 0, SLOT_BYTES);
  store<i32>(slot, start, START);
  store<i32>(slot, count, COUNT);
  store<i32>(slot, 1, OPEN);
}

/** Sums over the slot's sampled rows, in order of rows. */
function sumRows(slot: usize, rowsOfSlots: usize): void {
  let sum = f64x2.splat(0);
  const start = load<i32>(slot, START);
  const end = start + load<i32>(slot, COUNT);
  for (let i = start; i < end; i++) {
    const row = load<i32>(rowsOfSlots + (<usize> i << 2));
    if (load<u8>(state.sampled + <usize> row) == 0) continue;
    sum = f64x2.add(sum, v128.load(state.gradients + (<usize> row << 4)));
  }
  v128.store(slot + SUM_G, sum);
}

/** With its sums known: gain unsplit, and the node of the tree. */
function finishSlot(slot: usize, parentNode: i32): void {
  const g = load<f64>(slot, SUM_G);
  const h = load<f64>(slot, SUM_H);
  store<f32>(slot, nodeGain(g, h), ROOT_GAIN);
  store<i32>(slot, addLeaf(parentNode, nodeWeight(g, h), h), NODE);
}

/** The slot stays a leaf: its rows end here. */
function closeSlot(slot: usize): void {
  const node = load<i32>(slot, NODE);
  const start = load<i32>(slot, START);
  const end = start + load<i32>(slot, COUNT);
  for (let i = start; i < end; i++) {
    store<i32>(leafOfRow + (<usize> load<i32>(state.slotRows + (<usize> i << 2)) << 2), node);
  }
}

/** Make the splits found, and the children the slots of the next level. */
function splitLevel(nextDepth: i32): void {
  const last = nextDepth == state.maxDepth;
  let count = 0;
  clearPartitions();
  for (let s = 0; s < state.slotCount; s++) {
    const slot = state.slots + <usize> s * SLOT_BYTES;
    if (!isSplit(slot)) {
      closeSlot(slot);
      if (method == HIST) freeHistogram(load<i32>(slot, SEGMENT));
      continue;
    }
    const left = state.nextSlots + <usize> count * SLOT_BYTES;
    const right = left + SLOT_BYTES;
    const node = load<i32>(slot, NODE);
    const threshold = load<f32>(slot, BEST_THRESHOLD);
    makeSplit(
      node,
      load<i32>(slot, BEST_FEATURE),
      threshold,
      load<i32>(slot, BEST_DEFAULT_LEFT),
      load<f32>(slot, BEST_GAIN),
    );
    const leftCount = divideRows(slot);
    startSlot(left, load<i32>(slot, START), leftCount);
    startSlot(right, load<i32>(slot, START) + leftCount, load<i32>(slot, COUNT) - leftCount);
    if (method == HIST) {
      store<f64>(left, load<f64>(slot, LEFT_G), SUM_G);
      store<f64>(left, load<f64>(slot, LEFT_H), SUM_H);
      store<f64>(right, load<f64>(slot, RIGHT_G), SUM_G);
      store<f64>(right, load<f64>(slot, RIGHT_H), SUM_H);
    } else {
      sumRows(left, state.nextSlotRows);
      sumRows(right, state.nextSlotRows);
    }
    finishSlot(left, node);
    finishSlot(right, node);
    if (method == EXACT_DENSE) planPartition(slot, left, right, count);
    if (method == HIST) store<i32>(left, load<i32>(slot, SEGMENT), SEGMENT);
    count += 2;
  }
  state.turnLevel(count);
  if (method == HIST && !last) fillHistograms();
}

/** XGBoost splits for a gain above 1e-6; hist also asks for gamma and for a hessian on either side. */
function isSplit(slot: usize): bool {
  const gain = load<f32>(slot, BEST_GAIN);
  if (!(gain > MIN_GAIN)) return false;
  if (method != HIST) return true;
  return gain >= state.gamma && load<f64>(slot, LEFT_H) != 0 && load<f64>(slot, RIGHT_H) != 0;
}

/** Write a slot's rows to the next level's list, those that go left first. Returns how many do. */
function divideRows(slot: usize): i32 {
  const values = state.columns + (<usize> (load<i32>(slot, BEST_FEATURE) * state.rows) << 2);
  const threshold = load<f32>(slot, BEST_THRESHOLD);
  const missingLeft = load<i32>(slot, BEST_DEFAULT_LEFT) != 0;
  const start = load<i32>(slot, START);
  const end = start + load<i32>(slot, COUNT);
  let leftCount = 0;
  for (let i = start; i < end; i++) {
    const row = load<i32>(state.slotRows + (<usize> i << 2));
    const value = load<f32>(values + (<usize> row << 2));
    const toLeft = value != value ? missingLeft : value < threshold;
    store<u8>(state.goesRight + <usize> row, toLeft ? 0 : TO_RIGHT);
    if (toLeft) {
      store<i32>(state.nextSlotRows + (<usize> (start + leftCount) << 2), row);
      leftCount++;
    }
  }
  let at = state.nextSlotRows + (<usize> (start + leftCount) << 2);
  for (let i = start; i < end; i++) {
    const row = load<i32>(state.slotRows + (<usize> i << 2));
    if (load<u8>(state.goesRight + <usize> row) == 0) continue;
    store<i32>(at, row);
    at += 4;
  }
  return leftCount;
}

/** Histograms of the level: of two siblings the lighter is summed, the other is what remains of the parent's. */
function fillHistograms(): void {
  for (let s = 0; s < state.slotCount; s += 2) {
    const left = state.slots + <usize> s * SLOT_BYTES;
    const right = left + SLOT_BYTES;
    const inherited = load<i32>(left, SEGMENT);
    const lighter = load<f64>(right, SUM_H) < load<f64>(left, SUM_H) ? right : left;
    reserveHistograms(1);
    const own = takeHistogram();
    buildHistogram(lighter, own);
    subtractHistogram(inherited, own);
    store<i32>(left, lighter == left ? own : inherited, SEGMENT);
    store<i32>(right, lighter == right ? own : inherited, SEGMENT);
  }
}

/** Make sure that a histogram is free: they grow at the end of memory. */
function reserveHistograms(count: i32): void {
  if (freeCount >= count) return;
  reserve(<usize> load<i32>(binStarts + (<usize> state.features << 2)) << 4);
  freeHistogram(histogramRoom);
  histogramRoom++;
}

function takeHistogram(): i32 {
  freeCount--;
  return load<i32>(freeHistograms + (<usize> freeCount << 2));
}

function freeHistogram(index: i32): void {
  store<i32>(freeHistograms + (<usize> freeCount << 2), index);
  freeCount++;
}
