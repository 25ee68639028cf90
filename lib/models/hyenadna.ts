/**
 * HyenaDNA (Nguyen et al. 2023): blocks of a gated convolution as long as the sequence and an MLP, layer norms in front.
 * The residual stream is a list of blocks of positions; the mixer works channel-first on groups of channels. So no
 * single piece of memory grows with the sequence, and a million tokens fit where one activation would not.
 */
import type { Backend, DType } from "../backend/backend.ts";
import { DataError } from "../cli/errors.ts";
import {
  fftConvolution,
  fromArray,
  gatherRows,
  keep,
  layerNorm,
  linear,
  scope,
  Tensor,
} from "../tensor/mod.ts";
import type { HyenaConfig } from "./hyena_config.ts";
import { type FilterFeatures, HyenaFilter } from "./hyena_filter.ts";
import { type HyenaPlan, planHyena, type PlanLimits } from "./hyena_plan.ts";
import type { StateDict } from "./state_dict.ts";
import type { TokenBatch } from "./token_batch.ts";

interface Norm {
  readonly gamma: Tensor;
  readonly beta: Tensor;
}

interface Linear {
  readonly weight: Tensor;
  readonly bias: Tensor;
}

interface Layer {
  readonly norm1: Norm;
  readonly norm2: Norm;
  readonly inProjection: Linear;
  readonly outProjection: Linear;
  /** One for each of the three parts of the projection: channels x taps. */
  readonly shortFilters: readonly Linear[];
  readonly filter: HyenaFilter;
  readonly fc1: Linear;
  readonly fc2: Linear;
}

/** Part of the residual stream: (batch, positions, width) from position `start` on. */
export interface PositionBlock {
  readonly start: number;
  readonly values: Tensor;
}

export interface HyenaForwardOptions {
  /** Keep the filters' spectra for further batches of this length, while they take no more than this many bytes. */
  readonly keepSpectraBytes?: number;
  readonly limits?: PlanLimits;
  /** Sees the residual stream after each layer, and once all of it is computed. */
  readonly onLayer?: (index: number, blocks: readonly PositionBlock[]) => void | Promise<void>;
}

/** Spectra of one length: by layer and first channel. */
interface KeptSpectra {
  readonly key: string;
  readonly spectra: Map<string, Tensor>;
}

export class HyenaDna {
  readonly config: HyenaConfig;
  readonly backend: Backend;
  readonly #weights: StateDict;
  readonly #embedding: Tensor;
  readonly #layers: readonly Layer[];
  readonly #finalNorm: Norm;
  readonly #tensors: readonly Tensor[];
  /** Type of the projections' weights and inputs; the residual stream and the convolutions are float32. */
  readonly #dtype: DType;
  #kept: KeptSpectra | null = null;

  private constructor(
    config: HyenaConfig,
    weights: StateDict,
    embedding: Tensor,
    layers: readonly Layer[],
    finalNorm: Norm,
    tensors: readonly Tensor[],
    dtype: DType,
  ) {
    this.config = config;
    this.backend = embedding.backend;
    this.#weights = weights;
    this.#embedding = embedding;
    this.#layers = layers;
    this.#finalNorm = finalNorm;
    this.#tensors = tensors;
    this.#dtype = dtype;
  }

  /**
   * @param weights belongs to the model from now on and is closed by `dispose`
   * @param dtype of the projections; the residual stream and the convolutions are float32 always
   * @throws {DataError} naming a tensor that the weights lack or that has another shape
   */
  static async load(
    backend: Backend,
    weights: StateDict,
    config: HyenaConfig,
    dtype: DType = "f32",
  ): Promise<HyenaDna> {
    const { width, innerWidth, taps } = config;
    const tensors: Tensor[] = [];
    const upload = (data: Float32Array, shape: number[], type: DType = "f32") => {
      const tensor = keep(fromArray(backend, data, shape, type));
      tensors.push(tensor);
      return tensor;
    };
    const tensor = async (name: string, shape: number[], type?: DType) =>
      upload(await weights.read(name, shape), shape, type);
    const norm = async (name: string): Promise<Norm> => ({
      gamma: await tensor(`${name}.weight`, [width]),
      beta: await tensor(`${name}.bias`, [width]),
    });
    const linearOf = async (name: string, outputs: number, inputs: number): Promise<Linear> => ({
      weight: await tensor(`${name}.weight`, [outputs, inputs], dtype),
      bias: await tensor(`${name}.bias`, [outputs]),
    });
    const embedding = await tensor("backbone.embeddings.word_embeddings.weight", [
      config.embeddingRows,
      width,
    ]);
    const layers: Layer[] = [];
    for (let i = 0; i < config.layers; i++) {
      const name = `backbone.layers.${i}`;
      const filterWeight = await weights.read(`${name}.mixer.short_filter.weight`, [3 * width, 1, taps]);
      const filterBias = await weights.read(`${name}.mixer.short_filter.bias`, [3 * width]);
      layers.push({
        norm1: await norm(`${name}.norm1`),
        norm2: await norm(`${name}.norm2`),
        inProjection: await linearOf(`${name}.mixer.in_proj`, 3 * width, width),
        outProjection: await linearOf(`${name}.mixer.out_proj`, width, width),
        shortFilters: [0, 1, 2].map((part) => ({
          weight: upload(filterWeight.slice(part * width * taps, (part + 1) * width * taps), [width, taps]),
          bias: upload(filterBias.slice(part * width, (part + 1) * width), [width]),
        })),
        filter: await HyenaFilter.load(backend, weights, config, `${name}.mixer.filter_fn`),
        fc1: await linearOf(`${name}.mlp.fc1`, innerWidth, width),
        fc2: await linearOf(`${name}.mlp.fc2`, width, innerWidth),
      });
    }
    return new HyenaDna(config, weights, embedding, layers, await norm("backbone.ln_f"), tensors, dtype);
  }

  /**
   * Final hidden states of sequences of one length, after the last layer norm, block by block. The blocks are freed as
   * soon as `visit` returns. There is no mask: padding enters the convolution as any token does.
   *
   * @throws {DataError} when the sequence is longer than the model, or too long for the memory
   */
  async forward(
    { tokenIds, batch, length }: TokenBatch,
    visit: (block: PositionBlock) => void,
    options: HyenaForwardOptions = {},
  ): Promise<void> {
    const { maxTokens, layerNormEpsilon } = this.config;
    if (length > maxTokens) {
      throw new DataError(`Cannot run ${length} tokens: the model takes at most ${maxTokens}`);
    }
    const plan = planHyena(this.config, batch, length, options.limits ?? { memoryBytes: Infinity });
    this.#planSpectra(plan, batch, length, options.keepSpectraBytes ?? 0);
    const blocks = this.#embed(tokenIds, batch, length, plan.blockLength);
    try {
      for (const [i, layer] of this.#layers.entries()) {
        const spectra = await this.#spectraOf(i, length, plan);
        try {
          scope(() => this.#mix(layer, blocks, batch, length, plan, spectra.of));
        } finally {
          spectra.dispose();
        }
        for (const { values } of blocks) scope(() => this.#mlp(layer, values));
        this.backend.flush();
        await options.onLayer?.(i, blocks);
      }
      for (const { start, values } of blocks) {
        scope(() => {
          visit({
            start,
            values: layerNorm(values, this.#finalNorm.gamma, this.#finalNorm.beta, layerNormEpsilon),
          });
        });
        values.dispose();
      }
    } finally {
      for (const { values } of blocks) values.dispose();
    }
  }

  #embed(tokenIds: Int32Array, batch: number, length: number, blockLength: number): PositionBlock[] {
    const blocks: PositionBlock[] = [];
    for (let start = 0; start < length; start += blockLength) {
      const size = Math.min(blockLength, length - start);
      const ids = new Int32Array(batch * size);
      for (let row = 0; row < batch; row++) {
        ids.set(tokenIds.subarray(row * length + start, row * length + start + size), row * size);
      }
      const values = scope(() => gatherRows(this.#embedding, fromArray(this.backend, ids, [batch, size])));
      blocks.push({ start, values: keep(values) });
    }
    return blocks;
  }

  /** x += out_proj(hyena(norm1(x))), the blocks' memory overwritten. */
  #mix(
    layer: Layer,
    blocks: readonly PositionBlock[],
    batch: number,
    length: number,
    plan: HyenaPlan,
    spectrumOf: (channel: number, channels: number) => Tensor,
  ): void {
    const { width } = this.config;
    const mixed: { channel: number; values: Tensor }[] = [];
    for (let channel = 0; channel < width; channel += plan.groupChannels) {
      const channels = Math.min(plan.groupChannels, width - channel);
      const values = scope(() => {
        const [gate, ...inputs] = this.#project(layer, blocks, batch, length, channel, channels);
        const v = multiplyInto(inputs[1], inputs[0]);
        inputs[0].dispose();
        const convolved = convolveInParts(
          v,
          plan.transformChannels,
          (first, count) => spectrumOf(channel + first, count),
        );
        return multiplyInto(gate, convolved);
      });
      mixed.push({ channel, values });
    }
    const { weight, bias } = layer.outProjection;
    for (const { start, values: x } of blocks) {
      const positions = x.shape[1];
      for (const { channel, values } of mixed) {
        const channels = values.shape[1];
        this.backend.matmul(
          { storage: x.storage, batchStride: positions * width },
          {
            storage: values.storage,
            offset: start,
            stride: length,
            batchStride: channels * length,
            transposed: true,
          },
          { storage: weight.storage, offset: channel, stride: width, batchStride: 0, transposed: true },
          {
            batch,
            m: positions,
            n: width,
            k: channels,
            bias: channel === 0 ? bias.storage : undefined,
            accumulate: true,
          },
        );
      }
    }
  }

  /** The three parts x0, x1, v of the projection for some channels, after their short filters: (batch, channels, length) each. */
  #project(
    layer: Layer,
    blocks: readonly PositionBlock[],
    batch: number,
    length: number,
    channel: number,
    channels: number,
  ): Tensor[] {
    const { width, taps } = this.config;
    const { backend } = this;
    const { weight } = layer.inProjection;
    const raw = [0, 1, 2].map(() => Tensor.empty(backend, [batch, channels, length]));
    const biases = [0, 1, 2].map((part) =>
      section(layer.inProjection.bias, part * width + channel, channels)
    );
    for (const { start, values: x } of blocks) {
      scope(() => {
        const a = this.#normalized(x, layer.norm1);
        const positions = x.shape[1];
        raw.forEach((out, part) =>
          backend.matmul(
            { storage: out.storage, offset: start, stride: length, batchStride: channels * length },
            { storage: weight.storage, offset: (part * width + channel) * width, batchStride: 0 },
            { storage: a.storage, batchStride: positions * width, transposed: true },
            { batch, m: channels, n: positions, k: width, bias: biases[part].storage, biasAxis: "row" },
          )
        );
      });
    }
    return raw.map((x, part) => {
      const short = layer.shortFilters[part];
      const out = Tensor.empty(backend, x.shape);
      const filter = section(short.weight, channel * taps, channels * taps);
      const bias = section(short.bias, channel, channels);
      backend.causalConvolution(
        out.storage,
        x.storage,
        filter.storage,
        bias.storage,
        batch * channels,
        channels,
        length,
        taps,
      );
      x.dispose();
      return out;
    });
  }

  /** x += fc2(gelu(fc1(norm2(x)))), x's memory overwritten. */
  #mlp(layer: Layer, x: Tensor): void {
    const { width, innerWidth } = this.config;
    const a = this.#normalized(x, layer.norm2);
    const inner = linear(a, layer.fc1.weight, layer.fc1.bias, { activation: "geluTanh" });
    this.backend.matmul(
      { storage: x.storage },
      { storage: inner.storage },
      { storage: layer.fc2.weight.storage, transposed: true },
      { m: x.rows, n: width, k: innerWidth, bias: layer.fc2.bias.storage, accumulate: true },
    );
  }

  /** A layer norm in the projections' type. */
  #normalized(x: Tensor, { gamma, beta }: Norm): Tensor {
    const { rows, columns, backend } = x;
    const out = Tensor.empty(backend, x.shape, this.#dtype), stats = Tensor.empty(backend, [2, rows]);
    backend.layerNorm(
      out.storage,
      stats.storage,
      x.storage,
      gamma.storage,
      beta.storage,
      rows,
      columns,
      this.config.layerNormEpsilon,
    );
    return out;
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
    const { filter } = this.#layers[index];
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
    const { filter } = this.#layers[index];
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
    for (const { filter } of this.#layers) filter.dispose();
    for (const tensor of this.#tensors) tensor.dispose();
    this.#weights.close();
  }
}

/** a x b in a's memory. */
function multiplyInto(a: Tensor, b: Tensor): Tensor {
  a.backend.binary("multiply", a.storage, a.storage, b.storage, a.rows, a.columns, "same");
  return a;
}

/** Elements first .. first + size - 1, copied. */
function section(x: Tensor, first: number, size: number): Tensor {
  const out = Tensor.empty(x.backend, [size]);
  x.backend.copy2d(out.storage, 0, size, x.storage, first, size, 1, size);
  return out;
}

/** Long convolution of (batch, channels, length), at most `part` channels' spectra in memory at a time; overwrites x where that is fewer. */
function convolveInParts(
  x: Tensor,
  part: number,
  spectrumOf: (first: number, count: number) => Tensor,
): Tensor {
  const [batch, channels, length] = x.shape;
  if (part >= channels) return scope(() => fftConvolution(x, spectrumOf(0, channels)));
  for (let first = 0; first < channels; first += part) {
    scope(() => {
      const count = Math.min(part, channels - first);
      const some = Tensor.empty(x.backend, [batch, count, length]);
      // Each sequence's channels lie together: count x length numbers, one stretch a sequence.
      const width = count * length, stride = channels * length;
      x.backend.copy2d(some.storage, 0, width, x.storage, first * length, stride, batch, width);
      const convolved = fftConvolution(some, spectrumOf(first, count));
      x.backend.copy2d(x.storage, first * length, stride, convolved.storage, 0, width, batch, width);
    });
  }
  return x;
}
