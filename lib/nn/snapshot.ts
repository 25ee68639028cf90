import { keep, Tensor } from "../tensor/mod.ts";
import type { Parameters } from "./layers.ts";

/** A copy of parameters on the device, such as those of the best check. A copy, not an alias: training does not touch it. */
export class Snapshot {
  readonly #parameters: Parameters;
  readonly #copies = new Map<string, Tensor>();

  constructor(parameters: Parameters) {
    this.#parameters = parameters;
  }

  /** Copy the parameters as they are now over what was stored before. */
  store(): void {
    for (const [name, parameter] of this.#parameters) {
      const copy = this.#copies.getOrInsertComputed(
        name,
        () => keep(Tensor.empty(parameter.backend, parameter.shape, parameter.dtype)),
      );
      parameter.backend.unary("copy", copy.storage, parameter.storage, parameter.size);
    }
  }

  /** Copy back. Does nothing before the first `store`. */
  restore(): void {
    for (const [name, copy] of this.#copies) {
      const parameter = this.#parameters.get(name)!;
      parameter.backend.unary("copy", parameter.storage, copy.storage, copy.size);
    }
  }

  /** The copies by the parameters' names; empty before the first `store`. */
  tensors(): Parameters {
    return this.#copies;
  }

  dispose(): void {
    for (const copy of this.#copies.values()) copy.dispose();
    this.#copies.clear();
  }
}
