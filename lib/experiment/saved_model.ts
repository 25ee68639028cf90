/**
 * `<result folder>/model/`: what scripts/predict.ts needs to predict transcription factors that no script has seen.
 * `model.json` says what the model is, which input it takes and which perturbations it was trained on, by all their names;
 * `fold_<n>.safetensors` holds a fold's numbers: "baseline" (genes), the means of its training rows, and what the model's
 * family says (`ModelFamily.shapes`).
 */
import { join } from "@std/path";
import { DataError } from "../cli/errors.ts";
import { log } from "../cli/log.ts";
import { writeFileAtomic } from "../io/atomic_write.ts";
import { jsonReason } from "../io/json_file.ts";
import { readFileText } from "../io/read_file.ts";
import { encodeSafetensors, openSafetensors, type SafetensorsArray } from "../io/safetensors.ts";
import { type Manifest, readListed, readManifest } from "./manifest.ts";
import { recoverIfFree } from "./result_folder.ts";
import type { ModelFamily, SavedTensor, SavedTensors } from "./model.ts";
import type { Tensors } from "./part.ts";
import { encodeModelJson, parseModelJson, type SavedFold, type SavedModel } from "./saved_model_json.ts";

/** A fold that is about to be saved. */
export interface TrainedFold {
  /** From 0. */
  readonly fold: number;
  /** Ids of its test rows. */
  readonly test: readonly string[];
  /** Means of the training rows, one a gene. */
  readonly baseline: Float32Array;
  readonly tensors: Tensors;
}

/** A saved model on disk: its description and where its files lie. */
export interface OpenedModel extends SavedModel {
  /** The folder of model.json. */
  readonly folder: string;
  readonly resultFolder: string;
  /** Null in a folder that an earlier version wrote: then its files are not checked. */
  readonly manifest: Manifest | null;
}

/**
 * Write the folds' tensors, each as it comes, then model.json.
 *
 * @param file gives the path for a name below the result folder
 * @param adapter folder of a fold's PEFT adapter, relative to model.json, for models that have one
 */
export async function writeSavedModel(
  file: (name: string) => string,
  model: Omit<SavedModel, "folds">,
  folds: Iterable<TrainedFold> | AsyncIterable<TrainedFold>,
  adapter?: (fold: number) => string,
): Promise<void> {
  const saved: SavedFold[] = [];
  for await (const { fold, test, baseline, tensors } of folds) {
    const weights = `fold_${fold}.safetensors`;
    const all = new Map<string, SafetensorsArray>([
      ["baseline", { shape: [baseline.length], data: baseline }],
      ...tensors,
    ]);
    await writeFileAtomic(file(`model/${weights}`), encodeSafetensors(all));
    saved.push({ fold, test, weights, ...(adapter && { adapter: adapter(fold) }) });
  }
  await writeFileAtomic(file("model/model.json"), encodeModelJson({ ...model, folds: saved }));
}

/**
 * Open the model that a result folder holds.
 *
 * @throws {DataError} when there is none, it is not one that this version can read, or it was changed since
 */
export async function openSavedModel(resultFolder: string): Promise<OpenedModel> {
  await recoverIfFree(resultFolder);
  const folder = join(resultFolder, "model"), path = join(folder, "model.json");
  const manifest = await readManifest(resultFolder);
  try {
    await Deno.stat(path);
  } catch {
    throw new DataError(
      `Cannot read a model from "${resultFolder}": there is no "model/model.json" in it (train with --save-model)`,
    );
  }
  if (manifest === null) {
    log.warn(
      `"${resultFolder}" has no manifest.json (an earlier version wrote it): whether its files belong together is not checked.`,
    );
  } else await readListed(resultFolder, manifest, "model/model.json");
  let json: unknown;
  try {
    json = JSON.parse(await readFileText(path));
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw new DataError(`Cannot read "${path}": it is not valid JSON (${jsonReason(error)})`);
  }
  return { ...parseModelJson(path, json), folder, resultFolder, manifest };
}

/**
 * The tensors of one fold, checked against what its family must have.
 *
 * @throws {DataError} when the file is missing, damaged, changed since, or lacks a tensor
 */
export async function readSavedFold(
  model: OpenedModel,
  fold: SavedFold,
  family: ModelFamily,
): Promise<SavedTensors> {
  const path = join(model.folder, fold.weights);
  if (model.manifest) await refuseUnlisted(model, model.manifest, fold);
  const file = await openSafetensors(path);
  try {
    const tensors = new Map<string, SavedTensor>();
    for (const [name, { shape, dtype }] of file.tensors) {
      const doubles = dtype === "F64" ? { doubles: await file.readDoubles(name) } : {};
      tensors.set(name, { shape, data: await file.read(name), ...doubles });
    }
    const problem = shapeProblem(model, family, tensors);
    if (problem) throw new DataError(`Cannot read "${path}" as a fold of a ${model.kind} model: ${problem}`);
    return tensors;
  } finally {
    file.close();
  }
}

/** @throws {DataError} when a file of the fold is not the one that the result was written with */
async function refuseUnlisted(model: OpenedModel, manifest: Manifest, fold: SavedFold): Promise<void> {
  await readListed(model.resultFolder, manifest, `model/${fold.weights}`);
  if (fold.adapter === undefined) return;
  const folder = `adapters/fold_${fold.fold}`;
  for (const { name } of Deno.readDirSync(join(model.folder, fold.adapter))) {
    await readListed(model.resultFolder, manifest, `${folder}/${name}`);
  }
}

/** What is wrong with a fold's tensors, or null. */
function shapeProblem(
  { genes, input }: SavedModel,
  family: ModelFamily,
  tensors: SavedTensors,
): string | null {
  const width = input.kind === "embedding" ? input.width : null;
  const expected = { baseline: [genes.length], ...family.shapes({ genes: genes.length, width }, tensors) };
  for (const [name, shape] of Object.entries(expected)) {
    const found = tensors.get(name)?.shape;
    if (!found) return `it has no tensor "${name}"`;
    if (found.length !== shape.length || shape.some((size, i) => size !== null && size !== found[i])) {
      const wanted = shape.map((size) => size ?? "any").join(", ");
      return `tensor "${name}" has shape (${found.join(", ")}), expected (${wanted})`;
    }
    const bad = tensors.get(name)!.data.findIndex((value) => !Number.isFinite(value));
    if (bad >= 0 && name !== "baseline") {
      return `tensor "${name}" holds ${tensors.get(name)!.data[bad]} at ${bad}`;
    }
  }
  return null;
}
