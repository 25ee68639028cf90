/** Exported models of other kinds, with tokenizers of their own, against what Python computes (tests/fixtures/onnx). */
import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { DataError, UsageError } from "../../lib/cli/errors.ts";
import { readNpyMatrix } from "../../lib/io/npy.ts";
import { KmerTokenizer, parseKmer } from "../../lib/models/kmer_tokenizer.ts";
import { main } from "../../scripts/inference.ts";
import { linesPrinted } from "../support/captured_log.ts";
import { inFolder } from "../support/temporary_folder.ts";

interface Expected {
  sequence: string;
  ids: number[];
  layers: Record<string, number[]>[];
}

const fixtures = fromFileUrl(new URL("../fixtures/onnx/", import.meta.url));
const expectedOf = (model: string): Record<string, Expected> =>
  JSON.parse(Deno.readTextFileSync(join(fixtures, model, "expected.json")));
const poolings = ["mean", "cls", "max", "mean-no-special"];

function onnxTest(name: string, body: (folder: string) => Promise<void>) {
  // The runtime keeps its WebAssembly instance and, once, its workers.
  Deno.test({ name, sanitizeResources: false, sanitizeOps: false }, () => inFolder(body));
}

/** Run the script on an exported model with the sequences of its fixture; what it printed. */
function run(folder: string, model: string, ...args: string[]): Promise<string[]> {
  const input = join(folder, `${model}.csv`);
  const rows = Object.entries(expectedOf(model)).map(([id, { sequence }]) => `${id},${sequence}\n`);
  Deno.writeTextFileSync(input, "gene_id,sequence\n" + rows.join(""));
  const onnx = ["--onnx", join(fixtures, model, "model.onnx"), "--output", join(folder, "x.npy")];
  return linesPrinted(() =>
    main(["--pipeline", "other", "--input", input, "--device", "cpu", "--no-progress", ...onnx, ...args])
  );
}

for (const [model, flags] of [["bpe", []], ["characters", []], ["kmers", ["--kmer", "3:1"]]] as const) {
  onnxTest(
    `an exported model with ${model} gives every layer and pooling that Python does`,
    async (folder) => {
      await run(
        folder,
        model,
        ...flags,
        "--layer",
        "all",
        "last",
        "--pooling-method",
        ...poolings,
        "--batch-size",
        "3",
      );
      const expected = Object.values(expectedOf(model));
      for (const layer of ["layer0", "layer1", "last"]) {
        for (const pooling of poolings) {
          const { data, columns } = await readNpyMatrix(
            join(folder, `x_${layer}_${pooling.replaceAll("-", "_")}.npy`),
          );
          expected.forEach(({ layers }, row) =>
            layers[layer === "layer0" ? 0 : 1][pooling].forEach((value, j) => {
              // float32 of numbers around 1.
              assert(Math.abs(data[row * columns + j] - value) < 2e-6, `${layer} ${pooling}, row ${row}`);
            })
          );
        }
      }
      const record = JSON.parse(await Deno.readTextFile(join(folder, "x_layer0_max.json")));
      assertEquals(record.tokens, expected.reduce((sum, { ids }) => sum + ids.length, 0));
      assertEquals(record.layer, `output "hidden_states.0" of the ONNX model`);
      assertMatch(
        record.tokenizer,
        model === "kmers" ? /^3-mers, one every 1$/ : /^tokenizer\.json [0-9a-f]{64}$/,
      );
    },
  );
}

onnxTest(
  "the tokens of an exported model's tokenizer.json are cut within the special ones",
  async (folder) => {
    await run(folder, "bpe", "--max-seq-length", "5", "--pooling-method", "mean");
    const record = JSON.parse(await Deno.readTextFile(join(folder, "x.json")));
    const cut = Object.entries(expectedOf("bpe")).filter(([, { ids }]) => ids.length > 5).map(([id]) => id);
    assertEquals([record.truncated_ids, record.special_tokens], [cut, ["[CLS]", "[SEP]"]]);
  },
);

onnxTest("what is missing of an exported model is told in one sentence", async (folder) => {
  const refuses = (
    type: typeof DataError | typeof UsageError,
    message: string,
    model: string,
    ...args: string[]
  ) => assertRejects(() => run(folder, model, ...args), type, message);
  const absent = join(folder, "absent.onnx");
  await refuses(DataError, `Cannot read "${absent}": there is no such file`, "bpe", "--onnx", absent);
  await refuses(DataError, "Cannot find the tokenizer of", "kmers");
  await refuses(DataError, `for 4-mers: it has no token "AAAA"`, "kmers", "--kmer", "4");
  await refuses(UsageError, `has no output "hidden_states.7" (its outputs are`, "bpe", "--layer", "7");
  await refuses(
    UsageError,
    "a window of 2 letters is shorter than a token of this model, 3 letters",
    "kmers",
    "--kmer",
    "3",
    "--windows",
    "2",
  );
  const noTokenizer = join(fixtures, "bpe", "expected.json");
  await refuses(DataError, `Cannot read "${noTokenizer}" as a tokenizer`, "bpe", "--tokenizer", noTokenizer);
  await refuses(UsageError, `Cannot use --kmer "7:9"`, "kmers", "--kmer", "7:9");
});

const vocabulary = (k: number, others: string[]) => {
  let words = [""];
  for (let i = 0; i < k; i++) words = words.flatMap((word) => [..."ACGT"].map((letter) => word + letter));
  return [...others, ...words].join("\n") + "\n";
};

Deno.test("KmerTokenizer takes k-mers of any k with a stride, and what is left as letters where there are such", () => {
  const special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"];
  const words = (text: string, k: number, stride: number, others = special) => {
    const lines = vocabulary(k, others), tokens = lines.split("\n");
    const tokenizer = new KmerTokenizer(lines, "vocab.txt", { k, stride });
    return [...tokenizer.encode(text).tokenIds].map((id) => tokens[id]).join(" ");
  };
  assertEquals(words("ACGTA", 3, 1), "[CLS] ACG CGT GTA [SEP]");
  assertEquals(words("ACGTACG", 3, 3), "[CLS] ACG TAC [SEP]");
  assertEquals(words("ACGTACG", 3, 3, [...special, "G"]), "[CLS] ACG TAC G [SEP]");
  assertEquals(words("ACGTACG", 4, 2), "[CLS] ACGT GTAC [SEP]");
  assertEquals(words("ACNTA", 2, 1), "[CLS] AC [UNK] [UNK] TA [SEP]");
  assertEquals(words("ACG", 1, 1, ["<unk>", "<cls>", "<pad>"]), "<cls> A C G");
  assertEquals(words("AC", 3, 1), "[CLS] [SEP]", "shorter than a k-mer");
  const tokenizer = new KmerTokenizer(vocabulary(3, special), "vocab.txt", { k: 3, stride: 1 });
  const { tokenIds, truncated } = tokenizer.encode("ACGTACGT", 4);
  assertEquals([tokenIds.length, tokenIds.at(-1), truncated], [4, 3, true]);
  assertEquals(tokenizer.encode("ACGT", 4).truncated, false);
  assertThrows(() => new KmerTokenizer("AAA\n", "v.txt", { k: 3, stride: 1 }), DataError, `no token "AAC"`);
  assertThrows(
    () => new KmerTokenizer(vocabulary(2, []), "v.txt", { k: 2, stride: 1 }),
    DataError,
    "no token [UNK] or <unk>",
  );
  for (const text of ["", "0", "3:0", "3:4", "a", "13", "3:1:1"]) {
    assertThrows(() => parseKmer(text), UsageError, `Cannot use --kmer "${text}"`);
  }
  assertEquals(parseKmer("6"), { k: 6, stride: 1 });
});
