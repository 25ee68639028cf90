import { keep, meanOf, Tensor } from "../tensor/mod.ts";

/**
 * Losses of training steps, kept on the device until they are wanted: reading each one would make the host wait for
 * the device at every step.
 */
export class LossLog {
  #pending: { epoch: number; step: number; loss: Tensor }[] = [];

  /** @param loss as `maskedSquaredError` gives it; freed here */
  add(epoch: number, step: number, loss: Tensor): void {
    this.#pending.push({ epoch, step, loss: keep(loss) });
  }

  /**
   * The mean of the losses added since the last call (NaN for none), and the first step whose loss was not finite.
   */
  async drain(): Promise<{ mean: number; broken: { epoch: number; step: number; loss: number } | null }> {
    const pending = this.#pending;
    this.#pending = [];
    let sum = 0, broken = null;
    if (pending.length > 0) {
      const { backend } = pending[0].loss;
      const all = Tensor.empty(backend, [pending.length, 2]);
      pending.forEach(({ loss }, i) => {
        backend.copy2d({ storage: all.storage, offset: 2 * i }, { storage: loss.storage }, {
          rows: 1,
          columns: 2,
        });
        loss.dispose();
      });
      const numbers = await all.read();
      all.dispose();
      for (const [i, { epoch, step }] of pending.entries()) {
        const loss = meanOf(numbers.subarray(2 * i, 2 * i + 2));
        if (!Number.isFinite(loss)) broken ??= { epoch, step, loss };
        sum += loss;
      }
    }
    return { mean: sum / pending.length, broken };
  }
}
