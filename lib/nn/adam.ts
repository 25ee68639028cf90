import { keep, Tensor } from "../tensor/mod.ts";
import type { Parameters } from "./layers.ts";

/** PyTorch's names and defaults: decay 0, betas 0.9 and 0.999, epsilon 1e-8. */
export interface AdamSettings {
  readonly learningRate: number;
  readonly weightDecay?: number;
  readonly beta1?: number;
  readonly beta2?: number;
  readonly epsilon?: number;
}

/**
 * Adam (Kingma and Ba 2015) and AdamW (Loshchilov and Hutter 2019) with PyTorch's arithmetic and defaults.
 *
 *     const optimiser = Adam.decoupled(model.parameters(), { learningRate: 1e-3, weightDecay: 1e-4 });   // AdamW
 *     backward(loss);
 *     optimiser.step();        // and forgets the gradients
 */
export class Adam {
  /** Of the next step; schedules change it. */
  learningRate: number;
  /** Steps taken so far. */
  steps = 0;
  readonly #parameters: Parameters;
  readonly #settings: Required<AdamSettings> & { decoupled: boolean };
  readonly #moments = new Map<string, { m: Tensor; v: Tensor }>();

  /** Adam; weight decay is added to the gradient. */
  constructor(parameters: Parameters, settings: AdamSettings, decoupled = false) {
    this.#parameters = parameters;
    this.#settings = { weightDecay: 0, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, ...settings, decoupled };
    this.learningRate = settings.learningRate;
    for (const [name, { backend, shape, storage }] of parameters) {
      const zeros = () => {
        const tensor = keep(Tensor.empty(backend, shape, storage.dtype));
        backend.fill(tensor.storage, 0);
        return tensor;
      };
      this.#moments.set(name, { m: zeros(), v: zeros() });
    }
  }

  /** AdamW: weight decay shrinks the weights by themselves. */
  static decoupled(parameters: Parameters, settings: AdamSettings): Adam {
    return new Adam(parameters, settings, true);
  }

  /**
   * Update every parameter that has a gradient, then forget the gradients.
   *
   * @param gradientFactor one number on the device that multiplies all gradients first (clipping, loss scale)
   */
  step(gradientFactor?: Tensor): void {
    this.steps++;
    const options = { ...this.#settings, learningRate: this.learningRate, step: this.steps };
    for (const [name, parameter] of this.#parameters) {
      if (!parameter.grad) continue;
      const { m, v } = this.#moments.get(name)!;
      parameter.backend.adam(
        {
          parameter: parameter.storage,
          gradient: parameter.grad.storage,
          m: m.storage,
          v: v.storage,
          gradientFactor: gradientFactor?.storage,
        },
        parameter.size,
        options,
      );
    }
    this.forgetGradients();
  }

  /** Free the gradients without using them. */
  forgetGradients(): void {
    for (const parameter of this.#parameters.values()) {
      parameter.grad?.dispose();
      parameter.grad = null;
    }
  }

  /** The moments by name, "m." and "v." before the parameter's: what must be saved to go on later. */
  state(): Map<string, Tensor> {
    return new Map(
      [...this.#moments].flatMap(([name, { m, v }]) => [[`m.${name}`, m], [`v.${name}`, v]] as const),
    );
  }

  /** Free the moments and gradients; the parameters stay. */
  dispose(): void {
    this.forgetGradients();
    for (const { m, v } of this.#moments.values()) {
      m.dispose();
      v.dispose();
    }
  }
}
