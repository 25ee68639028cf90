import { assertEquals, assertThrows } from "@std/assert";
import { join } from "@std/path";
import { createHash } from "node:crypto";
import { DataError } from "../../lib/cli/errors.ts";
import { hyenaTokenizer } from "../../lib/models/hyenadna/tokenizer.ts";
import { NtTokenizer } from "../../lib/models/nucleotide_transformer/tokenizer.ts";
import { padBatch, type Tokenizer } from "../../lib/models/token_batch.ts";
import { golden, testWith } from "../support/golden.ts";

interface Cases {
  single: { name: string; input: string; input_ids: number[] }[];
  truncation: { input: string; max_length: number; input_ids: number[] }[];
  batches: {
    name: string;
    input: string[];
    max_length?: number;
    input_ids: number[][];
    attention_mask: number[][];
  }[];
  long?: { input: string; n_tokens: number; input_ids_sha256_int32le: string };
}

function checkCases(tokenizer: Tokenizer, cases: Cases) {
  for (const { name, input, input_ids } of cases.single) {
    assertEquals([...tokenizer.encode(input).tokenIds], input_ids, name);
  }
  for (const { input, max_length, input_ids } of cases.truncation) {
    const { tokenIds, truncated } = tokenizer.encode(input, max_length);
    assertEquals([...tokenIds], input_ids, `at most ${max_length} tokens`);
    assertEquals(truncated, tokenizer.encode(input).tokenIds.length > max_length);
  }
  for (const { name, input, max_length, input_ids, attention_mask } of cases.batches) {
    const rows = input.map((sequence) => tokenizer.encode(sequence, max_length).tokenIds);
    const batch = padBatch(rows, tokenizer);
    assertEquals([batch.batch, batch.length], [input.length, input_ids[0].length]);
    assertEquals([...batch.tokenIds], input_ids.flat(), name);
    assertEquals([...batch.mask], attention_mask.flat(), name);
  }
}

const vocabulary = () => {
  const path = golden("deep/nt_tokenizer");
  return path && join(path, "vocab.txt");
};

testWith(
  golden("deep/nt_tokenizer"),
  "NtTokenizer gives the published tokenizer's ids in every case",
  (path) => {
    const cases: Cases = JSON.parse(Deno.readTextFileSync(join(path, "cases.json")));
    const tokenizer = new NtTokenizer(Deno.readTextFileSync(join(path, "vocab.txt")), "vocab.txt");
    checkCases(tokenizer, cases);
    const { tokenIds } = tokenizer.encode(cases.long!.input);
    assertEquals(tokenIds.length, cases.long!.n_tokens);
    const digest = createHash("sha256").update(new Uint8Array(tokenIds.buffer)).digest("hex");
    assertEquals(digest, cases.long!.input_ids_sha256_int32le);
  },
);

testWith(
  golden("deep/hyena_tokenizer"),
  "hyenaTokenizer gives the published tokenizer's ids in every case",
  (path) => {
    checkCases(hyenaTokenizer, JSON.parse(Deno.readTextFileSync(join(path, "cases.json"))));
  },
);

Deno.test("hyenaTokenizer counts a character beyond the basic plane once", () => {
  assertEquals([...hyenaTokenizer.encode("A\u{1f9ec}T").tokenIds], [0, 7, 6, 10, 1]);
  assertEquals([...hyenaTokenizer.encode("A\u{1f9ec}T", 4).tokenIds], [0, 7, 6, 1]);
  assertEquals([...hyenaTokenizer.encode("A\ud800").tokenIds], [0, 7, 6, 1]);
});

testWith(vocabulary(), "NtTokenizer refuses a vocabulary that is not one of 6-mers", (path) => {
  const text = Deno.readTextFileSync(path);
  const refuses = (vocabulary: string, message: string) =>
    assertThrows(
      () => new NtTokenizer(vocabulary, "v/vocab.txt"),
      DataError,
      `Cannot read "v/vocab.txt": ${message}`,
    );
  refuses("", `token "" is no 6-mer`);
  refuses(text.replace("<cls>\n", ""), "it has no token <cls>");
  refuses(text.replace("AAAAAT\n", "AAAAAA\n"), `line 7 ("AAAAAA") is there twice`);
  refuses(text.replace("AAAAAT\n", "##ing\n"), `token "##ing" is no 6-mer`);
});
