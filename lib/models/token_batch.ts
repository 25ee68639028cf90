/** Token ids of sequences, and how several of them become one rectangle. */

/** The tokens of one sequence. */
export interface TokenizedSequence {
  readonly tokenIds: Int32Array<ArrayBuffer>;
  /** Whether tokens were cut off to keep to the limit. */
  readonly truncated: boolean;
}

export interface Tokenizer {
  readonly padId: number;
  readonly unknownId: number;
  /** Where padding goes. */
  readonly paddingSide: "left" | "right";
  /** Names of the special tokens that every sequence gets, for the record beside embeddings. */
  readonly specialTokens: readonly string[];
  /** How many of them stand in front of a sequence; the others stand behind it. */
  readonly leadingSpecial: number;
  /** Letters of the shortest token that tells something: a piece of DNA below it makes no sense. */
  readonly letters: number;
  /** What else decides which tokens a sequence becomes, such as a hash of a file, for the record. */
  readonly identity?: string;
  /** @param maxTokens limit on tokens, special ones included; at least the number of special tokens */
  encode(sequence: string, maxTokens?: number): TokenizedSequence;
}

/** Sequences padded to the longest of them: batch x length, row-major. */
export interface TokenBatch {
  readonly tokenIds: Int32Array<ArrayBuffer>;
  /** 1 at tokens, 0 at padding. */
  readonly mask: Int32Array<ArrayBuffer>;
  readonly batch: number;
  readonly length: number;
}

export function padBatch(
  sequences: readonly Int32Array[],
  { padId, paddingSide }: Pick<Tokenizer, "padId" | "paddingSide">,
): TokenBatch {
  const batch = sequences.length;
  const length = Math.max(0, ...sequences.map((sequence) => sequence.length));
  const tokenIds = new Int32Array(batch * length).fill(padId);
  const mask = new Int32Array(batch * length);
  sequences.forEach((sequence, row) => {
    const start = row * length + (paddingSide === "left" ? length - sequence.length : 0);
    tokenIds.set(sequence, start);
    mask.fill(1, start, start + sequence.length);
  });
  return { tokenIds, mask, batch, length };
}

/** The mask without the special tokens around each sequence. */
export function maskWithoutSpecial(
  { mask, batch, length }: TokenBatch,
  { specialTokens, leadingSpecial }: Pick<Tokenizer, "specialTokens" | "leadingSpecial">,
): Int32Array<ArrayBuffer> {
  const inner = mask.slice(), trailing = specialTokens.length - leadingSpecial;
  for (let row = 0; row < batch; row++) {
    const own = inner.subarray(row * length, (row + 1) * length);
    const first = own.indexOf(1), end = own.lastIndexOf(1) + 1;
    own.fill(0, first, Math.min(end, first + leadingSpecial));
    own.fill(0, Math.max(first, end - trailing), end);
  }
  return inner;
}
