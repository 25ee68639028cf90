/** What summary.json says of a trained network, and what tells one run of it from another. */
import type { Report } from "../experiment/part.ts";
import type { Identity } from "../experiment/identity.ts";
import type { TrainingHistory } from "../nn/training.ts";
import type { MlpSettings } from "./mlp_fit.ts";

/** What a fold's training reports. */
export interface NetworkReport extends Report {
  readonly history: TrainingHistory;
  /** Steps left out for an overflow of f16. */
  readonly skippedSteps: number;
}

export function networkIdentity(settings: MlpSettings): Identity {
  return {
    "--hidden-dims": settings.hiddenDims,
    "--learning-rate": settings.learningRate,
    "--batch-size": settings.batchSize,
    "--epochs": settings.epochs,
    "--weight-decay": settings.weightDecay,
    "--patience": settings.patience,
    "--restore": settings.restore,
    "--mixed-precision": settings.mixedPrecision,
  };
}

export function networkSummary(
  settings: MlpSettings,
  reports: readonly NetworkReport[],
): Record<string, unknown> {
  const histories = reports.map(({ history }) => history);
  return {
    mlp_params: {
      hidden_dims: settings.hiddenDims,
      learning_rate: settings.learningRate,
      batch_size: settings.batchSize,
      epochs: settings.epochs,
      weight_decay: settings.weightDecay,
      patience: settings.patience,
      mixed_precision: settings.mixedPrecision,
    },
    restore: settings.restore,
    training: {
      checks: histories.map(({ checks }) => checks.length),
      best_epochs: histories.map(({ bestEpoch }) => bestEpoch),
      best_validation_losses: histories.map((history) => bestCheck(history)?.loss),
      stopped_early: histories.map(({ stoppedEarly }) => stoppedEarly),
      skipped_steps: reports.reduce((sum, { skippedSteps }) => sum + skippedSteps, 0),
    },
  };
}

/** The check with the lowest validation loss. */
export function bestCheck({ checks, bestEpoch }: TrainingHistory) {
  return checks.find(({ epoch }) => epoch === bestEpoch);
}
