/** hs_27_mlp_nt.ts, hs_27_mlp_hyena.ts and concat_gene_tf_mlp.ts as their users run them. */
import { assert, assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { DataError, UsageError } from "../../lib/cli/errors.ts";
import { encodeCsv, readCsvTable } from "../../lib/io/csv.ts";
import { readParquetFrame } from "../../lib/io/parquet.ts";
import { predictMlp } from "../../lib/models/mlp_fit.ts";
import { Mlp } from "../../lib/models/mlp.ts";
import { readNtEmbeddings } from "../../lib/dataset/embeddings.ts";
import { matchIds } from "../../lib/dataset/matching.ts";
import { openSavedModel, readSavedFold } from "../../lib/experiment/saved_model.ts";
import { mlp } from "../../lib/models/mlp_model.ts";
import { Linear } from "../../lib/nn/layers.ts";
import { parameter } from "../../lib/tensor/mod.ts";
import { main as concat } from "../../scripts/concat_gene_tf_mlp.ts";
import { main as hyena } from "../../scripts/hs_27_mlp_hyena.ts";
import { main as nt } from "../../scripts/hs_27_mlp_nt.ts";
import { linesPrinted } from "../support/captured_log.ts";
import { golden, testWith } from "../support/golden.ts";
import { pythonJson } from "../support/golden_runs.ts";
import { openReferenceBackend } from "../support/reference.ts";

const scripts = { mlp_nt: nt, mlp_hyena: hyena, concat_mlp: concat };
type Name = keyof typeof scripts;
const dataSet = (name: string) => golden(`synthetic/datasets/${name}`)!;

/** Small networks and few epochs on the CPU: the same code in a second. */
const quick = ["--device", "cpu", "--plot-format", "svg", "--hidden-dims", "16", "8", "--epochs", "12"];

async function inFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function run(name: Name, output: string, data: string, ...flags: string[]): Promise<string[]> {
  const all = ["--data-dir", data, "--output-dir", output, ...quick, ...flags];
  return await linesPrinted(() => scripts[name](all));
}

const predictionsOf = (folder: string, name: Name) =>
  readParquetFrame(
    join(folder, name, `predictions_${name === "concat_mlp" ? "concat_mlp_cv" : name}.parquet`),
  );
const summaryOf = async (folder: string, name: Name) =>
  JSON.parse(await Deno.readTextFile(join(folder, name, "summary.json")));

const goldenRuns: [Name, string, string][] = [
  ["mlp_nt", "mlp/nt_b_1epoch", "b"],
  ["mlp_hyena", "mlp/hyena_b_1epoch", "b"],
  ["concat_mlp", "concat/b_2epochs", "b"],
  ["concat_mlp", "concat/c_nan", "c"],
  ["concat_mlp", "concat/a_top50_2epochs", "a"],
];
for (const [name, path, data] of goldenRuns) {
  testWith(
    golden(`classical/${path}`),
    `${name} has the Python's files, rows, columns and keys: ${path}`,
    (expected) =>
      inFolder(async (folder) => {
        const top = path.includes("top50") ? ["--n-top-genes", "50"] : [];
        // The Python drew its own folds: a name that does not exist yet asks for that.
        const fresh = ["--cv-splits-file", join(folder, "fresh.pkl")];
        await run(name, folder, golden(`classical/datasets/${data}`)!, "--epochs", "2", ...fresh, ...top);
        const index = await pythonJson(join(expected, "index.json"));
        const frame = await predictionsOf(folder, name);
        assertEquals(frame.index, index.index);
        assertEquals(frame.columns, index.columns);
        assert(frame.values.data.every(Number.isFinite));

        const plots = ["pred_vs_gt.svg", ...(name === "concat_mlp" ? [] : ["pred_vs_gt_train.svg"])];
        const stem = name === "concat_mlp" ? "concat_mlp_cv" : name;
        assertEquals(
          [...Deno.readDirSync(join(folder, name))].map((entry) => entry.name).sort(),
          [
            ...["baseline", "predictions"].map((what) => `${what}_${stem}.parquet`),
            ...["manifest.json", "metrics_per_perturbation.csv", "summary.json", ...plots],
          ].sort(),
        );
        const stdout = await Deno.readTextFile(join(expected, "stdout.txt"));
        const printed = JSON.parse(
          stdout.slice(stdout.indexOf("\n{") + 1, stdout.lastIndexOf("\n}") + 2).replaceAll(
            "Infinity",
            "null",
          ),
        );
        const summary = await summaryOf(folder, name);
        for (const key of Object.keys(printed)) assert(key in summary, `summary.json lacks ${key}`);
        for (const part of ["mlp_params", "timings_seconds"]) {
          for (const key of Object.keys(printed[part])) assert(key in summary[part], `${part} lacks ${key}`);
        }
        for (const key of ["model_name", "model_type", "cv_method", "n_tfs", "n_genes"]) {
          if (key === "model_type" && name !== "concat_mlp") continue; // two layers here, three there
          assertEquals(summary[key], printed[key]);
        }
        const { header } = await readCsvTable(join(folder, name, "metrics_per_perturbation.csv"));
        assertEquals(header.slice(0, 6), ["", "centered_pearson", "rmse", "mae", "mse", "l2_loss"]);
      }),
  );
}

for (const name of ["mlp_nt", "mlp_hyena", "concat_mlp"] as const) {
  Deno.test(`${name} run twice gives the same numbers bit for bit, another seed others`, () =>
    inFolder(async (folder) => {
      const [a, b, c] = ["a", "b", "c"].map((part) => join(folder, part));
      await run(name, a, dataSet("s"));
      await run(name, b, dataSet("s"));
      await run(name, c, dataSet("s"), "--seed", "1");
      const first = await predictionsOf(a, name);
      assertEquals(first, await predictionsOf(b, name));
      assert((await predictionsOf(c, name)).values.data.some((v, i) => v !== first.values.data[i]));
    }));

  Deno.test(`${name} killed at three moments and resumed equals an unbroken run`, () =>
    inFolder(async (folder) => {
      const whole = join(folder, "whole"), broken = join(folder, "broken");
      const flags = [
        "--batch-size",
        name === "concat_mlp" ? "256" : "10",
        "--n-folds",
        "3",
        "--restore",
        "last",
      ];
      await run(name, whole, dataSet("s"), ...flags);
      // In the first fold, at its end before the second has a checkpoint, in the last.
      const moments = ["fold_0_checkpoint", "fold_0.", "fold_2_checkpoint"];
      for (const moment of moments) {
        await runUntil(moment, name, broken, [...flags, "--checkpoint-seconds", "0", "--resume"]);
      }
      const lines = await run(name, broken, dataSet("s"), ...flags, "--resume");
      assert(lines.some((line) => line.includes("Going on: 2 folds of 3 done before.")));
      assert(lines.some((line) => /Going on: fold 2 from epoch \d+/.test(line)));
      assertEquals(await predictionsOf(broken, name), await predictionsOf(whole, name));
      const [a, b] = [await summaryOf(whole, name), await summaryOf(broken, name)];
      assertEquals(b.training, a.training);
      assertEquals(b.mean_mse, a.mean_mse);
      const again = await run(name, broken, dataSet("s"), ...flags, "--resume");
      assert(again.at(-1)!.includes("holds the finished result of this run"), again.join("\n"));
      assertEquals(await summaryOf(broken, name), b);
      assertEquals(
        [...Deno.readDirSync(join(broken, name))].some((entry) => entry.name === "unfinished"),
        false,
      );
    }));

  Deno.test(`${name} --folds in two parts gives what one run gives`, () =>
    inFolder(async (folder) => {
      const whole = join(folder, "whole"), parts = join(folder, "parts");
      await run(name, whole, dataSet("u"));
      const first = await run(name, parts, dataSet("u"), "--folds", "0,2");
      assert(first.some((line) => line.includes("Still to be run into this output folder: --folds 1 3 4.")));
      await assertRejects(
        () => run(name, parts, dataSet("u"), "--folds", "1", "3", "4", "--learning-rate", "0.5"),
        DataError,
        "now it is 0.5",
      );
      await run(name, parts, dataSet("u"), "--folds", "1", "3", "4");
      assertEquals(await predictionsOf(parts, name), await predictionsOf(whole, name));
    }));
}

/** Start a script on data set "s" as a process of its own. */
function start(name: Name, output: string, flags: string[]): Deno.ChildProcess {
  const path =
    { mlp_nt: "hs_27_mlp_nt", mlp_hyena: "hs_27_mlp_hyena", concat_mlp: "concat_gene_tf_mlp" }[name];
  return new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "-q", "-P", new URL(`../../scripts/${path}.ts`, import.meta.url).pathname],
      ...["--data-dir", dataSet("s"), "--output-dir", output, ...quick, ...flags],
    ],
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

Deno.test("two parts that run at the same time leave the result of one run", () =>
  inFolder(async (folder) => {
    const whole = join(folder, "whole"), parts = join(folder, "parts");
    await run("mlp_nt", whole, dataSet("s"));
    const processes = [["0", "2"], ["1", "3", "4"]].map((folds) =>
      start("mlp_nt", parts, ["--folds", ...folds])
    );
    for (const { success, stderr } of await Promise.all(processes.map((process) => process.output()))) {
      assert(success, new TextDecoder().decode(stderr));
    }
    assertEquals(await predictionsOf(parts, "mlp_nt"), await predictionsOf(whole, "mlp_nt"));
  }));

/** Start a script and kill it as soon as a file of that name stands in "unfinished". */
async function runUntil(file: string, name: Name, output: string, flags: string[]) {
  const unfinished = join(output, name, "unfinished");
  const process = start(name, output, flags);
  const ended = process.output();
  let over = false;
  ended.then(() => over = true);
  const stands = () => {
    try {
      return [...Deno.readDirSync(unfinished)].some((entry) => entry.name.startsWith(file));
    } catch {
      return false;
    }
  };
  while (!over && !stands()) await new Promise((resolve) => setTimeout(resolve, 2));
  if (!over) process.kill("SIGKILL");
  const { success, stderr } = await ended;
  assert(!success, `ran to its end before "${file}" was there: ${new TextDecoder().decode(stderr)}`);
}

Deno.test("--save-model keeps what is needed to predict: the saved MLP gives the fold's predictions", () =>
  inFolder(async (folder) => {
    for (const flags of [[], ["--strict", "--n-top-genes", "40"]]) {
      await run("mlp_nt", folder, dataSet("s"), "--save-model", ...flags);
      const frame = await predictionsOf(folder, "mlp_nt");
      const model = await openSavedModel(join(folder, "mlp_nt"));
      assertEquals(model.genes, frame.columns);
      const embeddings = await readNtEmbeddings(join(dataSet("s"), "NT-v2-50M"), "tf");
      for (const fold of model.folds) {
        const tensors = await readSavedFold(model, fold, mlp);
        const number = (name: string) => tensors.get(name)!.data;
        const rowsOf = (ids: readonly string[]) => [...matchIds({ ids }, embeddings).rows];
        const { columns } = embeddings.values;
        const x = new Float32Array(fold.test.length * columns);
        rowsOf(fold.test).forEach((row, i) => {
          for (let j = 0; j < columns; j++) {
            const value = embeddings.values.data[row * columns + j];
            x[i * columns + j] = (value - number("scaler.mean")[j]) / number("scaler.scale")[j];
          }
        });
        const learned = flags.includes("--strict")
          ? frame.index.filter((id) => !fold.test.includes(id))
          : frame.index;
        const from = rowsOf(learned);
        const mean = from.reduce((sum, row) => sum + embeddings.values.data[row * columns], 0) / from.length;
        assertAlmostEquals(tensors.get("scaler.mean")!.doubles![0], mean, 1e-12);
        const backend = openReferenceBackend();
        const layers = [0, 1, 2].map((i) => {
          const { shape, data } = tensors.get(`layers.${i}.weight`)!;
          return new Linear(
            parameter(backend, data, shape),
            parameter(backend, number(`layers.${i}.bias`), [shape[0]]),
          );
        });
        const predicted = await predictMlp(new Mlp(layers), { data: x, rows: fold.test.length, columns });
        fold.test.forEach((id, i) => {
          const row = frame.index.indexOf(id), width = frame.columns.length;
          for (let j = 0; j < width; j++) {
            const expected = frame.values.data[row * width + j];
            if (!Number.isNaN(expected)) assertAlmostEquals(predicted.data[i * width + j], expected, 1e-5);
          }
        });
      }
    }
  }));

Deno.test("the networks learn: their error comes near that of the training means, from far above", () =>
  inFolder(async (folder) => {
    const data = dataSet("s"), wide = ["--hidden-dims", "64", "32"];
    const settings = {
      mlp_nt: ["--epochs", "60", "--learning-rate", "0.003"],
      mlp_hyena: ["--epochs", "60", "--learning-rate", "0.003"],
      concat_mlp: ["--epochs", "6", "--learning-rate", "0.001", "--batch-size", "256"],
    };
    for (const name of ["mlp_nt", "mlp_hyena", "concat_mlp"] as const) {
      await run(name, folder, data, ...wide, ...settings[name]);
      const { mean_mse, mean_baseline } = await summaryOf(folder, name);
      assert(mean_mse < 1.1 * mean_baseline.mean_mse);
    }
  }));

Deno.test("--strict lets nothing of the held-out rows into the pair network: their values may be anything", () =>
  inFolder(async (folder) => {
    const table = await readCsvTable(join(dataSet("s"), "data/artifacts/targets_377.csv"));
    const path = join(folder, "targets.csv");
    const predictions: Float32Array[] = [];
    for (const changed of [false, true]) {
      // Row 0 far off in the other direction: an epoch that suits it is no longer the same.
      const rows = table.rows.map((row, i) =>
        i === 0 && changed ? row.map((cell, j) => j < 2 ? cell : -10 * Number(cell)) : row
      );
      await Deno.writeTextFile(path, encodeCsv(table.header, rows));
      // A rate at which the error rises and falls, so that who judges it decides which epoch is the best.
      const restless = ["--learning-rate", "0.02", "--batch-size", "256"];
      await run("concat_mlp", folder, dataSet("s"), "--targets-path", path, "--strict", ...restless);
      const frame = await predictionsOf(folder, "concat_mlp");
      const row = frame.index.indexOf(table.rows[0][table.header.indexOf("gene_id")]);
      predictions.push(frame.values.data.slice(row * frame.columns.length, (row + 1) * frame.columns.length));
    }
    assertEquals(predictions[0], predictions[1]);
  }));

Deno.test("repeated ids keep their first row, lower-case ids match for NT alone, missing targets are survived", () =>
  inFolder(async (folder) => {
    const lines = await run("mlp_nt", folder, dataSet("t"));
    const ids = (await predictionsOf(folder, "mlp_nt")).index;
    assertEquals(new Set(ids).size, ids.length);
    assert(ids.some((id) => id !== id.toUpperCase()));
    assert(
      lines.some((line) =>
        /2 perturbations \(2 of \d+\) are not in .*: left out: they have no embedding/.test(line)
      ),
    );
    await run("mlp_hyena", folder, dataSet("t"));
    assert((await predictionsOf(folder, "mlp_hyena")).index.every((id) => id === id.toUpperCase()));
    for (const name of ["mlp_nt", "concat_mlp"] as const) {
      await run(name, folder, dataSet("u"));
      assert((await predictionsOf(folder, name)).values.data.every(Number.isFinite));
    }
  }));

Deno.test("a hidden size or a batch of 0, and folds that do not exist, are usage errors", async () => {
  for (const name of ["mlp_nt", "concat_mlp"] as const) {
    for (
      const [flags, message] of [
        [["--hidden-dims", "16", "0"], "Cannot use --hidden-dims 0: it must be at least 1"],
        [["--batch-size", "0"], "Cannot use --batch-size 0: it must be at least 1"],
        [["--patience", "-1"], "Cannot use --patience -1: it must be at least 0"],
        [["--folds", "5"], "Cannot use --folds 5: there are 5 folds, counted from 0 to 4"],
        [["--learning-rate", "0"], "Cannot use --learning-rate 0: it must be above 0"],
      ] as const
    ) {
      await inFolder(async (folder) => {
        await assertRejects(() => run(name, folder, dataSet("s"), ...flags), UsageError, message);
      });
    }
  }
});

Deno.test("a loss that becomes NaN stops the run with its step and advice", () =>
  inFolder(async (folder) => {
    for (const name of ["mlp_nt", "concat_mlp"] as const) {
      const error = await assertRejects(
        () => run(name, folder, dataSet("s"), "--learning-rate", "1e30"),
        DataError,
      );
      assert(
        /^Cannot go on training fold 0: the (validation )?loss is (NaN|Infinity) (at|after) epoch \d+/.test(
          error.message,
        ),
        error.message,
      );
      assert(error.message.endsWith("(try a smaller --learning-rate)"));
    }
  }));

Deno.test("concat_mlp stops by measured training rows, under --strict or where a fold's test rows have no measured value", () =>
  inFolder(async (folder) => {
    const table = await readCsvTable(join(dataSet("s"), "data/artifacts/targets_377.csv"));
    const path = join(folder, "targets.csv"), measured = 3;
    const rows = table.rows.map((row, i) => i < measured ? row : row.map((cell, j) => j < 2 ? cell : ""));
    await Deno.writeTextFile(path, encodeCsv(table.header, rows));
    for (const flags of [[], ["--strict"]]) {
      const lines = await run("concat_mlp", folder, dataSet("s"), "--targets-path", path, ...flags);
      const told = lines.filter((line) =>
        /No measured value in the \d+ test perturbations of fold/.test(line)
      );
      assertEquals(told.length > 0, flags.length === 0, lines.join("\n"));
      const { n_tfs, perturbations_without_values } = await summaryOf(folder, "concat_mlp");
      assertEquals(perturbations_without_values, n_tfs - measured);
      assert((await predictionsOf(folder, "concat_mlp")).values.data.every(Number.isFinite));
    }
  }));

Deno.test("a fold without any measured target is told by its number", () =>
  inFolder(async (folder) => {
    const table = await readCsvTable(join(dataSet("s"), "data/artifacts/targets_377.csv"));
    const path = join(folder, "targets.csv");
    const empty = table.rows.map((row) => row.map((cell, i) => i < 2 ? cell : ""));
    await Deno.writeTextFile(path, encodeCsv(table.header, empty));
    await assertRejects(
      () => run("concat_mlp", folder, dataSet("s"), "--targets-path", path),
      DataError,
      "Cannot train fold 0: none of its 38 training perturbations has a measured value",
    );
  }));
