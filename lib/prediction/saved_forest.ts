import type { BoostedModel, Tree } from "../boosting/tree.ts";
import type { SavedTensor } from "../models/saved_model.ts";

/**
 * The trees of a saved forest, gene by gene.
 *
 * @param tensors `forest.*`, as saved_model.ts describes them
 */
export function* forestModels(
  tensors: ReadonlyMap<string, SavedTensor>,
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
