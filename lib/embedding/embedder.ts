/** What turns batches of tokens into vectors: one of the models, or an ONNX file. */
import type { TokenBatch, Tokenizer } from "../models/token_batch.ts";

/** Mean over a sequence's tokens, special ones included, or the vector of its first token. */
export type Pooling = "mean" | "cls";
export const poolings = ["mean", "cls"] as const satisfies readonly Pooling[];

export interface PooledBatch {
  /** batch x width. */
  readonly vectors: Float32Array;
  /** Whether every hidden state of a sequence was finite, one a sequence. */
  readonly finite: readonly boolean[];
}

/** What the JSON beside embeddings says about how they were made. */
export interface EmbedderRecord {
  readonly pipeline: string;
  readonly model: string;
  /** Commit of the hub; null for local files. */
  readonly revision: string | null;
  readonly weights: string;
  /** SHA-256 of local weights; the commit says what those of the hub are. */
  readonly weights_sha256?: string;
  readonly layer: string;
  readonly dtype: string;
  readonly device: string;
}

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
  /** @param sameLengthFollows the next batch has the same size and length, so that what depends on them may be kept */
  embed(batch: TokenBatch, pooling: Pooling, sameLengthFollows: boolean): Promise<PooledBatch>;
  close(): Promise<void>;
}

/** Which rows of a batch x width array are finite throughout. */
export function finiteRows(values: Float32Array, batch: number): boolean[] {
  const width = values.length / batch;
  return Array.from(
    { length: batch },
    (_, row) => values.subarray(row * width, (row + 1) * width).every(Number.isFinite),
  );
}
