/**
 * Models that predict by weights over the training rows alone, F = mu + H (Y - mu): H comes from embeddings, Y are the
 * training profiles, and mu is their mean. One H serves all genes.
 *
 * Saved: known (training rows x width), their embeddings; responses (genes x training rows) = Y'; intercept (genes) = mu;
 * scaler.mean and scaler.scale (width) where embeddings are standardised; and the settings of the model.
 */
import { UsageError } from "../cli/errors.ts";
import type { Fold } from "../dataset/kfold.ts";
import { StandardScaler } from "../dataset/standard_scaler.ts";
import type { ExperimentData, FoldTask, ModelFamily, WholeFoldModel } from "../experiment/model.ts";
import { embeddedRows } from "../experiment/own_model.ts";
import type { SafetensorsArray } from "../io/safetensors.ts";
import { type Embedded, type Matrix, takeRows, transposed } from "../linalg/matrix.ts";
import { RandomState } from "../random/mt19937.ts";
import {
  chosenNote,
  type Settings,
  type TuningReport,
  TuningScores,
  tuningSummary,
} from "../tuning/choice.ts";
import { tuningIdentity } from "../tuning/flags.ts";
import { innerFolds } from "../tuning/inner_folds.ts";
import { type ProfileProducts, profileProducts } from "../tuning/weight_errors.ts";
import { meanOfRows } from "./lel.ts";
import { savedDoubles, savedMatrix } from "./linear_prediction.ts";
import { combined } from "./weighted_profiles.ts";

type Doubles = Matrix<Float64Array>;

/** How embeddings become weights. */
export interface Weigher<S extends Settings> {
  /**
   * What all settings share, such as distances.
   *
   * @param known embeddings of the training rows
   * @param x embeddings to predict
   * @returns H by settings, x.rows x known.rows; null where it cannot be computed
   */
  prepare(known: Doubles, x: Doubles): (settings: S) => Doubles | null;
  /** Numbers to save, by name. */
  tensors(settings: S): Readonly<Record<string, number>>;
}

export interface WeightedRowsOptions<S extends Settings> {
  readonly family: ModelFamily;
  readonly weigher: Weigher<S>;
  /** Those that are used where there is nothing to choose. */
  readonly settings: S;
  /** Those to choose from in each fold; null takes `settings`. */
  readonly grid: readonly S[] | null;
  readonly innerFolds: number;
  /** Bring each column of the embeddings to mean 0 and variance 1 over the fold's training rows. */
  readonly standardize: boolean;
  /** Deal the embeddings of the training rows out anew among them: what is left is not biology. */
  readonly shuffle: boolean;
  /** Further settings, by their flags. */
  readonly identity: Readonly<Record<string, unknown>>;
  /** What the summary says beside. */
  readonly facts: Readonly<Record<string, unknown>>;
}

/** @param x embeddings of all rows of the run */
export function weightedRowsModel<S extends Settings>(
  data: ExperimentData,
  x: Embedded,
  options: WeightedRowsOptions<S>,
): WholeFoldModel {
  const { family, weigher, grid, standardize, shuffle } = options;
  const productsOf = profileProducts(data.training);
  return {
    family,
    identity: {
      ...options.identity,
      ...(grid === null ? options.settings : {}),
      ...tuningIdentity(grid, options.innerFolds),
      "--standardize": standardize,
    },
    engine: "cpu",
    isQuick: true,
    predictsTraining: false,
    fit(task) {
      const known = shuffle ? dealtAnew(takeRows(x, task.train), data.seed, task) : takeRows(x, task.train);
      const tuning = grid && tuned(grid, known, { data, task, options, products: productsOf(task.index) });
      const settings = tuning?.chosen ?? options.settings;
      const scaler = standardize ? new StandardScaler(known) : null, scaled = standardized(known, scaler);
      const responses = transposed(takeRows(task.targets, task.train));
      const intercept = meanOfRows(task.targets, task.train);
      return {
        predict(rows) {
          const H = weigher.prepare(scaled, standardized(takeRows(x, rows), scaler))(settings);
          if (H === null) throw singular(settings, task);
          return combined(H, responses, intercept);
        },
        tensors: () =>
          new Map<string, SafetensorsArray>([
            ["known", { shape: [known.rows, known.columns], data: known.data }],
            [
              "responses",
              task.overAllGenes(
                { shape: [responses.rows, responses.columns], data: responses.data },
                "zeros",
              ),
            ],
            ["intercept", task.overAllGenes({ shape: [intercept.length], data: intercept }, "means")],
            ...scaler
              ? [["scaler.mean", vector(scaler.mean)], ["scaler.scale", vector(scaler.scale)]] as const
              : [],
            ...Object.entries(weigher.tensors(settings)).map((
              [name, value],
            ) => [name, vector(Float64Array.of(value))] as const),
          ]),
        report: tuning ? { tuning } : {},
        note: `${task.train.length} training perturbations${tuning ? `, ${chosenNote(tuning)}` : ""}`,
      };
    },
    summary: (reports) => ({
      ...options.facts,
      ...(grid === null ? options.settings : {}),
      standardize,
      ...tuningSummary(reports),
    }),
  };
}

/** A saved model of this kind. @param names of its settings @param read weigher and settings from their numbers */
export function weightedRowsFamily<S extends Settings>(
  kind: string,
  names: readonly string[],
  read: (numbers: Readonly<Record<string, number>>) => { weigher: Weigher<S>; settings: S },
): ModelFamily {
  return {
    kind,
    input: "embedding",
    shapes({ genes, width }, tensors) {
      const rows = tensors.get("known")?.shape[0] ?? null,
        scaler = { "scaler.mean": [width], "scaler.scale": [width] };
      return {
        known: [rows, width],
        responses: [genes, rows],
        intercept: [genes],
        ...(tensors.has("scaler.mean") && scaler),
        ...Object.fromEntries(names.map((name) => [name, [1]])),
      };
    },
    load({ tensors }) {
      const doubles = (name: string) =>
        tensors.get(name)!.doubles ?? Float64Array.from(tensors.get(name)!.data);
      const { weigher, settings } = read(Object.fromEntries(names.map((name) => [name, doubles(name)[0]])));
      const scaler = tensors.has("scaler.mean")
        ? { mean: doubles("scaler.mean"), scale: doubles("scaler.scale") }
        : null;
      const known = standardized(savedDoubles(tensors, "known"), scaler);
      const responses = savedMatrix(tensors, "responses"), intercept = doubles("intercept");
      return {
        predict(input, rows) {
          const H = weigher.prepare(known, standardized(embeddedRows(input, rows), scaler))(settings);
          if (H === null) throw new RangeError(`the ${kind} model's matrix is singular`);
          return combined(H, responses, intercept);
        },
      };
    },
  };
}

/** Choose settings by inner folds, each with a scaler of its own training rows. */
function tuned<S extends Settings>(
  grid: readonly S[],
  known: Embedded,
  { data, task, options: { weigher, innerFolds: folds, standardize }, products }: {
    data: ExperimentData;
    task: FoldTask;
    options: WeightedRowsOptions<S>;
    products: ProfileProducts;
  },
): TuningReport<S> {
  const inner: Fold[] = innerFolds(task.train, {
      folds,
      seed: data.seed,
      groups: data.groups,
      name: task.name,
    }),
    scores = new TuningScores(grid);
  for (const [i, { train, test }] of inner.entries()) {
    task.progress(i / inner.length, `tuning, inner fold ${i}`);
    const own = takeRows(known, train), scaler = standardize ? new StandardScaler(own) : null;
    const weights = weigher.prepare(standardized(own, scaler), standardized(takeRows(known, test), scaler));
    const errors = products.errorsOf(train.map((at) => task.train[at]), test.map((at) => task.train[at]));
    scores.add(test.length * task.targets.columns, errors.squares(null), (settings) => {
      const H = weights(settings);
      return H ? errors.squares(H) : NaN;
    });
  }
  const report = scores.choose();
  if (report === null) throw singular(grid.at(-1)!, task);
  return report;
}

function singular(settings: Settings, { name }: FoldTask): UsageError {
  return new UsageError(
    `Cannot solve the kernel ridge of ${name} with --lambda-ridge ${settings.lambda}: its matrix is singular but for rounding ` +
      `(a larger penalty, such as 0.01, works)`,
  );
}

/** (x - mean) / scale in float64. */
function standardized(
  x: Embedded,
  scaler: { readonly mean: Float64Array; readonly scale: Float64Array } | null,
): Doubles {
  const data = Float64Array.from(x.data);
  if (scaler) {
    for (let i = 0, at = 0; i < x.rows; i++) {
      for (let j = 0; j < x.columns; j++, at++) data[at] = (data[at] - scaler.mean[j]) / scaler.scale[j];
    }
  }
  return { data, rows: x.rows, columns: x.columns };
}

/** The rows in an order of chance, another in each fold. */
function dealtAnew(known: Embedded, seed: number, { index }: FoldTask): Embedded {
  return takeRows(known, new RandomState([seed, index]).permutation(known.rows));
}

function vector(data: Float64Array): SafetensorsArray {
  return { shape: [data.length], data };
}
