/** What a HyenaDNA's config.json says, in the layout of the original checkpoints and in that of the `-hf` repositories. */
import { DataError } from "../../cli/errors.ts";
import type { ModelConfig } from "../model_config.ts";

export interface HyenaConfig {
  readonly width: number;
  readonly layers: number;
  readonly innerWidth: number;
  /** Rows of the embedding: the vocabulary, padded. */
  readonly embeddingRows: number;
  /** Width of the position features that filters are made from. */
  readonly positionWidth: number;
  readonly filterWidth: number;
  /** Taps of the short filter. */
  readonly taps: number;
  /** Most tokens that a sequence can have. */
  readonly maxTokens: number;
  readonly layerNormEpsilon: number;
}

/** @throws {DataError} when config.json is not that of a HyenaDNA, or of a variant that was never published */
export function hyenaConfig(config: ModelConfig): HyenaConfig {
  const refuse = (what: string) => new DataError(`Cannot use "${config.name}": ${what}; expected a HyenaDNA`);
  const isHf = config.get("model_type") === "hyenadna";
  if (!isHf && !(config.has("layer") && config.section("layer").get("_name_") === "hyena")) {
    throw refuse(
      `its architecture is ${
        JSON.stringify(config.get("architectures") ?? config.get("model_type") ?? null)
      }`,
    );
  }
  const layer = isHf ? config : config.section("layer");
  const fixed = {
    order: 2,
    hyena_order: 2,
    num_inner_mlps: 2,
    modulate: true,
    use_bias: true,
    bidirectional: false,
  };
  for (const [key, value] of Object.entries(fixed)) {
    if (layer.has(key) && layer.get(key) !== value) {
      throw refuse(`"${key}" is ${JSON.stringify(layer.get(key))}, not ${value}`);
    }
  }
  const multiple = config.has("pad_vocab_size_multiple") ? config.size("pad_vocab_size_multiple") : 1;
  return {
    width: config.size("d_model"),
    layers: config.size("n_layer"),
    innerWidth: config.size("d_inner"),
    embeddingRows: Math.ceil(config.size("vocab_size", 12) / multiple) * multiple,
    positionWidth: layer.size("emb_dim"),
    filterWidth: layer.size("filter_order"),
    taps: layer.size(isHf ? "short_filter_order" : "local_order"),
    maxTokens: layer.size(isHf ? "max_seq_len" : "l_max"),
    layerNormEpsilon: config.positive("layer_norm_epsilon", 1e-5),
  };
}

/**
 * Our name of a tensor ("backbone.layers.0.mixer.in_proj.weight"): files put "model." or "hyena." in front, and those
 * trained with gradient checkpointing have ".layer" inside.
 */
export function hyenaTensorName(stored: string): string {
  return stored.replace(/^(model|hyena)\.(?=backbone\.)/, "").replace(/\.(mixer|mlp)\.layer\./, ".$1.");
}
