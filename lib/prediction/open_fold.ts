import { join } from "@std/path";
import type { Backend } from "../backend/backend.ts";
import type { FoldPredictor, ModelFamily } from "../experiment/model.ts";
import { type OpenedModel, readSavedFold } from "../experiment/saved_model.ts";
import type { SavedFold } from "../experiment/saved_model_json.ts";

/** A fold's model, ready to predict, and the means of its training rows. */
export interface OpenedFold extends FoldPredictor {
  readonly baseline: Float32Array;
}

/** @throws {DataError} when the fold's files are missing or damaged */
export async function openFold(
  model: OpenedModel,
  fold: SavedFold,
  family: ModelFamily,
  device: () => Promise<Backend>,
  batchSize: number,
): Promise<OpenedFold> {
  const tensors = await readSavedFold(model, fold, family);
  const folder = fold.adapter === undefined ? null : join(model.folder, fold.adapter);
  const path = join(model.folder, fold.weights);
  const predictor = await family.load({
    path,
    tensors,
    genes: model.genes.length,
    folder,
    device,
    batchSize,
  });
  return {
    baseline: tensors.get("baseline")!.data,
    predict: (input, rows) => predictor.predict(input, rows),
    close: () => predictor.close?.(),
  };
}
