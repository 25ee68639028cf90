/** inference.ts with both strands, windows, several layers and token vectors, against plain loops over plain runs. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { UsageError } from "../../lib/cli/errors.ts";
import { readCsvTable } from "../../lib/io/csv.ts";
import { readNpyMatrix, readNpyStrings } from "../../lib/io/npy.ts";
import { ModelStream } from "../../lib/random/model_stream.ts";
import { main } from "../../scripts/inference.ts";
import { linesPrinted } from "../support/captured_log.ts";
import { deepGolden } from "../support/deep_golden.ts";

function piecesTest(name: string, body: (folder: string) => Promise<void>) {
  const shownName = `${name}${deepGolden ? "" : " [left out: needs ../shared]"}`;
  Deno.test(shownName, { ignore: deepGolden === null }, async () => {
    const folder = await Deno.makeTempDir({ prefix: "pieces of sequences" });
    try {
      await body(folder);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

const stream = new ModelStream(3);
const sequences = Array.from(
  { length: 7 },
  (_, i) =>
    Array.from({ length: [40, 41, 100, 175, 175, 8, 260][i] }, () => "ACGTN"[stream.below(i % 2 ? 5 : 4)])
      .join(""),
);
const ids = sequences.map((_, i) => `G${i}`);

function fasta(folder: string, name: string, rows: readonly (readonly [string, string])[]): string {
  const path = join(folder, name);
  Deno.writeTextFileSync(path, rows.map(([id, letters]) => `>${id}\n${letters}\n`).join(""));
  return path;
}

const models = { ntv2: "nt_tiny", hyenadna: "hyena_tiny" } as const;
type Pipeline = keyof typeof models;

/** Run the script; what it printed. */
function run(pipeline: Pipeline, input: string, output: string, ...args: string[]): Promise<string[]> {
  const model = join(deepGolden!, models[pipeline]);
  const flags = ["--pipeline", pipeline, "--model", model, "--input", input, "--output", output];
  return linesPrinted(() => main([...flags, "--device", "cpu", "--no-progress", ...args]));
}

async function vectorsOf(path: string): Promise<Map<string, Float32Array>> {
  const { data, columns } = await readNpyMatrix(path);
  const names = await readNpyStrings(path.replace(".npy", "_gene_ids.npy"));
  return new Map(names.map((id, row) => [id, data.subarray(row * columns, (row + 1) * columns)]));
}

const recordOf = (path: string) => JSON.parse(Deno.readTextFileSync(path.replace(".npy", ".json")));

/** Worst difference of two vectors. */
function apart(a: ArrayLike<number>, b: ArrayLike<number>): number {
  assertEquals(a.length, b.length);
  return Array.from(a).reduce((worst, value, i) => Math.max(worst, Math.abs(value - b[i])), 0);
}

/** float32 vectors of size 1 that came through other batches. */
const tolerance = 1e-5;

/** Written otherwise than the library does it. */
function otherStrand(letters: string): string {
  let out = "";
  for (const letter of letters) out = "TGCAN"["ACGTN".indexOf(letter)] + out;
  return out;
}

for (const pipeline of ["ntv2", "hyenadna"] as const) {
  piecesTest(`--both-strands is the mean of both, or one behind the other (${pipeline})`, async (folder) => {
    const output = join(folder, "x.npy"), plain = join(folder, "plain.npy");
    const input = fasta(folder, "in.fa", sequences.map((letters, i) => [ids[i], letters]));
    const both = sequences.flatMap((letters, i) =>
      [[`${ids[i]}+`, letters], [`${ids[i]}-`, otherStrand(letters)]] as const
    );
    const poolings = ["--pooling-method", "mean", "max"];
    await run(pipeline, fasta(folder, "both.fa", both), plain, ...poolings);
    for (const pooling of ["mean", "max"]) {
      const alone = await vectorsOf(plain.replace(".npy", `_${pooling}.npy`));
      const named = output.replace(".npy", `_${pooling}.npy`);
      await run(pipeline, input, output, ...poolings, "--both-strands");
      for (const [id, vector] of await vectorsOf(named)) {
        const [a, b] = [alone.get(`${id}+`)!, alone.get(`${id}-`)!];
        assert(apart(vector, a.map((value, j) => (value + b[j]) / 2)) < tolerance, `${pooling} ${id}`);
      }
      assertEquals([recordOf(named).strands, recordOf(named).width], ["mean", alone.get("G0+")!.length]);
      await run(pipeline, input, output, ...poolings, "--both-strands", "concat");
      for (const [id, vector] of await vectorsOf(named)) {
        assert(apart(vector, [...alone.get(`${id}+`)!, ...alone.get(`${id}-`)!]) < tolerance);
      }
      assertEquals([recordOf(named).strands, recordOf(named).width], [
        "concat",
        2 * alone.get("G0+")!.length,
      ]);
    }
  });

  piecesTest(`--windows averages by tokens, or keeps each window (${pipeline})`, async (folder) => {
    const output = join(folder, "x.npy"), plain = join(folder, "plain.npy"), size = 64, step = 40;
    const input = fasta(folder, "in.fa", sequences.map((letters, i) => [ids[i], letters]));
    const cut: [string, string][] = [];
    sequences.forEach((letters, i) => {
      for (let start = 0; start === 0 || start + size - step < letters.length; start += step) {
        const window = letters.slice(start, start + size);
        cut.push([`${ids[i]}:${start}-${start + window.length}`, window]);
      }
    });
    const poolings = ["mean", "cls", "max", "mean-no-special"];
    const flags = ["--pooling-method", ...poolings];
    const windowed = fasta(folder, "cut.fa", cut);
    await run(pipeline, windowed, plain, ...flags);
    await run(pipeline, windowed, plain, "--pooling-method", "none");
    const table = await readCsvTable(join(folder, "plain_tokens", "index.csv"));
    const tokens = new Map(table.rows.map(([, id, count]) => [id, Number(count)]));
    const special = pipeline === "ntv2" ? 1 : 2;

    await run(pipeline, input, output, ...flags, "--windows", `${size}:${step}`);
    for (const pooling of poolings) {
      const path = output.replace(".npy", `_${pooling.replaceAll("-", "_")}.npy`);
      const alone = await vectorsOf(plain.replace(".npy", `_${pooling.replaceAll("-", "_")}.npy`));
      for (const [id, vector] of await vectorsOf(path)) {
        const own = [...alone].filter(([name]) => name.startsWith(`${id}:`));
        const weights = own.map(([name]) => tokens.get(name)! - (pooling === "mean" ? 0 : special));
        const total = weights.reduce((sum, weight) => sum + weight, 0);
        const expected = Array.from(
          vector,
          (_, j) =>
            pooling === "max"
              ? Math.max(...own.map(([, values]) => values[j]))
              : own.reduce((sum, [, values], i) => sum + values[j] * weights[i] / total, 0),
        );
        assert(apart(vector, expected) < tolerance, `${pooling} ${id}`);
      }
      const { windows, window_count, windows_kept, truncated } = recordOf(path);
      assertEquals([windows, window_count, windows_kept, truncated], ["64:40", cut.length, false, 0]);
    }
    await run(pipeline, input, output, "--windows", `${size}:${step}`, "--keep-windows");
    const kept = await vectorsOf(output), alone = await vectorsOf(plain.replace(".npy", "_mean.npy"));
    assertEquals([...kept.keys()], cut.map(([id]) => id));
    for (const [id, vector] of kept) assert(apart(vector, alone.get(id)!) < tolerance, id);
  });

  piecesTest(`shards of everything at once merge into what one run gives (${pipeline})`, async (folder) => {
    const input = fasta(folder, "in.fa", sequences.map((letters, i) => [ids[i], letters]));
    const jobs = {
      averaged: ["--layer", "1", "last", "--windows", "64:40", "--both-strands", "concat"],
      kept: ["--pooling-method", "max", "none", "mean", "--windows", "64:40", "--keep-windows"],
      tokens: ["--pooling-method", "none", "--layer", "all"],
    };
    for (const [name, flags] of Object.entries(jobs)) {
      const whole = join(folder, name, "whole", "x.npy"), output = join(folder, name, "merged", "x.npy");
      // One sequence a batch: batches of shards are others, and may differ in the last bit.
      const one = ["--batch-size", "1", ...flags];
      await run(pipeline, input, whole, ...one);
      for (const shard of ["2/3", "1/3", "3/3"]) await run(pipeline, input, output, ...one, "--shard", shard);
      await run(pipeline, input, output, ...one, "--merge");
      const files = filesIn(join(folder, name, "whole"));
      assert(files.length > 3);
      for (const file of files.filter((file) => !file.endsWith(".json"))) {
        const [a, b] = ["whole", "merged"].map((run) => Deno.readFileSync(join(folder, name, run, file)));
        assertEquals(a, b, `${name} ${file}`);
      }
      for (const file of files.filter((file) => file.endsWith(".json"))) {
        const [a, { merged_shards, ...b }] = ["whole", "merged"].map((run) =>
          JSON.parse(Deno.readTextFileSync(join(folder, name, run, file)))
        );
        assertEquals([b, merged_shards], [a, 3]);
      }
    }
  });
}

piecesTest("several layers and poolings at once give the bytes of one at a time", async (folder) => {
  const input = fasta(folder, "in.fa", sequences.map((letters, i) => [ids[i], letters]));
  for (const pipeline of ["ntv2", "hyenadna"] as const) {
    // One sequence a batch: states that wait to be read back leave room for fewer.
    const run1 = (output: string, ...flags: string[]) =>
      run(pipeline, input, join(folder, pipeline, output), "--batch-size", "1", ...flags);
    const poolings = ["max", "none", "mean", "mean-no-special", "cls"], layers = ["1", "last", "0"];
    await run1("all/x.npy", "--layer", ...layers, "--pooling-method", ...poolings);
    const at = (file: string) => Deno.readFileSync(join(folder, pipeline, file));
    for (const layer of layers) {
      for (const pooling of poolings) {
        await run1("one/x.npy", "--layer", layer, "--pooling-method", pooling);
        const name = `${layer === "last" ? layer : `layer${layer}`}_${pooling.replaceAll("-", "_")}`;
        if (pooling !== "none") assertEquals(at(`all/x_${name}.npy`), at("one/x.npy"), name);
        else {
          for (const file of filesIn(join(folder, pipeline, "one/x_tokens"))) {
            assertEquals(
              at(`all/x_${name.replace("none", "tokens")}/${file}`),
              at(`one/x_tokens/${file}`),
              file,
            );
          }
        }
      }
    }
  }
});

/** Paths of all files below a folder. */
function filesIn(folder: string, below = ""): string[] {
  return [...Deno.readDirSync(join(folder, below))].flatMap(({ name, isDirectory }) =>
    isDirectory ? filesIn(folder, join(below, name)) : [join(below, name)]
  ).sort();
}

piecesTest("token vectors lie in files named by numbers, whatever the ids are", async (folder) => {
  const odd = ["../../escape", "a/b", 'quoted,"id"', "CON", ".hidden"];
  const path = join(folder, "in.csv"), output = join(folder, "deep", "x.npy");
  const rows = odd.map((id, i) => `"${id.replaceAll('"', '""')}",${sequences[i]}\n`);
  await Deno.writeTextFile(path, "gene_id,sequence\n" + rows.join(""));
  await run("ntv2", path, output, "--pooling-method", "none");
  const names = odd.map((_, i) => `00000${i}.npy`);
  assertEquals(
    filesIn(join(folder, "deep")),
    ["x_tokens.json", ...["index.csv", ...names].map((name) => `x_tokens/${name}`)].sort(),
  );
  const { rows: table } = await readCsvTable(join(folder, "deep", "x_tokens", "index.csv"));
  assertEquals(table.map(([file, id]) => [file, id]), odd.map((id, i) => [names[i], id]));
  for (const [file, , tokens] of table) {
    const { rows, columns } = await readNpyMatrix(join(folder, "deep", "x_tokens", file));
    assertEquals([rows, columns], [Number(tokens), 64]);
  }
  // A smaller run takes the place of the one before, and of nothing else.
  await Deno.writeTextFile(join(folder, "deep", "x_tokens", "mine.npy"), "");
  await run("ntv2", fasta(folder, "one.fa", [["A", "ACGTAC"]]), output, "--pooling-method", "none");
  assertEquals(filesIn(join(folder, "deep", "x_tokens")), ["000000.npy", "index.csv", "mine.npy"]);
});

piecesTest("flags that do not go together are told before anything is read", async (folder) => {
  const refuses = (message: string, ...args: string[]) =>
    assertRejects(
      () => run("ntv2", join(folder, "absent"), join(folder, "x.npy"), ...args),
      UsageError,
      message,
    );
  await refuses("Cannot use --keep-windows alone", "--keep-windows");
  await refuses(
    "the tokens of two strands do not stand side by side",
    "--pooling-method",
    "none",
    "--both-strands",
  );
  await refuses("there is nothing to average", "--pooling-method", "none", "--windows", "60");
  await refuses("a window of 5 letters is shorter than a token", "--windows", "5");
  await refuses("is 2002 tokens, and 2001 go through", "--windows", "12006", "--max-seq-length", "2001");
  await refuses(
    `"${join(deepGolden!, "nt_tiny")}" has the layers 0 (embeddings) to 3`,
    "--layer",
    "last",
    "4",
  );
  await refuses("Cannot use --tokenizer without --onnx", "--tokenizer", "tokenizer.json");
});

piecesTest("--dtype bf16 rounds the weights, and the record says so", async (folder) => {
  const input = fasta(folder, "in.fa", sequences.map((letters, i) => [ids[i], letters]));
  for (const pipeline of ["ntv2", "hyenadna"] as const) {
    const [exact, rounded] = ["exact.npy", "rounded.npy"].map((name) => join(folder, name));
    await run(pipeline, input, exact);
    await run(pipeline, input, rounded, "--dtype", "bf16");
    const [a, b] = [await vectorsOf(exact), await vectorsOf(rounded)];
    for (const [id, vector] of a) {
      const difference = apart(vector, b.get(id)!);
      // bfloat16 has 8 bits: a few roundings of 4e-3 in a layer, of values up to 4.
      assert(difference > 1e-4 && difference < 0.3, `${pipeline} ${id}: ${difference}`);
    }
    assertEquals(recordOf(rounded).dtype.startsWith("bf16 weights, f32 sums"), true);
  }
});
