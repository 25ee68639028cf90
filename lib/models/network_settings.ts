/** The settings of scripts 4 to 6, as summary.json tells them and as they tell one run from another. */
import type { TrainingHistory } from "../nn/mod.ts";
import type { MlpSettings } from "./mlp_fit.ts";

/** Settings of a run that its numbers depend on. */
export interface NetworkRun extends MlpSettings {
  readonly nFolds: number;
  readonly nTopGenes: number | null;
  readonly seed: number;
  readonly strict: boolean;
}

/** For FoldStore: flags by their names, all that the numbers depend on but the data. */
export function networkIdentity(run: NetworkRun, mixedPrecision: boolean): Record<string, unknown> {
  return {
    "--hidden-dims": run.hiddenDims,
    "--learning-rate": run.learningRate,
    "--batch-size": run.batchSize,
    "--epochs": run.epochs,
    "--weight-decay": run.weightDecay,
    "--patience": run.patience,
    "--restore": run.restore,
    "--mixed-precision": mixedPrecision,
    "--n-folds": run.nFolds,
    "--n-top-genes": run.nTopGenes,
    "--seed": run.seed,
    "--strict": run.strict,
  };
}

/** For summary.json. */
export function networkParameters(run: NetworkRun, mixedPrecision: boolean): Record<string, unknown> {
  return {
    mlp_params: {
      hidden_dims: run.hiddenDims,
      learning_rate: run.learningRate,
      batch_size: run.batchSize,
      epochs: run.epochs,
      weight_decay: run.weightDecay,
      patience: run.patience,
      mixed_precision: mixedPrecision,
    },
    restore: run.restore,
    seed: run.seed,
    strict: run.strict,
  };
}

/** How training went, fold by fold, for summary.json. */
export function trainingSummary(histories: readonly TrainingHistory[], skippedSteps: number) {
  return {
    checks: histories.map(({ checks }) => checks.length),
    best_epochs: histories.map(({ bestEpoch }) => bestEpoch),
    best_validation_losses: histories.map(({ checks, bestEpoch }) =>
      checks.find(({ epoch }) => epoch === bestEpoch)?.loss
    ),
    stopped_early: histories.map(({ stoppedEarly }) => stoppedEarly),
    skipped_steps: skippedSteps,
  };
}
