/** The files that one set of embeddings consists of, whole or a shard, and what the JSON beside them says. */
import { basename, dirname, join } from "@std/path";
import { UsageError } from "../cli/errors.ts";
import { writeFileAtomic } from "../io/atomic_write.ts";
import { writeNpy } from "../io/npy.ts";

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
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return found;
}

/** What is said of the sequences of a file of embeddings. */
export interface SequenceRecord {
  readonly input: string;
  /** Sequences in these files, and in the input. */
  readonly sequences: number;
  readonly sequences_in_input: number;
  readonly tokens: number;
  readonly truncated: number;
  readonly truncated_ids: readonly string[];
}

/** Everything that the JSON says. */
export interface EmbeddingRecord extends SequenceRecord {
  readonly [key: string]: unknown;
}

export async function writeEmbeddings(
  paths: EmbeddingPaths,
  ids: readonly string[],
  vectors: Float32Array,
  record: EmbeddingRecord,
): Promise<void> {
  await writeNpy(paths.vectors, { shape: [ids.length, vectors.length / ids.length], data: vectors });
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
