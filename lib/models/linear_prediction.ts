/** What linear models save, and how it predicts. */
import type { FoldTask, PredictionInput, SavedTensors } from "../experiment/model.ts";
import type { Tensors } from "../experiment/part.ts";
import { type Embedded, type Matrix, takeRows } from "../linalg/matrix.ts";
import { multiplyTransposedOnto } from "../linalg/products.ts";

/** intercept + coefficients x for every row of x, in float64. Files of earlier versions keep the intercept as "baseline". */
export function predictLinear(x: Embedded, tensors: SavedTensors): Matrix {
  const { data, doubles } = tensors.get("intercept") ?? tensors.get("baseline")!;
  const coefficients = savedDoubles(tensors, "coefficients");
  return multiplyTransposedOnto(doubles ?? data, x, coefficients);
}

/** A fold's tensors over all genes of the run: genes that it does not learn get the means of the training rows. */
export function linearTensors(tensors: Tensors, overAllGenes: FoldTask["overAllGenes"]): Tensors {
  return new Map([...tensors].map(([name, tensor]) => [
    name,
    overAllGenes(tensor, name === "intercept" ? "means" : "zeros"),
  ]));
}

/** A tensor of two dimensions, without loss where it was saved in float64. */
export function savedDoubles(tensors: SavedTensors, name: string): Matrix<Float64Array> {
  const { shape: [rows, columns], data, doubles } = tensors.get(name)!;
  return { data: doubles ?? Float64Array.from(data), rows, columns };
}

/** A tensor of two dimensions. */
export function savedMatrix(tensors: SavedTensors, name: string): Matrix {
  const { shape: [rows, columns], data } = tensors.get(name)!;
  return { data, rows, columns };
}

/** Some rows of the input's embeddings, standardised where the model keeps a scaler. */
export function scaledRows(input: PredictionInput, rows: readonly number[], tensors: SavedTensors): Matrix {
  if (input.kind !== "embedding") throw new TypeError("This model reads embeddings");
  return scaled(takeRows(input.values, rows), tensors);
}

/** (x - mean) / scale in float64, rounded after, by the scaler's columns from `start` on; x itself without a scaler. */
export function scaled(x: Embedded, tensors: SavedTensors, start = 0): Matrix {
  const mean = tensors.get("scaler.mean"), scale = tensors.get("scaler.scale");
  if (!mean || !scale) return { ...x, data: Float32Array.from(x.data) };
  const means = mean.doubles ?? mean.data, scales = scale.doubles ?? scale.data;
  const data = new Float32Array(x.data.length);
  for (let at = 0; at < data.length; at++) {
    const column = start + at % x.columns;
    data[at] = (x.data[at] - means[column]) / scales[column];
  }
  return { ...x, data };
}
