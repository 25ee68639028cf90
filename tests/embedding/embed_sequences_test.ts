import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { basename, dirname, join } from "@std/path";
import { DataError, UsageError } from "../../lib/cli/errors.ts";
import { type EmbeddingOptions, embedSequences } from "../../lib/embedding/embed_sequences.ts";
import type { Embedder } from "../../lib/embedding/embedder.ts";
import { mergeShards } from "../../lib/embedding/merge_shards.ts";
import { type Layer, type Pooling, readingsOf } from "../../lib/embedding/readings.ts";
import {
  checkOutputs,
  type EmbeddingFiles,
  parseShard,
  pathsIn,
  recordPath,
  shardPaths,
  shardRows,
} from "../../lib/embedding/outputs.ts";
import { EmbeddingProgress } from "../../lib/embedding/progress.ts";
import { readNpyMatrix, readNpyStrings } from "../../lib/io/npy.ts";
import { hyenaTokenizer } from "../../lib/models/hyenadna/tokenizer.ts";
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
      dtype: "f32",
      device: "none",
    },
    embedded: 0,
    batches: [] as number[],
    layerName: (layer: Layer) => `layer ${layer}`,
    embed(
      { tokenIds, mask, batch, length }: Parameters<Embedder["embed"]>[0],
      readings: Parameters<Embedder["embed"]>[1],
    ) {
      embedder.embedded += batch;
      embedder.batches.push(batch);
      const vectors = Array.from({ length: batch }, (_, row) => {
        const tokens = tokenIds.subarray(row * length, (row + 1) * length).filter((_, i) =>
          mask[row * length + i] === 1
        );
        return Float32Array.of(tokens.length, tokens.filter((id) => id === 7).length, tokens[1]);
      });
      return Promise.resolve({
        values: readings.map(() => vectors),
        finite: new Array<boolean>(batch).fill(true),
      });
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
  strands: "given",
  windows: null,
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
const filesOf = (folder: string, pooling: Pooling = "mean"): EmbeddingFiles => {
  const base = pathsOf(folder), [reading] = readingsOf(["last"], [pooling], null, "counting");
  return { base, outputs: [{ reading, paths: base }] };
};
const outputOf = (folder: string) => filesOf(folder).outputs[0];
const names = (folder: string) => [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
const expected = sequences.flatMap((sequence) => {
  const { tokenIds } = hyenaTokenizer.encode(sequence);
  return [tokenIds.length, tokenIds.filter((id) => id === 7).length, tokenIds[1]];
});

embeddingTest(
  "embedSequences() writes vectors in the order of the input, ids, a text index and a record",
  async (folder) => {
    const embedder = countingEmbedder();
    await embedSequences(embedder, input, filesOf(folder), options());
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
    assertEquals([record.unknown_tokens, record.sequences_sha256.length], [0, 64]);
  },
);

embeddingTest("embedSequences() cuts long sequences and counts them", async (folder) => {
  const lines = await linesPrinted(() =>
    embedSequences(countingEmbedder({ maxTokens: 12 }), input, filesOf(folder), options({ maxTokens: 20 }))
  );
  const { truncated, truncated_ids, max_tokens } = JSON.parse(
    await Deno.readTextFile(join(folder, "x.json")),
  );
  const long = ids.filter((_, i) => sequences[i].length > 10);
  assertEquals([truncated, truncated_ids, max_tokens], [long.length, long, 12]);
  assertEquals(lines[0], `[warn] ${long.length} sequences of "genes.csv" cut to 12 tokens`);
});

embeddingTest("embedSequences() counts unknown tokens, and mergeShards() adds them up", async (folder) => {
  const odd = { ...input, sequences: sequences.with(0, "ACRYGT").with(3, "acgt") };
  const record = async () => JSON.parse(await Deno.readTextFile(join(folder, "x.json")));
  await embedSequences(countingEmbedder(), odd, filesOf(folder), options());
  assertEquals((await record()).unknown_tokens, 6);
  for (const index of [1, 2]) {
    await embedSequences(
      countingEmbedder(),
      odd,
      filesOf(folder),
      options({ shard: { index, count: 2 } }),
    );
  }
  await mergeShards(outputOf(folder));
  assertEquals((await record()).unknown_tokens, 6);
});

embeddingTest("a run that was killed goes on with --resume and ends in the same files", async (folder) => {
  const whole = join(folder, "whole");
  await embedSequences(countingEmbedder(), input, filesOf(whole), options());
  const killed = countingEmbedder();
  const embed = killed.embed;
  killed.embed = (...parameters) =>
    killed.batches.length === 2 ? Promise.reject(new Error("killed")) : embed(...parameters);
  await assertRejects(() => embedSequences(killed, input, filesOf(folder), options()), Error, "killed");
  const kept = killed.embedded;
  // The kill came in the middle of a record.
  await Deno.writeFile(join(folder, "x.npy.unfinished"), new Uint8Array(7), { append: true });

  await assertRejects(
    () => embedSequences(countingEmbedder(), input, filesOf(folder, "cls"), options({ resume: true })),
    DataError,
    `its pooling is "mean over all tokens", now "first token"`,
  );
  const otherInput = { ...input, sequences: sequences.with(0, "TTTT") };
  await assertRejects(
    () => embedSequences(countingEmbedder(), otherInput, filesOf(folder), options({ resume: true })),
    DataError,
    "its sequences_sha256 is",
  );

  const resumed = countingEmbedder();
  await embedSequences(resumed, input, filesOf(folder), options({ resume: true }));
  assertEquals(resumed.embedded, ids.length - kept);
  for (const name of names(whole)) {
    assertEquals(await Deno.readFile(join(folder, name)), await Deno.readFile(join(whole, name)), name);
  }
  assertEquals(names(folder).includes("x.npy.unfinished"), false);
});

/** Stands for a model in a folder. */
const local = (model: string, weights: string): Partial<Embedder> => ({
  record: { ...countingEmbedder().record, model, weights_sha256: weights },
});

/** A run that stops after two batches. */
async function killedRun(folder: string, changed: Partial<Embedder> = {}): Promise<void> {
  const killed = countingEmbedder(changed);
  const embed = killed.embed;
  killed.embed = (...parameters) =>
    killed.batches.length === 2 ? Promise.reject(new Error("killed")) : embed(...parameters);
  await assertRejects(() => embedSequences(killed, input, filesOf(folder), options()), Error, "killed");
}

embeddingTest("--resume knows a model by its weights, not by how its folder is spelled", async (folder) => {
  await killedRun(folder, local("nt", "aa"));
  const resume = (model: string, weights: string) =>
    embedSequences(
      countingEmbedder(local(model, weights)),
      input,
      filesOf(folder),
      options({ resume: true }),
    );
  await assertRejects(() => resume("nt", "bb"), DataError, `its weights_sha256 is "aa", now "bb"`);
  await resume("./nt/", "aa");
  assertEquals([...(await readNpyMatrix(join(folder, "x.npy"))).data], expected);
});

embeddingTest("--resume refuses vectors of another width than the model's", async (folder) => {
  await killedRun(folder);
  await assertRejects(
    () => embedSequences(countingEmbedder({ width: 4 }), input, filesOf(folder), options({ resume: true })),
    DataError,
    "it is damaged",
  );
});

embeddingTest("--resume leaves finished files alone that are of the same run", async (folder) => {
  const paths = pathsOf(folder);
  const resume = async (pooling: Pooling = "mean") => {
    const embedder = countingEmbedder();
    const lines = await linesPrinted(() =>
      embedSequences(embedder, input, filesOf(folder, pooling), options({ resume: true }))
    );
    return { embedded: embedder.embedded, lines };
  };
  await embedSequences(countingEmbedder(), input, filesOf(folder), options());
  const again = await resume();
  assertEquals(again.embedded, 0);
  assertEquals(again.lines, [`[info] Left "${paths.vectors}" as it is: it is finished`]);
  assertEquals((await resume("cls")).embedded, 11, "another pooling");
  for (const path of [paths.vectors, paths.ids, paths.index!, recordPath(paths.vectors)]) {
    assertEquals((await resume("cls")).embedded, 0);
    await Deno.remove(path);
    assertEquals((await resume("cls")).embedded, 11, `without ${path}`);
  }
  // Killed between the vectors and the rest: they are of the new run, the JSON must not be of the old one.
  await Deno.remove(paths.ids);
  await Deno.mkdir(join(paths.ids, "in the way"), { recursive: true });
  await assertRejects(() => resume(), DataError, "a folder stands at that name");
  await Deno.remove(paths.ids, { recursive: true });
  await Deno.writeTextFile(paths.ids, "");
  await Deno.remove(`${paths.vectors}.unfinished`);
  assertEquals((await resume("cls")).embedded, 11, "vectors and ids of two runs");
});

embeddingTest("without --resume a run starts anew, with a warning", async (folder) => {
  const killed = countingEmbedder({ maxBatchTokens: 1 });
  const embed = killed.embed;
  killed.embed = (...parameters) =>
    killed.embedded === 5 ? Promise.reject(new Error("killed")) : embed(...parameters);
  await assertRejects(() => embedSequences(killed, input, filesOf(folder), options()), Error, "killed");
  const again = countingEmbedder();
  const lines = await linesPrinted(() => embedSequences(again, input, filesOf(folder), options()));
  assertEquals(again.embedded, ids.length);
  assertEquals(lines[0].includes("Starting anew though"), true);
  assertEquals([...(await readNpyMatrix(join(folder, "x.npy"))).data], expected);
});

embeddingTest("shards merge into what one run gives", async (folder) => {
  const whole = join(folder, "whole");
  await embedSequences(countingEmbedder(), input, filesOf(whole), options());
  for (const index of [3, 1, 2]) {
    const shard = { index, count: 4 };
    await embedSequences(countingEmbedder(), input, filesOf(folder), options({ shard }));
  }
  await assertRejects(() => mergeShards(outputOf(folder)), DataError, "4/4 not there yet");
  await embedSequences(
    countingEmbedder(),
    input,
    filesOf(folder),
    options({ shard: { index: 4, count: 4 } }),
  );
  assertEquals(await mergeShards(outputOf(folder)), { rows: 11, shards: 4 });
  for (const name of ["x.npy", "x_gene_ids.npy", "x_gene_index.txt"]) {
    assertEquals(await Deno.readFile(join(folder, name)), await Deno.readFile(join(whole, name)), name);
  }
  const record = JSON.parse(await Deno.readTextFile(join(folder, "x.json")));
  const wholeRecord = JSON.parse(await Deno.readTextFile(join(whole, "x.json")));
  assertEquals([record.sequences, record.tokens, record.merged_shards], [11, wholeRecord.tokens, 4]);
});

embeddingTest("a shard that no sequence falls to is written empty and merges", async (folder) => {
  const few = { ...input, ids: ids.slice(0, 3), sequences: sequences.slice(0, 3) };
  for (const index of [1, 2, 3, 4]) {
    await embedSequences(
      countingEmbedder(),
      few,
      filesOf(folder),
      options({ shard: { index, count: 4 } }),
    );
  }
  const empty = shardPaths(pathsOf(folder), { index: 4, count: 4 });
  const { rows, columns } = await readNpyMatrix(empty.vectors);
  assertEquals([rows, columns, await readNpyStrings(empty.ids)], [0, 3, []]);
  assertEquals(await mergeShards(outputOf(folder)), { rows: 3, shards: 4 });
  assertEquals([...(await readNpyMatrix(join(folder, "x.npy"))).data], expected.slice(0, 9));
});

embeddingTest("mergeShards() tells inputs apart by what is in them, not by their paths", async (folder) => {
  const make = (index: number, changed: Partial<typeof input>, model: Partial<Embedder> = {}) =>
    embedSequences(
      countingEmbedder(model),
      { ...input, ...changed },
      filesOf(folder),
      options({ shard: { index, count: 2 } }),
    );
  await make(1, { path: "./genes.csv" }, local("nt", "aa"));
  await make(2, { path: "/data/genes.csv" }, local("/data/nt", "aa"));
  await mergeShards(outputOf(folder));
  const { sequences_sha256: merged } = JSON.parse(await Deno.readTextFile(join(folder, "x.json")));
  await embedSequences(countingEmbedder(local("nt", "aa")), input, filesOf(folder), options());
  const { sequences_sha256: whole } = JSON.parse(await Deno.readTextFile(join(folder, "x.json")));
  assertEquals(merged, whole);

  const differ = (key: string) =>
    assertRejects(() => mergeShards(outputOf(folder)), DataError, `1/2 and 2/2 differ in "${key}"`);
  // The sequence that differs is none of shard 2's own.
  await make(2, { sequences: sequences.with(0, "TTTT") }, local("nt", "aa"));
  await differ("sequences_sha256");
  await make(2, { ids: ids.with(0, "other") }, local("nt", "aa"));
  await differ("sequences_sha256");
  await make(2, {}, local("nt", "bb"));
  await differ("weights_sha256");

  const path = recordPath(shardPaths(pathsOf(folder), { index: 1, count: 2 }).vectors);
  const { sequences_sha256: _, ...old } = JSON.parse(await Deno.readTextFile(path));
  await Deno.writeTextFile(path, JSON.stringify(old));
  await assertRejects(
    () => mergeShards(outputOf(folder)),
    DataError,
    `it has no "sequences_sha256" (make this shard again)`,
  );
});

embeddingTest("checkOutputs() says what keeps files from being written", async (folder) => {
  const refuses = (output: string, message: string) =>
    assertRejects(
      () =>
        checkOutputs({ ...outputOf(folder), paths: pathsIn(dirname(output), basename(output), "ids", null) }),
      DataError,
      message,
    );
  await Deno.writeTextFile(join(folder, "file"), "");
  await Deno.mkdir(join(folder, "x.npy"));
  await refuses(
    join(folder, "file", "x"),
    `Cannot write "x.npy" into folder "${join(folder, "file")}": a file stands where a folder should be`,
  );
  await refuses(join(folder, "file", "deeper", "x"), "a file stands where a folder should be");
  await refuses(join(folder, "x"), "a folder stands at that name");
  await refuses("/proc/embeddings/x", `Cannot write "x.npy" into folder "/proc/embeddings"`);
  await checkOutputs(outputOf(join(folder, "new", "folder")));
  assertEquals(names(join(folder, "new", "folder")), []);
});

embeddingTest("mergeShards() refuses shards that do not belong together", async (folder) => {
  await assertRejects(() => mergeShards(outputOf(folder)), DataError, "there are none");
  await assertRejects(() => mergeShards(outputOf(join(folder, "absent"))), DataError, "there are none");
  const make = (index: number, count: number, pooling: Pooling = "mean") =>
    embedSequences(
      countingEmbedder(),
      input,
      filesOf(folder, pooling),
      options({ shard: { index, count } }),
    );
  await make(1, 2);
  await make(2, 2, "cls");
  await assertRejects(() => mergeShards(outputOf(folder)), DataError, `1/2 and 2/2 differ in "pooling"`);
  await make(1, 3);
  await assertRejects(() => mergeShards(outputOf(folder)), DataError, "there are shards of");
  await Deno.remove(shardPaths(pathsOf(folder), { index: 1, count: 3 }).vectors);
  await Deno.writeTextFile(recordPath(shardPaths(pathsOf(folder), { index: 1, count: 2 }).vectors), "{");
  await assertRejects(() => mergeShards(outputOf(folder)), DataError, "it is not JSON");
});

embeddingTest("a hidden state that is not finite stops the run and names the sequence", async (folder) => {
  const broken = countingEmbedder();
  const embed = broken.embed;
  broken.embed = async (...parameters) => {
    const result = await embed(...parameters);
    return broken.batches.length < 2 ? result : { ...result, finite: result.finite.map((_, i) => i !== 1) };
  };
  await assertRejects(
    () => embedSequences(broken, { ...input, sequences: ids.map(() => "ACGT") }, filesOf(folder), options()),
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
