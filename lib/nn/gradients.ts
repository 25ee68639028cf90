/** What is done to gradients between `backward` and the update: clipping, and the loss scale of f16 training. */
import { full, scope, Tensor } from "../tensor/mod.ts";
import type { Parameters } from "./layers.ts";

/**
 * The factor by which all gradients shrink so that their joint norm is at most `maxNorm`, as PyTorch's
 * `clip_grad_norm_`; for `Adam.step`. It stays on the device: nothing waits.
 *
 * @param lossScale what the loss was multiplied by; divided out here
 */
export function clipFactor(parameters: Parameters, maxNorm: number, lossScale = 1): Tensor {
  return scope(() => {
    const gradients = gradientsOf(parameters);
    const { backend } = gradients[0];
    const squares = full(backend, [1], 0);
    for (const gradient of gradients) {
      backend.sumSquares(squares.storage, gradient.storage, gradient.size, { accumulate: true });
    }
    const factor = Tensor.empty(backend, [1]);
    backend.clipFactor(factor.storage, squares.storage, maxNorm, 1 / lossScale);
    return factor;
  });
}

function gradientsOf(parameters: Parameters): Tensor[] {
  return [...parameters.values()].flatMap(({ grad }) => grad ? [grad] : []);
}

/**
 * Dynamic loss scale (Micikevicius et al. 2018; PyTorch's GradScaler): the loss is multiplied so that small f16
 * gradients survive; a step whose gradients overflow is skipped and halves the scale, 2,000 good ones double it.
 *
 *     backward(loss, scaler.scale);
 *     if (await scaler.gradientsAreFinite(parameters)) optimiser.step(scaler.factor(backend));
 *     else optimiser.forgetGradients();
 */
export class LossScaler {
  scale = 65536;
  /** Steps left out because of an overflow. */
  skipped = 0;
  /** Good steps since the scale last changed. */
  good = 0;
  static readonly #growEvery = 2000;

  /** Judge the gradients of a step, and adapt the scale for the next one. */
  async gradientsAreFinite(parameters: Parameters): Promise<boolean> {
    const flag = scope(() => {
      const gradients = gradientsOf(parameters);
      const flag = full(gradients[0].backend, [1], 0);
      for (const gradient of gradients) {
        gradient.backend.flagNonFinite(flag.storage, gradient.storage, gradient.size);
      }
      return flag;
    });
    const [overflow] = await flag.read();
    flag.dispose();
    this.#used = this.scale;
    if (overflow) {
      this.skipped++;
      this.good = 0;
      this.scale /= 2;
    } else if (++this.good === LossScaler.#growEvery) {
      this.good = 0;
      this.scale *= 2;
    }
    return !overflow;
  }

  /** Takes the scale of the step just judged out of its gradients, for `Adam.step`. */
  factor(backend: Tensor["backend"]): Tensor {
    return full(backend, [1], 1 / this.#used);
  }

  #used = this.scale;
}
