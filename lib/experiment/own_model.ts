/** Small things that spare a model of one's own its plumbing. */
import { metricColumns } from "../evaluation/metrics_table.ts";
import type { SafetensorsArray } from "../io/safetensors.ts";
import { type Embedded, type Matrix, takeRows } from "../linalg/matrix.ts";
import type { PredictionInput, SavedTensor } from "./model.ts";
import type { ResultLayout } from "./write_result.ts";

/** Names and columns of a result as those of the MLPs. */
export function plainLayout(name: string): ResultLayout {
  return { predictions: name, plotLabel: name, metricColumns, means: "flat", indexName: "" };
}

/** A matrix as a tensor of two dimensions, float64 kept. */
export function tensorOf({ data, rows, columns }: Embedded): SafetensorsArray {
  return { shape: [rows, columns], data };
}

/** Tensors by name for `FittedFold.tensors`: of a number, a matrix, or as they are. */
export function tensors(
  values: Readonly<Record<string, number | Embedded | SafetensorsArray>>,
): Map<string, SafetensorsArray> {
  return new Map(
    Object.entries(values).map(([name, value]) => {
      if (typeof value === "number") return [name, { shape: [1], data: Float32Array.of(value) }];
      return [name, "shape" in value ? value : tensorOf(value)];
    }),
  );
}

/** A saved tensor of two dimensions as a matrix. */
export function matrixOf({ shape: [rows, columns], data }: SavedTensor): Matrix {
  return { data, rows, columns };
}

/** Some rows of the embeddings that are to be predicted. @throws {TypeError} when the input is not embeddings */
export function embeddedRows(input: PredictionInput, rows: readonly number[]): Embedded {
  if (input.kind !== "embedding") throw new TypeError("This model reads embeddings");
  return takeRows(input.values, rows);
}
