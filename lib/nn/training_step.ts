import { DataError } from "../cli/errors.ts";
import { hearSignals } from "../cli/interrupt.ts";
import { backward, scope, type Tensor } from "../tensor/mod.ts";
import type { Adam } from "./adam.ts";
import type { LossScaler } from "./gradients.ts";
import type { Parameters } from "./layers.ts";
import type { LossLog } from "./loss_log.ts";

/** What a training step works on. */
export interface Trainee {
  readonly parameters: Parameters;
  readonly optimiser: Adam;
  readonly losses: LossLog;
  /** For f16 arithmetic; null for f32. */
  readonly scaler: LossScaler | null;
}

/**
 * One step: the loss, its gradients, the update. In f16 a step whose gradients overflow is left out.
 *
 * @param loss builds the loss from the present parameters
 */
export async function trainingStep(
  { parameters, optimiser, losses, scaler }: Trainee,
  epoch: number,
  step: number,
  loss: () => Tensor,
): Promise<void> {
  const value = scope(loss);
  backward(value, scaler?.scale);
  if (!scaler) optimiser.step();
  else if (await scaler.gradientsAreFinite(parameters)) {
    const factor = scaler.factor(value.backend);
    optimiser.step(factor);
    factor.dispose();
  } else {
    optimiser.forgetGradients();
    value.dispose();
    return;
  }
  losses.add(epoch, step, value);
  await hearSignals();
}

/**
 * Refuse a training whose every step was left out: its weights are those it began with.
 *
 * @param name what was trained: "fold 2"
 * @throws {DataError} when no step was taken
 */
export function assertLearned(
  { optimiser, scaler }: Pick<Trainee, "optimiser" | "scaler">,
  name: string,
): void {
  if (!scaler || optimiser.steps > 0) return;
  throw new DataError(
    `Cannot train ${name}: f16 overflowed in each of its ${scaler.skipped} steps, so it learned nothing ` +
      `(run with --no-mixed-precision)`,
  );
}
