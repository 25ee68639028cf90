import { basename } from "@std/path";
import type { Backend } from "../backend/backend.ts";
import { counted, log } from "../cli/log.ts";
import { type ModelSource, openModelWeights, readModelConfig } from "../models/model_source.ts";
import { readNtTokenizer } from "../models/nucleotide_transformer/pretrained.ts";
import { ntConfig, ntTensorName, NucleotideTransformer } from "../models/nucleotide_transformer/model.ts";
import { StateDict } from "../models/state_dict.ts";
import { asWeights, storageType, typeName, type WeightType } from "../models/weight_type.ts";
import { scope } from "../tensor/mod.ts";
import { type Embedder, layerName } from "./embedder.ts";
import { LayerPoolers } from "./layer_poolers.ts";

export interface NtEmbedderOptions {
  readonly dtype: WeightType;
  /** Bytes that weights and activations may take together. */
  readonly memoryBytes: number;
  /** Layers whose hidden states wait on the device until they are read back. */
  readonly statesKept?: number;
}

/** Nucleotide Transformer v2 from a folder or the hub. @throws {DataError} for files that are not those of one */
export async function openNtEmbedder(
  backend: Backend,
  source: ModelSource,
  { dtype, memoryBytes, statesKept = 0 }: NtEmbedderOptions,
): Promise<Embedder> {
  const config = ntConfig(await readModelConfig(source));
  const tokenizer = await readNtTokenizer(source, config.vocabularySize);
  const weights = new StateDict(asWeights(await openModelWeights(source), dtype), ntTensorName);
  let model: NucleotideTransformer;
  try {
    model = await NucleotideTransformer.load(backend, weights, config, storageType(dtype));
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
    Math.floor(Math.min(2 ** 25 / config.width, free / (4 * (10 + statesKept) * config.width))),
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
      dtype: typeName(dtype),
      device: backend.description,
    },
    layerName: (layer) => layerName(layer, config.layers),
    embed(batch, readings) {
      const poolers = new LayerPoolers(backend, batch, { tokenizer, readings, depth: config.layers });
      return poolers.pool(() =>
        scope(() => {
          model.forward(model.batch(batch), {
            lastLayer: poolers.deepest,
            onHidden: (layer, values) => poolers.of(layer)?.add({ start: 0, values }),
          });
        })
      );
    },
    close: () => {
      model.dispose();
      return Promise.resolve();
    },
  };
}
