/** One set of sequences through a model, batch by batch, to files; what is finished survives a kill. */
import { resumeCommand } from "../cli/command_line.ts";
import { DataError } from "../cli/errors.ts";
import { onInterrupt } from "../cli/interrupt.ts";
import { counted, log, warnWithExamples } from "../cli/log.ts";
import type { Embedder } from "./embedder.ts";
import { outputRows } from "./join_pieces.ts";
import { KeptPieces } from "./kept_pieces.ts";
import {
  areFinished,
  type EmbeddingFiles,
  outputPaths,
  removeRecord,
  type Shard,
  shardOutputs,
  shardRows,
} from "./outputs.ts";
import { embedPieces, openTokens } from "./piece_run.ts";
import type { EmbeddingProgress } from "./progress.ts";
import { type SequenceRun, settingsOf, shownPath } from "./run_record.ts";
import type { Sequences } from "./sequences.ts";
import { type Cut, tokenizeInput } from "./tokenized_input.ts";
import { UnfinishedRun } from "./unfinished_run.ts";
import { checkWindows } from "./windows.ts";
import { writeReading } from "./write_reading.ts";

export interface EmbeddingOptions extends Cut {
  readonly batchSize: number;
  /** Longer sequences are cut to this many tokens, special ones included. */
  readonly maxTokens: number;
  readonly resume: boolean;
  readonly shard: Shard | null;
  readonly progress: EmbeddingProgress;
}

/**
 * @throws {UsageError} when the windows do not fit the model
 * @throws {DataError} naming the sequence whose hidden states are not finite
 */
export async function embedSequences(
  embedder: Embedder,
  input: Sequences,
  files: EmbeddingFiles,
  options: EmbeddingOptions,
): Promise<void> {
  const { resume, shard } = options, run = prepare(embedder, input, files, options);
  const { outputs, tokenized } = run, readings = outputs.map(({ reading }) => reading);
  const unfinished = new UnfinishedRun(outputPaths(files.base, shard).vectors, settingsOf(run, readings));
  const finished = await Promise.all(
    outputs.map((output) => areFinished(output, settingsOf(run, [output.reading]))),
  );
  if (resume && finished.every((is) => is)) {
    // Killed between its last output and this.
    await unfinished.remove();
    for (const output of outputs) log.info(`Left "${shownPath(output)}" as it is: it is finished`);
    return;
  }
  warnAboutCutting(run);
  warnAboutSize(run);
  if (unfinished.exists && !resume) {
    log.warn(`Starting anew though "${unfinished.path}" is there (--resume would go on from it)`);
  }
  const done = resume ? await unfinished.resume() : new Map<number, Float32Array>();
  if (!resume) await unfinished.start();
  // Token vectors are written as they come: until all are there no record calls them finished.
  for (const { reading, paths } of outputs) if (reading.pooling === "none") await removeRecord(paths);
  const rows = outputRows(tokenized, run.cut);
  const kept = new KeptPieces(run, rows, done, unfinished.path);
  await embedOpen(run, kept, unfinished, options);

  for (const [at, output] of outputs.entries()) {
    await writeReading(run, output, rows, (place) => kept.vector(place, at));
  }
  await unfinished.remove();
}

function prepare(
  embedder: Embedder,
  input: Sequences,
  files: EmbeddingFiles,
  { shard, strands, windows, ...options }: EmbeddingOptions,
): SequenceRun {
  const { tokenizer } = embedder, cut = { strands, windows };
  const maxTokens = Math.min(options.maxTokens, embedder.maxTokens);
  if (windows !== null) {
    checkWindows(windows, {
      letters: tokenizer.letters,
      tokensOf: (letters) => tokenizer.encode("A".repeat(letters)).tokenIds.length,
      maxTokens,
      flag: "a higher limit on tokens",
    });
  }
  const all = input.ids.map((_, row) => row);
  const rows = shard === null ? all : shardRows(all.length, shard);
  if (rows.length === 0) {
    log.warn(`There is nothing in this shard: "${input.path}" has ${counted(all.length, "sequence")}.`);
  }
  const tokenized = tokenizeInput(input, rows, { tokenizer, maxTokens, ...cut });
  const empty = tokenized.pieces.find(({ tokenIds }) => tokenIds.length <= tokenizer.specialTokens.length);
  if (empty !== undefined) {
    throw new DataError(
      `Cannot embed "${tokenized.ids[empty.sequence]}" of "${input.path}": it has no token but special ones`,
    );
  }
  const outputs = shardOutputs(files.outputs, shard);
  return { embedder, input, cut, maxTokens, shard, rows, tokenized, outputs };
}

function warnAboutCutting({ tokenized: { truncatedIds, windows, ids }, input, cut, maxTokens }: SequenceRun) {
  if (truncatedIds.length > 0) {
    warnWithExamples(
      `${counted(truncatedIds.length, "sequence")} of "${input.path}" cut to ${maxTokens} tokens`,
      truncatedIds,
    );
  }
  if (cut.windows === null) return;
  const total = windows.reduce((sum, count) => sum + count, 0);
  log.info(`${counted(ids.length, "sequence")} in ${counted(total, "window")}`);
}

/** Token vectors are for small inputs: what they will take is told where it is much. */
function warnAboutSize({ outputs, tokenized: { tokens }, embedder: { width } }: SequenceRun): void {
  const folders = outputs.filter(({ reading }) => reading.pooling === "none").length;
  const gigabytes = folders * tokens * width * 4 / 1e9;
  if (gigabytes >= 1) {
    log.warn(
      `Vectors of single tokens will take ${
        gigabytes.toFixed(1)
      } GB (--pooling-method mean keeps one a sequence)`,
    );
  }
}

/** Embed what is not done; it is among `kept` and in the unfinished run's file afterwards. */
async function embedOpen(
  run: SequenceRun,
  kept: KeptPieces,
  unfinished: UnfinishedRun,
  { batchSize, progress }: EmbeddingOptions,
): Promise<void> {
  const { embedder, outputs, tokenized: { pieces, ids }, input } = run;
  const readings = outputs.map(({ reading }) => reading);
  const isDone = (place: number) => kept.has(place),
    name: "sequence" | "piece" = pieces.length === ids.length ? "sequence" : "piece";
  if (kept.size > 0) log.info(`Resuming: ${counted(kept.size, name)} of ${pieces.length} are done`);
  const release = onInterrupt(() => {
    unfinished.close();
    if (kept.size === 0) return null;
    const left = `${kept.size} of ${counted(pieces.length, name)} in "${unfinished.path}"`;
    return { kept: left, resume: resumeCommand() };
  });
  progress.begin(pieces.length, kept.size, openTokens(pieces, isDone), `${name}s`);
  try {
    for await (const batch of embedPieces(embedder, pieces, { readings, batchSize, isDone })) {
      if (batch.notFinite !== null) {
        const id = ids[pieces[batch.notFinite].sequence];
        throw notFinite(id, input.path, embedder.record.dtype);
      }
      const { fresh, kept: numbers } = await kept.add(batch);
      await unfinished.append(fresh, numbers);
      progress.finished(fresh.length, batch.tokens);
    }
  } finally {
    release();
    progress.end();
    unfinished.close();
  }
}

function notFinite(id: string, path: string, dtype: string): DataError {
  const advice = dtype.startsWith("f16")
    ? "run with --dtype f32"
    : "the weights do not fit the model, or are damaged";
  return new DataError(`Cannot embed "${id}" of "${path}": a hidden state is not finite (${advice})`);
}
