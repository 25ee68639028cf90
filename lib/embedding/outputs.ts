/** The files that one set of embeddings consists of, whole or a shard, and what the JSON beside them says. */
import { basename, dirname, join } from "@std/path";
import { UsageError } from "../cli/errors.ts";
import { checkWritable, writeFileAtomic } from "../io/atomic_write.ts";
import { remove } from "../io/disk.ts";
import { exists } from "../io/hub_cache.ts";
import { readJsonObject } from "../io/json_file.ts";
import { writeNpy } from "../io/npy.ts";
import type { Reading } from "./readings.ts";
import { tokenIndex } from "./token_files.ts";
import type { RunSettings } from "./unfinished_run.ts";
import { isAsWritten, writtenHashes } from "./written_hashes.ts";

export interface Shard {
  /** From 1. */
  readonly index: number;
  readonly count: number;
}

/** "2/8" @throws {UsageError} for anything else */
export function parseShard(text: string): Shard {
  const [, index, count] = /^(\d+)\/(\d+)$/.exec(text)?.map(Number) ?? [];
  if (!(index >= 1 && index <= count)) {
    throw new UsageError(`Cannot use --shard ${text}: expected i/n with i from 1 to n, such as 1/4`);
  }
  return { index, count };
}

/** Row numbers of a shard: every count-th, so that long and short sequences spread. */
export function shardRows(total: number, { index, count }: Shard): number[] {
  return Array.from({ length: Math.ceil((total - index + 1) / count) }, (_, i) => index - 1 + i * count);
}

export interface EmbeddingPaths {
  /** A .npy file; vectors of tokens go into a folder instead, see `tokenFolder`. */
  readonly vectors: string;
  readonly ids: string;
  /** Ids as text, one a line; null where none is wanted. */
  readonly index: string | null;
}

/** The JSON beside `x.npy` is `x.json`. */
export function recordPath(vectors: string): string {
  return vectors.replace(/\.npy$/, "") + ".json";
}

/** The files of one reading. */
export interface ReadingOutput {
  readonly reading: Reading;
  readonly paths: EmbeddingPaths;
}

/** All files of one set of sequences. */
export interface EmbeddingFiles {
  /** As they would be called were there one reading: what an unfinished run is named for. */
  readonly base: EmbeddingPaths;
  readonly outputs: readonly ReadingOutput[];
}

/** Where vectors of tokens go that would be `x_tokens.npy` if they were one array: `x_tokens`. */
export function tokenFolder({ vectors }: EmbeddingPaths): string {
  return vectors.replace(/\.npy$/, "");
}

/** Everything that a reading writes. */
function filesOf({ reading, paths }: ReadingOutput): string[] {
  const { vectors, ids, index } = paths;
  if (reading.pooling === "none") return [join(tokenFolder(paths), tokenIndex), recordPath(vectors)];
  return [vectors, ids, ...index === null ? [] : [index], recordPath(vectors)];
}

/** Paths of a shard of these; shards have no text index, the merged file gets it. */
export function shardPaths({ vectors, ids }: EmbeddingPaths, { index, count }: Shard): EmbeddingPaths {
  const mark = `.shard-${index}-of-${count}.npy`;
  return { vectors: vectors.replace(/\.npy$/, mark), ids: ids.replace(/\.npy$/, mark), index: null };
}

/** Where a run writes: a shard under names of its own. */
export function outputPaths(paths: EmbeddingPaths, shard: Shard | null): EmbeddingPaths {
  return shard === null ? paths : shardPaths(paths, shard);
}

/** Each reading's files, of a shard under names of their own. */
export function shardOutputs(outputs: readonly ReadingOutput[], shard: Shard | null): ReadingOutput[] {
  return outputs.map(({ reading, paths }) => ({ reading, paths: outputPaths(paths, shard) }));
}

/** What keeps files from being written there is told before the work. @throws {DataError} */
export async function checkOutputs(output: ReadingOutput): Promise<void> {
  for (const path of filesOf(output)) await checkWritable(path);
}

/** Whether the files are all there, and made in the same way of the same sequences. */
export async function areFinished(output: ReadingOutput, settings: RunSettings): Promise<boolean> {
  if (!filesOf(output).every(exists)) return false;
  const { reading, paths: { vectors, ids } } = output;
  const record = await readJsonObject(recordPath(vectors)).catch(() => ({}) as Record<string, unknown>);
  const isSame = Object.entries(settings).every(([key, value]) => (record[key] ?? null) === value);
  if (!isSame || reading.pooling === "none") return isSame;
  return await isAsWritten(vectors, "vectors", record) && await isAsWritten(ids, "ids", record);
}

/** Shards that are there, by how many there should be. */
export async function findShards(
  { reading, paths: { vectors } }: ReadingOutput,
): Promise<Map<number, number[]>> {
  const found = new Map<number, number[]>();
  const start = `${basename(vectors, ".npy")}.shard-`;
  const end = reading.pooling === "none" ? /^(\d+)-of-(\d+)$/ : /^(\d+)-of-(\d+)\.npy$/;
  try {
    for await (const { name } of Deno.readDir(dirname(vectors))) {
      const match = name.startsWith(start) ? end.exec(name.slice(start.length)) : null;
      if (match) found.set(Number(match[2]), [...found.get(Number(match[2])) ?? [], Number(match[1])]);
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory)) throw error;
  }
  return found;
}

/** What is said of the sequences of a file of embeddings. */
export interface SequenceRecord {
  readonly input: string;
  /** Sequences in these files, and in the input. */
  readonly sequences: number;
  readonly sequences_in_input: number;
  /** SHA-256 over ids and tokens of the whole input. */
  readonly sequences_sha256: string;
  readonly tokens: number;
  readonly unknown_tokens: number;
  readonly truncated: number;
  readonly truncated_ids: readonly string[];
  /** Windows of all sequences of these files; null where sequences went through whole. */
  readonly window_count: number | null;
}

/** Everything that the JSON says. */
export interface EmbeddingRecord extends SequenceRecord {
  readonly width: number;
  readonly [key: string]: unknown;
}

/** The JSON goes first and comes last: where it is, all files are of one run. */
export async function removeRecord({ vectors }: EmbeddingPaths): Promise<void> {
  if (exists(recordPath(vectors))) await remove(recordPath(vectors));
}

export async function writeRecord({ vectors }: EmbeddingPaths, record: EmbeddingRecord): Promise<void> {
  await writeFileAtomic(recordPath(vectors), JSON.stringify(record, null, 2) + "\n");
}

/** @param vectors ids.length x record.width */
export async function writeEmbeddings(
  paths: EmbeddingPaths,
  ids: readonly string[],
  vectors: Float32Array,
  record: EmbeddingRecord,
): Promise<void> {
  await removeRecord(paths);
  await writeNpy(paths.vectors, { shape: [ids.length, record.width], data: vectors });
  await writeNpy(paths.ids, { shape: [ids.length], data: ids });
  if (paths.index !== null) await writeFileAtomic(paths.index, ids.map((id) => `${id}\n`).join(""));
  await writeRecord(paths, { ...record, ...await writtenHashes(paths) });
}

/** `folder/name.npy` with its ids under `name<idsSuffix>.npy`. */
export function pathsIn(
  folder: string,
  name: string,
  idsName: string,
  indexName: string | null,
): EmbeddingPaths {
  return {
    vectors: join(folder, `${name}.npy`),
    ids: join(folder, `${idsName}.npy`),
    index: indexName === null ? null : join(folder, indexName),
  };
}
