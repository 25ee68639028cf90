/** Tokens of an input, or of a shard of it, and a hash that says whether two runs are over the same sequences. */
import { createHash } from "node:crypto";
import type { Tokenizer } from "../models/token_batch.ts";
import type { Sequences } from "./sequences.ts";

export interface TokenizedInput {
  /** Of the rows asked for, as is all else but the hash. */
  readonly ids: readonly string[];
  readonly tokenIds: readonly Int32Array[];
  readonly truncatedIds: readonly string[];
  readonly tokens: number;
  readonly unknownTokens: number;
  /** SHA-256 over ids and tokens of the whole input. */
  readonly sha256: string;
}

/**
 * @param rows ascending
 * @param maxTokens longer sequences are cut to this many, special ones included
 */
export function tokenizeInput(
  { ids, sequences }: Sequences,
  rows: readonly number[],
  tokenizer: Tokenizer,
  maxTokens: number,
): TokenizedInput {
  const wanted = new Set(rows);
  const hash = createHash("sha256").update(JSON.stringify(ids));
  const chosen: Int32Array[] = [], truncatedIds: string[] = [];
  let tokens = 0, unknownTokens = 0;
  sequences.forEach((sequence, row) => {
    const { tokenIds, truncated } = tokenizer.encode(sequence, maxTokens);
    hash.update(new Uint8Array(tokenIds.buffer, tokenIds.byteOffset, tokenIds.byteLength)).update(";");
    // Tokens of other shards are not kept: they may be more than the memory holds.
    if (!wanted.has(row)) return;
    chosen.push(tokenIds);
    if (truncated) truncatedIds.push(ids[row]);
    tokens += tokenIds.length;
    for (const id of tokenIds) if (id === tokenizer.unknownId) unknownTokens++;
  });
  return {
    ids: rows.map((row) => ids[row]),
    tokenIds: chosen,
    truncatedIds,
    tokens,
    unknownTokens,
    sha256: hash.digest("hex"),
  };
}
