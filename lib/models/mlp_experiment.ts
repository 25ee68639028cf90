/** What scripts 4 and 5 do with their embeddings once these are matched to the targets: split, fit, evaluate, write. */
import { join } from "@std/path";
import { deviceFlags, openDevice, printProfile } from "../backend/device_flags.ts";
import type { Flags } from "../cli/flags.ts";
import { counted, log } from "../cli/log.ts";
import { foldProgress } from "../cli/progress.ts";
import type { Alignment, Embeddings } from "../dataset/embeddings.ts";
import {
  crossValidationFlags,
  foldCountFlags,
  outputDirFlags,
  outputFlags,
  topGenesFlags,
} from "../dataset/run_flags.ts";
import { crossValidationSplits } from "../dataset/splits.ts";
import { symbolsById, takeGenes, takePerturbations, type Targets } from "../dataset/targets.ts";
import { TrainingTargets } from "../dataset/training_targets.ts";
import { chooseGenes } from "../dataset/top_genes.ts";
import { type ResultFolder, writeSummary } from "../evaluation/result_folder.ts";
import { takeRows } from "../linalg/matrix.ts";
import { fingerprint } from "./fingerprint.ts";
import { FoldStore, foldStoreFlags } from "./fold_store.ts";
import { collectMlpFolds, type MlpData, mlpFlags, runMlpFolds } from "./mlp_cross_validation.ts";
import { halfPrecision } from "./half_precision.ts";
import { writeNetworkResults } from "./network_results.ts";
import { networkIdentity, networkParameters, trainingSummary } from "./network_settings.ts";
import { writeSavedModel } from "./saved_model.ts";

/** All flags of scripts 4 and 5 but those that name their inputs. */
export const mlpExperimentFlags = {
  ...topGenesFlags,
  ...mlpFlags,
  ...crossValidationFlags,
  ...foldCountFlags,
  ...foldStoreFlags,
  ...deviceFlags,
  ...outputDirFlags,
  ...outputFlags,
};

export interface MlpExperiment {
  readonly script: string;
  /** What the embeddings are called in summary.json. */
  readonly embeddingName: string;
  /** Pipeline of inference.ts that makes such embeddings. */
  readonly pipeline: "ntv2" | "hyenadna";
  readonly flags: Omit<Flags<typeof mlpExperimentFlags>, "given">;
  readonly folder: ResultFolder;
  readonly targets: Targets;
  readonly embeddings: Embeddings;
  readonly alignment: Alignment;
  /** When the script began. */
  readonly startMs: number;
}

/** Cross-validate and write the results, if this run completes them. */
export async function runMlpExperiment(experiment: MlpExperiment): Promise<void> {
  const { flags, folder, embeddings, alignment, startMs } = experiment;
  const { ids, unmatched } = alignment;
  if (unmatched.length > 0) {
    log.warn(`Left out ${counted(unmatched.length, "perturbation")} without an embedding.`);
  }
  const aligned = takePerturbations(experiment.targets, alignment.targetRows);
  const splits = await crossValidationSplits({
    ids,
    aliases: aligned.symbols?.map((symbol) => [symbol]),
    folds: flags.nFolds,
    seed: flags.seed,
    file: flags.cvSplitsFile ??
      join(folder.path, `cv_splits_${flags.nFolds}fold_${flags.seed}_${ids.length}.pkl`),
    rule: "n_splits",
  });
  // As the Python did, rows without an embedding have a say in the choice of genes; not so under --strict.
  const judged = flags.strict ? aligned.values : experiment.targets.values;
  const genes = chooseGenes(judged, flags.nTopGenes, splits.folds, flags.strict);
  const targets = takeGenes(aligned, genes.columns);
  const data: MlpData = {
    x: takeRows(embeddings.values, alignment.embeddingRows),
    y: targets.values,
    ids,
    folds: splits.folds,
    training: new TrainingTargets(targets.values, genes, splits.folds, flags.strict),
    strict: flags.strict,
    seed: flags.seed,
  };
  const widths = [data.x.columns, ...flags.hiddenDims, data.y.columns];
  log.info(`Data: ${counted(ids.length, "TF")} x ${data.x.columns} embedding dimensions.`);
  log.info(`MLP: ${widths.join(" -> ")}.`);
  const loadedMs = performance.now();

  const opened = await openDevice(flags);
  const { backend, reason } = opened;
  try {
    const settings = { ...flags, mixedPrecision: halfPrecision(flags.mixedPrecision, true, backend) };
    const store = await FoldStore.open(folder.path, {
      ...flags,
      count: splits.folds.length,
      device: backend.name,
      identity: await identityOf(data, flags, targets.genes, settings.mixedPrecision),
    });
    if (store.isFinished) return;
    await runMlpFolds(backend, data, settings, store, foldProgress(flags.progress, store.toRun.length));
    await printProfile(opened);
    if (!await store.isComplete()) return;

    const results = await collectMlpFolds(data, settings, store);
    const truth = { ids, genes: targets.genes, truth: data.y, folds: data.folds };
    const means = await writeNetworkResults(folder, { ...truth, ...results }, {
      predictions: folder.modelName,
      model: folder.modelName,
      pearsonOf: "drawn",
      plotFormat: flags.plotFormat,
    });
    if (flags.saveModel) {
      await writeSavedModel(folder.path, {
        kind: "mlp",
        genes: targets.genes,
        input: { kind: "embedding", model: experiment.pipeline, width: data.x.columns },
        script: experiment.script,
        flags: { ...flags, given: undefined },
        aliases: symbolsById(aligned),
      }, results.models);
      log.info(`Saved the models of all folds to ${join(folder.path, "model")}`);
    }
    await writeSummary(folder, {
      model_name: folder.modelName,
      model_type: `${flags.hiddenDims.length}-layer MLP (${experiment.embeddingName})`,
      cv_method: splits.method,
      cv_splits_file: splits.file,
      n_tfs: ids.length,
      n_genes: targets.genes.length,
      embedding_dim: data.x.columns,
      ...means,
      ...networkParameters(flags, settings.mixedPrecision),
      missing_values_filled: data.training.missing,
      training: trainingSummary(results.histories, results.skippedSteps),
      device: store.tellDevices(),
      device_reason: reason,
      run_id: store.runId,
      timings_seconds: {
        load_data: (loadedMs - startMs) / 1000,
        training: results.trainingSeconds,
        total: (performance.now() - startMs) / 1000,
      },
    });
    await store.remove();
  } finally {
    await backend.close();
  }
}

/** Everything that a fold's numbers depend on. */
async function identityOf(
  data: MlpData,
  flags: MlpExperiment["flags"],
  genes: readonly string[],
  mixedPrecision: boolean,
): Promise<Record<string, unknown>> {
  return {
    ...networkIdentity(flags, mixedPrecision),
    perturbations: await fingerprint(data.ids),
    genes: await fingerprint(genes),
    targets: await fingerprint(data.y.data),
    embeddings: await fingerprint(data.x.data),
    folds: await fingerprint(data.folds.map(({ test }) => test.join(" "))),
  };
}
