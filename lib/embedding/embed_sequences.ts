/** One set of sequences through a model, batch by batch, to files; what is finished survives a kill. */
import { resumeCommand } from "../cli/command_line.ts";
import { DataError } from "../cli/errors.ts";
import { onInterrupt } from "../cli/interrupt.ts";
import { counted, log, resultLine, warnWithExamples } from "../cli/log.ts";
import { padBatch } from "../models/token_batch.ts";
import { planBatches } from "./batches.ts";
import type { Embedder, Pooling } from "./embedder.ts";
import {
  areFinished,
  type EmbeddingPaths,
  outputPaths,
  type Shard,
  shardRows,
  writeEmbeddings,
} from "./outputs.ts";
import type { Sequences } from "./sequences.ts";
import type { EmbeddingProgress } from "./progress.ts";
import { tokenizeInput } from "./tokenized_input.ts";
import { UnfinishedRun } from "./unfinished_run.ts";

export interface EmbeddingOptions {
  readonly pooling: Pooling;
  readonly batchSize: number;
  /** Longer sequences are cut to this many tokens, special ones included. */
  readonly maxTokens: number;
  readonly resume: boolean;
  readonly shard: Shard | null;
  readonly progress: EmbeddingProgress;
}

/** @throws {DataError} naming the sequence whose hidden states are not finite */
export async function embedSequences(
  embedder: Embedder,
  input: Sequences,
  paths: EmbeddingPaths,
  options: EmbeddingOptions,
): Promise<void> {
  const { width } = embedder;
  const { pooling, shard, progress } = options;
  const total = input.ids.length;
  const chosen = shard === null ? input.ids.map((_, i) => i) : shardRows(total, shard);
  const maxTokens = Math.min(options.maxTokens, embedder.maxTokens);
  const { ids, tokenIds, truncatedIds, ...tokenized } = tokenizeInput(
    input,
    chosen,
    embedder.tokenizer,
    maxTokens,
  );

  const outputs = outputPaths(paths, shard);
  // Not the model's name: a folder has many spellings, and what is in it may change. Commit or hash tell.
  const { model: _model, device: _device, ...how } = embedder.record;
  const settings = {
    ...how,
    weights_sha256: how.weights_sha256 ?? null,
    pooling: pooling === "mean" ? "mean over all tokens" : "first token",
    max_tokens: maxTokens,
    sequences_sha256: tokenized.sha256,
  };
  const unfinished = new UnfinishedRun(outputs.vectors, settings);
  if (options.resume && await areFinished(outputs, settings)) {
    // Killed between its last output and this.
    await unfinished.remove();
    log.info(`Left "${outputs.vectors}" as it is: it is finished`);
    return;
  }
  if (truncatedIds.length > 0) {
    warnWithExamples(
      `${counted(truncatedIds.length, "sequence")} of "${input.path}" cut to ${maxTokens} tokens`,
      truncatedIds,
    );
  }
  if (unfinished.exists && !options.resume) {
    log.warn(`Starting anew though "${unfinished.path}" is there (--resume would go on from it)`);
  }
  const done = options.resume ? await unfinished.resume() : new Map<number, Float32Array>();
  if (!options.resume) await unfinished.start();
  if (done.entries().some(([row, vector]) => row < 0 || row >= ids.length || vector.length !== width)) {
    throw new DataError(
      `Cannot resume from "${unfinished.path}": it is damaged (run without --resume to start anew)`,
    );
  }
  if (done.size > 0) log.info(`Resuming: ${counted(done.size, "sequence")} of ${ids.length} are done`);

  const open = ids.map((_, i) => i).filter((i) => !done.has(i));
  const lengths = open.map((i) => tokenIds[i].length);
  const batches = planBatches(lengths, {
    batchSize: options.batchSize,
    maxBatchTokens: embedder.maxBatchTokens,
    allowsPadding: embedder.allowsPadding,
  });
  const release = onInterrupt(() => {
    unfinished.close();
    if (done.size === 0) return null;
    const kept = `${done.size} of ${counted(ids.length, "sequence")} in "${unfinished.path}"`;
    return { kept, resume: resumeCommand() };
  });
  progress.begin(ids.length, done.size, lengths.reduce((sum, length) => sum + length, 0));
  try {
    for (const [b, places] of batches.entries()) {
      const rows = places.map((place) => open[place]);
      const batch = padBatch(rows.map((row) => tokenIds[row]), embedder.tokenizer);
      const next = batches[b + 1];
      const sameFollows = next?.length === places.length && lengths[next[0]] === lengths[places[0]];
      const { vectors, finite } = await embedder.embed(batch, pooling, sameFollows);
      const bad = finite.indexOf(false);
      if (bad >= 0) throw notFinite(ids[rows[bad]], input.path, embedder.record.dtype);
      await unfinished.append(rows, vectors);
      rows.forEach((row, i) => done.set(row, vectors.subarray(i * width, (i + 1) * width)));
      progress.finished(rows.length, places.reduce((sum, place) => sum + lengths[place], 0));
    }
  } finally {
    release();
    progress.end();
    unfinished.close();
  }

  const vectors = new Float32Array(ids.length * width);
  for (const [row, vector] of done) vectors.set(vector, row * width);
  await writeEmbeddings(outputs, ids, vectors, {
    ...embedder.record,
    ...settings,
    upper_cased: input.upperCased ?? false,
    special_tokens: embedder.tokenizer.specialTokens,
    special_tokens_counted: pooling === "mean",
    width,
    input: input.path,
    ...input.origin,
    sequences: ids.length,
    sequences_in_input: total,
    tokens: tokenized.tokens,
    unknown_tokens: tokenized.unknownTokens,
    truncated: truncatedIds.length,
    truncated_ids: truncatedIds,
    ...(shard && { shard: `${shard.index}/${shard.count}` }),
  });
  await unfinished.remove();
  resultLine(`Wrote ${ids.length} x ${width} to "${outputs.vectors}"`);
}

function notFinite(id: string, path: string, dtype: string): DataError {
  const advice = dtype === "f16"
    ? "run with --dtype f32"
    : "the weights do not fit the model, or are damaged";
  return new DataError(`Cannot embed "${id}" of "${path}": a hidden state is not finite (${advice})`);
}
