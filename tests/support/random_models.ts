/** Model folders of the published shapes with random weights: what runs on them costs what the real models cost. */
import { join } from "@std/path";
import { encodeSafetensors, type SafetensorsArray } from "../../lib/io/safetensors.ts";

/** Fixed numbers, evenly spread with the given standard deviation. */
export function randomNumbers(count: number, deviation: number, seed: number): Float32Array<ArrayBuffer> {
  const out = new Float32Array(count);
  let state = (seed * 2654435761 + 1) >>> 0;
  const scale = deviation * Math.sqrt(12) / 2 ** 32;
  for (let i = 0; i < count; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    out[i] = (state - 2 ** 31) * scale;
  }
  return out;
}

class Tensors extends Map<string, SafetensorsArray> {
  put(name: string, shape: number[], data: Float32Array): void {
    this.set(name, { shape, data });
  }
  random(name: string, shape: number[], deviation: number): void {
    this.put(name, shape, randomNumbers(shape.reduce((a, b) => a * b, 1), deviation, this.size + 1));
  }
  linear(name: string, outputs: number, inputs: number, bias = true): void {
    this.random(`${name}.weight`, [outputs, inputs], inputs ** -0.5);
    if (bias) this.random(`${name}.bias`, [outputs], 0.1);
  }
  norm(name: string, width: number): void {
    this.put(`${name}.weight`, [width], randomNumbers(width, 0.1, this.size + 1).map((v) => 1 + v));
    this.random(`${name}.bias`, [width], 0.1);
  }
}

export interface NtShape {
  readonly width: number;
  readonly heads: number;
  readonly layers: number;
  readonly intermediate: number;
}

/** nucleotide-transformer-v2-50m-multi-species. */
export const nt50m: NtShape = { width: 512, heads: 16, layers: 12, intermediate: 2048 };

/** The weights of a model; tests/fixtures/nt/nt_v2.py makes the same. */
export function randomNtTensors(
  { width, heads, layers, intermediate }: NtShape,
): Map<string, SafetensorsArray> {
  const tensors = new Tensors();
  tensors.random("esm.embeddings.word_embeddings.weight", [4107, width], 1);
  for (let i = 0; i < layers; i++) {
    const name = `esm.encoder.layer.${i}`;
    for (const part of ["query", "key", "value"]) {
      tensors.linear(`${name}.attention.self.${part}`, width, width);
    }
    const half = width / heads / 2;
    tensors.put(
      `${name}.attention.self.rotary_embeddings.inv_freq`,
      [half],
      Float32Array.from({ length: half }, (_, j) => 10000 ** (-j / half)),
    );
    tensors.linear(`${name}.attention.output.dense`, width, width);
    tensors.norm(`${name}.attention.LayerNorm`, width);
    tensors.linear(`${name}.intermediate.dense`, 2 * intermediate, width, false);
    tensors.linear(`${name}.output.dense`, width, intermediate, false);
    tensors.norm(`${name}.LayerNorm`, width);
  }
  tensors.norm("esm.encoder.emb_layer_norm_after", width);
  return tensors;
}

export function writeRandomNt(folder: string, shape: NtShape): void {
  const { width, heads, layers, intermediate } = shape;
  const config = {
    architectures: ["EsmForMaskedLM"],
    position_embedding_type: "rotary",
    emb_layer_norm_before: false,
    token_dropout: false,
    add_bias_fnn: false,
    layer_norm_eps: 1e-12,
    vocab_size: 4107,
    hidden_size: width,
    num_attention_heads: heads,
    num_hidden_layers: layers,
    intermediate_size: intermediate,
  };
  writeModel(folder, config, randomNtTensors(shape));
  Deno.writeTextFileSync(join(folder, "vocab.txt"), vocabulary());
}

function vocabulary(): string {
  const letters = [..."ATCG"];
  let words = [""];
  for (let i = 0; i < 6; i++) words = words.flatMap((word) => letters.map((letter) => word + letter));
  return ["<unk>", "<pad>", "<mask>", "<cls>", "<eos>", "<bos>", ...words, ...letters, "N"].join("\n") + "\n";
}

export interface HyenaShape {
  readonly width: number;
  readonly layers: number;
  readonly inner: number;
  readonly filter: number;
  readonly maxTokens: number;
}

/** hyenadna-large-1m-seqlen; give another `maxTokens` for a smaller file. */
export const hyenaLarge: HyenaShape = {
  width: 256,
  layers: 8,
  inner: 1024,
  filter: 64,
  maxTokens: 1_000_002,
};

export function writeRandomHyena(
  folder: string,
  { width, layers, inner, filter, maxTokens }: HyenaShape,
): void {
  const tensors = new Tensors();
  const bands = 2, positionWidth = 1 + 2 * bands;
  // The published features: time, and waves over the whole length; decays between two rates.
  const times = Float32Array.from({ length: maxTokens }, (_, t) => t / Math.max(1, maxTokens - 1));
  const features = new Float32Array(maxTokens * positionWidth);
  for (let t = 0; t < maxTokens; t++) {
    features[t * positionWidth] = times[t];
    for (let b = 0; b < bands; b++) {
      const angle = (1e-4 + b * (bands - 1 - 1e-4)) * 2 * Math.PI * t / maxTokens;
      features[t * positionWidth + 1 + b] = Math.cos(angle);
      features[t * positionWidth + 1 + bands + b] = -Math.sin(angle);
    }
  }
  const slow = Math.log(1e-2) / 1.5, fast = Math.log(1e-2) / 0.3;
  tensors.random("backbone.embeddings.word_embeddings.weight", [16, width], 1);
  for (let i = 0; i < layers; i++) {
    const name = `backbone.layers.${i}`, filterName = `${name}.mixer.filter_fn`;
    tensors.norm(`${name}.norm1`, width);
    tensors.norm(`${name}.norm2`, width);
    tensors.linear(`${name}.mixer.in_proj`, 3 * width, width);
    tensors.linear(`${name}.mixer.out_proj`, width, width);
    tensors.random(`${name}.mixer.short_filter.weight`, [3 * width, 1, 3], 0.5);
    tensors.random(`${name}.mixer.short_filter.bias`, [3 * width], 0.1);
    tensors.random(`${filterName}.bias`, [width], 1);
    tensors.put(`${filterName}.pos_emb.z`, [1, maxTokens, positionWidth], features);
    tensors.put(`${filterName}.pos_emb.t`, [1, maxTokens, 1], times);
    tensors.put(
      `${filterName}.modulation.deltas`,
      [1, 1, width],
      Float32Array.from({ length: width }, (_, c) => slow + (fast - slow) * c / Math.max(1, width - 1)),
    );
    for (const [j, inputs] of [[0, positionWidth], [2, filter], [4, filter]]) {
      tensors.linear(`${filterName}.implicit_filter.${j}`, filter, inputs);
      tensors.put(
        `${filterName}.implicit_filter.${j + 1}.freq`,
        [1, filter],
        new Float32Array(filter).fill(10),
      );
    }
    tensors.random(
      `${filterName}.implicit_filter.6.weight`,
      [width, filter],
      filter ** -0.5 / Math.sqrt(maxTokens),
    );
    tensors.linear(`${name}.mlp.fc1`, inner, width);
    tensors.linear(`${name}.mlp.fc2`, width, inner);
  }
  tensors.norm("backbone.ln_f", width);
  const layer = {
    _name_: "hyena",
    emb_dim: positionWidth,
    filter_order: filter,
    local_order: 3,
    l_max: maxTokens,
    modulate: true,
  };
  const config = {
    d_model: width,
    n_layer: layers,
    d_inner: inner,
    vocab_size: 12,
    pad_vocab_size_multiple: 8,
    layer,
  };
  writeModel(folder, config, tensors);
}

function writeModel(folder: string, config: unknown, tensors: Map<string, SafetensorsArray>): void {
  Deno.mkdirSync(folder, { recursive: true });
  Deno.writeTextFileSync(join(folder, "config.json"), JSON.stringify(config));
  Deno.writeFileSync(join(folder, "model.safetensors"), encodeSafetensors(tensors));
}
