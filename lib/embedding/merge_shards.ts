/** Puts the shards of a run back together, rows in the order of the input. */
import { join } from "@std/path";
import { DataError } from "../cli/errors.ts";
import { writeFileAtomic } from "../io/atomic_write.ts";
import { readCsvTable } from "../io/csv.ts";
import { readNpyMatrix, readNpyStrings } from "../io/npy.ts";
import { readJsonObject } from "../io/json_file.ts";
import { readFileBytes } from "../io/read_file.ts";
import {
  type EmbeddingPaths,
  type EmbeddingRecord,
  findShards,
  type ReadingOutput,
  recordPath,
  removeRecord,
  shardPaths,
  shardRows,
  tokenFolder,
  writeEmbeddings,
  writeRecord,
} from "./outputs.ts";
import { finishTokenFiles, type TokenFile, tokenIndex } from "./token_files.ts";
import { hashKeys, refuseChanged } from "./written_hashes.ts";

/** What may differ between the shards of one run: hashes say whether input and model are the same, not their paths. */
const ownToShard = [
  "shard",
  "input",
  "model",
  "sequences",
  "tokens",
  "unknown_tokens",
  "truncated",
  "truncated_ids",
  "window_count",
  "windows_of_sequences",
  "device",
  ...hashKeys,
];

interface Shards {
  readonly fail: (what: string) => DataError;
  readonly paths: readonly EmbeddingPaths[];
  readonly records: readonly EmbeddingRecord[];
}

/**
 * @returns how many rows were written, from how many shards
 * @throws {DataError} when shards are missing or were made in different ways
 */
export async function mergeShards(output: ReadingOutput): Promise<{ rows: number; shards: number }> {
  const shards = await openShards(output);
  const { reading, paths } = output;
  const rows = reading.pooling === "none"
    ? await mergeTokens(paths, shards)
    : await mergeVectors(paths, shards);
  return { rows, shards: shards.records.length };
}

async function openShards(output: ReadingOutput): Promise<Shards> {
  const { paths } = output;
  const fail = (what: string) => new DataError(`Cannot merge the shards of "${paths.vectors}": ${what}`);
  const found = await findShards(output);
  if (found.size === 0) throw fail("there are none (runs with --shard i/n make them)");
  if (found.size > 1) {
    throw fail(`there are shards of ${[...found.keys()].join(" and of ")} (delete those of the older run)`);
  }
  const [[count, indices]] = found;
  const missing = Array.from({ length: count }, (_, i) => i + 1).filter((index) => !indices.includes(index));
  if (missing.length > 0) {
    throw fail(`${missing.map((index) => `${index}/${count}`).join(", ")} not there yet`);
  }
  const own = Array.from({ length: count }, (_, i) => shardPaths(paths, { index: i + 1, count }));
  const records = await Promise.all(own.map((shard) => readRecord(recordPath(shard.vectors))));
  records.forEach((record, i) => {
    const differing = settingsThatDiffer(records[0], record);
    if (differing !== null) throw fail(`1/${count} and ${i + 1}/${count} differ in "${differing}"`);
  });
  return { fail, paths: own, records };
}

async function mergeVectors(paths: EmbeddingPaths, { fail, paths: own, records }: Shards): Promise<number> {
  const [{ width, sequences_in_input: sequences }] = records, count = records.length;
  for (const [i, shard] of own.entries()) {
    await refuseChanged(shard.vectors, "vectors", records[i]);
    await refuseChanged(shard.ids, "ids", records[i]);
  }
  const shards = await Promise.all(own.map(async (shard) => ({
    vectors: await readNpyMatrix(shard.vectors),
    ids: await readNpyStrings(shard.ids),
  })));
  /** Rows of each sequence of the input: its windows where they are kept, else one. */
  const rowsOf = new Int32Array(sequences).fill(1);
  shards.forEach(({ vectors, ids }, i) => {
    const own = shardRows(sequences, { index: i + 1, count });
    const windows = records[i].windows_of_sequences as number[] | undefined;
    windows?.forEach((rows, k) => rowsOf[own[k]] = rows);
    const rows = own.reduce((sum, row) => sum + rowsOf[row], 0);
    if (vectors.columns !== width || vectors.rows !== rows || ids.length !== rows) {
      throw fail(
        `${i + 1}/${count} has ${vectors.rows} rows of ${vectors.columns}, expected ${rows} of ${width}`,
      );
    }
  });
  const total = rowsOf.reduce((sum, rows) => sum + rows, 0), taken = new Int32Array(count);
  const ids: string[] = [], vectors = new Float32Array(total * width);
  for (let sequence = 0; sequence < sequences; sequence++) {
    const shard = sequence % count, from = taken[shard], end = taken[shard] += rowsOf[sequence];
    vectors.set(shards[shard].vectors.data.subarray(from * width, end * width), ids.length * width);
    ids.push(...shards[shard].ids.slice(from, end));
  }
  await writeEmbeddings(paths, ids, vectors, mergedRecord(records));
  return total;
}

/** The token vectors of all shards under their own numbers in one folder, and one table of them. */
async function mergeTokens(paths: EmbeddingPaths, { fail, paths: own, records }: Shards): Promise<number> {
  await removeRecord(paths);
  const folder = tokenFolder(paths), files: TokenFile[] = [];
  for (const [i, shard] of own.entries()) {
    const from = tokenFolder(shard);
    for (const [name, id, tokens] of (await readCsvTable(join(from, tokenIndex))).rows) {
      if (!/^[\d_]+\.npy$/.test(name)) {
        throw fail(`${i + 1}/${own.length} names a file "${name}", which none of its runs wrote`);
      }
      await writeFileAtomic(join(folder, name), await readFileBytes(join(from, name)));
      files.push({ name, id, tokens: Number(tokens) });
    }
  }
  await finishTokenFiles(folder, files.sort((a, b) => a.name < b.name ? -1 : 1));
  await writeRecord(paths, mergedRecord(records));
  return files.length;
}

function mergedRecord(records: readonly EmbeddingRecord[]): EmbeddingRecord {
  const sum = (key: "tokens" | "unknown_tokens" | "truncated" | "window_count") =>
    records.reduce((total, record) => total + (record[key] ?? 0), 0);
  const { shard: _shard, windows_of_sequences: _windows, ...common } = records[0];
  return {
    ...common as EmbeddingRecord,
    sequences: common.sequences_in_input as number,
    tokens: sum("tokens"),
    unknown_tokens: sum("unknown_tokens"),
    truncated: sum("truncated"),
    truncated_ids: records.flatMap(({ truncated_ids }) => truncated_ids),
    window_count: records[0].window_count === null ? null : sum("window_count"),
    merged_shards: records.length,
  };
}

async function readRecord(path: string): Promise<EmbeddingRecord> {
  const record = await readJsonObject(path) as EmbeddingRecord;
  if (!Number.isSafeInteger(record.sequences_in_input)) {
    throw new DataError(`Cannot read "${path}": it does not say how many sequences the input has`);
  }
  if (typeof record.sequences_sha256 !== "string") {
    throw new DataError(`Cannot read "${path}": it has no "sequences_sha256" (make this shard again)`);
  }
  return record;
}

function settingsThatDiffer(a: EmbeddingRecord, b: EmbeddingRecord): string | null {
  for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
    if (!ownToShard.includes(key) && JSON.stringify(a[key]) !== JSON.stringify(b[key])) return key;
  }
  return null;
}
