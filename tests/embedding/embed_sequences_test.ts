import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { join } from "@std/path";
import { DataError, UsageError } from "../../lib/cli/errors.ts";
import { type EmbeddingOptions, embedSequences } from "../../lib/embedding/embed_sequences.ts";
import type { Embedder } from "../../lib/embedding/embedder.ts";
import { mergeShards } from "../../lib/embedding/merge_shards.ts";
import { parseShard, pathsIn, recordPath, shardPaths, shardRows } from "../../lib/embedding/outputs.ts";
import { EmbeddingProgress } from "../../lib/embedding/progress.ts";
import { readNpyMatrix, readNpyStrings } from "../../lib/io/npy.ts";
import { hyenaTokenizer } from "../../lib/models/hyena_tokenizer.ts";
import { linesPrinted } from "../support/captured_log.ts";

/** Stands for a model: a sequence's vector is its count of tokens, its count of A, and its first token. */
function countingEmbedder(
  changed: Partial<Embedder> = {},
): Embedder & { embedded: number; batches: number[] } {
  const embedder = {
    tokenizer: hyenaTokenizer,
    width: 3,
    maxTokens: 100,
    allowsPadding: true,
    maxBatchTokens: 1000,
    record: {
      pipeline: "test",
      model: "counting",
      revision: null,
      weights: "none",
      layer: "0",
      dtype: "f32",
      device: "none",
    },
    embedded: 0,
    batches: [] as number[],
    embed({ tokenIds, mask, batch, length }: Parameters<Embedder["embed"]>[0]) {
      embedder.embedded += batch;
      embedder.batches.push(batch);
      const vectors = new Float32Array(batch * 3);
      for (let row = 0; row < batch; row++) {
        const tokens = tokenIds.subarray(row * length, (row + 1) * length).filter((_, i) =>
          mask[row * length + i] === 1
        );
        vectors.set([tokens.length, tokens.filter((id) => id === 7).length, tokens[1]], row * 3);
      }
      return Promise.resolve({ vectors, finite: new Array<boolean>(batch).fill(true) });
    },
    close: () => Promise.resolve(),
    ...changed,
  };
  return embedder;
}

const ids = Array.from({ length: 11 }, (_, i) => `G${i}`);
const sequences = ids.map((_, i) => "ACGTTGCAAACG".repeat(3).slice(i % 4, 5 + (i * 5) % 17 + i % 4));
const input = { path: "genes.csv", ids, sequences };

const options = (changed: Partial<EmbeddingOptions> = {}): EmbeddingOptions => ({
  pooling: "mean",
  batchSize: 3,
  maxTokens: 50,
  resume: false,
  shard: null,
  progress: new EmbeddingProgress("Test", false),
  ...changed,
});

function embeddingTest(name: string, body: (folder: string) => Promise<void>) {
  Deno.test(name, async () => {
    const folder = await Deno.makeTempDir({ prefix: "embedding" });
    try {
      await linesPrinted(() => body(folder));
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

const pathsOf = (folder: string) => pathsIn(folder, "x", "x_gene_ids", "x_gene_index.txt");
const names = (folder: string) => [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
const expected = sequences.flatMap((sequence) => {
  const { tokenIds } = hyenaTokenizer.encode(sequence);
  return [tokenIds.length, tokenIds.filter((id) => id === 7).length, tokenIds[1]];
});

embeddingTest(
  "embedSequences() writes vectors in the order of the input, ids, a text index and a record",
  async (folder) => {
    const embedder = countingEmbedder();
    await embedSequences(embedder, input, pathsOf(folder), options());
    assertEquals(names(folder), ["x.json", "x.npy", "x_gene_ids.npy", "x_gene_index.txt"]);
    const { data, rows, columns } = await readNpyMatrix(join(folder, "x.npy"));
    assertEquals([rows, columns, [...data]], [11, 3, expected]);
    assertEquals(await readNpyStrings(join(folder, "x_gene_ids.npy")), ids);
    assertEquals(await Deno.readTextFile(join(folder, "x_gene_index.txt")), ids.join("\n") + "\n");
    const record = JSON.parse(await Deno.readTextFile(join(folder, "x.json")));
    assertEquals(record.model, "counting");
    assertEquals(record.pooling, "mean over all tokens");
    assertEquals(record.special_tokens, ["[CLS]", "[SEP]"]);
    assertEquals(record.special_tokens_counted, true);
    assertEquals([record.sequences, record.width, record.truncated], [11, 3, 0]);
    assertEquals(record.tokens, sequences.join("").length + 22);
  },
);

embeddingTest("embedSequences() cuts long sequences and counts them", async (folder) => {
  const lines = await linesPrinted(() =>
    embedSequences(countingEmbedder({ maxTokens: 12 }), input, pathsOf(folder), options({ maxTokens: 20 }))
  );
  const { truncated, truncated_ids, max_tokens } = JSON.parse(
    await Deno.readTextFile(join(folder, "x.json")),
  );
  const long = ids.filter((_, i) => sequences[i].length > 10);
  assertEquals([truncated, truncated_ids, max_tokens], [long.length, long, 12]);
  assertEquals(lines[0], `[warn] ${long.length} sequences of "genes.csv" cut to 12 tokens`);
});

embeddingTest("a run that was killed goes on with --resume and ends in the same files", async (folder) => {
  const whole = join(folder, "whole");
  await embedSequences(countingEmbedder(), input, pathsOf(whole), options());
  const killed = countingEmbedder();
  const embed = killed.embed;
  killed.embed = (...parameters) =>
    killed.batches.length === 2 ? Promise.reject(new Error("killed")) : embed(...parameters);
  await assertRejects(() => embedSequences(killed, input, pathsOf(folder), options()), Error, "killed");
  const kept = killed.embedded;
  // The kill came in the middle of a record.
  await Deno.writeFile(join(folder, "x.npy.unfinished"), new Uint8Array(7), { append: true });

  const other = options({ resume: true, pooling: "cls" });
  await assertRejects(
    () => embedSequences(countingEmbedder(), input, pathsOf(folder), other),
    DataError,
    `its pooling is "mean", now "cls"`,
  );
  const otherInput = { ...input, sequences: sequences.with(0, "TTTT") };
  await assertRejects(
    () => embedSequences(countingEmbedder(), otherInput, pathsOf(folder), options({ resume: true })),
    DataError,
    "its sequences_sha256 is",
  );

  const resumed = countingEmbedder();
  await embedSequences(resumed, input, pathsOf(folder), options({ resume: true }));
  assertEquals(resumed.embedded, ids.length - kept);
  for (const name of names(whole)) {
    assertEquals(await Deno.readFile(join(folder, name)), await Deno.readFile(join(whole, name)), name);
  }
  assertEquals(names(folder).includes("x.npy.unfinished"), false);
});

embeddingTest("without --resume a run starts anew, with a warning", async (folder) => {
  const killed = countingEmbedder({ maxBatchTokens: 1 });
  const embed = killed.embed;
  killed.embed = (...parameters) =>
    killed.embedded === 5 ? Promise.reject(new Error("killed")) : embed(...parameters);
  await assertRejects(() => embedSequences(killed, input, pathsOf(folder), options()), Error, "killed");
  const again = countingEmbedder();
  const lines = await linesPrinted(() => embedSequences(again, input, pathsOf(folder), options()));
  assertEquals(again.embedded, ids.length);
  assertEquals(lines[0].includes("Starting anew though"), true);
  assertEquals([...(await readNpyMatrix(join(folder, "x.npy"))).data], expected);
});

embeddingTest("shards merge into what one run gives", async (folder) => {
  const whole = join(folder, "whole");
  await embedSequences(countingEmbedder(), input, pathsOf(whole), options());
  for (const index of [3, 1, 2]) {
    const shard = { index, count: 4 };
    await embedSequences(countingEmbedder(), input, pathsOf(folder), options({ shard }));
  }
  await assertRejects(() => mergeShards(pathsOf(folder)), DataError, "4/4 not there yet");
  await embedSequences(
    countingEmbedder(),
    input,
    pathsOf(folder),
    options({ shard: { index: 4, count: 4 } }),
  );
  assertEquals(await mergeShards(pathsOf(folder)), { rows: 11, shards: 4 });
  for (const name of ["x.npy", "x_gene_ids.npy", "x_gene_index.txt"]) {
    assertEquals(await Deno.readFile(join(folder, name)), await Deno.readFile(join(whole, name)), name);
  }
  const record = JSON.parse(await Deno.readTextFile(join(folder, "x.json")));
  const wholeRecord = JSON.parse(await Deno.readTextFile(join(whole, "x.json")));
  assertEquals([record.sequences, record.tokens, record.merged_shards], [11, wholeRecord.tokens, 4]);
});

embeddingTest("mergeShards() refuses shards that do not belong together", async (folder) => {
  await assertRejects(() => mergeShards(pathsOf(folder)), DataError, "there are none");
  await assertRejects(() => mergeShards(pathsOf(join(folder, "absent"))), DataError, "there are none");
  const make = (index: number, count: number, changed: Partial<EmbeddingOptions> = {}) =>
    embedSequences(
      countingEmbedder(),
      input,
      pathsOf(folder),
      options({ shard: { index, count }, ...changed }),
    );
  await make(1, 2);
  await make(2, 2, { pooling: "cls" });
  await assertRejects(() => mergeShards(pathsOf(folder)), DataError, `1/2 and 2/2 differ in "pooling"`);
  await make(1, 3);
  await assertRejects(() => mergeShards(pathsOf(folder)), DataError, "there are shards of");
  await Deno.remove(shardPaths(pathsOf(folder), { index: 1, count: 3 }).vectors);
  await Deno.writeTextFile(recordPath(shardPaths(pathsOf(folder), { index: 1, count: 2 }).vectors), "{");
  await assertRejects(() => mergeShards(pathsOf(folder)), DataError, "it is not JSON");
});

embeddingTest("a hidden state that is not finite stops the run and names the sequence", async (folder) => {
  const broken = countingEmbedder();
  const embed = broken.embed;
  broken.embed = async (...parameters) => {
    const result = await embed(...parameters);
    return broken.batches.length < 2 ? result : { ...result, finite: result.finite.map((_, i) => i !== 1) };
  };
  await assertRejects(
    () => embedSequences(broken, { ...input, sequences: ids.map(() => "ACGT") }, pathsOf(folder), options()),
    DataError,
    `Cannot embed "G4" of "genes.csv": a hidden state is not finite`,
  );
});

Deno.test("parseShard() takes i/n, and the shards share out all rows", () => {
  assertEquals(parseShard("2/8"), { index: 2, count: 8 });
  for (const text of ["0/4", "5/4", "1", "1/0", "a/b", "1/2/3", "-1/2"]) {
    assertThrows(() => parseShard(text), UsageError, `Cannot use --shard ${text}`);
  }
  for (const total of [1, 5, 12]) {
    const rows = [1, 2, 3, 4, 5].flatMap((index) => shardRows(total, { index, count: 5 }));
    assertEquals(rows.sort((a, b) => a - b), Array.from({ length: total }, (_, i) => i));
  }
});
