import { basename } from "@std/path";
import type { Backend } from "../backend/backend.ts";
import { counted, log } from "../cli/log.ts";
import { hyenaConfig, hyenaTensorName } from "../models/hyenadna/config.ts";
import { hyenaTokenizer } from "../models/hyenadna/tokenizer.ts";
import { HyenaDna } from "../models/hyenadna/model.ts";
import { type ModelSource, openModelWeights, readModelConfig } from "../models/model_source.ts";
import { StateDict } from "../models/state_dict.ts";
import type { TokenBatch } from "../models/token_batch.ts";
import { fromArray, keep, maskedMean, slice, type Tensor } from "../tensor/mod.ts";
import { type Embedder, finiteRows, type PooledBatch, type Pooling } from "./embedder.ts";

export interface HyenaEmbedderOptions {
  /** Of the projections; the convolutions are float32 always. */
  readonly dtype: "f32" | "f16";
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
  const weights = new StateDict(await openModelWeights(source), hyenaTensorName);
  let model: HyenaDna;
  try {
    model = await HyenaDna.load(backend, weights, config, dtype);
  } catch (error) {
    weights.close();
    throw error;
  }
  log.info(`Weights "${weights.path}": ${counted(weights.unusedNames().length, "tensor")} not needed`);
  const weightBytes = backend.memory.current;

  // A GPU wants large pieces of work; the CPU, pieces that its caches hold.
  const cut = backend.name === "webgpu" ? { blockElements: 2 ** 24 } : {};
  let keptLength = 0;
  const embed = async (
    batch: TokenBatch,
    pooling: Pooling,
    sameLengthFollows: boolean,
  ): Promise<PooledBatch> => {
    // A quarter is for spectra that serve the next batch too.
    const free = memoryBytes - weightBytes;
    const keepsSpectra = sameLengthFollows || batch.length === keptLength;
    keptLength = sameLengthFollows ? batch.length : 0;
    const means: { start: number; length: number; mean: Tensor }[] = [];
    let first: Tensor | null = null;
    await model.forward(
      batch,
      ({ start, values }) => {
        const length = values.shape[1];
        const ones = fromArray(backend, new Int32Array(batch.batch * length).fill(1), [batch.batch, length]);
        means.push({ start, length, mean: keep(maskedMean(values, ones)) });
        if (start === 0 && pooling === "cls") first = keep(slice(values, 1, 0, 1));
      },
      {
        limits: { ...cut, memoryBytes: keepsSpectra ? 0.75 * free : free },
        keepSpectraBytes: keepsSpectra ? Math.min(2 ** 30, free / 4) : 0,
        onLayer: async (layer) => {
          await backend.finish();
          onShare?.((layer + 1) / (config.layers + 1));
        },
      },
    );
    const sums = new Float64Array(batch.batch * config.width);
    for (const { length, mean } of means) {
      (await mean.read()).forEach((value, i) => sums[i] += value * length / batch.length);
      mean.dispose();
    }
    const mean = Float32Array.from(sums);
    const vectors = first === null ? mean : await (first as Tensor).read();
    (first as Tensor | null)?.dispose();
    return { vectors, finite: finiteRows(mean, batch.batch) };
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
      layer: `output of layer ${config.layers} of ${config.layers}, after the final layer norm`,
      dtype: dtype === "f16" ? "f16, convolutions f32" : "f32",
      device: backend.description,
    },
    embed,
    close: () => {
      model.dispose();
      return Promise.resolve();
    },
  };
}
