/**
 * What a script leaves in `<result folder>/model/` so that scripts/predict.ts can predict transcription factors that
 * the script never saw: `model.json`, which says what the model is and which input it takes, and for every fold
 * `fold_<n>.safetensors` with its numbers. Every fold's file holds
 *
 *   baseline (genes)                     mean of the fold's training rows, gene by gene
 *   scaler.mean, scaler.scale (width)    where the inputs are standardised: (x - mean) / scale. In float64, so that
 *                                        an input falls on the same side of a tree's threshold as in training
 *
 * and by kind, with matrices as PyTorch stores them (outputs x inputs):
 *
 *   linear_pca       coefficients (genes x k) = G W; gene_embeddings (genes x k) = G.
 *                    Prediction = baseline + coefficients g, where g is the row of G of the perturbation's own gene;
 *                    a perturbation whose gene is no read-out gene gets the baseline.
 *   linear_nt_embed  coefficients (genes x width) = G W. Prediction = baseline + coefficients x.
 *   xgboost          scaler.*, and a forest: one tree a gene and round, gene by gene, round by round:
 *                    forest.base_score (genes), forest.tree_sizes (genes x rounds): nodes of each tree,
 *                    forest.feature (nodes): -1 at a leaf, forest.value (nodes): threshold or leaf value,
 *                    forest.left, forest.right (nodes): children, counted from the first node of their tree,
 *                    forest.default_left (nodes): 1 where a missing value goes left. x < threshold goes left.
 *   mlp              scaler.*, layers.<i>.weight, layers.<i>.bias, ReLU between them.
 *   concat_mlp       layers.<i>.weight, layers.<i>.bias, gene_embeddings (genes x gene width), and scaler.* over
 *                    [TF embedding ; gene embedding] if these are standardised. The first layer's inputs are that pair.
 *   nt_ia3           only the baseline; the fold's PEFT adapter lies in the folder that `adapter` names.
 */
import { join } from "@std/path";
import { DataError } from "../cli/errors.ts";
import { writeFileAtomic } from "../io/atomic_write.ts";
import { encodeSafetensors, openSafetensors, type SafetensorsArray } from "../io/safetensors.ts";
import { readFileText } from "../io/read_file.ts";

export const modelKinds = [
  "linear_pca",
  "linear_nt_embed",
  "xgboost",
  "mlp",
  "concat_mlp",
  "nt_ia3",
] as const;
export type ModelKind = typeof modelKinds[number];

/** What a model reads for one perturbation. */
export type ModelInput =
  /** Its gene id alone. */
  | { readonly kind: "gene_id" }
  /** A row of embeddings. `model` is the pipeline of inference.ts that makes them. */
  | { readonly kind: "embedding"; readonly model: "ntv2" | "hyenadna"; readonly width: number }
  /** Its promoter's DNA, cut at `maxLength` tokens; `model` is the hub id or folder of the pretrained weights. */
  | { readonly kind: "sequence"; readonly model: string; readonly maxLength: number };

const inputKinds: Record<ModelKind, ModelInput["kind"]> = {
  linear_pca: "gene_id",
  linear_nt_embed: "embedding",
  xgboost: "embedding",
  mlp: "embedding",
  concat_mlp: "embedding",
  nt_ia3: "sequence",
};

export interface SavedFold {
  /** From 0, in the order of the splits. */
  readonly fold: number;
  /** Ids of the perturbations that this fold held out. */
  readonly test: readonly string[];
  /** Safetensors file beside model.json. */
  readonly weights: string;
  /** nt_ia3: folder of the PEFT adapter, relative to model.json. */
  readonly adapter?: string;
}

/** model.json. Values of `flags` are those the script ran with, for the record. */
export interface SavedModel {
  readonly kind: ModelKind;
  /** Read-out genes, in the order of every tensor's gene axis. */
  readonly genes: readonly string[];
  readonly input: ModelInput;
  readonly script: string;
  readonly flags: Readonly<Record<string, unknown>>;
  readonly folds: readonly SavedFold[];
}

/** Numbers of one fold, by the names above. */
export type FoldTensors = ReadonlyMap<string, SafetensorsArray>;

/** A tensor read back. */
export interface SavedTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
  /** The numbers without loss, where they were saved in float64. */
  readonly doubles?: Float64Array;
}

/** A fold that is about to be saved. */
export interface TrainedFold {
  /** From 0. */
  readonly fold: number;
  readonly test: readonly string[];
  readonly tensors: FoldTensors;
  readonly adapter?: string;
}

/** A saved model on disk: its description and where its files lie. */
export interface OpenedModel extends SavedModel {
  /** The folder of model.json. */
  readonly folder: string;
}

const format = "hs27-model";
const version = 1;

/**
 * Write `<resultFolder>/model/`: the folds' tensors first, each as it comes, model.json last, so that a model.json always
 * finds its files.
 *
 * @throws {RangeError} if a fold lacks a tensor of its kind or has one of the wrong shape
 */
export async function writeSavedModel(
  resultFolder: string,
  model: Omit<SavedModel, "folds">,
  folds: Iterable<TrainedFold> | AsyncIterable<TrainedFold>,
): Promise<void> {
  const saved: SavedFold[] = [];
  for await (const { fold, test, tensors, adapter } of folds) {
    const problem = tensorProblem(model, tensors);
    if (problem) throw new RangeError(`Fold ${fold} of a ${model.kind} model cannot be saved: ${problem}`);
    const weights = `fold_${fold}.safetensors`;
    await writeFileAtomic(join(resultFolder, "model", weights), encodeSafetensors(tensors));
    saved.push({ fold, test, weights, ...(adapter !== undefined && { adapter }) });
  }
  const { kind, genes, input, script, flags } = model;
  const json = { format, version, kind, script, flags, input, folds: saved, genes };
  await writeFileAtomic(join(resultFolder, "model", "model.json"), JSON.stringify(json, null, 2) + "\n");
}

/**
 * Open the model that a result folder holds.
 *
 * @throws {DataError} when there is none, or model.json is not one that this version can read
 */
export async function openSavedModel(resultFolder: string): Promise<OpenedModel> {
  const folder = join(resultFolder, "model");
  const path = join(folder, "model.json");
  try {
    await Deno.stat(path);
  } catch {
    throw new DataError(
      `Cannot read a model from "${resultFolder}": there is no "model/model.json" in it (train with --save-model)`,
    );
  }
  let json: unknown;
  try {
    json = JSON.parse(await readFileText(path));
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw new DataError(`Cannot read "${path}": it is not valid JSON (${(error as Error).message})`);
  }
  return { ...parseModel(path, json), folder };
}

/**
 * The tensors of one fold, checked against what its kind must have.
 *
 * @throws {DataError} when the file is missing, damaged or lacks a tensor
 */
export async function readSavedFold(
  model: OpenedModel,
  fold: SavedFold,
): Promise<Map<string, SavedTensor>> {
  const path = join(model.folder, fold.weights);
  const file = await openSafetensors(path);
  try {
    const tensors = new Map<string, SavedTensor>();
    for (const [name, { shape, dtype }] of file.tensors) {
      const doubles = dtype === "F64" ? { doubles: await file.readDoubles(name) } : {};
      tensors.set(name, { shape, data: await file.read(name), ...doubles });
    }
    const problem = tensorProblem(model, tensors);
    if (problem) throw new DataError(`Cannot read "${path}" as a fold of a ${model.kind} model: ${problem}`);
    return tensors;
  } finally {
    file.close();
  }
}

type Shapes = ReadonlyMap<string, { readonly shape: readonly number[] }>;

/** What is wrong with a fold's tensors, or null. */
function tensorProblem({ kind, genes, input }: Omit<SavedModel, "folds">, tensors: Shapes): string | null {
  const width = input.kind === "embedding" ? input.width : null;
  const { required, optional } = expectedShapes(kind, genes.length, width, tensors);
  for (const [name, shape] of [...Object.entries(required), ...Object.entries(optional)]) {
    const found = tensors.get(name)?.shape;
    if (!found) {
      if (name in required) return `it has no tensor "${name}"`;
    } else if (found.length !== shape.length || shape.some((size, i) => size !== null && size !== found[i])) {
      const wanted = shape.map((size) => size ?? "any").join(", ");
      return `tensor "${name}" has shape (${found.join(", ")}), expected (${wanted})`;
    }
  }
  return null;
}

/** A size that is not known beforehand is null. */
type ExpectedShapes = Record<string, (number | null)[]>;

function expectedShapes(
  kind: ModelKind,
  genes: number,
  width: number | null,
  tensors: Shapes,
): { required: ExpectedShapes; optional: ExpectedShapes } {
  const baseline = [genes];
  const scaler = { "scaler.mean": [width], "scaler.scale": [width] };
  switch (kind) {
    case "linear_pca": {
      const k = tensors.get("coefficients")?.shape[1] ?? null;
      return { required: { baseline, coefficients: [genes, k], gene_embeddings: [genes, k] }, optional: {} };
    }
    case "linear_nt_embed":
      return { required: { baseline, coefficients: [genes, width] }, optional: scaler };
    case "xgboost": {
      const nodes = tensors.get("forest.feature")?.shape[0] ?? null;
      const perNode = ["feature", "value", "left", "right", "default_left"];
      return {
        required: {
          baseline,
          ...scaler,
          "forest.base_score": [genes],
          "forest.tree_sizes": [genes, null],
          ...Object.fromEntries(perNode.map((name) => [`forest.${name}`, [nodes]])),
        },
        optional: {},
      };
    }
    case "mlp":
      return { required: { baseline, ...scaler, ...layerShapes(tensors, width, genes) }, optional: {} };
    case "concat_mlp": {
      const geneWidth = tensors.get("gene_embeddings")?.shape[1] ?? null;
      const both = width !== null && geneWidth !== null ? width + geneWidth : null;
      return {
        required: { baseline, gene_embeddings: [genes, geneWidth], ...layerShapes(tensors, both, 1) },
        optional: { "scaler.mean": [both], "scaler.scale": [both] },
      };
    }
    case "nt_ia3":
      return { required: { baseline }, optional: {} };
  }
}

/** Layers 0, 1, ...: the first reads `inputs`, each next one what the one before it gives, the last gives `outputs`. */
function layerShapes(tensors: Shapes, inputs: number | null, outputs: number): ExpectedShapes {
  const shapes: ExpectedShapes = {};
  for (let layer = 0;; layer++) {
    const last = !tensors.has(`layers.${layer + 1}.weight`);
    const width: number | null = last ? outputs : tensors.get(`layers.${layer}.weight`)?.shape[0] ?? null;
    shapes[`layers.${layer}.weight`] = [width, inputs];
    shapes[`layers.${layer}.bias`] = [width];
    if (last) return shapes;
    inputs = width;
  }
}

function parseModel(path: string, json: unknown): SavedModel {
  const fail = (what: string) => new DataError(`Cannot read "${path}": ${what}`);
  if (!isRecord(json) || json.format !== format) throw fail(`"format" is not "${format}"`);
  if (json.version !== version) {
    throw fail(`"version" is ${JSON.stringify(json.version)}, this program reads ${version}`);
  }
  const { kind, genes, input, script, flags, folds } = json;
  if (!modelKinds.includes(kind as ModelKind)) {
    throw fail(`"kind" is ${JSON.stringify(kind)}, expected one of ${modelKinds.join(", ")}`);
  }
  if (!isTextList(genes) || genes.length === 0) throw fail(`"genes" is not a list of gene ids`);
  if (!isModelInput(input) || input.kind !== inputKinds[kind as ModelKind]) {
    throw fail(`"input" does not say what the model reads`);
  }
  if (typeof script !== "string") throw fail(`"script" is not a text`);
  if (!isRecord(flags)) throw fail(`"flags" is not an object`);
  if (!Array.isArray(folds) || folds.length === 0) throw fail(`"folds" is not a list of folds`);
  for (const [at, fold] of folds.entries()) {
    if (!isSavedFold(fold)) throw fail(`"folds"[${at}] needs "fold", "test" and "weights", a file beside it`);
    if (kind === "nt_ia3" && fold.adapter === undefined) throw fail(`"folds"[${at}] names no "adapter"`);
  }
  return { kind: kind as ModelKind, genes, input, script, flags, folds: folds as SavedFold[] };
}

function isModelInput(value: unknown): value is ModelInput {
  if (!isRecord(value)) return false;
  if (value.kind === "gene_id") return true;
  if (value.kind === "embedding") {
    return (value.model === "ntv2" || value.model === "hyenadna") && isCount(value.width);
  }
  return value.kind === "sequence" && typeof value.model === "string" && isCount(value.maxLength);
}

function isSavedFold(value: unknown): value is SavedFold {
  return isRecord(value) && isCount(value.fold) && isTextList(value.test) &&
    typeof value.weights === "string" && /^[\w.-]+\.safetensors$/.test(value.weights) &&
    (value.adapter === undefined || typeof value.adapter === "string");
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isTextList(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((text) => typeof text === "string");
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
