/** HyenaDNA's weights on a device. */
import type { Backend, DType } from "../../backend/backend.ts";
import { fromArray, keep, type Tensor } from "../../tensor/mod.ts";
import type { HyenaConfig } from "./config.ts";
import { HyenaFilter } from "./filter.ts";
import type { StateDict } from "../state_dict.ts";

export interface Norm {
  readonly gamma: Tensor;
  readonly beta: Tensor;
}

export interface Linear {
  readonly weight: Tensor;
  readonly bias: Tensor;
}

export interface HyenaLayer {
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

export interface HyenaWeights {
  readonly config: HyenaConfig;
  readonly backend: Backend;
  /** Type of the projections' weights and inputs; the residual stream and the convolutions are float32 always. */
  readonly dtype: DType;
  readonly embedding: Tensor;
  readonly layers: readonly HyenaLayer[];
  readonly finalNorm: Norm;
  /** Free all device memory and close the file. */
  dispose(): void;
}

/**
 * @param file stays open: the filters' position features are read when a length is asked for
 * @throws {DataError} naming a tensor that the file lacks or that has another shape
 */
export async function loadHyenaWeights(
  backend: Backend,
  file: StateDict,
  config: HyenaConfig,
  dtype: DType,
): Promise<HyenaWeights> {
  const { width, innerWidth, taps } = config;
  const tensors: Tensor[] = [];
  const upload = (data: Float32Array, shape: number[], type: DType = "f32") => {
    const tensor = keep(fromArray(backend, data, shape, type));
    tensors.push(tensor);
    return tensor;
  };
  const tensor = async (name: string, shape: number[], type?: DType) =>
    upload(await file.read(name, shape), shape, type);
  const norm = async (name: string): Promise<Norm> => ({
    gamma: await tensor(`${name}.weight`, [width]),
    beta: await tensor(`${name}.bias`, [width]),
  });
  const linear = async (name: string, outputs: number, inputs: number): Promise<Linear> => ({
    weight: await tensor(`${name}.weight`, [outputs, inputs], dtype),
    bias: await tensor(`${name}.bias`, [outputs]),
  });
  const shortFilters = async (name: string): Promise<Linear[]> => {
    const weight = await file.read(`${name}.weight`, [3 * width, 1, taps]);
    const bias = await file.read(`${name}.bias`, [3 * width]);
    return [0, 1, 2].map((part) => ({
      weight: upload(weight.slice(part * width * taps, (part + 1) * width * taps), [width, taps]),
      bias: upload(bias.slice(part * width, (part + 1) * width), [width]),
    }));
  };

  const embedding = await tensor("backbone.embeddings.word_embeddings.weight", [config.embeddingRows, width]);
  const layers: HyenaLayer[] = [];
  for (let i = 0; i < config.layers; i++) {
    const name = `backbone.layers.${i}`;
    layers.push({
      norm1: await norm(`${name}.norm1`),
      norm2: await norm(`${name}.norm2`),
      inProjection: await linear(`${name}.mixer.in_proj`, 3 * width, width),
      outProjection: await linear(`${name}.mixer.out_proj`, width, width),
      shortFilters: await shortFilters(`${name}.mixer.short_filter`),
      filter: await HyenaFilter.load(backend, file, config, `${name}.mixer.filter_fn`),
      fc1: await linear(`${name}.mlp.fc1`, innerWidth, width),
      fc2: await linear(`${name}.mlp.fc2`, width, innerWidth),
    });
  }
  const finalNorm = await norm("backbone.ln_f");
  const dispose = () => {
    for (const { filter } of layers) filter.dispose();
    for (const each of tensors) each.dispose();
    file.close();
  };
  return { config, backend, dtype, embedding, layers, finalNorm, dispose };
}
