import { assert, assertAlmostEquals, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { DataError } from "../../lib/cli/errors.ts";
import { readHyenaEmbeddings, readNtEmbeddings } from "../../lib/dataset/embeddings.ts";
import { readNpyMatrix, readNpyStrings } from "../../lib/io/npy.ts";
import { encodeSafetensors, openSafetensors, type SafetensorsArray } from "../../lib/io/safetensors.ts";
import { main } from "../../scripts/inference.ts";
import { linesPrinted } from "../support/captured_log.ts";
import { assertGolden, deepGolden, goldenIntegers } from "../support/deep_golden.ts";
import { fullSizeData } from "../support/golden.ts";
import { modelId, startHub } from "../support/hub_server.ts";
import { onnxModel } from "../support/onnx_model.ts";
import { hyenaLarge, nt50m, writeRandomHyena, writeRandomNt } from "../support/random_models.ts";

function inferenceTest(
  name: string,
  body: (folder: string) => Promise<void>,
  needs: string | null = deepGolden,
) {
  const ignore = needs === null || deepGolden === null;
  const shownName = `${name}${ignore ? " [left out: needs ../shared]" : ""}`;
  Deno.test({ name: shownName, ignore, sanitizeResources: false, sanitizeOps: false }, async () => {
    const folder = await Deno.makeTempDir({ prefix: "inference" });
    try {
      await body(folder);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

/** Run the script on the CPU; what it printed. */
const run = (...args: string[]) => linesPrinted(() => main([...args, "--device", "cpu", "--no-progress"]));

const model = (name: string) => join(deepGolden!, name);

/** `rows` of id and sequence as a CSV file. */
function csv(folder: string, name: string, rows: readonly (readonly [string, string])[]): string {
  const path = join(folder, name);
  Deno.writeTextFileSync(path, "gene_id,sequence\n" + rows.map((row) => row.join(",") + "\n").join(""));
  return path;
}

/** The sequences of the reference batch of the small NT. */
function goldenSequences(): [string, string][] {
  const { sequences } = JSON.parse(Deno.readTextFileSync(model("nt_tiny_golden/batch.json")));
  return (sequences as string[]).map((sequence, i) => [`ENSG0000000000${i}`, sequence]);
}

function worstDifference(a: Float32Array, b: Float32Array): number {
  assertEquals(a.length, b.length);
  return a.reduce((worst, value, i) => Math.max(worst, Math.abs(value - b[i])), 0);
}

inferenceTest(
  "inference.ts gives NT's published vectors with either pooling, any weights file and any batch size",
  async (folder) => {
    const input = csv(folder, "in.csv", goldenSequences());
    const output = join(folder, "nt.npy");
    const args = ["--pipeline", "ntv2", "--model", model("nt_tiny"), "--input", input, "--output", output];
    for (const batch of ["1", "2", "8"]) {
      await run(...args, "--batch-size", batch);
      const { data, rows, columns } = await readNpyMatrix(output);
      assertEquals([rows, columns], [4, 64]);
      assertGolden(data, "nt_tiny_golden/mean_pooled.npy");
    }
    assertEquals(await readNpyStrings(join(folder, "nt_gene_ids.npy")), goldenSequences().map(([id]) => id));
    await run(...args, "--pooling_method", "cls");
    assertGolden((await readNpyMatrix(output)).data, "nt_tiny_golden/cls_pooled.npy");

    const binOnly = join(folder, "bin");
    await Deno.mkdir(binOnly);
    for (const name of ["config.json", "vocab.txt", "pytorch_model.bin"]) {
      await Deno.copyFile(join(model("nt_tiny"), name), join(binOnly, name));
    }
    await run(...args, "--model", binOnly);
    assertGolden((await readNpyMatrix(output)).data, "nt_tiny_golden/mean_pooled.npy");
    await run(...args, "--model", model("nt_tiny_fp16"));
    assertGolden((await readNpyMatrix(output)).data, "nt_tiny_golden/fp16_mean_pooled.npy");
    const lines = await run(...args, "--dtype", "f16");
    assert(lines.some((line) => line.includes("has no float16: computing in float32")));
    assertGolden((await readNpyMatrix(output)).data, "nt_tiny_golden/mean_pooled.npy");
  },
);

/** The sequence that gives these token ids. */
function lettersOf(tokenIds: Int32Array): string {
  return [...tokenIds.slice(1, -1)].map((id) => "ACGTN"[id - 7] ?? "x").join("");
}

inferenceTest(
  "inference.ts gives HyenaDNA's published vectors, from CSV and FASTA, alone and among others",
  async (folder) => {
    const sequence = lettersOf(goldenIntegers("hyena_tiny_golden/len257/input_ids.npy").data);
    const others: [string, string][] = [["B", "ACGTACGT"], ["C", sequence], ["D", "GATTACA"]];
    const inputs = [csv(folder, "in.csv", [["A", sequence], ...others]), join(folder, "in.fasta")];
    await Deno.writeTextFile(
      inputs[1],
      [["A", sequence], ...others].map(([id, letters]) => `>${id}\n${letters}\n`).join(""),
    );
    const output = join(folder, "hyena.npy");
    for (const name of ["hyena_tiny", "hyena_tiny_hf"]) {
      for (const [input, batch] of [[inputs[0], "1"], [inputs[1], "4"]]) {
        await run(
          "--pipeline",
          "hyenadna",
          "--model",
          model(name),
          "--input",
          input,
          "--output",
          output,
          "--hyena-batch-size",
          batch,
        );
        const { data, columns } = await readNpyMatrix(output);
        assertGolden(data.slice(0, columns), "hyena_tiny_golden/len257/mean_pooled.npy");
        assertGolden(data.slice(2 * columns, 3 * columns), "hyena_tiny_golden/len257/mean_pooled.npy");
      }
    }
    assertEquals(await Deno.readTextFile(join(folder, "hyena_gene_index.txt")), "A\nB\nC\nD\n");
  },
);

inferenceTest("inference.ts makes the files that the other scripts read, in one go", async (folder) => {
  const rows = goldenSequences();
  const genes = csv(folder, "genes.csv", rows), tfs = csv(folder, "tfs.csv", rows.slice(1));
  const repository = join(folder, "repo");
  await Deno.mkdir(join(repository, "checkpoints"), { recursive: true });
  await Deno.symlink(model("hyena_tiny"), join(repository, "checkpoints", "hyenadna-large-1m-seqlen"));
  const out = join(folder, "out");
  await run(
    "--gene-csv",
    genes,
    "--tf-csv",
    tfs,
    "--model",
    model("nt_tiny"),
    "--tf-overlap-csv",
    tfs,
    "--hyena-repo-dir",
    repository,
    "--output-dir",
    out,
  );
  assertEquals([...Deno.readDirSync(out)].map(({ name }) => name).sort(), [
    "NTv2_50m_gene_embeddings.json",
    "NTv2_50m_gene_embeddings.npy",
    "NTv2_50m_gene_ids.npy",
    "NTv2_50m_tf_embeddings.json",
    "NTv2_50m_tf_embeddings.npy",
    "NTv2_50m_tf_ids.npy",
    "hyenadna_tf_embeddings_mean.json",
    "hyenadna_tf_embeddings_mean.npy",
    "hyenadna_tf_embeddings_mean_gene_ids.npy",
    "hyenadna_tf_gene_index.txt",
  ]);
  const ids = rows.map(([id]) => id);
  const gene = await readNtEmbeddings(out, "gene");
  assertEquals(gene.ids, ids);
  assertGolden(gene.values.data as Float32Array, "nt_tiny_golden/mean_pooled.npy");
  assertEquals((await readNtEmbeddings(out, "tf")).ids, ids.slice(1));
  const hyena = await readHyenaEmbeddings(out);
  assertEquals([hyena.ids, hyena.values.columns], [ids.slice(1), 32]);
});

/** A folder with the files of a small model, to be changed. */
async function modelCopy(folder: string, name: string): Promise<string> {
  const copy = join(folder, name);
  await Deno.mkdir(copy);
  for (const { name: file } of Deno.readDirSync(model(name))) {
    await Deno.writeFile(join(copy, file), await Deno.readFile(join(model(name), file)));
  }
  return copy;
}

inferenceTest(
  "a whole job tells what is wrong with its second model before the first runs",
  async (folder) => {
    const good = csv(folder, "good.csv", [["A", "ACGT"]]), bad = csv(folder, "bad.csv", [["A", ""]]);
    const out = join(folder, "out");
    const refuses = async (message: string, overlap: string, hyena: string, ...args: string[]) => {
      const whole = ["--gene-csv", good, "--tf-csv", good, "--model", model("nt_tiny"), "--output-dir", out];
      await assertRejects(
        () => run(...whole, "--tf-overlap-csv", overlap, "--hyena-model-name", hyena, ...args),
        Error,
        message,
      );
      const written = await Deno.stat(out).then(() => [...Deno.readDirSync(out)], () => []);
      assertEquals(written, []);
    };
    await refuses("has no sequence", bad, model("hyena_tiny"));
    await refuses("there is no such file", join(folder, "absent.csv"), model("hyena_tiny"));
    await refuses("there is no such folder", good, join(folder, "absent"));
    await refuses("expected a HyenaDNA", good, model("nt_tiny"));
    const noWeights = await modelCopy(folder, "hyena_tiny_hf");
    await Deno.remove(join(noWeights, "model.safetensors"));
    await refuses("it has no model.safetensors", good, noWeights);
    await refuses(
      "a file stands where",
      good,
      model("hyena_tiny"),
      "--gene-index-output",
      join(good, "index.txt"),
    );
  },
);

inferenceTest("--resume of a whole job leaves finished files alone and makes the rest", async (folder) => {
  const rows = goldenSequences();
  const genes = csv(folder, "genes.csv", rows), tfs = csv(folder, "tfs.csv", rows.slice(1));
  const out = join(folder, "out");
  const args = ["--gene-csv", genes, "--tf-csv", tfs, "--model", model("nt_tiny"), "--tf-overlap-csv", tfs];
  args.push("--hyena-model-name", model("hyena_tiny_hf"), "--output-dir", out, "--resume");
  const told = async (pattern: RegExp) =>
    (await run(...args)).flatMap((line) => pattern.exec(line)?.slice(1) ?? []);
  const files = ["NTv2_50m_gene_embeddings", "NTv2_50m_tf_embeddings", "hyenadna_tf_embeddings_mean"];
  assertEquals(await told(/Wrote .*\/(\w+)\.npy/), files);
  await Deno.remove(join(out, "NTv2_50m_tf_ids.npy"));
  const action = /(Wrote|Left) .*\/(\w+)\.npy/;
  assertEquals(await told(action), ["Left", files[0], "Wrote", files[1], "Left", files[2]]);
  csv(folder, "genes.csv", rows.slice(2));
  assertEquals(await told(action), ["Wrote", files[0], "Left", files[1], "Left", files[2]]);
});

inferenceTest(
  "an output that cannot be written is told before a model is downloaded or loaded",
  async (folder) => {
    const hub = startHub();
    const variables = { HF_ENDPOINT: hub.endpoint, HF_HOME: join(folder, "home") };
    for (const [name, value] of Object.entries(variables)) Deno.env.set(name, value);
    try {
      const input = csv(folder, "in.csv", [["A", "ACGT"]]);
      await Deno.mkdir(join(folder, "x.npy"));
      const refuses = (output: string, message: string) =>
        assertRejects(
          () => run("--pipeline", "ntv2", "--model", modelId, "--input", input, "--output", output),
          DataError,
          message,
        );
      await refuses(
        join(input, "x.npy"),
        `Cannot write "x.npy" into folder "${input}": a file stands where a folder should be`,
      );
      await refuses(join(folder, "x.npy"), `Cannot write "x.npy" into folder "${folder}": a folder stands`);
      assertEquals(hub.requests, []);
    } finally {
      for (const name of Object.keys(variables)) Deno.env.delete(name);
      await hub.stop();
    }
  },
);

inferenceTest("a hidden state of a real model that is not finite names the sequence", async (folder) => {
  const input = csv(folder, "in.csv", [["A", "ACGTACGT"], ["B", "GATTACAN"], ["C", "GATTACAG"]]);
  const output = join(folder, "x.npy");
  for (
    const [pipeline, name, letter] of [["ntv2", "nt_tiny", 4106], ["hyenadna", "hyena_tiny_hf", 11]] as const
  ) {
    const broken = await modelCopy(folder, name);
    const path = join(broken, "model.safetensors");
    const file = await openSafetensors(path);
    const tensors = new Map<string, SafetensorsArray>();
    for (const [name, { shape }] of file.tensors) tensors.set(name, { shape, data: await file.read(name) });
    file.close();
    const [embedding] = [...tensors].filter(([name]) => name.endsWith("word_embeddings.weight"));
    const { shape: [, width], data } = embedding[1];
    (data as Float32Array)[letter * width + 3] = Infinity; // of the letter N
    await Deno.writeFile(path, encodeSafetensors(tensors));
    for (const pooling of ["mean", "cls"]) {
      for (const batch of ["1", "8"]) {
        const batches = ["--batch-size", batch, "--hyena-batch-size", batch, "--pooling-method", pooling];
        await assertRejects(
          () =>
            run("--pipeline", pipeline, "--model", broken, "--input", input, "--output", output, ...batches),
          DataError,
          `Cannot embed "B" of "${input}": a hidden state is not finite`,
        );
      }
    }
  }
});

/** Every so many-th of the real transcripts, as a CSV file. */
function transcripts(folder: string, step: number): string {
  const lines = Deno.readTextFileSync(join(fullSizeData("dna")!, "tf_transcripts.csv")).trim().split("\n")
    .slice(1);
  const chosen = lines.filter((_, i) => i % step === 0).map((line) => line.split(",") as [string, string]);
  return csv(folder, "in.csv", chosen);
}

inferenceTest("vectors of real transcripts do not depend on the batches", async (folder) => {
  const input = transcripts(folder, 14);
  const output = join(folder, "x.npy");
  const vectors = async (...args: string[]) => {
    await run("--input", input, "--output", output, ...args);
    return (await readNpyMatrix(output)).data;
  };
  const nt = ["--pipeline", "ntv2", "--model", model("nt_tiny")];
  const one = await vectors(...nt, "--batch-size", "1");
  assert(worstDifference(one, await vectors(...nt, "--batch-size", "8")) < 1e-5);
  const hyena = ["--pipeline", "hyenadna", "--model", model("hyena_tiny"), "--hyena-max-length", "600"];
  const alone = await vectors(...hyena), together = await vectors(...hyena, "--hyena-batch-size", "8");
  assert(worstDifference(alone, together) < 1e-5);
  const tight = await vectors(...hyena, "--memory-limit", "4600KB");
  assert(worstDifference(alone, tight) < 1e-5, "nor on how the memory makes it cut the work");
}, fullSizeData("dna"));

inferenceTest("nor do they at the published widths", async (folder) => {
  const input = transcripts(folder, 70);
  const output = join(folder, "x.npy");
  const vectors = async (...args: string[]) => {
    await run("--input", input, "--output", output, ...args);
    const { data, rows } = await readNpyMatrix(output);
    assertEquals(rows, 3);
    assert(data.every(Number.isFinite));
    return data;
  };
  writeRandomNt(join(folder, "nt"), { ...nt50m, layers: 3 });
  const nt = ["--pipeline", "ntv2", "--model", join(folder, "nt"), "--max-seq-length", "150"];
  const one = await vectors(...nt, "--batch-size", "1");
  assert(worstDifference(one, await vectors(...nt)) < 1e-5);
  writeRandomHyena(join(folder, "hyena"), { ...hyenaLarge, layers: 3, maxTokens: 1002 });
  const hyena = ["--pipeline", "hyenadna", "--model", join(folder, "hyena"), "--hyena-max-length", "500"];
  const alone = await vectors(...hyena), together = await vectors(...hyena, "--hyena-batch-size", "3");
  assert(worstDifference(alone, together) < 1e-5);
  assert(worstDifference(alone, await vectors(...hyena, "--memory-limit", "20MB")) < 1e-5);
}, fullSizeData("dna"));

inferenceTest(
  "inference.ts counts truncated sequences, warns of letters that become unknown, and --upper mends them",
  async (folder) => {
    const input = csv(folder, "in.csv", [["A", "ACGTACGTACGTACGTAC"], ["B", "acgtac"], ["C", "ACGTRC"]]);
    const output = join(folder, "x.npy");
    const args = ["--pipeline", "ntv2", "--model", model("nt_tiny"), "--input", input, "--output", output];
    const lines = await run(...args, "--max-seq-length", "3");
    assert(lines.includes(`[warn] 1 sequence of "${input}" cut to 3 tokens`) === false);
    assertMatch(
      lines.join("\n"),
      /1 sequence of .* has lower-case letters, which become unknown tokens \(--upper/,
    );
    assertMatch(lines.join("\n"), /1 sequence of .* has letters other than A, C, G, T, N \("R"\)/);
    assertMatch(lines.join("\n"), /2 sequences of .* cut to 3 tokens/);
    const record = JSON.parse(await Deno.readTextFile(join(folder, "x.json")));
    assertEquals([record.truncated, record.truncated_ids, record.max_tokens], [2, ["A", "C"], 3]);
    const lower = (await readNpyMatrix(output)).data;
    await run(...args, "--upper");
    const upper = (await readNpyMatrix(output)).data;
    assert(Math.abs(lower[64] - upper[64]) > 1e-4);
  },
);

inferenceTest("shards of a run merge, and a finished shard is as good as the run", async (folder) => {
  const input = csv(folder, "in.csv", goldenSequences());
  const output = join(folder, "x.npy");
  const args = ["--pipeline", "ntv2", "--model", model("nt_tiny"), "--input", input, "--output", output];
  await run(...args, "--shard", "1/3");
  await assertRejects(() => run(...args, "--merge"), DataError, "2/3, 3/3 not there yet");
  await run(...args, "--shard", "2/3");
  await run(...args, "--shard", "3/3");
  await assertRejects(
    () => run(...args, "--output", join(output, "x.npy"), "--merge"),
    DataError,
    "there are none",
  );
  const lines = await run(...args, "--merge");
  assertEquals(lines, [`[info] Merged 3 shards into 4 rows of "${output}"`]);
  assertGolden((await readNpyMatrix(output)).data, "nt_tiny_golden/mean_pooled.npy");
});

inferenceTest("inference.ts downloads a model from the hub once, then runs offline", async (folder) => {
  const hub = startHub();
  const variables = { HF_ENDPOINT: hub.endpoint, HF_HOME: join(folder, "home") };
  for (const [name, value] of Object.entries(variables)) Deno.env.set(name, value);
  try {
    for (const name of ["config.json", "vocab.txt", "model.safetensors"]) {
      hub.files.set(name, {
        content: Deno.readFileSync(join(model("nt_tiny"), name)),
        lfs: name.endsWith("safetensors"),
      });
    }
    const input = csv(folder, "in.csv", goldenSequences());
    const output = join(folder, "x.npy");
    const args = ["--pipeline", "ntv2", "--model", modelId, "--input", input, "--output", output];
    await run(...args);
    assertGolden((await readNpyMatrix(output)).data, "nt_tiny_golden/mean_pooled.npy");
    const record = JSON.parse(await Deno.readTextFile(join(folder, "x.json")));
    assertEquals([record.model, record.revision], [modelId, hub.commit]);
    Deno.env.set("HF_HUB_OFFLINE", "1");
    hub.requests.length = 0;
    await run(...args);
    assertEquals(hub.requests, []);
    await assertRejects(
      () => run(...args, "--revision", "v2"),
      DataError,
      `HF_HUB_OFFLINE is set and revision "v2" is not in the cache`,
    );
  } finally {
    for (const name of [...Object.keys(variables), "HF_HUB_OFFLINE"]) Deno.env.delete(name);
    await hub.stop();
  }
});

inferenceTest("--onnx runs an exported model with the same tokens, pooling and files", async (folder) => {
  const table = Float32Array.from({ length: 4107 * 3 }, (_, i) => Math.cos(i));
  const path = join(folder, "model.onnx");
  const names = { type: "int64" as const, shape: ["batch", "length"] };
  await Deno.writeFile(
    path,
    onnxModel({
      inputs: [{ name: "input_ids", ...names }],
      outputs: [{ name: "last_hidden_state", type: "float", shape: ["batch", "length", 3] }],
      nodes: [{ op: "Gather", inputs: ["table", "input_ids"], outputs: ["last_hidden_state"] }],
      constants: [{ name: "table", shape: [4107, 3], data: table }],
    }),
  );
  const input = csv(folder, "in.csv", [["A", "ACGTACG"], ["B", "N"]]);
  const output = join(folder, "x.npy");
  const args = ["--pipeline", "ntv2", "--model", model("nt_tiny"), "--input", input, "--output", output];
  const lines = await run(...args, "--onnx", path, "--dtype", "f16", "--memory-limit", "1GB");
  assertEquals(lines.filter((line) => line.startsWith("[warn]")), [
    "[warn] --dtype f16 is not used with --onnx: the model says how it computes",
    "[warn] --memory-limit is not used with --onnx: the model says how it computes",
  ]);
  const { data } = await readNpyMatrix(output);
  const tokens = [[3, 728, 4105], [3, 4106]]; // <cls> ACGTAC G; <cls> N
  tokens.forEach((row, i) => {
    for (let j = 0; j < 3; j++) {
      const mean = row.reduce((sum, id) => sum + table[id * 3 + j], 0) / row.length;
      assertAlmostEquals(data[i * 3 + j], mean, 1e-6);
    }
  });
  assertMatch(
    JSON.parse(await Deno.readTextFile(join(folder, "x.json"))).layer,
    /output "last_hidden_state" of the ONNX model/,
  );
});

inferenceTest("bad input ends in one sentence before any model is opened", async (folder) => {
  const good = csv(folder, "in.csv", [["A", "ACGT"]]);
  const output = join(folder, "x.npy");
  const refuses = (message: string, ...args: string[]) =>
    assertRejects(
      () => run("--pipeline", "ntv2", "--model", model("nt_tiny"), "--output", output, ...args),
      DataError,
      message,
    );
  await refuses(
    `has no sequence in column "sequence": row 3 ("B")`,
    "--input",
    csv(folder, "empty.csv", [["A", "ACGT"], ["B", ""]]),
  );
  await refuses(`it has no column "dna"`, "--input", good, "--sequence-col", "dna");
  await refuses("there is no such file", "--input", join(folder, "absent.csv"));
  await refuses(
    `its architecture is null; expected a HyenaDNA`.replace(
      "null",
      `["EsmForMaskedLM","EsmForTokenClassification","EsmForSequenceClassification"]`,
    ),
    "--input",
    good,
    "--pipeline",
    "hyenadna",
  );
  await refuses(`"config.json"`, "--input", good, "--model", folder);
  await refuses("expected the ESM layout", "--input", good, "--model", model("hyena_tiny"));
  const long = csv(folder, "long.csv", [["A", "ACGT".repeat(250)]]);
  const hyena = ["--pipeline", "hyenadna", "--model", model("hyena_tiny"), "--input", long];
  await refuses("Cannot run 1002 tokens in 1 MiB", ...hyena, "--memory-limit", "4400KB");
});
