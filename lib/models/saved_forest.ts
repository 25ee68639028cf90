import type { BoostedModel, Tree } from "../boosting/tree.ts";
import { DataError } from "../cli/errors.ts";
import type { SavedTensors } from "../experiment/model.ts";

/**
 * The trees of a saved forest, gene by gene.
 *
 * @param tensors `forest.*`, as xgboost.ts describes them
 */
export function* forestModels(
  tensors: SavedTensors,
  features: number,
): Generator<BoostedModel> {
  const part = (name: string) => tensors.get(`forest.${name}`)!.data;
  const nodes = {
    feature: part("feature"),
    value: part("value"),
    left: part("left"),
    right: part("right"),
    defaultLeft: part("default_left"),
  };
  const [genes, rounds] = tensors.get("forest.tree_sizes")!.shape;
  const sizes = part("tree_sizes"), baseScores = part("base_score");
  let first = 0;
  for (let gene = 0; gene < genes; gene++) {
    const trees: Tree[] = [];
    for (let round = 0; round < rounds; round++) {
      const size = sizes[gene * rounds + round];
      if (size > 0) trees.push(treeOf(nodes, first, first + size));
      first += size;
    }
    yield { baseScore: baseScores[gene], features, trees };
  }
}

/**
 * Refuse a forest whose trees would not end or lie outside their arrays.
 *
 * @throws {DataError} naming the file, the tree and the node
 */
export function refuseBrokenForest(path: string, tensors: SavedTensors): void {
  const part = (name: string) => tensors.get(`forest.${name}`)!.data;
  const sizes = part("tree_sizes"), feature = part("feature"), left = part("left"), right = part("right");
  const width = tensors.get("scaler.mean")!.data.length;
  const fail = (what: string) =>
    new DataError(`Cannot use the trees of "${path}": ${what} (is the file damaged?)`);
  let first = 0;
  sizes.forEach((size, tree) => {
    if (!Number.isInteger(size) || size < 0 || first + size > feature.length) {
      throw fail(`tree ${tree} would have ${size} nodes`);
    }
    const seen = new Uint8Array(size);
    for (let node = 0; node < size; node++) {
      const at = first + node;
      if (feature[at] === -1) continue;
      const isFeature = Number.isInteger(feature[at]) && feature[at] >= 0 && feature[at] < width;
      if (!isFeature) throw fail(`node ${node} of tree ${tree} splits by feature ${feature[at]} of ${width}`);
      for (const child of [left[at], right[at]]) {
        // Children stand behind their parents, and have one: so every walk ends.
        if (!Number.isInteger(child) || child <= node || child >= size || seen[child]++) {
          throw fail(`tree ${tree} has node ${node} with children ${left[at]} and ${right[at]}`);
        }
      }
    }
    first += size;
  });
  if (first !== feature.length) throw fail(`its trees have ${first} nodes, its arrays ${feature.length}`);
}

type Nodes = Record<"feature" | "value" | "left" | "right" | "defaultLeft", Float32Array>;

/** A tree that predicts; what only training knows of it is left empty. */
function treeOf(nodes: Nodes, start: number, end: number): Tree {
  const none = new Float32Array(0);
  const integers = (values: Float32Array) => Int32Array.from(values.subarray(start, end));
  const feature = integers(nodes.feature);
  const children = (values: Float32Array) =>
    integers(values).map((child, node) => feature[node] < 0 ? -1 : child);
  return {
    feature,
    left: children(nodes.left),
    right: children(nodes.right),
    condition: nodes.value.subarray(start, end),
    defaultLeft: Uint8Array.from(nodes.defaultLeft.subarray(start, end)),
    parent: new Int32Array(0),
    lossChange: none,
    baseWeight: none,
    sumHessian: none,
  };
}
