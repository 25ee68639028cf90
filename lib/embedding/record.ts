/** How embeddings were made, as inference.ts writes it into the .json beside a .npy, and how two of them differ. */
import { DataError } from "../cli/errors.ts";
import { log } from "../cli/log.ts";
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
  strands: "the choice of strands",
  windows: "the cut into windows",
  upper_cased: "upper-casing of the letters",
  tokenizer: "the tokenizer",
  special_tokens: "the special tokens",
  special_tokens_counted: "counting of special tokens in the mean",
};

/** What records of the time before these keys mean by leaving them out; null in a record means the same. */
const before: Readonly<Record<string, unknown>> = { strands: "given", windows: "none" };

/** Further keys that say how to make such vectors again. */
const recipe = ["model", "layer_index", "pooling_method", "max_tokens"];

/** The keys of a record that decide what its vectors mean: what a saved model keeps of it. */
export function decidingPart(record: EmbeddingRecord): EmbeddingRecord {
  return Object.fromEntries(
    Object.entries(record).filter(([key]) => recipe.includes(key) || Object.hasOwn(deciding, key)),
  );
}

/**
 * What differs between two records, a plain sentence each; empty where the vectors mean the same. A key that only one
 * record has is not compared, since older records lack some. Names of models count only where neither hash nor commit
 * can be compared: one model may lie in two folders.
 */
export function differences(a: EmbeddingRecord, b: EmbeddingRecord): string[] {
  const of = (record: EmbeddingRecord, key: string) => record[key] ?? before[key] ?? null;
  const both = (key: string) => of(a, key) !== null && of(b, key) !== null;
  const keys = Object.keys(deciding).filter(both);
  const told = keys.filter((key) => JSON.stringify(of(a, key)) !== JSON.stringify(of(b, key)))
    .map((key) => `${deciding[key]} differs: ${shown(of(a, key))} and ${shown(of(b, key))}`);
  if (!both("weights_sha256") && !both("revision") && both("model") && a.model !== b.model) {
    told.push(`the model differs: ${shown(a.model)} and ${shown(b.model)}`);
  }
  return told;
}

/** Two sets of embeddings that are used together, and what to do about a difference. */
export interface Compared {
  /** Either with what a sentence calls it; null where nothing is known of it. */
  readonly ours: { readonly name: string; readonly record: EmbeddingRecord | null };
  readonly theirs: { readonly name: string; readonly record: EmbeddingRecord | null };
  /** "Cannot predict". */
  readonly cannot: string;
  /** Whether the user wants to go on all the same. */
  readonly force: boolean;
}

/** @throws {DataError} naming what differs, where embeddings were made in two ways and `force` is off */
export function requireSameMaking({ ours, theirs, cannot, force }: Compared): void {
  if (!ours.record || !theirs.record) return;
  const others = differences(theirs.record, ours.record);
  if (others.length === 0) return;
  const what = `${ours.name} were made in another way than ${theirs.name}: ${others.join("; ")}`;
  if (!force) throw new DataError(`${cannot}: ${what} (--force goes on all the same)`);
  log.warn(`--force: ${what}.`);
}

function shown(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}
