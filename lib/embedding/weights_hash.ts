import { createHash } from "node:crypto";
import { basename, dirname, join } from "@std/path";
import { shardsOf } from "../io/sharded_tensors.ts";
import { type ModelSource, openModelWeights } from "../models/model_source.ts";
import type { EmbedderRecord } from "./embedder.ts";

/**
 * SHA-256 of a model's weights, which a folder may change in place: of the file, or of an index and its shards in the
 * order of their names.
 *
 * @param weights name of the file, or of the index
 */
export async function hashWeights(source: ModelSource, weights: string): Promise<string> {
  const path = await source.file(weights);
  const shards = weights.endsWith(".index.json") ? new Set(Object.values(await shardsOf(path))) : [];
  const hash = createHash("sha256");
  for (const each of [path, ...[...shards].sort().map((shard) => join(dirname(path), shard))]) {
    using file = await Deno.open(each);
    for await (const bytes of file.readable) hash.update(bytes);
  }
  return hash.digest("hex");
}

/** What the commit says of a model of the hub, a hash says of one in a folder: which weights these are. */
export async function withWeightsHash(record: EmbedderRecord, source: ModelSource): Promise<EmbedderRecord> {
  if (record.revision !== null) return record;
  return { ...record, weights_sha256: await hashWeights(source, record.weights) };
}

/** Which weights a model has, as a record of embeddings says it. */
export async function weightsRecord(source: ModelSource): Promise<Record<string, string>> {
  if (source.commit !== null) return { model: source.name, revision: source.commit };
  const weights = await openModelWeights(source);
  weights.close();
  return { model: source.name, weights_sha256: await hashWeights(source, basename(weights.path)) };
}
