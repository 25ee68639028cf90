import { basename } from "@std/path";
import type { Backend } from "../backend/backend.ts";
import { counted, log } from "../cli/log.ts";
import { hyenaConfig, hyenaTensorName } from "../models/hyenadna/config.ts";
import { hyenaTokenizer } from "../models/hyenadna/tokenizer.ts";
import { HyenaDna, type PositionBlock } from "../models/hyenadna/model.ts";
import { type ModelSource, openModelWeights, readModelConfig } from "../models/model_source.ts";
import { StateDict } from "../models/state_dict.ts";
import { asWeights, storageType, typeName, type WeightType } from "../models/weight_type.ts";
import { type Embedder, layerName } from "./embedder.ts";
import { LayerPoolers } from "./layer_poolers.ts";

export interface HyenaEmbedderOptions {
  /** Of the projections; the convolutions are float32 always. */
  readonly dtype: WeightType;
  /** Bytes that weights and activations may take together. */
  readonly memoryBytes: number;
  /** Told within a batch: the share of it that is done. */
  readonly onShare?: (share: number) => void;
}

/** HyenaDNA from a folder or the hub. @throws {DataError} for files that are not those of one */
export async function openHyenaEmbedder(
  backend: Backend,
  source: ModelSource,
  { dtype, memoryBytes, onShare }: HyenaEmbedderOptions,
): Promise<Embedder> {
  const config = hyenaConfig(await readModelConfig(source));
  const weights = new StateDict(asWeights(await openModelWeights(source), dtype), hyenaTensorName);
  let model: HyenaDna;
  try {
    model = await HyenaDna.load(backend, weights, config, storageType(dtype));
  } catch (error) {
    weights.close();
    throw error;
  }
  log.info(`Weights "${weights.path}": ${counted(weights.unusedNames().length, "tensor")} not needed`);
  const weightBytes = backend.memory.current;

  // A GPU wants large pieces of work; the CPU, pieces that its caches hold.
  const cut = backend.name === "webgpu" ? { blockElements: 2 ** 24 } : {};
  let keptLength = 0;
  const embed: Embedder["embed"] = async (batch, readings, sameLengthFollows) => {
    // A quarter is for spectra that serve the next batch too.
    const free = memoryBytes - weightBytes;
    const keepsSpectra = sameLengthFollows || batch.length === keptLength;
    keptLength = sameLengthFollows ? batch.length : 0;
    const poolers = new LayerPoolers(backend, batch, {
      tokenizer: hyenaTokenizer,
      readings,
      depth: config.layers,
    });
    const take = async (layer: number, blocks: readonly PositionBlock[]) => {
      const pooler = poolers.of(layer);
      for (const block of pooler ? blocks : []) {
        pooler!.add(block);
        await pooler!.drain();
      }
    };
    return await poolers.pool(() =>
      model.forward(batch, (block) => take(config.layers, [block]), {
        lastLayer: poolers.deepest,
        limits: { ...cut, memoryBytes: keepsSpectra ? 0.75 * free : free },
        keepSpectraBytes: keepsSpectra ? Math.min(2 ** 30, free / 4) : 0,
        onEmbedding: (blocks) => take(0, blocks),
        onLayer: async (layer, blocks) => {
          await backend.finish();
          onShare?.((layer + 1) / (poolers.deepest + 1));
          // The last layer is read after the final layer norm.
          if (layer + 1 < config.layers) await take(layer + 1, blocks);
        },
      })
    );
  };

  return {
    tokenizer: hyenaTokenizer,
    width: config.width,
    maxTokens: config.maxTokens,
    allowsPadding: false,
    maxBatchTokens: 2 ** 16,
    record: {
      pipeline: "hyenadna",
      model: source.name,
      revision: source.commit,
      weights: basename(weights.path),
      dtype: dtype === "f32" ? dtype : `${typeName(dtype)}, convolutions f32`,
      device: backend.description,
    },
    layerName: (layer) => layerName(layer, config.layers),
    embed,
    close: () => {
      model.dispose();
      return Promise.resolve();
    },
  };
}
