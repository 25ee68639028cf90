/** What turns batches of tokens into vectors: one of the models, or an ONNX file. */
import type { TokenBatch, Tokenizer } from "../models/token_batch.ts";
import { type Layer, layerOf, type Reading } from "./readings.ts";

/** Kinds of models; `other` are exported ones that we know nothing of. */
export type Pipeline = "ntv2" | "hyenadna" | "other";

export interface PooledBatch {
  /** By reading, then by sequence: width numbers; where nothing is pooled, tokens x width. */
  readonly values: readonly (readonly Float32Array[])[];
  /** Whether every hidden state of a sequence was finite, one a sequence. */
  readonly finite: readonly boolean[];
}

/** What the JSON beside embeddings says of the model. */
export interface EmbedderRecord {
  readonly pipeline: string;
  readonly model: string;
  /** Commit of the hub; null for local files. */
  readonly revision: string | null;
  readonly weights: string;
  /** SHA-256 of local weights; the commit says what those of the hub are. */
  readonly weights_sha256?: string;
  readonly dtype: string;
  readonly device: string;
}

/** What of each reading an embedder looks at. */
export type LayerAndPooling = Pick<Reading, "layer" | "pooling">;

export interface Embedder {
  readonly tokenizer: Tokenizer;
  /** Numbers of a vector. */
  readonly width: number;
  /** Most tokens that the model takes. */
  readonly maxTokens: number;
  /** Whether padding leaves results alone. */
  readonly allowsPadding: boolean;
  /** Most tokens that should go together. */
  readonly maxBatchTokens: number;
  readonly record: EmbedderRecord;
  /** What the record says of a layer, its norm included. @throws {DataError} when the model does not give it */
  layerName(layer: Layer): string;
  /**
   * All readings in one forward pass.
   *
   * @param sameLengthFollows the next batch has the same size and length, so that what depends on them may be kept
   */
  embed(
    batch: TokenBatch,
    readings: readonly LayerAndPooling[],
    sameLengthFollows: boolean,
  ): Promise<PooledBatch>;
  close(): Promise<void>;
}

/** What layer i of `depth` is: 0 the embeddings; the last one is after the model's final layer norm, the others before it. */
export function layerName(layer: Layer, depth: number): string {
  if (layer === 0) return "embeddings, before the first layer";
  const number = layerOf(layer, depth);
  const norm = number === depth ? "after" : "before";
  return `output of layer ${number} of ${depth}, ${norm} the final layer norm`;
}
