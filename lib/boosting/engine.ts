/** What grows trees: one interface, three engines (cpu_engine.ts, webgpu_engine.ts, ml_xgboost_engine.ts). */
import { type Forest, forestOf } from "./forest.ts";
import { featureImportance, type ImportanceType } from "./importance.ts";
import { encodeModel } from "./model_json.ts";
import type { Matrix } from "../linalg/matrix.ts";
import type { BoostingParameters } from "./parameters.ts";
import type { PreparedData } from "./prepared_data.ts";
import type { BoostedModel } from "./tree.ts";

/** What is wanted of each output beside its predictions. */
export interface Wanted {
  /** The model, as XGBoost's JSON and as a forest. */
  readonly models: boolean;
  readonly importance: ImportanceType | null;
}

/** One data set, many outputs. */
export interface FitTask {
  readonly data: PreparedData;
  readonly parameters: BoostingParameters;
  /** Training rows x outputs; finite. */
  readonly targets: Matrix;
  readonly wanted: Wanted;
}

export interface FittedOutput {
  /** Column of the task's targets. */
  readonly output: number;
  /** Predictions of the test rows. */
  readonly test: Float32Array;
  readonly model: { readonly json: string; readonly forest: Forest } | null;
  /** One value a feature. */
  readonly importance: Float32Array | null;
}

export interface TreeEngine {
  readonly name: "cpu" | "webgpu" | "ml-xgboost";
  /** For the log and summary.json, such as "2 threads". */
  readonly description: string;
  /**
   * Fit every output of a task and hand each over once, in any order.
   *
   * @throws {DataError} when the engine cannot take such data, or fails
   */
  fit(task: FitTask, onFitted: (fitted: FittedOutput) => void): Promise<void>;
  close(): Promise<void>;
}

/** What is wanted of a model, made where the model is. */
export function treesAndImportance(
  model: BoostedModel,
  wanted: Wanted,
): Pick<FittedOutput, "model" | "importance"> {
  return {
    model: wanted.models ? { json: encodeModel(model), forest: forestOf(model) } : null,
    importance: wanted.importance ? featureImportance(model, wanted.importance) : null,
  };
}

export function needsTrees(wanted: Wanted): boolean {
  return wanted.models || wanted.importance !== null;
}
