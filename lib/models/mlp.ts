/** A multi-layer perceptron: ReLU and dropout after each hidden layer. */
import type { Backend } from "../backend/backend.ts";
import { Dropout, Linear, named, type Parameters } from "../nn/layers.ts";
import type { ModelStream } from "../random/model_stream.ts";
import { scope, type Tensor } from "../tensor/mod.ts";

export class Mlp {
  constructor(readonly layers: readonly Linear[]) {}

  /** Xavier-uniform weights, zero biases. @param widths inputs, hidden layers, outputs */
  static xavier(backend: Backend, widths: readonly number[], stream: ModelStream): Mlp {
    return Mlp.#of(widths, (inputs, outputs) => Linear.xavier(backend, inputs, outputs, stream));
  }

  /** Weights as `torch.nn.Linear` draws them. */
  static torchDefault(backend: Backend, widths: readonly number[], stream: ModelStream): Mlp {
    return Mlp.#of(widths, (inputs, outputs) => Linear.torchDefault(backend, inputs, outputs, stream));
  }

  static #of(widths: readonly number[], layer: (inputs: number, outputs: number) => Linear): Mlp {
    return new Mlp(widths.slice(1).map((outputs, i) => layer(widths[i], outputs)));
  }

  /**
   * @param x rows x inputs
   * @param dropout in training; null when predicting
   * @returns rows x outputs, in the type of x
   */
  forward(x: Tensor, dropout: Dropout | null = null): Tensor {
    return scope(() =>
      this.layers.reduce((h, layer, i) => {
        if (i === this.layers.length - 1) return layer.forward(h);
        return layer.forward(h, { activation: "relu", dropout: dropout?.next() });
      }, x)
    );
  }

  /** "layers.0.weight", "layers.0.bias", ... */
  parameters(): Parameters {
    return named(Object.fromEntries(this.layers.map((layer, i) => [`layers.${i}`, layer])));
  }

  dispose(): void {
    for (const tensor of this.parameters().values()) tensor.dispose();
  }
}
