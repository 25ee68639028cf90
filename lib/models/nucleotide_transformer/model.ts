/**
 * Nucleotide Transformer v2 (Dalla-Torre et al. 2023): an ESM encoder with rotary positions and gated SiLU, layer norms in
 * front of each half of a layer and one at the end.
 *
 *     const model = await NucleotideTransformer.load(backend, weights, config);
 *     const hidden = scope(() => model.forward(model.batch(padBatch(rows, tokenizer))));
 *
 * Modules are named as in Hugging Face's files ("esm.encoder.layer.0.attention.self.key"), for adapters to hook into.
 */
import type { Backend, DType } from "../../backend/backend.ts";
import { DataError } from "../../cli/errors.ts";
import {
  add,
  attention,
  checkpoint,
  fromArray,
  gatherRows,
  isRecording,
  keep,
  layerNorm,
  linear,
  multiply,
  rotary,
  type RotaryTables,
  rotaryTables,
  scope,
  siluGate,
  slice,
  Tensor,
} from "../../tensor/mod.ts";
import type { ModelConfig } from "../model_config.ts";
import type { StateDict } from "../state_dict.ts";
import type { TokenBatch } from "../token_batch.ts";

export interface NtConfig {
  readonly vocabularySize: number;
  readonly width: number;
  readonly heads: number;
  readonly layers: number;
  readonly intermediateWidth: number;
  readonly layerNormEpsilon: number;
}

/** Wavelengths of the rotary positions go up to this, times 2 pi. */
const rotaryBase = 10000;

/** @throws {DataError} when config.json is not that of a Nucleotide Transformer v2 */
export function ntConfig(config: ModelConfig): NtConfig {
  const refuse = (what: string) =>
    new DataError(
      `Cannot use "${config.name}": ${what}; expected the ESM layout of Nucleotide Transformer v2`,
    );
  const architectures = config.get("architectures");
  const isEsm = config.get("model_type") === "esm" ||
    (Array.isArray(architectures) && architectures.some((name) => String(name).startsWith("Esm")));
  if (!isEsm) {
    throw refuse(`its architecture is ${JSON.stringify(architectures ?? config.get("model_type") ?? null)}`);
  }
  const expected = {
    position_embedding_type: "rotary",
    emb_layer_norm_before: false,
    token_dropout: false,
    add_bias_fnn: false,
    rope_theta: rotaryBase,
  };
  // What transformers takes where a key is absent or null; the default of add_bias_fnn is true.
  const defaults: Record<string, unknown> = {
    emb_layer_norm_before: false,
    token_dropout: false,
    rope_theta: rotaryBase,
  };
  for (const [key, value] of Object.entries(expected)) {
    const found = config.get(key) ?? defaults[key];
    if (found !== value) {
      throw refuse(`"${key}" is ${JSON.stringify(config.get(key))}, not ${JSON.stringify(value)}`);
    }
  }
  const width = config.size("hidden_size"), heads = config.size("num_attention_heads");
  if (width % (2 * heads) !== 0) {
    throw refuse(`"hidden_size" ${width} does not split into ${heads} heads of even width`);
  }
  return {
    vocabularySize: config.size("vocab_size"),
    width,
    heads,
    layers: config.size("num_hidden_layers"),
    intermediateWidth: config.size("intermediate_size"),
    layerNormEpsilon: config.positive("layer_norm_eps"),
  };
}

/** Frequencies that all layers share, where files of transformers 5 have them. */
const sharedFrequencies = "esm.rotary_embeddings.inv_freq";

/**
 * Our name of a tensor: files of the bare encoder lack the "esm."; transformers 5 saves layer norms as gamma and beta, and the
 * frequencies of all layers as one of layer "*".
 */
export function ntTensorName(stored: string): string {
  const name = /^(embeddings|encoder|contact_head|rotary_embeddings)\./.test(stored)
    ? `esm.${stored}`
    : stored;
  if (name === "esm.encoder.layer.*.attention.self.rotary_embeddings.inv_freq") return sharedFrequencies;
  return name.replace(/(\.LayerNorm|layer_norm_after)\.gamma$/, "$1.weight").replace(
    /(\.LayerNorm|layer_norm_after)\.beta$/,
    "$1.bias",
  );
}

/** Lets an adapter change what goes into or comes out of a linear module. */
export interface ModuleHook {
  input?(module: string, x: Tensor): Tensor;
  output?(module: string, y: Tensor): Tensor;
}

export interface NtForwardOptions {
  readonly hook?: ModuleHook;
  /** Keep only each layer's input for the gradient and compute the layer again in `backward`. */
  readonly checkpointLayers?: boolean;
  /** Compute behind the last layer's attention, and return, the first token alone: (batch, 1, width). */
  readonly firstTokenOnly?: boolean;
  /** Without a hook, elements that the feed-forward part's inner activation may have: longer batches go through it in pieces. */
  readonly widestActivation?: number;
  /**
   * Sees the hidden states while they exist: 0 the embedding, i the output of layer i, the last one after the final
   * layer norm. Not with checkpointLayers.
   */
  readonly onHidden?: (index: number, hidden: Tensor) => void;
  /** Stop after so many layers; without the last one there is no final layer norm. */
  readonly lastLayer?: number;
}

/** A batch on the device. */
export interface NtBatch {
  readonly tokenIds: Tensor;
  /** batch x length, 1 at tokens; null where nothing is padded. */
  readonly mask: Tensor | null;
}

interface Linear {
  readonly weight: Tensor;
  readonly bias: Tensor | null;
}

interface Norm {
  readonly gamma: Tensor;
  readonly beta: Tensor;
}

interface Layer {
  readonly name: string;
  readonly linears: ReadonlyMap<string, Linear>;
  readonly attentionNorm: Norm;
  readonly norm: Norm;
  readonly inverseFrequencies: Float32Array;
}

export class NucleotideTransformer {
  readonly config: NtConfig;
  readonly backend: Backend;
  readonly #embedding: Tensor;
  readonly #layers: readonly Layer[];
  readonly #finalNorm: Norm;
  /** Tables of angles for the longest batch so far, by the frequencies that they are of. */
  readonly #tables = new Map<string, { length: number; tables: RotaryTables }>();

  private constructor(config: NtConfig, embedding: Tensor, layers: readonly Layer[], finalNorm: Norm) {
    this.config = config;
    this.backend = embedding.backend;
    this.#embedding = embedding;
    this.#layers = layers;
    this.#finalNorm = finalNorm;
  }

  /** @throws {DataError} naming a tensor that the weights lack or that has another shape */
  static async load(
    backend: Backend,
    weights: StateDict,
    config: NtConfig,
    dtype: DType = "f32",
  ): Promise<NucleotideTransformer> {
    const { width, intermediateWidth, vocabularySize, heads } = config;
    const tensor = async (name: string, shape: number[]) =>
      keep(fromArray(backend, await weights.read(name, shape), shape, dtype));
    const norm = async (name: string): Promise<Norm> => ({
      gamma: await tensor(`${name}.weight`, [width]),
      beta: await tensor(`${name}.bias`, [width]),
    });
    const embedding = await tensor("esm.embeddings.word_embeddings.weight", [vocabularySize, width]);
    const layers: Layer[] = [];
    for (let i = 0; i < config.layers; i++) {
      const name = `esm.encoder.layer.${i}`;
      const own = `${name}.attention.self.rotary_embeddings.inv_freq`;
      const frequencies = weights.has(own) ? own : sharedFrequencies;
      const linears = new Map<string, Linear>();
      const load = async (module: string, outputs: number, inputs: number, hasBias: boolean) => {
        linears.set(module, {
          weight: await tensor(`${name}.${module}.weight`, [outputs, inputs]),
          bias: hasBias ? await tensor(`${name}.${module}.bias`, [outputs]) : null,
        });
      };
      for (const part of ["query", "key", "value"]) await load(`attention.self.${part}`, width, width, true);
      await load("attention.output.dense", width, width, true);
      await load("intermediate.dense", 2 * intermediateWidth, width, false);
      await load("output.dense", width, intermediateWidth, false);
      layers.push({
        name,
        linears,
        attentionNorm: await norm(`${name}.attention.LayerNorm`),
        norm: await norm(`${name}.LayerNorm`),
        inverseFrequencies: weights.has(frequencies)
          ? await weights.read(frequencies, [width / heads / 2])
          : publishedFrequencies(width / heads),
      });
    }
    return new NucleotideTransformer(
      config,
      embedding,
      layers,
      await norm("esm.encoder.emb_layer_norm_after"),
    );
  }

  /**
   * Put a batch on the device. The tensors belong to the open scope, or to the caller.
   *
   * @param options.alwaysMask upload the mask though nothing is padded
   */
  batch({ tokenIds, mask, batch, length }: TokenBatch, options: { alwaysMask?: boolean } = {}): NtBatch {
    const shape = [batch, length];
    return {
      tokenIds: fromArray(this.backend, tokenIds, shape),
      mask: options.alwaysMask || mask.includes(0) ? fromArray(this.backend, mask, shape) : null,
    };
  }

  /**
   * Last hidden state, after the final layer norm: (batch, length, width) unless firstTokenOnly; with `lastLayer` the output
   * of that layer. Meaningless at padding.
   */
  forward({ tokenIds, mask }: NtBatch, options: NtForwardOptions = {}): Tensor {
    const { layers } = this.config, { lastLayer = layers } = options;
    const length = tokenIds.shape[1];
    const tables = this.#layers.map((layer) => this.#anglesOf(layer, length));
    let x = scope(() => this.#embed(tokenIds, mask));
    options.onHidden?.(0, x);
    this.#layers.slice(0, lastLayer).forEach((layer, i) => {
      const firstTokenOnly = options.firstTokenOnly && i + 1 === layers;
      const run = (x: Tensor, mask: Tensor | null = null) =>
        scope(() => this.#layer(layer, x, tables[i], mask, { ...options, firstTokenOnly }));
      const before = x;
      if (!options.checkpointLayers) x = run(x, mask);
      else x = mask === null ? checkpoint(run, x) : checkpoint(run, x, mask);
      before.dispose();
      if (i + 1 < layers) options.onHidden?.(i + 1, x);
    });
    if (lastLayer < layers) return x;
    const { gamma, beta } = this.#finalNorm;
    const out = layerNorm(x, gamma, beta, this.config.layerNormEpsilon);
    x.dispose();
    options.onHidden?.(layers, out);
    return out;
  }

  #embed(tokenIds: Tensor, mask: Tensor | null): Tensor {
    const x = gatherRows(this.#embedding, tokenIds);
    if (mask === null) return x;
    const ones = fromArray(this.backend, new Float32Array([0, 1]), [2, 1], x.dtype);
    return multiply(x, gatherRows(ones, mask));
  }

  #layer(
    layer: Layer,
    x: Tensor,
    tables: RotaryTables,
    mask: Tensor | null,
    options: NtForwardOptions,
  ): Tensor {
    const { heads, width, intermediateWidth, layerNormEpsilon: epsilon } = this.config;
    const { hook, firstTokenOnly = false, widestActivation = 2 ** 23 } = options;
    const wanted = (rows: Tensor) => firstTokenOnly ? slice(rows, 1, 0, 1) : rows;
    const apply = (module: string, input: Tensor) => {
      const { weight, bias } = layer.linears.get(module)!;
      const name = `${layer.name}.${module}`;
      const y = linear(hook?.input?.(name, input) ?? input, weight, bias);
      return hook?.output?.(name, y) ?? y;
    };
    const afterAttention = scope(() => {
      const a = layerNorm(x, layer.attentionNorm.gamma, layer.attentionNorm.beta, epsilon);
      const q = rotary(apply("attention.self.query", a), tables, heads);
      const k = rotary(apply("attention.self.key", a), tables, heads);
      const v = apply("attention.self.value", a);
      const context = attention(q, k, v, { heads, scale: (width / heads) ** -0.5, keyMask: mask });
      return add(wanted(x), apply("attention.output.dense", wanted(context)));
    });
    const feedForward = (y: Tensor) => {
      const b = layerNorm(y, layer.norm.gamma, layer.norm.beta, epsilon);
      return add(y, apply("output.dense", siluGate(apply("intermediate.dense", b))));
    };
    const rows = Math.max(1, Math.floor(widestActivation / (2 * intermediateWidth)));
    if (hook !== undefined || isRecording(afterAttention) || afterAttention.rows <= rows) {
      return feedForward(afterAttention);
    }
    return inRowBlocks(afterAttention, rows, feedForward);
  }

  /** cos and sin for positions 0 to length - 1; layers of equal frequencies share them. */
  #anglesOf({ inverseFrequencies }: Layer, length: number): RotaryTables {
    const key = inverseFrequencies.join();
    const known = this.#tables.get(key);
    if (known && known.length >= length) return known.tables;
    known?.tables.cos.dispose();
    known?.tables.sin.dispose();
    const { cos, sin } = rotaryTables(this.backend, inverseFrequencies, length);
    const tables = { cos: keep(cos), sin: keep(sin) };
    this.#tables.set(key, { length, tables });
    return tables;
  }

  /** Every weight, by its name in the file. */
  get parameters(): ReadonlyMap<string, Tensor> {
    const all = new Map([["esm.embeddings.word_embeddings.weight", this.#embedding]]);
    const addNorm = (name: string, { gamma, beta }: Norm) =>
      all.set(`${name}.weight`, gamma).set(`${name}.bias`, beta);
    for (const layer of this.#layers) {
      for (const [module, { weight, bias }] of layer.linears) {
        all.set(`${layer.name}.${module}.weight`, weight);
        if (bias) all.set(`${layer.name}.${module}.bias`, bias);
      }
      addNorm(`${layer.name}.attention.LayerNorm`, layer.attentionNorm);
      addNorm(`${layer.name}.LayerNorm`, layer.norm);
    }
    addNorm("esm.encoder.emb_layer_norm_after", this.#finalNorm);
    return all;
  }

  /** Free all device memory of the model. */
  dispose(): void {
    for (const tensor of this.parameters.values()) tensor.dispose();
    for (const { tables: { cos, sin } } of this.#tables.values()) {
      cos.dispose();
      sin.dispose();
    }
    this.#tables.clear();
  }
}

/** 10000^(-2i/d) in float32 throughout, for files of versions of transformers that leave them out. */
function publishedFrequencies(headWidth: number): Float32Array {
  return Float32Array.from(
    { length: headWidth / 2 },
    (_, i) => 1 / Math.fround(rotaryBase ** Math.fround(2 * i / headWidth)),
  );
}

/** f on blocks of rows, which must not depend on each other. Carries no gradient. */
function inRowBlocks(x: Tensor, blockRows: number, f: (block: Tensor) => Tensor): Tensor {
  const { backend, rows, columns } = x;
  const out = Tensor.empty(backend, x.shape, x.dtype);
  for (let start = 0; start < rows; start += blockRows) {
    scope(() => {
      const size = Math.min(blockRows, rows - start) * columns, at = start * columns;
      const block = Tensor.empty(backend, [size / columns, columns], x.dtype);
      backend.copy2d({ storage: block.storage }, { storage: x.storage, offset: at }, {
        rows: 1,
        columns: size,
      });
      backend.copy2d({ storage: out.storage, offset: at }, { storage: f(block).storage }, {
        rows: 1,
        columns: size,
      });
    });
  }
  return out;
}
