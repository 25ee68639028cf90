/**
 * HyenaDNA (Nguyen et al. 2023): blocks of a gated convolution as long as the sequence and an MLP, layer norms in front.
 * The residual stream is a list of blocks of positions; the mixer works channel-first on groups of channels. So no
 * single piece of memory grows with the sequence, and a million tokens fit where one activation would not.
 */
import type { Backend, DType } from "../../backend/backend.ts";
import { DataError } from "../../cli/errors.ts";
import { fromArray, gatherRows, keep, layerNorm, scope, type Tensor } from "../../tensor/mod.ts";
import type { HyenaConfig } from "./config.ts";
import type { FilterFeatures } from "./filter.ts";
import { feedForward, mix, type PositionBlock, type ResidualStream } from "./layer.ts";
import { type HyenaPlan, planHyena, type PlanLimits } from "./plan.ts";
import { type HyenaWeights, loadHyenaWeights } from "./weights.ts";
import type { StateDict } from "../state_dict.ts";
import type { TokenBatch } from "../token_batch.ts";

export type { PositionBlock };

export interface HyenaForwardOptions {
  /** Keep the filters' spectra for further batches of this length, while they take no more than this many bytes. */
  readonly keepSpectraBytes?: number;
  readonly limits?: PlanLimits;
  /** Sees the embeddings, once all of them are there. */
  readonly onEmbedding?: (blocks: readonly PositionBlock[]) => void | Promise<void>;
  /** Sees the residual stream after each layer, counted from 0, and once all of it is computed. */
  readonly onLayer?: (index: number, blocks: readonly PositionBlock[]) => void | Promise<void>;
  /** Stop after so many layers; without the last one there is no final layer norm and nothing to visit. */
  readonly lastLayer?: number;
}

/** Spectra of one length: by layer and first channel. */
interface KeptSpectra {
  readonly key: string;
  readonly spectra: Map<string, Tensor>;
}

export class HyenaDna {
  readonly config: HyenaConfig;
  readonly #weights: HyenaWeights;
  #kept: KeptSpectra | null = null;

  private constructor(weights: HyenaWeights) {
    this.config = weights.config;
    this.#weights = weights;
  }

  /**
   * @param file belongs to the model from now on and is closed by `dispose`
   * @param dtype of the projections; the residual stream and the convolutions are float32 always
   * @throws {DataError} naming a tensor that the file lacks or that has another shape
   */
  static async load(
    backend: Backend,
    file: StateDict,
    config: HyenaConfig,
    dtype: DType = "f32",
  ): Promise<HyenaDna> {
    return new HyenaDna(await loadHyenaWeights(backend, file, config, dtype));
  }

  /**
   * Final hidden states of sequences of one length, after the last layer norm, block by block. The blocks are freed as
   * soon as `visit` is over. There is no mask: padding enters the convolution as any token does.
   *
   * @throws {DataError} when the sequence is longer than the model, or too long for the memory
   */
  async forward(
    { tokenIds, batch, length }: TokenBatch,
    visit: (block: PositionBlock) => void | Promise<void>,
    options: HyenaForwardOptions = {},
  ): Promise<void> {
    const { maxTokens, layerNormEpsilon } = this.config;
    const { backend, layers, finalNorm } = this.#weights;
    if (length > maxTokens) {
      throw new DataError(`Cannot run ${length} tokens: the model takes at most ${maxTokens}`);
    }
    const plan = planHyena(this.config, batch, length, options.limits ?? { memoryBytes: Infinity });
    this.#planSpectra(plan, batch, length, options.keepSpectraBytes ?? 0);
    const blocks = this.#embed(tokenIds, batch, length, plan.blockLength);
    const stream: ResidualStream = { weights: this.#weights, batch, length, blocks };
    try {
      await options.onEmbedding?.(blocks);
      for (const [i, layer] of layers.slice(0, options.lastLayer).entries()) {
        const spectra = await this.#spectraOf(i, length, plan);
        try {
          scope(() => mix(layer, stream, plan, spectra.of));
        } finally {
          spectra.dispose();
        }
        for (const { values } of blocks) scope(() => feedForward(this.#weights, layer, values));
        backend.flush();
        await options.onLayer?.(i, blocks);
      }
      if (options.lastLayer !== undefined && options.lastLayer < layers.length) return;
      for (const { start, values } of blocks) {
        const normed = scope(() => layerNorm(values, finalNorm.gamma, finalNorm.beta, layerNormEpsilon));
        values.dispose();
        try {
          await visit({ start, values: normed });
        } finally {
          normed.dispose();
        }
      }
    } finally {
      for (const { values } of blocks) values.dispose();
    }
  }

  #embed(tokenIds: Int32Array, batch: number, length: number, blockLength: number): PositionBlock[] {
    const { backend, embedding } = this.#weights;
    const blocks: PositionBlock[] = [];
    for (let start = 0; start < length; start += blockLength) {
      const size = Math.min(blockLength, length - start);
      const ids = new Int32Array(batch * size);
      for (let row = 0; row < batch; row++) {
        ids.set(tokenIds.subarray(row * length + start, row * length + start + size), row * size);
      }
      const values = scope(() => gatherRows(embedding, fromArray(backend, ids, [batch, size])));
      blocks.push({ start, values: keep(values) });
    }
    return blocks;
  }

  /** Decide whether spectra are kept for the next batch; those of another length go. */
  #planSpectra(plan: HyenaPlan, batch: number, length: number, budgetBytes: number): void {
    const { width, layers } = this.config;
    const bytes = 4 * layers * width * (plan.transformLength + 2);
    const key = [length, batch, plan.groupChannels, plan.transformChannels].join();
    if (this.#kept?.key === key) return;
    for (const tensor of this.#kept?.spectra.values() ?? []) tensor.dispose();
    this.#kept = bytes <= budgetBytes ? { key, spectra: new Map() } : null;
  }

  /** Where the spectra of a layer come from: those kept, or made from features that live until `dispose`. */
  async #spectraOf(index: number, length: number, plan: HyenaPlan) {
    const kept = this.#kept?.spectra;
    const { filter } = this.#weights.layers[index];
    const features: FilterFeatures | null = kept?.has(`${index},0`)
      ? null
      : await filter.features(length, plan.blockLength);
    return {
      of: (channel: number, channels: number): Tensor => {
        const known = kept?.get(`${index},${channel}`);
        if (known) return known.view();
        const made = filter.spectrum(features!, channel, channels, plan.transformLength);
        kept?.set(`${index},${channel}`, keep(made.view()));
        return made;
      },
      dispose: () => features?.dispose(),
    };
  }

  /** Long filters of a layer, without D: width x length. For tests and inspection. */
  async filterTaps(index: number, length: number): Promise<Tensor> {
    const { filter } = this.#weights.layers[index];
    const features = await filter.features(length, length);
    try {
      return filter.taps(features, 0, this.config.width);
    } finally {
      features.dispose();
    }
  }

  /** Free all device memory of the model and close its file. */
  dispose(): void {
    for (const tensor of this.#kept?.spectra.values() ?? []) tensor.dispose();
    this.#kept = null;
    this.#weights.dispose();
  }
}
