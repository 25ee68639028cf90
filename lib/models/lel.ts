/** What both linear expression models share. */
import { DataError } from "../cli/errors.ts";
import type { Fold } from "../dataset/kfold.ts";
import { columnMeans } from "../dataset/missing_values.ts";
import type { Targets } from "../dataset/targets.ts";
import type { TrainingTargets } from "../dataset/training_targets.ts";
import type { FittedFold } from "../evaluation/cross_validation.ts";
import type { SafetensorsArray } from "../io/safetensors.ts";
import type { Matrix } from "../linalg/matrix.ts";
import type { TfSequences } from "../dataset/tf_sequences.ts";
import type { Aliases, FoldTensors, TrainedFold } from "./saved_model.ts";

/** A linear model of one fold: predictions, and the numbers that `--save-model` keeps. */
export interface FittedLinearFold extends FittedFold {
  /** Tensors by the names of saved_model.ts. */
  tensors(): FoldTensors;
}

/**
 * What `solve` gives.
 *
 * @throws {DataError} when its system is singular, which takes a lambda of (nearly) 0
 */
export function solvedRidge<T>(lambda: number, solve: () => T): T {
  try {
    return solve();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new DataError(
      `Cannot solve the ridge regression with --lambda-ridge ${lambda}: embeddings are linearly dependent ` +
        `(use a larger value)`,
      { cause: error },
    );
  }
}

/** Mean over `rows` of each column of `values`, in float64. All must be finite. */
export function meanOfRows(values: Matrix, rows: ArrayLike<number>): Float64Array {
  const mean = new Float64Array(values.columns), { columns, data } = values;
  for (let i = 0; i < rows.length; i++) {
    for (let j = 0, at = rows[i] * columns; j < columns; j++, at++) mean[j] += data[at];
  }
  return mean.map((sum) => sum / rows.length);
}

/** Columns of `matrix` at `columns`, copied. */
export function columnsOf(matrix: Matrix<Float64Array>, columns: ArrayLike<number>): Matrix<Float64Array> {
  const data = new Float64Array(matrix.rows * columns.length);
  for (let i = 0, next = 0; i < matrix.rows; i++) {
    for (let j = 0; j < columns.length; j++) data[next++] = matrix.data[i * matrix.columns + columns[j]];
  }
  return { data, rows: matrix.rows, columns: columns.length };
}

/** `baseline` (genes) and `coefficients` (genes x width) as float32 tensors. */
export function linearTensors(baseline: Float64Array, coefficients: Matrix<Float64Array>): FoldTensors {
  return new Map([
    ["baseline", { shape: [baseline.length], data: Float32Array.from(baseline) }],
    ["coefficients", {
      shape: [coefficients.rows, coefficients.columns],
      data: Float32Array.from(coefficients.data),
    }],
  ]);
}

/**
 * A fold's model as `--save-model` keeps it, over all genes of the run.
 *
 * @param targets those of the run, before filling
 */
export function trainedFold(
  index: number,
  { train, test }: Fold,
  fitted: FittedLinearFold,
  targets: Targets,
  training: TrainingTargets,
): TrainedFold {
  return {
    fold: index,
    test: Array.from(test, (row) => targets.perturbations[row]),
    tensors: forAllGenes(fitted.tensors(), training.genesOf(index), columnMeans(targets.values, train)),
  };
}

/** Every other name by which `tfSequences` knows a perturbation: predict.ts may be given it under any of them. */
export function aliasesOf(perturbations: readonly string[], tfSequences: TfSequences | null): Aliases {
  return Object.fromEntries(perturbations.map((id) => [id, tfSequences?.otherNames(id) ?? []]));
}

/**
 * A fold's tensors for all genes of the run, where it learned only some (--strict with --n-top-genes): the others get
 * their training mean.
 *
 * @param own positions of the fold's genes; null where it has all
 * @param means of the training rows, one a gene of the run
 */
function forAllGenes(
  tensors: FoldTensors,
  own: readonly number[] | null,
  means: Float64Array,
): FoldTensors {
  if (own === null) return tensors;
  const widened = new Map<string, SafetensorsArray>();
  for (const [name, { shape: [, ...rest], data }] of tensors) {
    const width = rest[0] ?? 1, all = new Float32Array(means.length * width);
    if (name === "baseline") all.set(means);
    own.forEach((gene, i) =>
      all.set((data as Float32Array).subarray(i * width, (i + 1) * width), gene * width)
    );
    widened.set(name, { shape: [means.length, ...rest], data: all });
  }
  return widened;
}
