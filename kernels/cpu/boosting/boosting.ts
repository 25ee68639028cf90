/**
 * Gradient-boosted regression trees for squared error, one output a call, on a data set that stays in place: XGBoost
 * 1.7's trees, to the last bit of their float32 thresholds and leaf values. Built to boosting.wasm by
 * build.ts; lib/boosting/kernel.ts is its only caller.
 *
 * Use: configure() with sizes, write the data set where the ...At() functions say, prepare(), then for each output write its
 * targets and call train().
 */
import * as state from "./state";
import { EXACT_ANY, EXACT_DENSE, HIST_DENSE, method, usesBins } from "./state";
import { reserve, startLayout } from "./memory";
import { SLOT_BYTES } from "./slot";
import { addToTestPrediction, leafValue, NODE_BYTES, prune } from "./tree";
import { sampleRows, sampleTreeColumns } from "./sampling";
import { placeExactAny } from "./exact_any";
import { prepareLists, sidesAt } from "./dense_lists";
import { placeExactDense } from "./exact_dense";
import { forgetRoot } from "./settled_root";
import { sumExactly } from "./exact_sums";
import { placeHistogram } from "./histogram";
import { growTree } from "./growth";

/** Node records: one tree's, or every round's one after the other where the host wants the model. */
let trees: usize = 0;
/** i32, rounds: nodes of each tree. */
let nodeCounts: usize = 0;
let keepsTrees: bool = false;
let bins: usize = 0;
let binStarts: usize = 0;
let cuts: usize = 0;
let lowest: usize = 0;
let freeHistograms: usize = 0;
let binsHaveMissing: bool = false;

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
 * Lay out the arrays. `newMethod`: 0 exact on any data, 1 exact on dense data with weights 0 or 1, 2 hist, 3 hist on
 * such dense data. `totalBins` and `missingBins` concern hist alone. Parameters come first, since the depth decides how many nodes a tree can have.
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
  keepsTrees = keepTrees;
  binsHaveMissing = missingBins;
  const mostNodes = 2 * rows - 1;
  const deep = state.maxDepth == 0 || state.maxDepth > 24;
  const maxNodes = deep ? mostNodes : min(mostNodes, (2 << state.maxDepth) - 1);
  // A split may leave a child without rows of its own when min_child_weight is 0.
  const nodeRoom = state.minChildWeight > 0 ? maxNodes : (deep ? 4 * rows + 64 : (2 << state.maxDepth) - 1);
  state.setSizes(newMethod, rows, features, testRows, nodeRoom);
  const slotRoom = <usize> (nodeRoom / 2 + 2);
  const cells = <usize> rows * <usize> features;

  startLayout();
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
  const isDense = method == EXACT_DENSE || method == HIST_DENSE;
  const goesRight = isDense ? sidesAt() : reserve(n);
  const slots = reserve(slotRoom * SLOT_BYTES);
  const nextSlots = reserve(slotRoom * SLOT_BYTES);
  state.setLevel(slotRows, nextSlotRows, goesRight, reserve(n << 2), slots, nextSlots);
  trees = reserve(<usize> nodeRoom * NODE_BYTES * (keepTrees ? <usize> state.rounds : 1));
  nodeCounts = reserve(<usize> state.rounds << 2);

  if (method == EXACT_ANY) layOutExactAny(n, p, slotRoom);
  if (isDense) layOutExactDense(n, p, slotRoom);
  if (usesBins) layOutHist(cells, p, slotRoom, totalBins);
}

function layOutExactAny(n: usize, p: usize, slotRoom: usize): void {
  const slotOfRow = reserve(n << 2);
  const walked = reserve(slotRoom * 24);
  placeExactAny(slotOfRow, walked, reserve(state.colsampleNode < 1 ? slotRoom * p : 0));
}

function layOutExactDense(n: usize, p: usize, slotRoom: usize): void {
  const groups = (p + 3) >> 2;
  const segments = <i32> min(slotRoom, n + 1);
  const listLength = n + <usize> segments;
  const interleaved = reserve(groups * n << 3);
  const lists = reserve(groups * listLength << 4);
  const nextLists = reserve(groups * listLength << 4);
  const entries = reserve(n << 2);
  const coefficients = reserve(listLength << 4);
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
}

function layOutHist(cells: usize, p: usize, slotRoom: usize, totalBins: i32): void {
  bins = reserve(cells << 2);
  binStarts = reserve((p + 1) << 2);
  cuts = reserve(<usize> totalBins << 2);
  lowest = reserve(p << 2);
  freeHistograms = reserve(slotRoom << 2);
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
  if (usesBins) placeHistogram(bins, binStarts, cuts, lowest, freeHistograms, binsHaveMissing);
  if (method == EXACT_DENSE || method == HIST_DENSE) prepareLists();
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
    if (usesBins) state.setExactSums(sumExactly());
    growTree(round);
    prune();
    for (let row = 0; row < state.rows; row++) {
      const at = state.trainPrediction + (<usize> row << 2);
      store<f32>(at, load<f32>(at) + leafValue(load<i32>(state.leafOfRow + (<usize> row << 2))));
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
    const counts = !usesBins || load<u8>(state.sampled + <usize> row) != 0;
    const gradient = state.gradients + (<usize> row << 4);
    store<f64>(gradient, counts ? <f64> (difference * weight) : 0);
    store<f64>(gradient, counts ? <f64> weight : 0, 8);
  }
}
