/**
 * What an experiment asks of a model. A model learns fold by fold; splitting, parts, resuming, merging, evaluation, result
 * files and saving are the experiment's. `WholeFoldModel` is what most models are; `GeneModel` is for those that learn each
 * gene by itself, so that a run can be cut by genes too.
 */
import type { Backend } from "../backend/backend.ts";
import type { Fold } from "../dataset/kfold.ts";
import type { Targets } from "../dataset/targets.ts";
import type { TrainingTargets } from "../dataset/training_targets.ts";
import type { Embedded, Matrix } from "../linalg/matrix.ts";
import type { SafetensorsArray } from "../io/safetensors.ts";
import type { TrainingCheckpoint } from "../nn/training.ts";
import type { Identity } from "./identity.ts";
import type { GeneRange, Part, Report, Tensors } from "./part.ts";

/** What the folds of a run are cut from. */
export interface ExperimentData {
  /** perturbations x genes of the run, NaN where a value is missing. */
  readonly targets: Targets;
  /** Training and test rows of each fold. */
  readonly folds: readonly Fold[];
  /** What the folds learn of the targets: missing values filled. */
  readonly training: TrainingTargets;
  /** Whether what is learned from data comes from the training rows alone. */
  readonly strict: boolean;
  /** Of folds, weights and shuffles. */
  readonly seed: number;
  /** Number of each row's group, which no split of rows may part (--group-by); null without. */
  readonly groups: Int32Array | null;
}

/** One fold, as a model sees it. */
export interface FoldTask {
  /** From 0. */
  readonly index: number;
  /** For messages: "fold 2". */
  readonly name: string;
  /** Rows of the targets. */
  readonly train: Int32Array;
  /** Rows that are held out. */
  readonly test: Int32Array;
  /** perturbations x genes of this fold, without missing values. Only training rows may be looked at. */
  readonly targets: Matrix;
  /** Positions of this fold's genes among those of the run; null where it has all. */
  readonly genes: readonly number[] | null;
  /** Where training saves its state, and what it goes on from. */
  readonly checkpoint: TrainingCheckpoint;
  /** Training rows that no earlier fold trained on: those that the plot of training rows takes from this fold. */
  readonly shown: Int32Array;
  /** Tell how far the fold is, from 0 to 1. */
  readonly progress: (share: number, text: string) => void;
  /**
   * A tensor whose rows are the fold's genes, over all genes of the run: genes that the fold does not learn get zeros, or
   * the means of the training rows.
   */
  readonly overAllGenes: (tensor: SafetensorsArray, fill: "zeros" | "means") => SafetensorsArray;
}

/** A model that was trained on one fold. */
export interface FittedFold {
  /** rows.length x genes of the fold. */
  predict(rows: Int32Array): Matrix | Promise<Matrix>;
  /** Its numbers for `ModelFamily.load`, over all genes of the run; asked for where the model is kept. */
  tensors(): Tensors | Promise<Tensors>;
  /** What the summary should know of this fold. */
  readonly report?: Report;
  /** What the fold's line in the log says. */
  readonly note?: string;
  /** Free device memory. */
  close?(): void;
}

/** What every model says of itself. */
export interface ModelBase {
  /** How its saved folds are read back. */
  readonly family: ModelFamily;
  /** What the numbers depend on beside targets and folds: flags by name, fingerprints of inputs. */
  readonly identity: Identity;
  /** What computes: "cpu", "webgpu", "cpu with OpenBLAS 0.3.21". */
  readonly engine: string;
  /** Whether a fold is learned in about a second, so that its parts need not lie on the disk. */
  readonly isQuick: boolean;
  /**
   * What the summary says of the model.
   *
   * @param reports of all folds, in order
   * @param foldMeans number of test rows and mean metrics of each fold
   */
  summary(reports: readonly Report[], foldMeans: readonly Record<string, number>[]): Record<string, unknown>;
  /** The numbers of a fold for `ModelFamily.load`, over all genes of the run; the part's own without it. */
  mergeTensors?(fold: number, parts: readonly Part[]): Tensors;
  /** Write more files into the result, such as importances. @param parts of a fold, by ascending genes */
  writeMore?(file: (name: string) => string, parts: (fold: number) => AsyncIterable<Part>): Promise<void>;
  /** Folder of a fold's PEFT adapter, relative to model.json, for models that have one. */
  adapterFolder?(fold: number): string;
  /** After the last fold that this run does. */
  close?(): Promise<void> | void;
}

/** A model that learns all genes of a fold at once. */
export interface WholeFoldModel extends ModelBase {
  /** Whether the training rows are predicted too, for the second plot. */
  readonly predictsTraining: boolean;
  /** Learn one fold. */
  fit(task: FoldTask): FittedFold | Promise<FittedFold>;
}

/** What a model that learns each gene by itself hands over: a block of genes of the fold. */
export type GeneBlock = Omit<Part, "key" | "engines" | "trainingPredictions" | "seconds">;

/** A model that learns each gene by itself, so that a run can be cut by genes too. */
export interface GeneModel extends ModelBase {
  /** Genes of a block, which is saved as soon as it is learned. */
  readonly blockSize: number;
  /** Learn `blocks` of genes (positions in the run) and hand over each once, in any order. */
  fitBlocks(
    task: FoldTask,
    blocks: readonly GeneRange[],
    save: (block: GeneRange, content: GeneBlock) => Promise<void>,
  ): Promise<void>;
}

/** What an experiment runs. */
export type Model = WholeFoldModel | GeneModel;

/** What a saved model reads for one perturbation. */
export type InputKind = "none" | "gene_id" | "embedding" | "sequence";

/** Perturbations to predict, in the form that a model reads. */
export type PredictionInput =
  /** Nothing of them: every perturbation is predicted alike. */
  | { readonly kind: "none" }
  /** Column of the perturbation's own gene among the model's genes, -1 where it is not among them. */
  | { readonly kind: "gene_id"; readonly ownGene: Int32Array }
  | { readonly kind: "embedding"; readonly values: Embedded }
  /** Tokens, and the model that reads them. */
  | { readonly kind: "sequence"; readonly tokenIds: readonly Int32Array[]; readonly encoder: Encoder };

/** A pretrained sequence model that is put on a device when it is needed; what it is only its own family knows. */
export interface Encoder {
  /** Put the weights on a device. */
  load(backend: Backend): Promise<unknown>;
  /** What turns its sequences into tokens. */
  readonly tokenizer: unknown;
}

/** Sizes that a tensor must have; null where any will do. */
export type ExpectedShapes = Readonly<Record<string, readonly (number | null)[]>>;

/** A tensor read back. */
export interface SavedTensor {
  /** Sizes, slowest first. */
  readonly shape: readonly number[];
  /** Its numbers in float32. */
  readonly data: Float32Array;
  /** The same in float64, where they were saved so. */
  readonly doubles?: Float64Array;
}

/** Saved tensors by name. */
export type SavedTensors = ReadonlyMap<string, SavedTensor>;

/** A saved fold as a family loads it. */
export interface LoadedFold {
  /** The file of the tensors, for messages. */
  readonly path: string;
  /** What `tensors()` of the fitted fold gave, and "baseline" (genes): the means of its training rows. */
  readonly tensors: SavedTensors;
  /** Genes of the run. */
  readonly genes: number;
  /** Folder of further files of this fold, where the model has one. */
  readonly folder: string | null;
  /** The device, opened when it is first asked for. */
  readonly device: () => Promise<Backend>;
  /** Perturbations that go through a network at once. */
  readonly batchSize: number;
}

/** A saved fold that predicts. */
export interface FoldPredictor {
  /** rows.length x genes of the run. @param rows of the input */
  predict(input: PredictionInput, rows: readonly number[]): Matrix | Promise<Matrix>;
  /** Free device memory. */
  close?(): void;
}

/** A kind of model: what its saved numbers are, and how they predict. */
export interface ModelFamily {
  /** Its name in model.json, such as "mlp". */
  readonly kind: string;
  /** What the model reads for one perturbation. */
  readonly input: InputKind;
  /** Tensors that a saved fold must have. @param width of the input embedding; null where it has none */
  shapes(sizes: { genes: number; width: number | null }, tensors: SavedTensors): ExpectedShapes;
  /** A fold that predicts, from its saved tensors. @throws {DataError} when they cannot be this model */
  load(fold: LoadedFold): FoldPredictor | Promise<FoldPredictor>;
}
