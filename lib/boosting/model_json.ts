/**
 * XGBoost's own JSON model format, which `Booster.load_model` of versions 1.0 to 3.x reads; written as 1.7.4 does.
 * read_model.ts reads such files.
 */
import { NO_PARENT } from "./read_tree.ts";
import type { BoostedModel, Tree } from "./tree.ts";

/** The text of a model file. */
export function encodeModel(model: BoostedModel): string {
  const trees = model.trees.map((tree, id) => encodeTree(tree, id, model.features)).join(",");
  const count = model.trees.length;
  return `{"learner":{"attributes":{},"feature_names":[],"feature_types":[],"gradient_booster":{"model":{` +
    `"gbtree_model_param":{"num_parallel_tree":"1","num_trees":"${count}","size_leaf_vector":"0"},` +
    `"tree_info":[${new Array(count).fill(0).join(",")}],"trees":[${trees}]},"name":"gbtree"},` +
    `"learner_model_param":{"base_score":"${
      shortest(model.baseScore)
    }","boost_from_average":"1","num_class":"0",` +
    `"num_feature":"${model.features}","num_target":"1"},"objective":{"name":"reg:squarederror",` +
    `"reg_loss_param":{"scale_pos_weight":"1"}}},"version":[1,7,4]}`;
}

function encodeTree(tree: Tree, id: number, features: number): string {
  const nodes = tree.left.length;
  const floats = (values: Float32Array) => Array.from(values, shortest).join(",");
  const deleted = tree.feature.reduce((count, feature) => feature < 0 ? count + 1 : count, 0);
  const parents = tree.parent.map((parent) => parent < 0 ? NO_PARENT : parent);
  // A pruned node is marked by a feature whose 32 bits, default direction included, are all ones.
  const indices = tree.feature.map((feature) => feature < 0 ? NO_PARENT : feature);
  const defaultLeft = tree.defaultLeft.map((left, node) => tree.feature[node] < 0 ? 1 : left);
  return `{"base_weights":[${floats(tree.baseWeight)}],"categories":[],"categories_nodes":[],` +
    `"categories_segments":[],"categories_sizes":[],"default_left":[${defaultLeft.join(",")}],"id":${id},` +
    `"left_children":[${tree.left.join(",")}],"loss_changes":[${floats(tree.lossChange)}],` +
    `"parents":[${parents.join(",")}],"right_children":[${tree.right.join(",")}],` +
    `"split_conditions":[${floats(tree.condition)}],"split_indices":[${indices.join(",")}],` +
    `"split_type":[${new Array(nodes).fill(0).join(",")}],"sum_hessian":[${floats(tree.sumHessian)}],` +
    `"tree_param":{"num_deleted":"${deleted}","num_feature":"${features}","num_nodes":"${nodes}",` +
    `"size_leaf_vector":"0"}}`;
}

/** The fewest digits that a float32 reader turns back into the same number, and a mark that it is no integer. */
function shortest(value: number): string {
  let digits = 6;
  while (digits < 9 && Math.fround(Number(value.toPrecision(digits))) !== value) digits++;
  const text = Object.is(value, -0) ? "-0" : String(Number(value.toPrecision(digits)));
  return /[.e]/.test(text) ? text : `${text}E0`;
}
