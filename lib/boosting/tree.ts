/** A fitted model: trees as columns of numbers, and predictions from them. */
import type { Matrix } from "../linalg/matrix.ts";

/**
 * One regression tree, a column an attribute, a row a node; node 0 is the root. Nodes that pruning took away stay in
 * their rows (as in XGBoost) and can be reached from nowhere.
 *
 * @internal
 */
export interface Tree {
  /** Ids of the children, -1 for a leaf. */
  readonly left: Int32Array;
  readonly right: Int32Array;
  /** Id of the parent, -1 for the root. */
  readonly parent: Int32Array;
  /** Feature that a split looks at; in a pruned node -1. */
  readonly feature: Int32Array;
  /** Threshold of a split (left is below it), or the value of a leaf. */
  readonly condition: Float32Array;
  /** 1 where a missing value goes left. */
  readonly defaultLeft: Uint8Array;
  /** Gain of the split. */
  readonly lossChange: Float32Array;
  /** Weight that the node would have as a leaf, before the learning rate. */
  readonly baseWeight: Float32Array;
  /** Hessian sum of the rows that reach the node. */
  readonly sumHessian: Float32Array;
}

/** Trees of one output, in order of rounds. */
export interface BoostedModel {
  /** Prediction before the first tree. */
  readonly baseScore: number;
  /** Columns of x. */
  readonly features: number;
  /** One a round. */
  readonly trees: readonly Tree[];
}

export function isLeaf(tree: Tree, node: number): boolean {
  return tree.left[node] < 0;
}

/**
 * The model's value for each row of x (rows x features, NaN is missing): base score plus one leaf a tree, added in
 * float32 in order of the trees, as XGBoost adds them.
 *
 * @throws {RangeError} if x has another number of columns than the model has features
 */
export function predict(model: BoostedModel, x: Matrix): Float32Array {
  if (x.columns !== model.features) {
    throw new RangeError(`The model takes ${model.features} features, x has ${x.columns} columns`);
  }
  const predictions = new Float32Array(x.rows).fill(model.baseScore);
  for (const tree of model.trees) {
    for (let row = 0; row < x.rows; row++) {
      predictions[row] += tree.condition[leafOf(tree, x.data, row * x.columns)];
    }
  }
  return predictions;
}

/** The leaf that a row (values from `offset` on) ends in. */
export function leafOf(tree: Tree, values: Float32Array, offset: number): number {
  let node = 0;
  while (tree.left[node] >= 0) {
    const value = values[offset + tree.feature[node]];
    const toLeft = Number.isNaN(value) ? tree.defaultLeft[node] === 1 : value < tree.condition[node];
    node = toLeft ? tree.left[node] : tree.right[node];
  }
  return node;
}

/** A model that predicts one value whatever the row: `rounds` trees that are a leaf of 0. */
export function constantModel(value: number, features: number, rounds: number): BoostedModel {
  const leaf: Tree = {
    left: Int32Array.of(-1),
    right: Int32Array.of(-1),
    parent: Int32Array.of(-1),
    feature: Int32Array.of(0),
    condition: Float32Array.of(0),
    defaultLeft: Uint8Array.of(0),
    lossChange: Float32Array.of(0),
    baseWeight: Float32Array.of(0),
    sumHessian: Float32Array.of(0),
  };
  return { baseScore: Math.fround(value), features, trees: new Array(rounds).fill(leaf) };
}
