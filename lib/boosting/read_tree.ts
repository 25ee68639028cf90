/** One tree of an XGBoost model file: its columns checked, so that every walk from the root ends at a leaf. */
import type { Tree } from "./tree.ts";

/** `parents` of a root in files of one output, and the feature of a node that pruning took away. */
export const NO_PARENT = 2147483647;

export interface TreeContext {
  /** Of the model: splits look at one of them. */
  readonly features: number;
  /** For messages. */
  featureName(feature: number): string;
  /** Refuse the file: "tree 3 " and the reason. */
  refuse(reason: string): never;
}

export function parseTree(tree: unknown, { features, featureName, refuse }: TreeContext): Tree {
  if (typeof tree !== "object" || tree === null) return refuse("is no object");
  const fields = tree as Record<string, unknown>;
  const leafSize = Number((fields.tree_param as Record<string, unknown> | undefined)?.size_leaf_vector ?? 0);
  if (leafSize > 1) {
    refuse(
      `has leaves of ${leafSize} outputs, which are not read (train with multi_strategy="one_output_per_tree")`,
    );
  }
  const left = fields.left_children;
  const nodes = Array.isArray(left) ? left.length : 0;
  if (nodes === 0) refuse("has no nodes");
  const column = (key: string): number[] => {
    const values = fields[key];
    if (!Array.isArray(values) || values.length !== nodes) {
      return refuse(`should have ${nodes} ${key}, but has ${Array.isArray(values) ? values.length : "none"}`);
    }
    return values.map(Number);
  };
  const feature = Int32Array.from(
    column("split_indices"),
    (feature) => feature >= NO_PARENT || feature < 0 ? -1 : feature,
  );
  const categorical = Array.isArray(fields.split_type)
    ? fields.split_type.findIndex((type) => type !== 0)
    : -1;
  if (categorical >= 0) {
    refuse(
      `splits node ${categorical} by categories of feature ${
        featureName(feature[categorical])
      }: categorical splits ` +
        `are not read (give categories as columns of 0 and 1)`,
    );
  }
  const parsed: Tree = {
    left: Int32Array.from(column("left_children")),
    right: Int32Array.from(column("right_children")),
    parent: Int32Array.from(column("parents"), (parent) => parent === NO_PARENT ? -1 : parent),
    feature,
    condition: Float32Array.from(column("split_conditions")),
    defaultLeft: Uint8Array.from(column("default_left")),
    lossChange: Float32Array.from(column("loss_changes")),
    baseWeight: Float32Array.from(column("base_weights")),
    sumHessian: Float32Array.from(column("sum_hessian")),
  };
  for (let node = 0; node < nodes; node++) {
    const children = [parsed.left[node], parsed.right[node]];
    if (children.every((child) => child === -1)) continue;
    if (children.some((child) => !(child > node && child < nodes))) {
      refuse(`has node ${node} with children ${children.join(" and ")}, expected later ones of its ${nodes}`);
    }
    if (!(parsed.feature[node] >= 0 && parsed.feature[node] < features)) {
      refuse(`splits node ${node} on feature ${parsed.feature[node]}, the model has ${features}`);
    }
  }
  return parsed;
}
