/** What is said of a run over sequences: what decides its vectors, and the JSON beside them. */
import type { Embedder } from "./embedder.ts";
import { type EmbeddingRecord, type ReadingOutput, type Shard, tokenFolder } from "./outputs.ts";
import { countsSpecialTokens, pooledHow, type Reading } from "./readings.ts";
import type { Sequences } from "./sequences.ts";
import type { Cut, TokenizedInput } from "./tokenized_input.ts";
import type { RunSettings } from "./unfinished_run.ts";
import { windowsText } from "./windows.ts";

/** A run, or a shard of one, before it has begun. */
export interface SequenceRun {
  readonly embedder: Embedder;
  readonly input: Sequences;
  readonly cut: Cut;
  readonly maxTokens: number;
  readonly shard: Shard | null;
  /** Rows of the input that are embedded, ascending. */
  readonly rows: readonly number[];
  readonly tokenized: TokenizedInput;
  /** Under the names of the shard. */
  readonly outputs: readonly ReadingOutput[];
}

/** Everything that decides the vectors of some readings; a file is as good as another with the same. */
export function settingsOf(
  run: SequenceRun,
  readings: readonly Reading[],
): RunSettings & { readonly sequences_sha256: string } {
  const { embedder, input, cut: { strands, windows }, maxTokens, tokenized } = run;
  // Not the model's name: a folder has many spellings, and what is in it may change. Commit or hash tell.
  const { model: _model, device: _device, ...how } = embedder.record;
  const all = (say: (reading: Reading) => string) => [...new Set(readings.map(say))].join("; ");
  return {
    ...how,
    weights_sha256: how.weights_sha256 ?? null,
    layer: all(({ layer }) => embedder.layerName(layer)),
    pooling: all(({ pooling }) => pooledHow[pooling]),
    strands,
    windows: windows && windowsText(windows),
    windows_kept: windows?.kept ?? false,
    upper_cased: input.upperCased ?? false,
    tokenizer: embedder.tokenizer.identity ?? null,
    max_tokens: maxTokens,
    sequences_sha256: tokenized.sha256,
  };
}

/** The JSON beside the vectors of one reading. */
export function recordOf(run: SequenceRun, reading: Reading, width: number): EmbeddingRecord {
  const { embedder, input, cut, shard, rows, tokenized } = run;
  const { model, device } = embedder.record;
  return {
    pipeline: embedder.record.pipeline,
    model,
    ...settingsOf(run, [reading]),
    layer_index: reading.layer,
    pooling_method: reading.pooling,
    special_tokens: embedder.tokenizer.specialTokens,
    special_tokens_counted: countsSpecialTokens(reading.pooling),
    device,
    width,
    input: input.path,
    ...input.origin,
    sequences: rows.length,
    sequences_in_input: input.ids.length,
    tokens: tokenized.tokens,
    unknown_tokens: tokenized.unknownTokens,
    truncated: tokenized.truncatedIds.length,
    truncated_ids: tokenized.truncatedIds,
    window_count: cut.windows && tokenized.windows.reduce((sum, count) => sum + count, 0),
    ...(shard && { shard: `${shard.index}/${shard.count}` }),
    ...(shard && cut.windows?.kept && { windows_of_sequences: tokenized.windows }),
  };
}

/** What messages call the output of a reading. */
export function shownPath({ reading, paths }: ReadingOutput): string {
  return reading.pooling === "none" ? tokenFolder(paths) : paths.vectors;
}
