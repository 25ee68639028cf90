/**
 * HyenaDNA's tokens: one a character, `[CLS] sequence [SEP]`, padding on the left. Anything but A, C, G, T, N (lower
 * case too) is `[UNK]`.
 */
import type { TokenizedSequence, Tokenizer } from "../token_batch.ts";

const ids = { "[CLS]": 0, "[SEP]": 1, "[PAD]": 4, "[UNK]": 6, A: 7, C: 8, G: 9, T: 10, N: 11 };

const idOfCharCode = new Int32Array(128).fill(ids["[UNK]"]);
for (const letter of ["A", "C", "G", "T", "N"] as const) idOfCharCode[letter.charCodeAt(0)] = ids[letter];

export const hyenaTokenizer: Tokenizer = {
  padId: ids["[PAD]"],
  unknownId: ids["[UNK]"],
  paddingSide: "left",
  specialTokens: ["[CLS]", "[SEP]"],
  leadingSpecial: 1,
  letters: 1,
  encode(sequence: string, maxTokens = Infinity): TokenizedSequence {
    const letters: Int32Array = new Int32Array(Math.min(sequence.length, Math.max(0, maxTokens - 2)));
    let count = 0, at = 0;
    for (; at < sequence.length && count < letters.length; at++) {
      const code = sequence.charCodeAt(at);
      letters[count++] = code < 128 ? idOfCharCode[code] : ids["[UNK]"];
      // A character beyond the basic plane is one character in two code units.
      if (code >= 0xd800 && code < 0xdc00 && (sequence.charCodeAt(at + 1) & 0xfc00) === 0xdc00) at++;
    }
    const tokenIds = new Int32Array(count + 2);
    tokenIds[0] = ids["[CLS]"];
    tokenIds.set(letters.subarray(0, count), 1);
    tokenIds[count + 1] = ids["[SEP]"];
    return { tokenIds, truncated: at < sequence.length };
  },
};
