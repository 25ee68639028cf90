/**
 * XGBoost's own JSON model format: what `Booster.save_model("model.json")` writes and `Booster.load_model` reads.
 * Written as version 1.7.4 does; read from 1.0 on.
 */
import { DataError } from "../cli/errors.ts";
import type { BoostedModel, Tree } from "./tree.ts";

/** `parents` of a root, and other links to nowhere. */
const NO_PARENT = 2147483647;

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

/**
 * Read the text of a model file.
 *
 * @param name of the file, for messages
 * @throws {DataError} when the text is cut off or no such file, is of another format version, or holds a model of a kind
 * that is not read here (another booster or objective, several outputs, categorical splits)
 */
export function parseModel(text: string, name: string): BoostedModel {
  const refuse = (reason: string): never => {
    throw new DataError(`Cannot read model "${name}": ${reason}`);
  };
  const root = parseText(text, refuse);
  const at = (path: string): unknown => {
    let value: unknown = root;
    for (const key of path.split(".")) {
      if (typeof value !== "object" || value === null || !(key in value)) {
        return refuse(`it has no ${path} (is it an XGBoost model saved as .json?)`);
      }
      value = (value as Record<string, unknown>)[key];
    }
    return value;
  };
  const version = at("version");
  const major = Array.isArray(version) ? version[0] : undefined;
  if (typeof major !== "number" || major < 1 || major > 3) {
    refuse(
      `its format version is ${JSON.stringify(version)}, expected 1, 2 or 3 (as XGBoost 1.0 to 3.x write)`,
    );
  }
  const booster = at("learner.gradient_booster.name");
  if (booster !== "gbtree") refuse(`its booster is "${booster}", expected gbtree`);
  const objective = at("learner.objective.name");
  if (objective !== "reg:squarederror" && objective !== "reg:linear") {
    refuse(`its objective is "${objective}", expected reg:squarederror`);
  }
  const parameter = "learner.learner_model_param";
  if (Number(at(`${parameter}.num_class`)) > 1) refuse("it is a classifier of several classes");
  const outputs = Number((at(parameter) as Record<string, unknown>).num_target ?? 1);
  if (outputs > 1) refuse(`it has ${outputs} outputs, expected one (save a model for each)`);
  const features = Number(at(`${parameter}.num_feature`));
  if (!Number.isInteger(features) || features < 1) {
    refuse(`its num_feature is ${features}, expected at least 1`);
  }
  // XGBoost 3 writes a list.
  const baseScore = Number(String(at(`${parameter}.base_score`)).replace(/^\[(.*)\]$/, "$1"));
  if (!Number.isFinite(baseScore)) refuse("its base_score is not a number");
  const trees = at("learner.gradient_booster.model.trees");
  const count = Number(at("learner.gradient_booster.model.gbtree_model_param.num_trees"));
  if (!Array.isArray(trees) || trees.length !== count) {
    return refuse(`it should hold ${count} trees, but holds ${Array.isArray(trees) ? trees.length : "none"}`);
  }
  return {
    baseScore: Math.fround(baseScore),
    features,
    trees: trees.map((tree, i) => parseTree(tree, features, (reason) => refuse(`tree ${i} ${reason}`))),
  };
}

type Refuse = (reason: string) => never;

function parseText(text: string, refuse: Refuse): unknown {
  // UBJSON, XGBoost's default from 2.1 on, begins with an object of length-prefixed keys.
  if (/^\{L/.test(text)) refuse("it is UBJSON (save it under a name that ends in .json)");
  try {
    // XGBoost writes NaN and Infinity as they are.
    return JSON.parse(text.replaceAll(/(?<=[[,:])(-?)(?:NaN|nan|Infinity|inf)(?=[\],}])/g, "null"));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return refuse(
      text.trimEnd().endsWith("}")
        ? `it is not JSON (${reason})`
        : `it is cut off after ${text.length} characters`,
    );
  }
}

function parseTree(tree: unknown, features: number, refuse: Refuse): Tree {
  if (typeof tree !== "object" || tree === null) return refuse("is no object");
  const fields = tree as Record<string, unknown>;
  const column = (key: string): number[] => {
    const values = fields[key];
    if (!Array.isArray(values) || values.length !== nodes) {
      return refuse(`should have ${nodes} ${key}, but has ${Array.isArray(values) ? values.length : "none"}`);
    }
    return values.map(Number);
  };
  const left = fields.left_children;
  const nodes = Array.isArray(left) ? left.length : 0;
  if (nodes === 0) refuse("has no nodes");
  if (Array.isArray(fields.split_type) && fields.split_type.some((type) => type !== 0)) {
    refuse("has categorical splits, which are not read");
  }
  const parsed: Tree = {
    left: Int32Array.from(column("left_children")),
    right: Int32Array.from(column("right_children")),
    parent: Int32Array.from(column("parents"), (parent) => parent === NO_PARENT ? -1 : parent),
    feature: Int32Array.from(column("split_indices"), (feature) => feature >= NO_PARENT ? -1 : feature),
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
