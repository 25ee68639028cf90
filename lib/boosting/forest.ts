/** A model's trees end to end in few arrays: what is left of a model when only its predictions matter. */
import type { BoostedModel } from "./tree.ts";

/** Trees of one or more outputs, output by output, round by round. All arrays but the first two have a value a node. */
export interface Forest {
  /** One an output. */
  readonly baseScore: Float32Array;
  /** Nodes of each tree. */
  readonly treeSizes: Float32Array;
  /** Feature of a split, -1 at a leaf. */
  readonly feature: Float32Array;
  /** Threshold or leaf value. */
  readonly value: Float32Array;
  /** Children, counted from the tree's first node; -1 at a leaf. */
  readonly left: Float32Array;
  readonly right: Float32Array;
  /** 1 where a missing value goes left. */
  readonly defaultLeft: Float32Array;
}

const arrayNames = ["baseScore", "treeSizes", "feature", "value", "left", "right", "defaultLeft"] as const;

export function forestOf(model: BoostedModel): Forest {
  const sizes = model.trees.map((tree) => tree.left.length);
  const gather = (of: (tree: BoostedModel["trees"][number]) => ArrayLike<number>) => {
    const gathered = new Float32Array(sizes.reduce((sum, size) => sum + size, 0));
    let at = 0;
    for (const tree of model.trees) {
      gathered.set(of(tree), at);
      at += tree.left.length;
    }
    return gathered;
  };
  return {
    baseScore: Float32Array.of(model.baseScore),
    treeSizes: Float32Array.from(sizes),
    feature: gather((tree) => tree.feature.map((feature, node) => tree.left[node] < 0 ? -1 : feature)),
    value: gather((tree) => tree.condition),
    left: gather((tree) => tree.left),
    right: gather((tree) => tree.right),
    defaultLeft: gather((tree) => tree.defaultLeft),
  };
}

/** The outputs of all forests, in order. */
export function joinForests(forests: readonly Forest[]): Forest {
  return Object.fromEntries(arrayNames.map((name) => {
    const joined = new Float32Array(forests.reduce((sum, forest) => sum + forest[name].length, 0));
    let at = 0;
    for (const forest of forests) {
      joined.set(forest[name], at);
      at += forest[name].length;
    }
    return [name, joined];
  })) as unknown as Forest;
}
