import { basename } from "@std/path";
import type { Backend } from "../backend/backend.ts";
import { counted, log } from "../cli/log.ts";
import { type ModelSource, openModelWeights, readModelConfig } from "../models/model_source.ts";
import { readNtTokenizer } from "../models/nucleotide_transformer/pretrained.ts";
import { ntConfig, ntTensorName, NucleotideTransformer } from "../models/nucleotide_transformer/model.ts";
import { StateDict } from "../models/state_dict.ts";
import type { TokenBatch } from "../models/token_batch.ts";
import { maskedMean, scope, slice } from "../tensor/mod.ts";
import { type Embedder, finiteRows, type PooledBatch, type Pooling } from "./embedder.ts";

export interface NtEmbedderOptions {
  readonly dtype: "f32" | "f16";
  /** Bytes that weights and activations may take together. */
  readonly memoryBytes: number;
}

/** Nucleotide Transformer v2 from a folder or the hub. @throws {DataError} for files that are not those of one */
export async function openNtEmbedder(
  backend: Backend,
  source: ModelSource,
  { dtype, memoryBytes }: NtEmbedderOptions,
): Promise<Embedder> {
  const config = ntConfig(await readModelConfig(source));
  const tokenizer = await readNtTokenizer(source, config.vocabularySize);
  const weights = new StateDict(await openModelWeights(source), ntTensorName);
  let model: NucleotideTransformer;
  try {
    model = await NucleotideTransformer.load(backend, weights, config, dtype);
  } finally {
    weights.close();
  }
  log.info(
    `Weights "${weights.path}": ${
      counted(model.parameters.size, "tensor")
    } used, ${weights.unusedNames().length} not needed`,
  );
  const free = memoryBytes - backend.memory.current;
  // No activation above 2^25 elements, which is 128 MiB: what every device can bind.
  const maxBatchTokens = Math.max(
    1,
    Math.floor(Math.min(2 ** 25 / config.width, free / (4 * 10 * config.width))),
  );

  return {
    tokenizer,
    width: config.width,
    maxTokens: Infinity,
    allowsPadding: true,
    maxBatchTokens,
    record: {
      pipeline: "ntv2",
      model: source.name,
      revision: source.commit,
      weights: basename(weights.path),
      layer: `output of layer ${config.layers} of ${config.layers}, after the final layer norm`,
      dtype,
      device: backend.description,
    },
    embed: (batch, pooling) => embed(model, batch, pooling),
    close: () => {
      model.dispose();
      return Promise.resolve();
    },
  };
}

async function embed(
  model: NucleotideTransformer,
  batch: TokenBatch,
  pooling: Pooling,
): Promise<PooledBatch> {
  const { mean, first } = scope(() => {
    const onDevice = model.batch(batch, { alwaysMask: true });
    const hidden = model.forward({ ...onDevice, mask: batch.mask.includes(0) ? onDevice.mask : null });
    return {
      mean: maskedMean(hidden, onDevice.mask!),
      first: pooling === "cls" ? slice(hidden, 1, 0, 1) : null,
    };
  });
  const means = await mean.read();
  const vectors = first === null ? means : await first.read();
  mean.dispose();
  first?.dispose();
  return { vectors, finite: finiteRows(means, batch.batch) };
}
