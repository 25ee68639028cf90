/**
 * HyenaDNA's long filters. A layer's filter of as many taps as the sequence has tokens comes from a small network on
 * features of the position, times a window that decays at each channel's own rate. It does not depend on the input.
 */
import { filterSpectrum, fromArray, keep, scope, Tensor } from "../../tensor/mod.ts";
import type { Backend } from "../../backend/backend.ts";
import type { HyenaConfig } from "./config.ts";
import type { StateDict } from "../state_dict.ts";

/** The window never falls below this. */
const windowFloor = 0.05;

interface SineLayer {
  readonly weight: Tensor;
  readonly bias: Tensor;
  readonly frequency: Tensor;
}

/** The network that makes the filters of one layer. */
export class HyenaFilter {
  readonly #backend: Backend;
  readonly #config: HyenaConfig;
  readonly #weights: StateDict;
  readonly #name: string;
  readonly #sines: readonly SineLayer[];
  readonly #last: Tensor;
  /** |decay| of each channel. */
  readonly #decay: Tensor;
  /** D: what a channel adds of its input as it is. It becomes part of the filter's first tap. */
  readonly #direct: Tensor;

  private constructor(
    backend: Backend,
    config: HyenaConfig,
    weights: StateDict,
    name: string,
    tensors: Tensor[],
  ) {
    this.#backend = backend;
    this.#config = config;
    this.#weights = weights;
    this.#name = name;
    const [last, decay, direct, ...sines] = tensors;
    [this.#last, this.#decay, this.#direct] = [last, decay, direct];
    this.#sines = [0, 3, 6].map((i) => ({ weight: sines[i], bias: sines[i + 1], frequency: sines[i + 2] }));
  }

  /** @param weights stays open: the position features are read when a length is asked for, since they are large */
  static async load(
    backend: Backend,
    weights: StateDict,
    config: HyenaConfig,
    name: string,
  ): Promise<HyenaFilter> {
    const { width, filterWidth, positionWidth, maxTokens } = config;
    const tensor = async (part: string, shape: number[]) =>
      keep(fromArray(backend, await weights.read(`${name}.${part}`, shape), shape));
    const decays = await weights.read(`${name}.modulation.deltas`, [1, 1, width]);
    const tensors = [
      await tensor("implicit_filter.6.weight", [width, filterWidth]),
      keep(fromArray(backend, decays.map(Math.abs), [width, 1])),
      await tensor("bias", [width]),
    ];
    for (const i of [0, 2, 4]) {
      // One set of frequencies serves all three; some files store it once.
      const frequency = weights.has(`${name}.implicit_filter.${i + 1}.freq`) ? i + 1 : 1;
      tensors.push(
        await tensor(`implicit_filter.${i}.weight`, [filterWidth, i === 0 ? positionWidth : filterWidth]),
        await tensor(`implicit_filter.${i}.bias`, [filterWidth]),
        await tensor(`implicit_filter.${frequency}.freq`, [1, filterWidth]),
      );
    }
    weights.expect(`${name}.pos_emb.z`, [1, maxTokens, positionWidth]);
    weights.expect(`${name}.pos_emb.t`, [1, maxTokens, 1]);
    return new HyenaFilter(backend, config, weights, name, tensors);
  }

  /** What all channels' filters of a length are made from. Free it with `dispose`. */
  async features(length: number, blockLength: number): Promise<FilterFeatures> {
    const { maxTokens, positionWidth } = this.#config;
    const z = await this.#weights.read(`${this.#name}.pos_emb.z`, [1, maxTokens, positionWidth]);
    const t = await this.#weights.read(`${this.#name}.pos_emb.t`, [1, maxTokens, 1]);
    const blocks: Tensor[] = [];
    for (let start = 0; start < length; start += blockLength) {
      const rows = Math.min(blockLength, length - start);
      const positions = z.subarray(start * positionWidth, (start + rows) * positionWidth);
      blocks.push(
        keep(scope(() => this.#network(fromArray(this.#backend, positions, [rows, positionWidth])))),
      );
    }
    return new FilterFeatures(blocks, keep(fromArray(this.#backend, t.subarray(0, length), [1, length])));
  }

  #network(h: Tensor): Tensor {
    for (const { weight, bias, frequency } of this.#sines) {
      const [n, k] = weight.shape;
      const out = Tensor.empty(this.#backend, [h.rows, n]);
      this.#backend.matmul(
        { storage: out.storage },
        { storage: h.storage },
        { storage: weight.storage, transposed: true },
        { m: h.rows, n, k, bias: bias.storage, columnScale: frequency.storage, activation: "sin" },
      );
      h = out;
    }
    return h;
  }

  /** Filters of some channels, D not yet in: channels x length. */
  taps(features: FilterFeatures, channel: number, channels: number): Tensor {
    return scope(() => {
      const { filterWidth } = this.#config;
      const length = features.times.columns;
      const backend = this.#backend;
      const raw = Tensor.empty(backend, [channels, length]);
      let start = 0;
      for (const block of features.blocks) {
        backend.matmul(
          { storage: raw.storage, offset: start, stride: length },
          { storage: this.#last.storage, offset: channel * filterWidth },
          { storage: block.storage, transposed: true },
          { m: channels, n: block.rows, k: filterWidth },
        );
        start += block.rows;
      }
      const window = Tensor.empty(backend, [channels, length]);
      backend.matmul(
        { storage: window.storage },
        { storage: this.#decay.storage, offset: channel },
        { storage: features.times.storage },
        { m: channels, n: length, k: 1, alpha: -1 },
      );
      const size = channels * length;
      backend.unary("exp", window.storage, window.storage, size);
      backend.binary("multiply", window.storage, window.storage, raw.storage, channels, length, "same");
      backend.linearCombination(raw.storage, windowFloor, raw.storage, 1, window.storage, size);
      return raw;
    });
  }

  /** Spectra of some channels' filters with D in their first tap: (channels, transformLength / 2 + 1, 2). */
  spectrum(features: FilterFeatures, channel: number, channels: number, transformLength: number): Tensor {
    return scope(() => {
      const filters = this.taps(features, channel, channels);
      addToFirstTap(filters, this.#direct, channel);
      return filterSpectrum(filters, transformLength);
    });
  }

  dispose(): void {
    const sines = this.#sines.flatMap(({ weight, bias, frequency }) => [weight, bias, frequency]);
    for (const tensor of [this.#last, this.#decay, this.#direct, ...sines]) tensor.dispose();
  }
}

/** A layer's position features for one length, in blocks of positions, and the times that its window decays over. */
export class FilterFeatures {
  constructor(readonly blocks: readonly Tensor[], readonly times: Tensor) {}

  dispose(): void {
    for (const block of this.blocks) block.dispose();
    this.times.dispose();
  }
}

/** filters[c, 0] += direct[first + c]: convolving then adds direct times the input. */
export function addToFirstTap(filters: Tensor, direct: Tensor, first = 0): void {
  const { backend, columns: length } = filters;
  const channels = filters.shape[0];
  scope(() => {
    const tap = Tensor.empty(backend, [channels]), add = Tensor.empty(backend, [channels]);
    backend.copy2d({ storage: tap.storage }, { storage: filters.storage, stride: length }, {
      rows: channels,
      columns: 1,
    });
    backend.copy2d({ storage: add.storage }, { storage: direct.storage, offset: first }, {
      rows: channels,
      columns: 1,
    });
    backend.linearCombination(tap.storage, 1, tap.storage, 1, add.storage, channels);
    backend.copy2d({ storage: filters.storage, stride: length }, { storage: tap.storage }, {
      rows: channels,
      columns: 1,
    });
  });
}
