/** The tree in work: node records of 36 bytes, growing, pruning, and predicting from them. */
import {
  eta,
  features,
  gamma,
  maxDepth,
  maxNodes,
  nodeCount,
  setNodeCount,
  testPrediction,
  testRows,
  testValues,
  tree,
} from "./state";

export const NODE_BYTES: usize = 36;
/** i32: children, -1 for a leaf; parent, -1 for the root. */
export const LEFT: usize = 0;
export const RIGHT: usize = 4;
export const PARENT: usize = 8;
/** i32: feature of the split; DELETED where pruning took the node away. */
export const FEATURE: usize = 12;
/** f32: threshold (left is below it), or the leaf's value. */
export const CONDITION: usize = 16;
export const DEFAULT_LEFT: usize = 20;
/** f32: what XGBoost keeps for each node beside. */
export const LOSS_CHANGE: usize = 24;
export const BASE_WEIGHT: usize = 28;
export const SUM_HESSIAN: usize = 32;

/** XGBoost's mark of a node that was pruned away. */
export const DELETED: i32 = -1;

export function nodeAt(id: i32): usize {
  return tree + <usize> id * NODE_BYTES;
}

/** Append a leaf; its value is the weight times the learning rate. Returns its id. */
export function addLeaf(parent: i32, weight: f32, sumHessian: f64): i32 {
  const id = nodeCount;
  if (id >= maxNodes) unreachable();
  setNodeCount(id + 1);
  const node = nodeAt(id);
  store<i32>(node, -1, LEFT);
  store<i32>(node, -1, RIGHT);
  store<i32>(node, parent, PARENT);
  store<i32>(node, 0, FEATURE);
  store<f32>(node, weight * eta, CONDITION);
  store<i32>(node, 0, DEFAULT_LEFT);
  store<f32>(node, 0, LOSS_CHANGE);
  store<f32>(node, weight, BASE_WEIGHT);
  store<f32>(node, <f32> sumHessian, SUM_HESSIAN);
  return id;
}

/** Turn a leaf into a split whose children are the two nodes appended next. */
export function makeSplit(id: i32, feature: i32, threshold: f32, defaultLeft: i32, gain: f32): void {
  const node = nodeAt(id);
  store<i32>(node, nodeCount, LEFT);
  store<i32>(node, nodeCount + 1, RIGHT);
  store<i32>(node, feature, FEATURE);
  store<f32>(node, threshold, CONDITION);
  store<i32>(node, defaultLeft, DEFAULT_LEFT);
  store<f32>(node, gain, LOSS_CHANGE);
}

function depthOf(id: i32): i32 {
  let depth = 0;
  let parent = load<i32>(nodeAt(id), PARENT);
  while (parent >= 0) {
    depth++;
    parent = load<i32>(nodeAt(parent), PARENT);
  }
  return depth;
}

/** XGBoost's pruner: from each leaf upwards, undo splits of two leaves that gain less than gamma. */
export function prune(): void {
  if (!(gamma > 0)) return;
  for (let id = 0; id < nodeCount; id++) {
    const node = nodeAt(id);
    if (load<i32>(node, LEFT) >= 0 || load<i32>(node, FEATURE) == DELETED) continue;
    let parent = load<i32>(node, PARENT);
    let depth = depthOf(id);
    while (parent >= 0) {
      const above = nodeAt(parent);
      const left = nodeAt(load<i32>(above, LEFT));
      const right = nodeAt(load<i32>(above, RIGHT));
      if (load<i32>(left, LEFT) >= 0 || load<i32>(right, LEFT) >= 0) break;
      if (!(load<f32>(above, LOSS_CHANGE) < gamma || (maxDepth != 0 && depth > maxDepth))) break;
      store<i32>(left, DELETED, FEATURE);
      store<i32>(right, DELETED, FEATURE);
      store<i32>(above, -1, LEFT);
      store<i32>(above, -1, RIGHT);
      store<i32>(above, 0, FEATURE);
      store<i32>(above, 0, DEFAULT_LEFT);
      store<f32>(above, eta * load<f32>(above, BASE_WEIGHT), CONDITION);
      depth--;
      parent = load<i32>(above, PARENT);
    }
  }
}

/** Value of the leaf that a node's rows end in: its own, or after pruning that of the ancestor left standing. */
export function leafValue(id: i32): f32 {
  let node = nodeAt(id);
  while (load<i32>(node, FEATURE) == DELETED) node = nodeAt(load<i32>(node, PARENT));
  return load<f32>(node, CONDITION);
}

/** Add the tree to the running predictions of the test rows, in float32 as XGBoost does. */
export function addToTestPrediction(): void {
  for (let row = 0; row < testRows; row++) {
    const values = testValues + (<usize> (row * features) << 2);
    let node = tree;
    let left = load<i32>(node, LEFT);
    while (left >= 0) {
      const value = load<f32>(values + (<usize> load<i32>(node, FEATURE) << 2));
      let toLeft: bool;
      if (value != value) toLeft = load<i32>(node, DEFAULT_LEFT) != 0;
      else toLeft = value < load<f32>(node, CONDITION);
      node = nodeAt(toLeft ? left : load<i32>(node, RIGHT));
      left = load<i32>(node, LEFT);
    }
    const at = testPrediction + (<usize> row << 2);
    store<f32>(at, load<f32>(at) + load<f32>(node, CONDITION));
  }
}
