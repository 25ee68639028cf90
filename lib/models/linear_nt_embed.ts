/**
 * The linear expression model (LEL) with given embeddings on both sides, as an experiment (lel_embed.ts).
 *
 * Saved: intercept (genes), coefficients (genes x width) = G W. Prediction = intercept + coefficients x.
 */
import type { ExperimentData, ModelFamily, WholeFoldModel } from "../experiment/model.ts";
import { type Embedded, takeRows } from "../linalg/matrix.ts";
import { chosenNote, tuningSummary } from "../tuning/choice.ts";
import { tuningIdentity } from "../tuning/flags.ts";
import { innerFolds } from "../tuning/inner_folds.ts";
import { EmbeddingRidge } from "./lel_embed.ts";
import { EmbeddingRidgeTuning } from "./lel_tuning.ts";
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

export interface LinearEmbedOptions {
  /** perturbations x width. */
  readonly tfs: Embedded;
  /** read-out genes x k. */
  readonly genes: Embedded;
  readonly lambda: number;
  /** Lambdas to choose from in each fold; null takes `lambda`. */
  readonly grid: readonly { lambda: number }[] | null;
  readonly innerFolds: number;
}

export function linearNtEmbedModel(
  data: ExperimentData,
  { tfs, genes, lambda, grid, innerFolds: count }: LinearEmbedOptions,
): WholeFoldModel {
  const inputsOf = (own: readonly number[] | null) => ({ tfs, genes: own ? takeRows(genes, own) : genes });
  const fixed = shared(
    data.training,
    (values, own) => new EmbeddingRidge(values, inputsOf(own).genes, tfs, lambda),
  );
  const tunings = shared(data.training, (values, own) => new EmbeddingRidgeTuning(values, inputsOf(own)));
  return {
    family: linearNtEmbed,
    identity: grid === null ? { "--lambda-ridge": lambda } : tuningIdentity(grid, count),
    engine: "cpu",
    isQuick: true,
    predictsTraining: true,
    fit(task) {
      const { index, train, test, overAllGenes } = task;
      const inner = grid &&
        innerFolds(train, { folds: count, seed: data.seed, groups: data.groups, name: task.name });
      const tuning = grid && inner && tunings(index).choose(grid, { ...task, inner });
      const model = tuning ? tunings(index).modelOf(tuning.chosen.lambda) : fixed(index);
      const fitted = model.fit({ train, test });
      return {
        predict: fitted.predict,
        note: tuning ? `${fitted.note}, ${chosenNote(tuning)}` : fitted.note,
        report: tuning ? { tuning } : {},
        tensors: () => linearTensors(fitted.tensors(), overAllGenes),
      };
    },
    summary: (reports) => ({
      P: data.targets.perturbations.length,
      G: data.targets.genes.length,
      ...(grid === null && { lambda_ridge: lambda }),
      ...tuningSummary(reports),
    }),
  };
}
