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
import { chosenNote, tuningSummary } from "../tuning/choice.ts";
import { tuningIdentity } from "../tuning/flags.ts";
import { innerFolds } from "../tuning/inner_folds.ts";
import { profileProducts } from "../tuning/weight_errors.ts";
import { PcaRidge, type PcaRidgeSettings } from "./lel_pca.ts";
import { choosePcaSettings } from "./lel_tuning.ts";
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

export interface LinearPcaOptions {
  readonly settings: PcaRidgeSettings;
  /** Settings to choose from in each fold; null takes `settings`. */
  readonly grid: readonly PcaRidgeSettings[] | null;
  readonly innerFolds: number;
  /** Further names of a perturbation: its gene id may be one of them. */
  readonly otherNames: (id: string) => readonly string[];
  /** Numbers of the folds that will be fitted; all of them where it is empty. */
  readonly asked: readonly number[];
}

export function linearPcaModel(
  data: ExperimentData,
  { settings, grid, innerFolds: count, otherNames, asked }: LinearPcaOptions,
): WholeFoldModel {
  const { perturbations, genes } = data.targets;
  const folds = asked.length > 0 ? asked.map((fold) => data.folds[fold]) : data.folds;
  const most = {
    ...settings,
    components: Math.max(settings.components, ...(grid ?? []).map(({ components }) => components)),
  };
  const modelOf = shared(data.training, (values, own) => {
    const columns = own ? own.map((column) => genes[column]) : genes;
    const rows = matchIds({ ids: perturbations, otherNames }, { ids: columns }).rows;
    const together = data.training.shared === null ? [] : folds;
    return { values, rows, ridge: new PcaRidge(values, rows, grid ? most : settings, together) };
  });
  const productsOf = profileProducts(data.training);
  return {
    family: linearPca,
    identity: grid === null
      ? { "--k-components": settings.components, "--lambda-ridge": settings.lambda }
      : tuningIdentity(grid, count),
    engine: "cpu",
    isQuick: true,
    predictsTraining: true,
    async fit(task) {
      const { index, train, test, overAllGenes } = task, { values, rows, ridge } = modelOf(index);
      const inner = grid &&
        innerFolds(train, { folds: count, seed: data.seed, groups: data.groups, name: task.name });
      const tuning = grid && inner &&
        await choosePcaSettings(grid, values, rows, productsOf(index), { ...task, inner });
      const fitted = await ridge.fit({ train, test }, tuning?.chosen ?? settings);
      if (fitted.mappedTrainingRows < 2) {
        log.warn(
          `[fold ${index}] Too few training perturbations are read-out genes: the mean baseline predicts.`,
        );
      }
      return {
        predict: fitted.predict,
        note: tuning ? `${fitted.note}, ${chosenNote(tuning)}` : fitted.note,
        report: tuning ? { tuning } : {},
        tensors: () => linearTensors(fitted.tensors(), overAllGenes),
      };
    },
    summary: (reports) => ({
      P: perturbations.length,
      G: genes.length,
      ...(grid === null && { k_components: settings.components, lambda_ridge: settings.lambda }),
      ...tuningSummary(reports),
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
