/**
 * Layers: named parameters, and what they compute. Names and layouts are PyTorch's, so that weights travel both ways.
 *
 *     const layer = Linear.xavier(backend, 512, 1024, stream);
 *     const hidden = layer.forward(x, { activation: "relu" });
 */
import type { Backend } from "../backend/backend.ts";
import type { ModelStream } from "../random/model_stream.ts";
import {
  cast,
  dropout,
  type DropoutMask,
  gatherRows,
  layerNorm,
  linear,
  type LinearOptions,
  parameter,
  type Tensor,
} from "../tensor/mod.ts";
import { torchLinearBound, uniformWeights, xavierUniformBound } from "./initialisers.ts";

/** Trainable tensors by name: "weight", or "layers.0.weight" in a model of several layers. */
export type Parameters = ReadonlyMap<string, Tensor>;

/** The parameters of parts, each name after its part's: `{ "layers.0": linear }` gives "layers.0.weight". */
export function named(parts: Record<string, { parameters(): Parameters }>): Parameters {
  return new Map(
    Object.entries(parts).flatMap(([prefix, part]) =>
      [...part.parameters()].map(([name, tensor]) => [`${prefix}.${name}`, tensor] as const)
    ),
  );
}

/** x W' + b. */
export class Linear {
  /** @param weight outputs x inputs @param bias outputs */
  constructor(readonly weight: Tensor, readonly bias: Tensor | null) {}

  /** Weights by Xavier's uniform distribution, biases zero. */
  static xavier(backend: Backend, inputs: number, outputs: number, stream: ModelStream): Linear {
    const weights = uniformWeights(stream, outputs * inputs, xavierUniformBound(inputs, outputs));
    return new Linear(
      parameter(backend, weights, [outputs, inputs]),
      parameter(backend, new Float32Array(outputs), [outputs]),
    );
  }

  /** Weights and biases as `torch.nn.Linear` draws them. */
  static torchDefault(backend: Backend, inputs: number, outputs: number, stream: ModelStream): Linear {
    const bound = torchLinearBound(inputs);
    return new Linear(
      parameter(backend, uniformWeights(stream, outputs * inputs, bound), [outputs, inputs]),
      parameter(backend, uniformWeights(stream, outputs, bound), [outputs]),
    );
  }

  /** Computes in the type of `x`: weights of another type are converted, their gradients back. */
  forward(x: Tensor, options: LinearOptions = {}): Tensor {
    return linear(x, cast(this.weight, x.dtype), this.bias && cast(this.bias, x.dtype), options);
  }

  parameters(): Parameters {
    const all = new Map([["weight", this.weight]]);
    return this.bias ? all.set("bias", this.bias) : all;
  }
}

/** Normalisation of each row, with a scale and a shift a column. */
export class LayerNorm {
  constructor(readonly weight: Tensor, readonly bias: Tensor, readonly epsilon: number) {}

  static ones(backend: Backend, width: number, epsilon = 1e-5): LayerNorm {
    return new LayerNorm(
      parameter(backend, new Float32Array(width).fill(1), [width]),
      parameter(backend, new Float32Array(width), [width]),
      epsilon,
    );
  }

  forward(x: Tensor): Tensor {
    return layerNorm(x, this.weight, this.bias, this.epsilon);
  }

  parameters(): Parameters {
    return new Map([["weight", this.weight], ["bias", this.bias]]);
  }
}

/** A vector for each of so many ids. */
export class Embedding {
  /** @param weight ids x width */
  constructor(readonly weight: Tensor) {}

  /** Standard normal vectors, as `torch.nn.Embedding` draws them. */
  static normal(backend: Backend, ids: number, width: number, stream: ModelStream): Embedding {
    return new Embedding(
      parameter(backend, stream.fillNormal(new Float32Array(ids * width)), [ids, width]),
    );
  }

  /** @param ids i32 of any shape @returns (...ids.shape, width) */
  forward(ids: Tensor): Tensor {
    return gatherRows(this.weight, ids);
  }

  parameters(): Parameters {
    return new Map([["weight", this.weight]]);
  }
}

/**
 * Random zeros in training. Every call takes the next stream of the generator, so that a run started again at
 * `position` drops the same.
 */
export class Dropout {
  /** Stream of the next call. */
  position = 0;

  /** @param p probability of a zero @param seed u32 */
  constructor(readonly p: number, readonly seed: number) {}

  forward(x: Tensor): Tensor {
    return dropout(x, this.p, this.seed, this.position++);
  }

  /** The mask of the next call, for layers that drop in passing. */
  next(): DropoutMask {
    return { p: this.p, seed: this.seed, stream: this.position++ };
  }
}
