/**
 * One MLP for every cell of Y: from [TF embedding ; gene embedding] to that TF's effect on that gene.
 *
 * The first layer is linear in the two halves, so a TF and a gene are projected once each, and a pair is the sum of two
 * rows: relu(W_tf e_tf + b + W_gene e_gene).
 */
import type { Backend } from "../backend/backend.ts";
import { Linear, named, type Parameters } from "../nn/layers.ts";
import { torchLinearBound, uniformWeights } from "../nn/initialisers.ts";
import type { ModelStream } from "../random/model_stream.ts";
import { gatherPairs, parameter, scope, type Tensor } from "../tensor/mod.ts";
import { Mlp } from "./mlp.ts";

export class ConcatMlp {
  /**
   * @param tf the first layer's half for TFs, with its bias
   * @param gene its half for genes
   * @param rest the layers above
   */
  constructor(readonly tf: Linear, readonly gene: Linear, readonly rest: Mlp) {}

  /** Weights as `torch.nn.Linear` draws them for the whole first layer and the others. */
  static torchDefault(
    backend: Backend,
    embeddingWidths: { tf: number; gene: number },
    hiddenDims: readonly number[],
    stream: ModelStream,
  ): ConcatMlp {
    const [width] = hiddenDims;
    const bound = torchLinearBound(embeddingWidths.tf + embeddingWidths.gene);
    const half = (inputs: number) =>
      parameter(backend, uniformWeights(stream, width * inputs, bound), [width, inputs]);
    const bias = parameter(backend, uniformWeights(stream, width, bound), [width]);
    return new ConcatMlp(
      new Linear(half(embeddingWidths.tf), bias),
      new Linear(half(embeddingWidths.gene), null),
      Mlp.torchDefault(backend, [...hiddenDims, 1], stream),
    );
  }

  /** The first layer for rows of TF embeddings, before its activation. */
  projectTfs(embeddings: Tensor): Tensor {
    return this.tf.forward(embeddings);
  }

  /** The first layer for rows of gene embeddings, before its activation. */
  projectGenes(embeddings: Tensor): Tensor {
    return this.gene.forward(embeddings);
  }

  /**
   * @param tfs, genes projections
   * @param tfOf, geneOf i32: which rows of them make each pair
   * @returns pairs x 1
   */
  forward(tfs: Tensor, tfOf: Tensor, genes: Tensor, geneOf: Tensor): Tensor {
    return scope(() => this.rest.forward(gatherPairs(tfs, tfOf, genes, geneOf, "relu")));
  }

  parameters(): Parameters {
    return named({ tf: this.tf, gene: this.gene, rest: this.rest });
  }

  dispose(): void {
    for (const tensor of this.parameters().values()) tensor.dispose();
  }
}
