/** A pretrained Nucleotide Transformer from a folder or the hub: its configuration, tokenizer and weights. */
import type { Backend, DType } from "../../backend/backend.ts";
import { DataError } from "../../cli/errors.ts";
import { counted, log } from "../../cli/log.ts";
import type { HubOptions } from "../../io/hub.ts";
import { readFileText } from "../../io/read_file.ts";
import type { ModelConfig } from "../model_config.ts";
import { type ModelSource, openModelSource, openModelWeights, readModelConfig } from "../model_source.ts";
import { NtTokenizer } from "./tokenizer.ts";
import { type NtConfig, ntConfig, ntTensorName, NucleotideTransformer } from "./model.ts";
import { StateDict } from "../state_dict.ts";

export interface PretrainedNt {
  readonly source: ModelSource;
  readonly modelConfig: ModelConfig;
  readonly config: NtConfig;
  readonly tokenizer: NtTokenizer;
  /** Put the weights on a device. */
  load(backend: Backend, dtype?: DType): Promise<NucleotideTransformer>;
}

/**
 * @param model folder, or "organisation/name" on the hub
 * @throws {UsageError | DataError} when there is no such model, or it is no Nucleotide Transformer v2
 */
export async function openPretrainedNt(model: string, options: HubOptions = {}): Promise<PretrainedNt> {
  const source = await openModelSource(model, options);
  const modelConfig = await readModelConfig(source);
  const config = ntConfig(modelConfig);
  const tokenizer = await readNtTokenizer(source, config.vocabularySize);
  return {
    source,
    modelConfig,
    config,
    tokenizer,
    async load(backend, dtype) {
      const weights = new StateDict(await openModelWeights(source), ntTensorName);
      try {
        return await NucleotideTransformer.load(backend, weights, config, dtype);
      } finally {
        weights.close();
      }
    },
  };
}

/**
 * @param vocabularySize of config.json, which is the rows of the embedding; null for an exported model, which has none
 * @throws {DataError} when vocab.txt is no vocabulary, or has another number of tokens than the model's embedding
 */
export async function readNtTokenizer(
  source: ModelSource,
  vocabularySize: number | null,
): Promise<NtTokenizer> {
  const path = await source.file("vocab.txt");
  const tokenizer = new NtTokenizer(await readFileText(path), path);
  if (vocabularySize !== null && tokenizer.vocabularySize !== vocabularySize) {
    throw new DataError(
      `Cannot use the model "${source.name}": vocab.txt has ${tokenizer.vocabularySize} tokens, config.json says ` +
        `${vocabularySize}; use the vocab.txt that was published with these weights`,
    );
  }
  return tokenizer;
}

/** Tokens of sequences, cut at `maxLength`; a warning counts those that were. */
export function tokenizeSequences(
  tokenizer: NtTokenizer,
  sequences: readonly string[],
  maxLength: number,
): { tokenIds: Int32Array[]; truncated: number } {
  const encoded = sequences.map((sequence) => tokenizer.encode(sequence, maxLength));
  const truncated = encoded.filter(({ truncated }) => truncated).length;
  if (truncated > 0) {
    log.warn(
      `Cut ${counted(truncated, "sequence")} of ${sequences.length} to ${maxLength} tokens (--max-length).`,
    );
  }
  return { tokenIds: encoded.map(({ tokenIds }) => tokenIds), truncated };
}
