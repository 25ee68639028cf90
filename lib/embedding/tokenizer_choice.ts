/** Which tokens a sequence becomes in front of an exported model. */
import { basename, dirname, join } from "@std/path";
import { DataError, UsageError } from "../cli/errors.ts";
import type { FlagDeclarations, Flags } from "../cli/flags.ts";
import { exists } from "../io/hub_cache.ts";
import { readFileText } from "../io/read_file.ts";
import { hyenaTokenizer } from "../models/hyenadna/tokenizer.ts";
import { KmerTokenizer, parseKmer } from "../models/kmer_tokenizer.ts";
import { type ModelSource, openModelSource } from "../models/model_source.ts";
import { readNtTokenizer } from "../models/nucleotide_transformer/pretrained.ts";
import { NtTokenizer } from "../models/nucleotide_transformer/tokenizer.ts";
import type { Tokenizer } from "../models/token_batch.ts";
import type { Pipeline } from "./embedder.ts";

export const tokenizerFlags = {
  "tokenizer": {
    default: null,
    type: "text",
    value: "FILE",
    group: "Models",
    shownDefault: "tokenizer.json or vocab.txt beside the model",
    help: "with --onnx: the model's tokenizer.json, or the vocab.txt of its k-mers",
  },
  "kmer": {
    default: null,
    type: "text",
    value: "K:STRIDE",
    group: "Models",
    help: "with --onnx: k-mers of a vocab.txt, one every STRIDE letters (DNABERT: 6:1)",
  },
} as const satisfies FlagDeclarations;

type TokenizerFlags = Flags<typeof tokenizerFlags>;

/** @throws {UsageError} when a tokenizer is named for a model that has its own */
export function checkTokenizerFlags(
  { onnx, tokenizer, kmer }: TokenizerFlags & { onnx: string | null },
): void {
  const given = tokenizer !== null ? "tokenizer" : kmer !== null ? "kmer" : null;
  if (given !== null && onnx === null) {
    throw new UsageError(`Cannot use --${given} without --onnx: the model has a tokenizer of its own`);
  }
  if (kmer !== null) parseKmer(kmer);
}

/** @throws {DataError} when there is no such file */
export async function checkExported(onnx: string): Promise<void> {
  const found = await Deno.stat(onnx).catch(() => null);
  if (found?.isFile) return;
  throw new DataError(
    `Cannot read "${onnx}": ${
      found === null ? "there is no such file" : "it is no file"
    } (--onnx names the exported model)`,
  );
}

/**
 * The tokenizer of an exported model: that of the flags, else by what lies beside the file, else of the model it was exported
 * from.
 *
 * @throws {DataError} when there is none
 */
export async function onnxTokenizer(
  pipeline: Pipeline,
  source: ModelSource,
  onnx: string,
  { tokenizer, kmer }: TokenizerFlags,
): Promise<Tokenizer> {
  const beside = (name: string) => {
    const path = join(dirname(onnx), name);
    return exists(path) ? path : null;
  };
  if (kmer !== null) {
    const vocabulary = tokenizer ?? beside("vocab.txt") ?? await source.file("vocab.txt");
    return new KmerTokenizer(await readFileText(vocabulary), vocabulary, parseKmer(kmer));
  }
  const json = tokenizer ?? (pipeline === "other" ? beside("tokenizer.json") : null);
  if (json !== null) {
    if (basename(json).endsWith(".txt")) return new NtTokenizer(await readFileText(json), json);
    return await (await import("../models/json_tokenizer.ts")).readJsonTokenizer(json);
  }
  if (pipeline === "hyenadna") return hyenaTokenizer;
  if (pipeline === "ntv2") {
    const own = beside("vocab.txt") === null ? source : await openModelSource(dirname(onnx));
    return await readNtTokenizer(own, null);
  }
  throw new DataError(
    `Cannot find the tokenizer of "${onnx}": there is no "tokenizer.json" beside it (--tokenizer names one, ` +
      `--kmer K:STRIDE takes the k-mers of a vocab.txt)`,
  );
}
