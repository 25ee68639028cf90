import { log } from "../../../cli/log.ts";
import type { EpochResult } from "./training.ts";

const intervalMs = 60_000;

/** Log lines of a long fold: every epoch, and in long epochs one a minute. */
export class EpochReporter {
  #lastMs = performance.now();

  /** @param isOn off where a bar shows how far the fold is */
  constructor(readonly fold: number, readonly isOn: boolean) {}

  step(text: string): void {
    if (performance.now() - this.#lastMs >= intervalMs) this.#say(`Fold ${this.fold}, ${text}`);
  }

  epoch({ epoch, trainLoss, pearson, mse }: EpochResult, rows: number, time: string): void {
    const judged = Number.isNaN(pearson)
      ? `squared error ${mse.toFixed(6)}`
      : `mean Pearson ${pearson.toFixed(4)}`;
    this.#say(
      `Fold ${this.fold}, epoch ${epoch + 1}: training loss ${
        trainLoss.toFixed(6)
      }, ${judged} on ${rows} rows, ${time}`,
    );
  }

  #say(text: string): void {
    this.#lastMs = performance.now();
    if (this.isOn) log.info(text);
  }
}
