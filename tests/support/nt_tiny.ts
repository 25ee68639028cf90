/** The small Nucleotide Transformer of the reference numbers, its tokenizer, and the sequences it was fine-tuned on. */
import { join } from "@std/path";
import type { Backend } from "../../lib/backend/backend.ts";
import { openSafetensors } from "../../lib/io/safetensors.ts";
import { ModelConfig } from "../../lib/models/model_config.ts";
import { NtTokenizer } from "../../lib/models/nucleotide_transformer/tokenizer.ts";
import {
  ntConfig,
  ntTensorName,
  NucleotideTransformer,
} from "../../lib/models/nucleotide_transformer/model.ts";
import { StateDict } from "../../lib/models/state_dict.ts";
import { padBatch, type TokenBatch } from "../../lib/models/token_batch.ts";
import { deepGolden, goldenArray } from "./deep_golden.ts";

export async function loadNtTiny(
  backend: Backend,
  dtype: "f32" | "f16" = "f32",
): Promise<NucleotideTransformer> {
  const path = join(deepGolden!, "nt_tiny");
  const weights = new StateDict(await openSafetensors(join(path, "model.safetensors")), ntTensorName);
  try {
    const config = ntConfig(await ModelConfig.read(join(path, "config.json")));
    return await NucleotideTransformer.load(backend, weights, config, dtype);
  } finally {
    weights.close();
  }
}

export function ntTokenizer(): NtTokenizer {
  const path = join(deepGolden!, "nt_tokenizer", "vocab.txt");
  return new NtTokenizer(Deno.readTextFileSync(path), path);
}

/** The 12 sequences with 7 labels each, and the 20 mini-batches of the reference run. */
export function ia3TrainingData(): {
  rows(indices: readonly number[]): { tokens: TokenBatch; labels: Float32Array };
  /** Tokens of each sequence. */
  encoded: Int32Array[];
  batches: number[][];
  all: number[];
} {
  const path = join(deepGolden!, "nt_tiny_ia3", "train.json");
  const { sequences, batches } = JSON.parse(Deno.readTextFileSync(path));
  const tokenizer = ntTokenizer();
  const encoded = (sequences as string[]).map((sequence) => tokenizer.encode(sequence).tokenIds);
  const { data: labels } = goldenArray("nt_tiny_ia3/labels.npy");
  return {
    rows: (indices) => ({
      tokens: padBatch(indices.map((i) => encoded[i]), tokenizer),
      labels: Float32Array.from(indices.flatMap((i) => [...labels.subarray(7 * i, 7 * i + 7)])),
    }),
    encoded,
    batches,
    all: encoded.map((_, i) => i),
  };
}
