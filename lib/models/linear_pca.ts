/**
 * The linear expression model (LEL) with embeddings from the data, as an experiment: a perturbation is described by the
 * principal components of its own read-out gene (lel_pca.ts).
 *
 * Saved: intercept (genes), coefficients (genes x k) = G W, gene_embeddings (genes x k) = G. Prediction = intercept +
 * coefficients g, with g the row of G of the perturbation's own gene; a perturbation without one gets the intercept.
 */
import { log } from "../cli/log.ts";
import { matchIds } from "../dataset/matching.ts";
import type { TrainingTargets } from "../dataset/training_targets.ts";
import type { ExperimentData, ModelFamily, WholeFoldModel } from "../experiment/model.ts";
import { PcaRidge, type PcaRidgeSettings } from "./lel_pca.ts";
import { linearTensors, predictLinear, savedDoubles } from "./linear_prediction.ts";

export const linearPca: ModelFamily = {
  kind: "linear_pca",
  input: "gene_id",
  shapes({ genes }, tensors) {
    const k = tensors.get("coefficients")?.shape[1] ?? null;
    return { coefficients: [genes, k], gene_embeddings: [genes, k] };
  },
  load({ tensors }) {
    const embeddings = savedDoubles(tensors, "gene_embeddings"), { columns } = embeddings;
    return {
      predict(input, rows) {
        if (input.kind !== "gene_id") throw new TypeError("linear_pca reads gene ids");
        const x = { data: new Float64Array(rows.length * columns), rows: rows.length, columns };
        rows.forEach((row, i) => {
          const own = input.ownGene[row];
          if (own >= 0) x.data.set(embeddings.data.subarray(own * columns, (own + 1) * columns), i * columns);
        });
        return predictLinear(x, tensors);
      },
    };
  },
};

/**
 * @param otherNames of a perturbation: its gene id may be one of them
 * @param asked numbers of the folds that will be fitted; all of them where it is empty
 */
export function linearPcaModel(
  data: ExperimentData,
  settings: PcaRidgeSettings,
  otherNames: (id: string) => readonly string[],
  asked: readonly number[] = [],
): WholeFoldModel {
  const { perturbations, genes } = data.targets;
  const folds = asked.length > 0 ? asked.map((fold) => data.folds[fold]) : data.folds;
  const modelOf = shared(data.training, (values, own) => {
    const columns = own ? own.map((column) => genes[column]) : genes;
    const rows = matchIds({ ids: perturbations, otherNames }, { ids: columns }).rows;
    return new PcaRidge(values, rows, settings, data.training.shared === null ? [] : folds);
  });
  return {
    family: linearPca,
    identity: { "--k-components": settings.components, "--lambda-ridge": settings.lambda },
    engine: "cpu",
    isQuick: true,
    predictsTraining: true,
    async fit({ index, train, test, overAllGenes }) {
      const fitted = await modelOf(index).fit({ train, test });
      if (fitted.mappedTrainingRows < 2) {
        log.warn(
          `[fold ${index}] Too few training perturbations are read-out genes: the mean baseline predicts.`,
        );
      }
      return {
        predict: fitted.predict,
        note: fitted.note,
        tensors: () => linearTensors(fitted.tensors(), overAllGenes),
      };
    },
    summary: () => ({
      P: perturbations.length,
      G: genes.length,
      k_components: settings.components,
      lambda_ridge: settings.lambda,
    }),
  };
}

/** What `prepare` makes of the targets: once for all folds where they share them. */
export function shared<T>(
  training: TrainingTargets,
  prepare: (
    values: Parameters<Parameters<TrainingTargets["prepared"]>[0]>[0]["values"],
    genes: readonly number[] | null,
  ) => T,
): (fold: number) => T {
  return training.prepared(({ values, genes }) => prepare(values, genes));
}
