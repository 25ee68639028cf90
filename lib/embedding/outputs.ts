/** The files that one set of embeddings consists of, whole or a shard, and what the JSON beside them says. */
import { basename, dirname, join } from "@std/path";
import { UsageError } from "../cli/errors.ts";
import { checkWritable, writeFileAtomic } from "../io/atomic_write.ts";
import { remove } from "../io/disk.ts";
import { exists } from "../io/hub_cache.ts";
import { readJsonObject } from "../io/json_file.ts";
import { writeNpy } from "../io/npy.ts";
import type { RunSettings } from "./unfinished_run.ts";

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
  readonly vectors: string;
  readonly ids: string;
  /** Ids as text, one a line; null where none is wanted. */
  readonly index: string | null;
}

/** The JSON beside `x.npy` is `x.json`. */
export function recordPath(vectors: string): string {
  return vectors.replace(/\.npy$/, "") + ".json";
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

/** What keeps files from being written there is told before the work. @throws {DataError} */
export async function checkOutputs({ vectors, ids, index }: EmbeddingPaths): Promise<void> {
  for (const path of [vectors, ids, index, recordPath(vectors)]) {
    if (path !== null) await checkWritable(path);
  }
}

/** Whether the files are all there, and made in the same way of the same sequences. */
export async function areFinished(
  { vectors, ids, index }: EmbeddingPaths,
  settings: RunSettings,
): Promise<boolean> {
  const paths = [vectors, ids, index, recordPath(vectors)];
  if (!paths.every((path) => path === null || exists(path))) return false;
  const record = await readJsonObject(recordPath(vectors)).catch(() => ({}) as Record<string, unknown>);
  return Object.entries(settings).every(([key, value]) => (record[key] ?? null) === value);
}

/** Shards of `vectors` that are there, by how many there should be. */
export async function findShards({ vectors }: EmbeddingPaths): Promise<Map<number, number[]>> {
  const found = new Map<number, number[]>();
  const start = `${basename(vectors, ".npy")}.shard-`;
  try {
    for await (const { name } of Deno.readDir(dirname(vectors))) {
      const match = name.startsWith(start) ? /^(\d+)-of-(\d+)\.npy$/.exec(name.slice(start.length)) : null;
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
}

/** Everything that the JSON says. */
export interface EmbeddingRecord extends SequenceRecord {
  readonly width: number;
  readonly [key: string]: unknown;
}

/** The JSON goes first and comes last: where it is, all files are of one run. */
export async function writeEmbeddings(
  paths: EmbeddingPaths,
  ids: readonly string[],
  vectors: Float32Array,
  record: EmbeddingRecord,
): Promise<void> {
  if (exists(recordPath(paths.vectors))) await remove(recordPath(paths.vectors));
  await writeNpy(paths.vectors, { shape: [ids.length, record.width], data: vectors });
  await writeNpy(paths.ids, { shape: [ids.length], data: ids });
  if (paths.index !== null) await writeFileAtomic(paths.index, ids.map((id) => `${id}\n`).join(""));
  await writeFileAtomic(recordPath(paths.vectors), JSON.stringify(record, null, 2) + "\n");
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
