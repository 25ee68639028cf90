/**
 * k-mers of any k, one every `stride` letters (1 for DNABERT's overlapping ones, k for words side by side), by a vocab.txt with
 * a token a line. Letters behind the last k-mer are single tokens where the vocabulary has them, and give nothing elsewhere.
 * `[CLS]` (or `<cls>`) goes in front and `[SEP]` behind, where the vocabulary has them.
 */
import { DataError, UsageError } from "../cli/errors.ts";
import type { TokenizedSequence, Tokenizer } from "./token_batch.ts";

export interface KmerShape {
  readonly k: number;
  readonly stride: number;
}

/** "6:1", or "6" for a stride of 1. @throws {UsageError} for anything else */
export function parseKmer(text: string): KmerShape {
  const [, k, stride = "1"] = /^(\d{1,2})(?::(\d{1,2}))?$/.exec(text) ?? [];
  if (!(Number(k) >= 1 && Number(k) <= 12 && Number(stride) >= 1 && Number(stride) <= Number(k))) {
    throw new UsageError(
      `Cannot use --kmer "${text}": expected K:STRIDE with K from 1 to 12 and a stride from 1 to K, such as 6:1`,
    );
  }
  return { k: Number(k), stride: Number(stride) };
}

export class KmerTokenizer implements Tokenizer {
  readonly paddingSide = "right";
  readonly padId: number;
  readonly unknownId: number;
  readonly specialTokens: readonly string[];
  readonly leadingSpecial: number;
  readonly letters: number;
  readonly identity: string;
  readonly #shape: KmerShape;
  readonly #ids: ReadonlyMap<string, number>;

  /**
   * @param vocabulary content of vocab.txt: one token a line, ids in order
   * @param name of that file, for messages
   * @throws {DataError} when it lacks a k-mer of A, C, G and T or an unknown token
   */
  constructor(vocabulary: string, name: string, shape: KmerShape) {
    const tokens = vocabulary.trimEnd().split(/\r?\n/).map((line) => line.trim());
    this.#ids = new Map(tokens.map((token, id) => [token, id]));
    this.#shape = shape;
    const first = (...names: string[]) => names.find((token) => this.#ids.has(token));
    const missing = kmers(shape.k).find((word) => !this.#ids.has(word));
    if (missing !== undefined) {
      throw new DataError(
        `Cannot use "${name}" for ${shape.k}-mers: it has no token "${missing}" (--kmer K:STRIDE says which k)`,
      );
    }
    const unknown = first("[UNK]", "<unk>");
    if (unknown === undefined) throw new DataError(`Cannot use "${name}": it has no token [UNK] or <unk>`);
    this.unknownId = this.#ids.get(unknown)!;
    this.padId = this.#ids.get(first("[PAD]", "<pad>") ?? unknown)!;
    const front = first("[CLS]", "<cls>"), end = first("[SEP]");
    this.specialTokens = [front, end].filter((token) => token !== undefined);
    this.leadingSpecial = front === undefined ? 0 : 1;
    this.letters = shape.k;
    this.identity = `${shape.k}-mers, one every ${shape.stride}`;
  }

  encode(sequence: string, maxTokens = Infinity): TokenizedSequence {
    const { k, stride } = this.#shape, ids: number[] = [];
    const special = this.specialTokens.map((token) => this.#ids.get(token)!);
    const most = maxTokens - special.length;
    let at = 0, end = 0, truncated = false;
    for (; at + k <= sequence.length && !truncated; at += stride) {
      if (ids.length >= most) truncated = true;
      else ids.push(this.#ids.get(sequence.slice(at, at + k)) ?? this.unknownId);
      end = at + k;
    }
    for (const letter of truncated ? "" : sequence.slice(end)) {
      const id = this.#ids.get(letter);
      if (id === undefined) continue;
      if (ids.length >= most) truncated = true;
      else ids.push(id);
    }
    const { leadingSpecial } = this;
    return {
      tokenIds: Int32Array.from([
        ...special.slice(0, leadingSpecial),
        ...ids,
        ...special.slice(leadingSpecial),
      ]),
      truncated,
    };
  }
}

function kmers(k: number): string[] {
  let words = [""];
  for (let i = 0; i < k; i++) words = words.flatMap((word) => [..."ACGT"].map((letter) => word + letter));
  return words;
}
