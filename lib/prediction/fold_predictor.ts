/** Predictions of one fold of a saved model: each kind through the code that its script predicts with. */
import { join } from "@std/path";
import type { Backend } from "../backend/backend.ts";
import { predict as predictTrees } from "../boosting/tree.ts";
import { predictSequences } from "../fine_tuning/predict_sequences.ts";
import { type Matrix, takeRows } from "../linalg/matrix.ts";
import { multiplyTransposed, toFloat64 } from "../linalg/products.ts";
import { ConcatMlp } from "../models/concat_mlp.ts";
import { predictPairs } from "../models/concat_mlp_fit.ts";
import { Ia3Regressor } from "../models/ia3.ts";
import { Mlp } from "../models/mlp.ts";
import { predictMlp } from "../models/mlp_fit.ts";
import type { NucleotideTransformer } from "../models/nucleotide_transformer.ts";
import { readAdapter } from "../models/peft_adapter.ts";
import type { ModelKind, OpenedModel, SavedFold, SavedTensor } from "../models/saved_model.ts";
import { readSavedFold } from "../models/saved_model.ts";
import { Linear } from "../nn/layers.ts";
import { fromArray, parameter } from "../tensor/mod.ts";
import { forestModels } from "./saved_forest.ts";
import type { PredictionInput } from "./read_input.ts";

export interface FoldPredictor {
  /** Mean of the fold's training rows, gene by gene. */
  readonly baseline: Float32Array;
  /** rows.length x genes. @param rows of the input */
  predict(rows: readonly number[]): Promise<Matrix>;
  /** Free device memory. */
  close(): void;
}

/** What the folds of a run share. */
export interface PredictionContext {
  readonly device: () => Promise<Backend>;
  /** nt_ia3: the pretrained weights on the device. */
  readonly encoder: () => Promise<NucleotideTransformer>;
  /** Sequences at a time. */
  readonly batchSize: number;
}

/** @throws {DataError} when the fold's files are missing or damaged */
export async function openFoldPredictor(
  model: OpenedModel,
  fold: SavedFold,
  input: PredictionInput,
  context: PredictionContext,
): Promise<FoldPredictor> {
  const tensors = await readSavedFold(model, fold);
  const baseline = tensors.get("baseline")!.data;
  const parts = { model, fold, tensors, baseline, input, context };
  const { predict, close = () => {} } = await makers[model.kind](parts);
  return { baseline, predict, close };
}

const makers: Record<ModelKind, (parts: Parts) => Made | Promise<Made>> = {
  linear_pca: linearOnGenes,
  linear_nt_embed: linearOnVectors,
  xgboost: trees,
  mlp,
  concat_mlp: pairs,
  nt_ia3: sequences,
};

interface Parts {
  readonly model: OpenedModel;
  readonly fold: SavedFold;
  readonly tensors: ReadonlyMap<string, SavedTensor>;
  readonly baseline: Float32Array;
  readonly input: PredictionInput;
  readonly context: PredictionContext;
}

interface Made {
  predict(rows: readonly number[]): Promise<Matrix>;
  close?(): void;
}

function linearOnGenes({ tensors, baseline, input }: Parts): Made {
  const { ownGene } = input as PredictionInput & { kind: "gene_id" };
  const embeddings = matrixOf(tensors, "gene_embeddings");
  const { columns } = embeddings;
  return {
    predict(rows) {
      const x = { data: new Float32Array(rows.length * columns), rows: rows.length, columns };
      rows.forEach((row, i) => {
        const own = ownGene[row];
        if (own >= 0) x.data.set(embeddings.data.subarray(own * columns, (own + 1) * columns), i * columns);
      });
      return Promise.resolve(linear(x, tensors, baseline));
    },
  };
}

function linearOnVectors({ tensors, baseline, input }: Parts): Made {
  return { predict: (rows) => Promise.resolve(linear(scaledRows(input, rows, tensors), tensors, baseline)) };
}

/** baseline + coefficients x, in float64. */
function linear(x: Matrix, tensors: ReadonlyMap<string, SavedTensor>, baseline: Float32Array): Matrix {
  const coefficients = toFloat64(matrixOf(tensors, "coefficients"));
  const { data, rows, columns } = multiplyTransposed(toFloat64(x), coefficients);
  return { data: Float32Array.from(data, (value, at) => value + baseline[at % columns]), rows, columns };
}

function trees({ model, tensors, input }: Parts): Made {
  return {
    predict(rows) {
      const x = scaledRows(input, rows, tensors);
      const columns = model.genes.length;
      const data = new Float32Array(rows.length * columns);
      let gene = 0;
      for (const forest of forestModels(tensors, x.columns)) {
        predictTrees(forest, x).forEach((value, row) => data[row * columns + gene] = value);
        gene++;
      }
      return Promise.resolve({ data, rows: rows.length, columns });
    },
  };
}

async function mlp({ tensors, input, context }: Parts): Promise<Made> {
  const network = new Mlp(layersOf(await context.device(), tensors));
  return {
    predict: (rows) => predictMlp(network, scaledRows(input, rows, tensors)),
    close: () => network.dispose(),
  };
}

async function pairs({ tensors, input, context }: Parts): Promise<Made> {
  const backend = await context.device();
  const { values } = input as PredictionInput & { kind: "embedding" };
  const geneRows = scaled(matrixOf(tensors, "gene_embeddings"), tensors, values.columns);
  const first = matrixOf(tensors, "layers.0.weight");
  const half = (from: number, width: number) => {
    const data = new Float32Array(first.rows * width);
    for (let i = 0; i < first.rows; i++) {
      const start = i * first.columns + from;
      data.set(first.data.subarray(start, start + width), i * width);
    }
    return parameter(backend, data, [first.rows, width]);
  };
  const bias = parameter(backend, tensors.get("layers.0.bias")!.data, [first.rows]);
  const network = new ConcatMlp(
    new Linear(half(0, values.columns), bias),
    new Linear(half(values.columns, geneRows.columns), null),
    new Mlp(layersOf(backend, tensors, 1)),
  );
  const genes = fromArray(backend, geneRows.data, [geneRows.rows, geneRows.columns]);
  return {
    predict: (rows) => predictPairs(network, scaledRows(input, rows, tensors), genes),
    close() {
      network.dispose();
      genes.dispose();
    },
  };
}

async function sequences({ model, fold, input, context }: Parts): Promise<Made> {
  const { tokenIds, pretrained } = input as PredictionInput & { kind: "sequence" };
  const adapter = await readAdapter(join(model.folder, fold.adapter!));
  const regressor = Ia3Regressor.fromAdapter(await context.encoder(), adapter);
  return {
    predict: (rows) => predictSequences(regressor, tokenIds, rows, pretrained.tokenizer, context.batchSize),
    close: () => regressor.dispose(),
  };
}

/** Layers `from`, from + 1, ... on the device. */
function layersOf(backend: Backend, tensors: ReadonlyMap<string, SavedTensor>, from = 0): Linear[] {
  const layers: Linear[] = [];
  for (let i = from; tensors.has(`layers.${i}.weight`); i++) {
    const [weight, bias] = ["weight", "bias"].map((part) => tensors.get(`layers.${i}.${part}`)!);
    layers.push(
      new Linear(parameter(backend, weight.data, weight.shape), parameter(backend, bias.data, bias.shape)),
    );
  }
  return layers;
}

/** Some rows of the embeddings, standardised where the model says. */
function scaledRows(
  input: PredictionInput,
  rows: readonly number[],
  tensors: ReadonlyMap<string, SavedTensor>,
): Matrix {
  const { values } = input as PredictionInput & { kind: "embedding" };
  return scaled(takeRows(values, rows), tensors);
}

/** (x - mean) / scale in float64, by the scaler's columns from `start` on; x itself where there is no scaler. */
function scaled(x: Matrix, tensors: ReadonlyMap<string, SavedTensor>, start = 0): Matrix {
  const mean = tensors.get("scaler.mean"), scale = tensors.get("scaler.scale");
  if (!mean || !scale) return x;
  const means = mean.doubles ?? mean.data, scales = scale.doubles ?? scale.data;
  const data = x.data.map((value, at) => {
    const column = start + at % x.columns;
    return (value - means[column]) / scales[column];
  });
  return { ...x, data };
}

function matrixOf(tensors: ReadonlyMap<string, SavedTensor>, name: string): Matrix {
  const { shape: [rows, columns], data } = tensors.get(name)!;
  return { data, rows, columns };
}
