/**
 * Baselines that know nothing of a TF: no change at all (`zero`), or the mean of the training rows (`mean`).
 *
 * Saved: prediction (genes).
 */
import { columnMeans } from "../dataset/missing_values.ts";
import type { ExperimentData, FoldTask, ModelFamily, WholeFoldModel } from "../experiment/model.ts";
import type { Matrix } from "../linalg/matrix.ts";

export const constant: ModelFamily = {
  kind: "constant",
  input: "none",
  shapes: ({ genes }) => ({ prediction: [genes] }),
  load: ({ tensors }) => ({ predict: (_, rows) => repeated(tensors.get("prediction")!.data, rows.length) }),
};

/** @param value what every TF is predicted to do */
export function constantModel(data: ExperimentData, value: "zero" | "mean"): WholeFoldModel {
  return {
    family: constant,
    identity: { "--models": value },
    engine: "cpu",
    isQuick: true,
    predictsTraining: false,
    fit({ train, genes: own }: FoldTask) {
      const { values, genes } = data.targets;
      const prediction = value === "zero"
        ? new Float32Array(genes.length)
        : Float32Array.from(columnMeans(values, train)); // over measured values, as the mean baseline of every result
      const ofFold = own ? Float32Array.from(own, (gene) => prediction[gene]) : prediction;
      return {
        predict: (rows) => repeated(ofFold, rows.length),
        tensors: () => new Map([["prediction", { shape: [prediction.length], data: prediction }]]),
      };
    },
    summary: () => ({}),
  };
}

function repeated(profile: Float32Array, rows: number): Matrix {
  const data = new Float32Array(rows * profile.length);
  for (let i = 0; i < rows; i++) data.set(profile, i * profile.length);
  return { data, rows, columns: profile.length };
}
