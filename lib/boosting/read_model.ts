/**
 * Reads XGBoost's own model files, JSON and UBJSON, as `Booster.save_model` of versions 1.0 to 3.x writes them: boosted trees
 * with squared error, of one output or several. What would predict otherwise than its trees say here is refused by name.
 */
import { DataError } from "../cli/errors.ts";
import { parseUbjson, UbjsonError } from "../io/ubjson.ts";
import { parseTree } from "./read_tree.ts";
import type { BoostedModel } from "./tree.ts";

type Refuse = (reason: string) => never;

/**
 * Read a model file of one output.
 *
 * @param content text of a .json file, or bytes of a .json or .ubj file
 * @param name of the file, for messages
 * @throws {DataError} as parseModels, and when the model has several outputs
 */
export function parseModel(content: string | Uint8Array, name: string): BoostedModel {
  const models = parseModels(content, name);
  if (models.length === 1) return models[0];
  throw new DataError(
    `Cannot read model "${name}": it has ${models.length} outputs, expected one (save a model for each)`,
  );
}

/**
 * Read a model file, one model an output, in order.
 *
 * @throws {DataError} when the file is cut off or no such file, is of another format version, or holds a model of a kind
 * that is not read here (another booster or objective, categorical splits, leaves of several outputs)
 */
export function parseModels(content: string | Uint8Array, name: string): BoostedModel[] {
  const refuse: Refuse = (reason) => {
    throw new DataError(`Cannot read model "${name}": ${reason}`);
  };
  const root = isUbjson(content) ? parseBinary(content, refuse) : parseText(textOf(content), refuse);
  const at = (path: string): unknown => {
    let value: unknown = root;
    for (const key of path.split(".")) {
      if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) {
        return refuse(`it has no ${path} (is it a model that XGBoost saved as .json or .ubj?)`);
      }
      value = (value as Record<string, unknown>)[key];
    }
    return value;
  };
  const optional = (path: string, key: string) => (at(path) as Record<string, unknown>)[key];
  refuseOtherKinds(at, refuse);
  const parameter = "learner.learner_model_param";
  const outputs = Math.max(1, Number(optional(parameter, "num_target") ?? 1));
  const features = Number(at(`${parameter}.num_feature`));
  if (!Number.isInteger(features) || features < 1) {
    refuse(`its num_feature is ${features}, expected at least 1`);
  }
  const model = "learner.gradient_booster.model";
  const trees = at(`${model}.trees`), count = Number(at(`${model}.gbtree_model_param.num_trees`));
  if (!Array.isArray(trees) || trees.length !== count) {
    return refuse(`it should hold ${count} trees, but holds ${Array.isArray(trees) ? trees.length : "none"}`);
  }
  const names = optional("learner", "feature_names");
  const featureName = (feature: number) =>
    Array.isArray(names) && names.length === features ? `"${names[feature]}"` : `${feature}`;
  const parsed = trees.map((tree, i) =>
    parseTree(tree, { features, featureName, refuse: (reason) => refuse(`tree ${i} ${reason}`) })
  );
  const owners = outputsOfTrees(optional(model, "tree_info"), parsed.length, outputs, refuse);
  return baseScores(at(`${parameter}.base_score`), outputs, refuse).map((baseScore, output) => ({
    baseScore,
    features,
    trees: parsed.filter((_, i) => owners[i] === output),
  }));
}

function refuseOtherKinds(at: (path: string) => unknown, refuse: Refuse): void {
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
  if (Number(at("learner.learner_model_param.num_class")) > 1) {
    refuse("it is a classifier of several classes");
  }
}

/** "0.5" up to XGBoost 3.0, "[0.5]" or a number an output from 3.1 on; one number counts for all outputs. */
function baseScores(stored: unknown, outputs: number, refuse: Refuse): number[] {
  const scores = String(stored).replace(/^\[(.*)\]$/, "$1").split(",").map((text) =>
    text.trim() === "" ? NaN : Math.fround(Number(text))
  );
  if (!scores.every(Number.isFinite)) refuse("its base_score is not a number");
  if (scores.length === 1) return new Array(outputs).fill(scores[0]);
  if (scores.length !== outputs) {
    refuse(`its base_score has ${scores.length} numbers, expected 1 or ${outputs} (num_target)`);
  }
  return scores;
}

/** The output that each tree adds to: `tree_info`, which a model of one output may lack. */
function outputsOfTrees(info: unknown, trees: number, outputs: number, refuse: Refuse): number[] {
  if (outputs === 1) return new Array(trees).fill(0);
  if (!Array.isArray(info) || info.length !== trees) {
    return refuse(`its tree_info should name the output of each of ${trees} trees`);
  }
  return info.map((output, i) =>
    Number.isInteger(output) && output >= 0 && output < outputs
      ? output
      : refuse(`its tree_info puts tree ${i} to output ${output} of ${outputs}`)
  );
}

/** UBJSON, XGBoost's default since 2.1, begins with an object whose keys say their length. */
function isUbjson(content: string | Uint8Array): content is Uint8Array {
  return typeof content !== "string" && content[0] === 0x7b &&
    "iUIlL$#".includes(String.fromCharCode(content[1]));
}

function parseBinary(bytes: Uint8Array, refuse: Refuse): unknown {
  try {
    return parseUbjson(bytes);
  } catch (error) {
    if (!(error instanceof UbjsonError)) throw error;
    return refuse(
      error.position === bytes.length
        ? `it is cut off after ${bytes.length} bytes`
        : `it is damaged UBJSON (${error.message})`,
    );
  }
}

function textOf(content: string | Uint8Array): string {
  return typeof content === "string" ? content : new TextDecoder().decode(content);
}

function parseText(text: string, refuse: Refuse): unknown {
  if (!/^\s*\{/.test(text)) {
    refuse(
      "it is neither JSON nor UBJSON (save it with Booster.save_model under a name that ends in .json or .ubj)",
    );
  }
  try {
    // XGBoost writes NaN and Infinity as they are.
    const numbers = /(?<=[[,:])(-?)(?:(nan)|inf(?:inity)?)(?=[\],}])/gi;
    return JSON.parse(text.replaceAll(numbers, (_, sign, nan) => nan ? `"NaN"` : `"${sign}Infinity"`));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return refuse(
      text.trimEnd().endsWith("}")
        ? `it is not JSON (${reason})`
        : `it is cut off after ${text.length} characters`,
    );
  }
}
