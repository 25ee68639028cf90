/**
 * What a script leaves in `<result folder>/model/` so that scripts/predict.ts can predict transcription factors that
 * the script never saw: `model.json`, which says what the model is, which input it takes and which perturbations it was
 * trained on, by all their names, and for every fold `fold_<n>.safetensors` with its numbers. Every fold's file holds
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
import { encodeModelJson, parseModelJson, type SavedFold, type SavedModel } from "./saved_model_json.ts";
import { tensorProblem } from "./saved_model_tensors.ts";

export {
  type Aliases,
  type ModelInput,
  type ModelKind,
  type SavedFold,
  type SavedModel,
} from "./saved_model_json.ts";

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
  await writeFileAtomic(
    join(resultFolder, "model", "model.json"),
    encodeModelJson({ ...model, folds: saved }),
  );
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
  return { ...parseModelJson(path, json), folder };
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
