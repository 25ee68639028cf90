/** Puts the shards of a run back together, rows in the order of the input. */
import { DataError } from "../cli/errors.ts";
import { readNpyMatrix, readNpyStrings } from "../io/npy.ts";
import { readJsonObject } from "../io/json_file.ts";
import {
  type EmbeddingPaths,
  type EmbeddingRecord,
  findShards,
  recordPath,
  shardPaths,
  shardRows,
  writeEmbeddings,
} from "./outputs.ts";
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
  "device",
  ...hashKeys,
];

/**
 * @returns how many rows were written, from how many shards
 * @throws {DataError} when shards are missing or were made in different ways
 */
export async function mergeShards(paths: EmbeddingPaths): Promise<{ rows: number; shards: number }> {
  const fail = (what: string) => new DataError(`Cannot merge the shards of "${paths.vectors}": ${what}`);
  const found = await findShards(paths);
  if (found.size === 0) throw fail("there are none (runs with --shard i/n make them)");
  if (found.size > 1) {
    throw fail(`there are shards of ${[...found.keys()].join(" and of ")} (delete those of the older run)`);
  }
  const [[count, indices]] = found;
  const missing = Array.from({ length: count }, (_, i) => i + 1).filter((index) => !indices.includes(index));
  if (missing.length > 0) {
    throw fail(`${missing.map((index) => `${index}/${count}`).join(", ")} not there yet`);
  }

  const shards = await Promise.all(
    Array.from({ length: count }, (_, i) => readShard(shardPaths(paths, { index: i + 1, count }))),
  );
  const [first] = shards;
  const total = first.record.sequences_in_input, width = first.vectors.columns;
  const ids = new Array<string>(total);
  const vectors = new Float32Array(total * width);
  shards.forEach((shard, i) => {
    const rows = shardRows(total, { index: i + 1, count });
    const differing = settingsThatDiffer(first.record, shard.record);
    if (differing !== null) throw fail(`1/${count} and ${i + 1}/${count} differ in "${differing}"`);
    if (
      shard.vectors.columns !== width || shard.vectors.rows !== rows.length ||
      shard.ids.length !== rows.length
    ) {
      throw fail(
        `${
          i + 1
        }/${count} has ${shard.vectors.rows} rows of ${shard.vectors.columns}, expected ${rows.length} of ${width}`,
      );
    }
    rows.forEach((row, k) => {
      ids[row] = shard.ids[k];
      vectors.set(shard.vectors.data.subarray(k * width, (k + 1) * width), row * width);
    });
  });
  const sum = (key: "tokens" | "unknown_tokens" | "truncated") =>
    shards.reduce((total, { record }) => total + record[key], 0);
  const { shard: _, ...common } = first.record;
  await writeEmbeddings(paths, ids, vectors, {
    ...common,
    sequences: total,
    tokens: sum("tokens"),
    unknown_tokens: sum("unknown_tokens"),
    truncated: sum("truncated"),
    truncated_ids: shards.flatMap(({ record }) => record.truncated_ids),
    merged_shards: count,
  });
  return { rows: total, shards: count };
}

async function readShard(paths: EmbeddingPaths) {
  const path = recordPath(paths.vectors);
  const record = await readJsonObject(path) as EmbeddingRecord;
  if (!Number.isSafeInteger(record.sequences_in_input)) {
    throw new DataError(`Cannot read "${path}": it does not say how many sequences the input has`);
  }
  if (typeof record.sequences_sha256 !== "string") {
    throw new DataError(`Cannot read "${path}": it has no "sequences_sha256" (make this shard again)`);
  }
  await refuseChanged(paths.vectors, "vectors", record);
  await refuseChanged(paths.ids, "ids", record);
  return { record, vectors: await readNpyMatrix(paths.vectors), ids: await readNpyStrings(paths.ids) };
}

function settingsThatDiffer(a: EmbeddingRecord, b: EmbeddingRecord): string | null {
  for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
    if (!ownToShard.includes(key) && JSON.stringify(a[key]) !== JSON.stringify(b[key])) return key;
  }
  return null;
}
