/**
 * The way in for quick experiments of one's own: read targets and embeddings, split, run a model through the same folds, parts,
 * metrics and result folder as the scripts do. `examples/knn.ts` is a whole model on it.
 *
 * ```ts
 * import { matchIds } from "./mod.ts";
 *
 * const { rows, unmatched } = matchIds({ ids: ["TP53", "myc"] }, { ids: ["MYC", "GATA1"] });
 * console.assert(rows[1] === 0 && unmatched[0] === "TP53");
 * ```
 *
 * @module
 */
export { parseModels as parseXgboostModels } from "./boosting/read_model.ts";
export { type BoostedModel, predict as predictTrees } from "./boosting/tree.ts";
export { DataError, UsageError } from "./cli/errors.ts";
export { type Flags, parseFlags } from "./cli/flags.ts";
export { counted, log } from "./cli/log.ts";
export { runScript } from "./cli/script.ts";
export { type Embeddings, readEmbeddings } from "./dataset/embeddings.ts";
export { type Fold, kFold } from "./dataset/kfold.ts";
export { matchIds } from "./dataset/matching.ts";
export { StandardScaler } from "./dataset/standard_scaler.ts";
export { readTargets, type Targets } from "./dataset/targets.ts";
export { meanMetric, perturbationMetrics } from "./evaluation/metrics.ts";
export { readEmbeddingData } from "./experiment/embedding_experiment.ts";
export { experimentFlags } from "./experiment/flags.ts";
export type {
  ExperimentData,
  FittedFold,
  FoldPredictor,
  FoldTask,
  LoadedFold,
  ModelFamily,
  PredictionInput,
  WholeFoldModel,
} from "./experiment/model.ts";
export { tfEmbeddingFlags } from "./experiment/read_inputs.ts";
export { type ExperimentSpec, runExperiment } from "./experiment/run_experiment.ts";
export { embeddedRows, matrixOf, plainLayout, tensorOf, tensors } from "./experiment/own_model.ts";
export {
  type Embedded,
  type Matrix,
  row,
  rowMeans,
  squaredDistances,
  takeColumns,
  takeRows,
  transposed,
  zeros,
} from "./linalg/matrix.ts";

// Types that those above speak of.
export type {
  Described,
  FlagDeclaration,
  FlagDeclarations,
  Limits,
  ScriptDescription,
} from "./cli/flag_declarations.ts";
export type { RowGroups } from "./dataset/groups.ts";
export type { IdMatches, KnownIds, WantedIds } from "./dataset/matching.ts";
export type { CrossValidationSplits } from "./dataset/splits.ts";
export type { TargetsOptions } from "./dataset/targets.ts";
export type { MetricName, PerturbationMetrics } from "./evaluation/metrics.ts";
export type { MetricColumns } from "./evaluation/metrics_table.ts";
export type { EmbeddingFlags } from "./experiment/embedding_experiment.ts";
export type { ExperimentFlags } from "./experiment/flags.ts";
export type { Identity } from "./experiment/identity.ts";
export type {
  Encoder,
  ExpectedShapes,
  GeneBlock,
  GeneModel,
  InputKind,
  Model,
  ModelBase,
  SavedTensor,
  SavedTensors,
} from "./experiment/model.ts";
export type { GeneRange, Report, Tensors } from "./experiment/part.ts";
export type { Prepared } from "./experiment/prepare.ts";
export type { Loaded } from "./experiment/run_experiment.ts";
export type { EmbeddingModel, EmbeddingPart, ModelInput } from "./experiment/saved_model_json.ts";
export type { ResultLayout } from "./experiment/write_result.ts";
export type { SafetensorsArray } from "./io/safetensors.ts";
