/**
 * The linear expression model (LEL) with given embeddings on both sides, as an experiment (lel_embed.ts).
 *
 * Saved: intercept (genes), coefficients (genes x width) = G W. Prediction = intercept + coefficients x.
 */
import type { ExperimentData, ModelFamily, WholeFoldModel } from "../experiment/model.ts";
import { type Embedded, takeRows } from "../linalg/matrix.ts";
import { EmbeddingRidge } from "./lel_embed.ts";
import { shared } from "./linear_pca.ts";
import { linearTensors, predictLinear, scaledRows } from "./linear_prediction.ts";

export const linearNtEmbed: ModelFamily = {
  kind: "linear_nt_embed",
  input: "embedding",
  shapes: ({ genes, width }) => ({ coefficients: [genes, width] }),
  load: ({ tensors }) => ({
    predict: (input, rows) => predictLinear(scaledRows(input, rows, tensors), tensors),
  }),
};

/**
 * @param tfs perturbations x width
 * @param genes read-out genes x k
 */
export function linearNtEmbedModel(
  data: ExperimentData,
  { tfs, genes, lambda }: { tfs: Embedded; genes: Embedded; lambda: number },
): WholeFoldModel {
  const modelOf = shared(
    data.training,
    (values, own) => new EmbeddingRidge(values, own ? takeRows(genes, own) : genes, tfs, lambda),
  );
  return {
    family: linearNtEmbed,
    identity: { "--lambda-ridge": lambda },
    engine: "cpu",
    isQuick: true,
    predictsTraining: true,
    fit({ index, train, test, overAllGenes }) {
      const fitted = modelOf(index).fit({ train, test });
      return {
        predict: fitted.predict,
        note: fitted.note,
        tensors: () => linearTensors(fitted.tensors(), overAllGenes),
      };
    },
    summary: () => ({
      P: data.targets.perturbations.length,
      G: data.targets.genes.length,
      lambda_ridge: lambda,
    }),
  };
}
