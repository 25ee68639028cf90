/**
 * Nucleotide Transformer's tokens: from left to right a 6-mer where the next six letters form one, else a single
 * letter. A run of anything else is one `<unk>`, broken at white space, which itself gives nothing. `<cls>` goes in front.
 */
import { DataError } from "../../cli/errors.ts";
import type { TokenizedSequence, Tokenizer } from "../token_batch.ts";

const wordLength = 6;
/** What Python's `str.split()` takes for white space. */
// deno-lint-ignore no-control-regex -- Python counts the separators FS to US
const whiteSpace = /[\s\x1c-\x1f\x85]/;

export class NtTokenizer implements Tokenizer {
  readonly paddingSide = "right";
  readonly specialTokens = ["<cls>"];
  readonly leadingSpecial = 1;
  readonly letters = wordLength;
  readonly padId: number;
  readonly unknownId: number;
  readonly vocabularySize: number;
  readonly #ids: ReadonlyMap<string, number>;
  readonly #bracketed: readonly string[];
  readonly #classId: number;

  /**
   * @param vocabulary content of vocab.txt: one token a line, ids in order
   * @param name of that file, for messages
   */
  constructor(vocabulary: string, name: string) {
    const tokens = vocabulary.trimEnd().split(/\r?\n/).map((line) => line.trim());
    this.#ids = new Map(tokens.map((token, id) => [token, id]));
    const id = (token: string) => {
      const found = this.#ids.get(token);
      if (found === undefined) {
        throw new DataError(
          `Cannot read "${name}": it has no token ${token}, expected a vocabulary of 6-mers`,
        );
      }
      return found;
    };
    if (this.#ids.size !== tokens.length) {
      const repeated = tokens.findIndex((token, i) => this.#ids.get(token) !== i);
      throw new DataError(
        `Cannot read "${name}": line ${repeated + 1} ("${tokens[repeated]}") is there twice`,
      );
    }
    const odd = tokens.find((token) => !/^(<.+>|[A-Z]|[A-Z]{6})$/.test(token));
    if (odd !== undefined) {
      throw new DataError(`Cannot read "${name}": token "${odd}" is no 6-mer, letter or <special> token`);
    }
    for (const letter of "ATCGN") id(letter);
    this.unknownId = id("<unk>");
    this.#classId = id("<cls>");
    this.padId = id("<pad>");
    this.vocabularySize = tokens.length;
    this.#bracketed = tokens.filter((token) => token.startsWith("<")).sort((a, b) => b.length - a.length);
  }

  encode(sequence: string, maxTokens = Infinity): TokenizedSequence {
    const ids = [this.#classId];
    let inUnknown = false;
    let truncated = false;
    for (let at = 0; at < sequence.length;) {
      const [id, width] = this.#tokenAt(sequence, at);
      at += width;
      const starts = id !== undefined || (!inUnknown && !whiteSpace.test(sequence[at - 1]));
      inUnknown = id === undefined && !whiteSpace.test(sequence[at - 1]);
      if (!starts) continue;
      if (ids.length >= maxTokens) {
        truncated = true;
        break;
      }
      ids.push(id ?? this.unknownId);
    }
    return { tokenIds: Int32Array.from(ids), truncated };
  }

  /** Id and width of the token at a place; one letter without an id where there is none. */
  #tokenAt(sequence: string, at: number): [id: number | undefined, width: number] {
    const word = this.#ids.get(sequence.slice(at, at + wordLength));
    if (word !== undefined && sequence.length - at >= wordLength && sequence[at] !== "<") {
      return [word, wordLength];
    }
    if (sequence[at] === "<") {
      const special = this.#bracketed.find((token) => sequence.startsWith(token, at));
      return special === undefined ? [undefined, 1] : [this.#ids.get(special), special.length];
    }
    return [this.#ids.get(sequence[at]), 1];
  }
}
