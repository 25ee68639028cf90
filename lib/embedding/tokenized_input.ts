/** Tokens of an input, or of a shard of it, and a hash that says whether two runs are over the same sequences. */
import { createHash } from "node:crypto";
import { reverseComplement } from "../genome/reverse_complement.ts";
import type { Tokenizer } from "../models/token_batch.ts";
import type { Sequences } from "./sequences.ts";
import type { Strands } from "./strands.ts";
import { type Stretch, type Windows, windowsOf } from "./windows.ts";

/** What goes through the model of each sequence. */
export interface Cut {
  readonly strands: Strands;
  /** Null: sequences whole. */
  readonly windows: Windows | null;
}

/** Part of a sequence on one strand: what goes through the model at once. */
export interface Piece {
  /** Place of its sequence among those of this run. */
  readonly sequence: number;
  readonly stretch: Stretch;
  /** Whether it is the reverse complement. */
  readonly reversed: boolean;
  readonly tokenIds: Int32Array<ArrayBuffer>;
}

export interface TokenizedInput {
  /** Of the rows asked for, as is all else but the hash. */
  readonly ids: readonly string[];
  /** In the order of sequences, windows and strands. */
  readonly pieces: readonly Piece[];
  /** Windows of each sequence. */
  readonly windows: readonly number[];
  readonly truncatedIds: readonly string[];
  readonly tokens: number;
  readonly unknownTokens: number;
  /** SHA-256 over ids and tokens of the whole input. */
  readonly sha256: string;
}

/**
 * @param rows ascending
 * @param maxTokens longer pieces are cut to this many, special ones included
 */
export function tokenizeInput(
  { ids, sequences }: Sequences,
  rows: readonly number[],
  { tokenizer, maxTokens, strands, windows }: { tokenizer: Tokenizer; maxTokens: number } & Cut,
): TokenizedInput {
  const placeOf = new Map(rows.map((row, place) => [row, place]));
  const hash = createHash("sha256").update(JSON.stringify(ids));
  const pieces: Piece[] = [], truncatedIds: string[] = [], counts: number[] = [];
  let tokens = 0, unknownTokens = 0;
  sequences.forEach((sequence, row) => {
    const place = placeOf.get(row), whole = { start: 0, end: sequence.length };
    const stretches = windows === null ? [whole] : windowsOf(sequence.length, windows);
    let isTruncated = false;
    for (const stretch of stretches) {
      const forward = sequence.slice(stretch.start, stretch.end);
      for (const reversed of strands === "given" ? [false] : [false, true]) {
        const text = reversed ? reverseComplement(forward) : forward;
        const { tokenIds, truncated } = tokenizer.encode(text, maxTokens);
        hash.update(new Uint8Array(tokenIds.buffer, tokenIds.byteOffset, tokenIds.byteLength)).update(";");
        // Tokens of other shards are not kept: they may be more than the memory holds.
        if (place === undefined) continue;
        pieces.push({ sequence: place, stretch, reversed, tokenIds });
        isTruncated ||= truncated;
        tokens += tokenIds.length;
        for (const id of tokenIds) if (id === tokenizer.unknownId) unknownTokens++;
      }
    }
    if (place === undefined) return;
    counts.push(stretches.length);
    if (isTruncated) truncatedIds.push(ids[row]);
  });
  return {
    ids: rows.map((row) => ids[row]),
    pieces,
    windows: counts,
    truncatedIds,
    tokens,
    unknownTokens,
    sha256: hash.digest("hex"),
  };
}
