/** The tokens of any model whose `tokenizer.json` says them, by Hugging Face's own library: BPE, Unigram, WordPiece. */
import { createHash } from "node:crypto";
import { dirname, join } from "@std/path";
import { Tokenizer as HuggingFaceTokenizer } from "npm:@huggingface/tokenizers@0.2.0";
import { DataError } from "../cli/errors.ts";
import { readJsonObject } from "../io/json_file.ts";
import { readFileBytes } from "../io/read_file.ts";
import type { TokenizedSequence, Tokenizer } from "./token_batch.ts";

/** @throws {DataError} when the file is no tokenizer */
export async function readJsonTokenizer(path: string): Promise<Tokenizer> {
  const json = await readJsonObject(path);
  const beside = join(dirname(path), "tokenizer_config.json");
  const isThere = await Deno.stat(beside).then(({ isFile }) => isFile, () => false);
  const config = isThere ? await readJsonObject(beside) : {};
  let tokenizer: HuggingFaceTokenizer;
  try {
    tokenizer = new HuggingFaceTokenizer(json, config);
  } catch (error) {
    throw new DataError(
      `Cannot read "${path}" as a tokenizer: ${
        (error as Error).message
      } (expected a tokenizer.json of Hugging Face)`,
    );
  }
  const hash = createHash("sha256").update(await readFileBytes(path)).digest("hex");
  return asTokenizer(tokenizer, json, config, { path, identity: `tokenizer.json ${hash}` });
}

type JsonObject = Readonly<Record<string, unknown>>;

function asTokenizer(
  tokenizer: HuggingFaceTokenizer,
  json: JsonObject,
  config: JsonObject,
  { path, identity }: { path: string; identity: string },
): Tokenizer {
  const content = tokenizer.encode("A", { add_special_tokens: false }).ids;
  const { ids, tokens } = tokenizer.encode("A");
  const leading = ids.findIndex((_, i) => content.every((id, j) => ids[i + j] === id));
  if (content.length === 0 || leading < 0) {
    throw new DataError(`Cannot use the tokenizer "${path}": it makes no token of the sequence "A"`);
  }
  const specialTokens = tokens.filter((_, i) => i < leading || i >= leading + content.length);
  const padding = json.padding as { direction?: string; pad_id?: number } | null | undefined;
  const model = json.model as { unk_token?: string | null; unk_id?: number | null };
  const idOf = (names: readonly unknown[]) => {
    for (const name of names) {
      const id = typeof name === "string" ? tokenizer.token_to_id(name) : undefined;
      if (id !== undefined) return id;
    }
    return null;
  };
  const unknownId = model.unk_id ?? idOf([model.unk_token, config.unk_token, "[UNK]", "<unk>"]);
  // The library gives no id for what a word-level vocabulary lacks, where Python's gives that of the unknown token.
  const known = (ids: readonly (number | undefined)[]) => ids.flatMap((id) => id ?? unknownId ?? []);
  return {
    padId: padding?.pad_id ?? idOf([config.pad_token, "[PAD]", "<pad>"]) ?? 0,
    unknownId: unknownId ?? -1,
    paddingSide: padding?.direction === "Left" || config.padding_side === "left" ? "left" : "right",
    specialTokens,
    leadingSpecial: leading,
    letters: 1,
    identity,
    encode(sequence: string, maxTokens = Infinity): TokenizedSequence {
      const all = known(tokenizer.encode(sequence).ids);
      if (all.length <= maxTokens) return { tokenIds: Int32Array.from(all), truncated: false };
      const trailing = specialTokens.length - leading;
      const kept = [...all.slice(0, maxTokens - trailing), ...all.slice(all.length - trailing)];
      return { tokenIds: Int32Array.from(kept), truncated: true };
    },
  };
}
