/** How embeddings were made, as inference.ts writes it into the .json beside a .npy, and how two of them differ. */
import { DataError } from "../cli/errors.ts";
import { readJsonObject } from "../io/json_file.ts";

export type EmbeddingRecord = Readonly<Record<string, unknown>>;

/**
 * The record beside embeddings: "x.json" for "x.npy".
 *
 * @returns null where there is none: embeddings that other programs wrote have no record
 * @throws {DataError} when it is no JSON object
 */
export async function embeddingRecord(path: string): Promise<EmbeddingRecord | null> {
  if (!path.endsWith(".npy")) {
    throw new DataError(`Cannot find the record of "${path}": expected the path of a .npy file`);
  }
  const json = path.replace(/\.npy$/, ".json");
  const found = await Deno.stat(json).catch(() => null);
  return found?.isFile ? await readJsonObject(json) : null;
}

/** Keys that decide what a vector means, and how a sentence calls them. */
const deciding: Readonly<Record<string, string>> = {
  pipeline: "the pipeline",
  weights_sha256: "the SHA-256 of the weights",
  revision: "the commit of the weights",
  layer: "the layer",
  pooling: "the pooling",
  upper_cased: "upper-casing of the letters",
  special_tokens: "the special tokens",
  special_tokens_counted: "counting of special tokens in the mean",
};

/** The keys of a record that decide what its vectors mean: what a saved model keeps of it. */
export function decidingPart(record: EmbeddingRecord): EmbeddingRecord {
  return Object.fromEntries(Object.entries(record).filter(([key]) => key === "model" || key in deciding));
}

/**
 * What differs between two records, a plain sentence each; empty where the vectors mean the same. A key that only one
 * record has is not compared, since older records lack some. Names of models count only where neither hash nor commit
 * can be compared: one model may lie in two folders.
 */
export function differences(a: EmbeddingRecord, b: EmbeddingRecord): string[] {
  const both = (key: string) => (a[key] ?? null) !== null && (b[key] ?? null) !== null;
  const keys = Object.keys(deciding).filter(both);
  const told = keys.filter((key) => JSON.stringify(a[key]) !== JSON.stringify(b[key]))
    .map((key) => `${deciding[key]} differs: ${shown(a[key])} and ${shown(b[key])}`);
  if (!both("weights_sha256") && !both("revision") && both("model") && a.model !== b.model) {
    told.push(`the model differs: ${shown(a.model)} and ${shown(b.model)}`);
  }
  return told;
}

function shown(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}
