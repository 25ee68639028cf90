/** hs27_xgboost.ts: the reference runs, runs in parts, models that it saves, and bad input. */
import { assert, assertAlmostEquals, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { parseModel } from "../../lib/boosting/read_model.ts";
import { predict } from "../../lib/boosting/tree.ts";
import { DataError, UsageError } from "../../lib/cli/errors.ts";
import { readHyenaEmbeddings } from "../../lib/dataset/embeddings.ts";
import { StandardScaler } from "../../lib/dataset/standard_scaler.ts";
import { readSplitsFile } from "../../lib/dataset/splits_file.ts";
import { readCsvTable } from "../../lib/io/csv.ts";
import { encodeNpy, readNpyMatrix } from "../../lib/io/npy.ts";
import { readParquetFrame } from "../../lib/io/parquet.ts";
import { takeRows } from "../../lib/linalg/matrix.ts";
import { openSavedModel, readSavedFold } from "../../lib/experiment/saved_model.ts";
import { xgboost } from "../../lib/models/xgboost.ts";
import { main } from "../../scripts/hs27_xgboost.ts";
import { captured } from "../support/captured_log.ts";
import { DatasetCopy } from "../support/dataset_copy.ts";
import { golden, testWith } from "../support/golden.ts";
import { type GoldenRun, goldenRuns, pythonJson } from "../support/golden_runs.ts";

for (const collection of ["synthetic", "classical"]) {
  const runs = golden(`${collection}/runs.json`);
  for (const run of runs === null ? [] : goldenRuns(runs, ["xgboost"])) {
    testWith(
      golden(`${collection}/xgboost/${run.name}`),
      `hs27_xgboost gives the Python's files on ${collection}/xgboost/${run.name}`,
      (folder) => repeat(run, folder, golden(`${collection}/datasets/${run.dataset}`)!),
    );
  }
}

async function repeat(run: GoldenRun, expected: string, data: string): Promise<void> {
  await using results = await temporaryFolder();
  const given = run.flags.map((flag) => flag.replace("{DATA}", data));
  // The Python drew its own folds where no file was named: a name that does not exist yet asks for that.
  const flags = given.includes("--cv-splits-file")
    ? given
    : [...given, "--cv-splits-file", join(results.path, "fresh.pkl")];
  const labels: { index: string[]; columns: string[] } = await pythonJson(join(expected, "index.json"));
  if (run.name.includes("nan_top")) {
    // The Python's top genes were those with missing values, by accident: they are named here, so that all else is compared.
    const index = join(results.path, "genes.txt");
    await Deno.writeTextFile(index, labels.columns.join("\n"));
    flags.splice(flags.indexOf("--n-top-genes"), 2, "--gene-index", index);
  }
  const lines = await runScript(["--data-dir", data, "--output-dir", results.path, ...flags]);
  const ours = join(results.path, "xgboost_hyena");
  const frame = await readParquetFrame(join(ours, "predictions_xgboost_hyena.parquet"));
  const theirs = await readNpyMatrix(join(expected, "preds.npy"));
  assertEquals(frame.columns, labels.columns);
  if (run.name === "f_duplicate_ids") {
    // The Python paired rows behind a repeated id with the wrong embeddings; here the first row of an id counts.
    assertEquals(frame.index, [...new Set(labels.index)]);
    assert(lines.some((line) => /repeated|more than once/i.test(line)), lines.join("\n"));
    return;
  }
  assertEquals(frame.index, labels.index);
  frame.values.data.forEach((value, i) => assertAlmostEquals(value, theirs.data[i], 1e-6));

  const [table, expectedTable] = await Promise.all(
    [ours, expected].map((folder) => readCsvTable(join(folder, "metrics_per_perturbation.csv"))),
  );
  assertEquals(table.header.slice(0, expectedTable.header.length), expectedTable.header);
  const unmeasured = new Set<string>();
  expectedTable.rows.forEach((row, i) => {
    assertEquals(table.rows[i][0], row[0]);
    if (row.includes("inf")) { // nothing measured: empty cells, and no part in the means
      assertEquals(table.rows[i].slice(1, row.length), row.slice(1).map(() => ""));
      return unmeasured.add(row[0]);
    }
    row.slice(1).forEach((value, j) => assertAlmostEquals(Number(table.rows[i][j + 1]), Number(value), 1e-5));
  });

  const summary = JSON.parse(await Deno.readTextFile(join(ours, "summary.json")));
  const { timings_seconds: _, cv_splits_file: __, multioutput_n_jobs: ___, ...facts } = await pythonJson(
    join(expected, "summary.json"),
  );
  for (const [key, value] of Object.entries(facts)) {
    if (!key.startsWith("mean_")) assertEquals(summary[key], value, key);
    else if (unmeasured.size === 0) assertAlmostEquals(summary[key], value as number, 1e-6, key);
    else assert(Number.isFinite(summary[key]), key);
  }
  assertEquals(summary.perturbations_without_values, unmeasured.size);
  const figure = await Deno.readTextFile(join(ours, "pred_vs_gt.svg"));
  const [plot] = await pythonJson(join(expected, "plots.json"));
  for (const line of plot.title.split("\n")) assertStringIncludes(figure, line);
}

const small = ["--n-top-genes", "6", "--n-estimators", "8"];

Deno.test("parts by folds and by genes merge into the result of one run", async () => {
  await using data = await DatasetCopy.of("u");
  await using whole = await temporaryFolder();
  await using parts = await temporaryFolder();
  const flags = [...small, "--importance", "gain", "--save-model"];
  await runOn(data, whole.path, flags);
  assert(
    (await runOn(data, parts.path, [...flags, "--folds", "3", "0"])).some((l) => /still miss genes/.test(l)),
  );
  await runOn(data, parts.path, [...flags, "--genes", ":2", "--folds", "1", "2", "4"]);
  await runOn(data, parts.path, [...flags, "--genes", "4:"]);
  const last = await runOn(data, parts.path, [...flags, "--genes", "2/3", "--n-jobs", "2"]);
  assert(last.some((line) => line.startsWith("[result] Mean Pearson r")), last.join("\n"));
  for (
    const file of [
      "predictions_xgboost_hyena.parquet",
      "metrics_per_perturbation.csv",
      "importance_gain.parquet",
      "importance_gain.csv",
      "model/fold_0.safetensors",
      "model/fold_4.safetensors",
    ]
  ) {
    const [one, other] = await Promise.all(
      [whole.path, parts.path].map((path) => Deno.readFile(join(path, "xgboost_hyena", file))),
    );
    assertEquals(one, other, file);
  }
  assert(!await exists(join(parts.path, "xgboost_hyena", "unfinished")), "the parts are gone once merged");
});

Deno.test("parts that run at the same time become the result of one run, whichever ends last", async () => {
  await using data = await DatasetCopy.of("s");
  await using whole = await temporaryFolder();
  await using parts = await temporaryFolder();
  await runOn(data, whole.path, small);
  const flags = ["--data-dir", data.root, "--output-dir", parts.path, "--plot-format", "svg", ...small];
  const { lines } = await captured(() =>
    Promise.all([
      main([...flags, "--folds", "0", "1"]),
      main([...flags, "--folds", "2", "3", "4"]),
    ])
  );
  assert(lines.some((line) => line.startsWith("[result] Mean Pearson r")), lines.join("\n"));
  const read = (path: string) =>
    Deno.readFile(join(path, "xgboost_hyena", "predictions_xgboost_hyena.parquet"));
  assertEquals(await read(parts.path), await read(whole.path));
  const left = await Array.fromAsync(Deno.readDir(join(parts.path, "xgboost_hyena")));
  assertEquals(left.filter(({ name }) => name.startsWith("unfinished")), []);
});

Deno.test("--resume fits only what is missing and gives the same bytes", async () => {
  await using data = await DatasetCopy.of("s");
  await using whole = await temporaryFolder();
  await using stopped = await temporaryFolder();
  await runOn(data, whole.path, small);
  await runOn(data, stopped.path, [...small, "--folds", "0", "1"]);
  const lines = await runOn(data, stopped.path, [...small, "--resume"]);
  assert(lines.some((line) => line.includes("Going on: 2 folds of 5 done before.")), lines.join("\n"));
  const read = (path: string) =>
    Deno.readFile(join(path, "xgboost_hyena", "predictions_xgboost_hyena.parquet"));
  assertEquals(await read(stopped.path), await read(whole.path));

  const again = await runOn(data, stopped.path, [...small, "--resume"]);
  assert(again.at(-1)!.includes("holds the finished result of this run"), again.join("\n"));
  assert(!await exists(join(stopped.path, "xgboost_hyena", "unfinished")));
  await runOn(data, stopped.path, [...small, "--folds", "0"]);
  await assertRejects(
    () => runOn(data, stopped.path, ["--n-top-genes", "6", "--n-estimators", "9", "--resume"]),
    DataError,
    "--n-estimators was 8, now it is 9",
  );
  for (const gpu of ["--device", "--engine"]) {
    await assertRejects(
      () => runOn(data, stopped.path, [...small, "--resume", gpu, "webgpu"]),
      DataError,
      `--engine was "cpu", now it is "webgpu"`,
    );
  }
});

Deno.test("a run that starts anew says how many parts it throws away, and what would have kept them", async () => {
  await using data = await DatasetCopy.of("s");
  await using results = await temporaryFolder();
  await runOn(data, results.path, [...small, "--folds", "0", "1"]);
  const warned = (lines: string[]) => lines.filter((line) => line.startsWith("[warn] Deleted"));
  const place = join(results.path, "xgboost_hyena", "unfinished");
  assertEquals(warned(await runOn(data, results.path, small)), [
    `[warn] Deleted 2 parts of an earlier run in "${place}" to start anew (--resume would have gone on from them).`,
  ]);
  assertEquals(warned(await runOn(data, results.path, small)), []);
});

Deno.test("saved models predict the held-out rows again, from XGBoost's JSON and from the forest", async () => {
  await using data = await DatasetCopy.of("s");
  await using results = await temporaryFolder();
  await runOn(data, results.path, [
    ...small,
    "--save-model",
    "json",
    "--base-score",
    "mean",
    "--tree-method",
    "hist",
  ]);
  const folder = join(results.path, "xgboost_hyena");
  const frame = await readParquetFrame(join(folder, "predictions_xgboost_hyena.parquet"));
  const embeddings = await readHyenaEmbeddings(data.path("HyenaDNA_outputs"));
  const rows = frame.index.map((id) => embeddings.ids.indexOf(id));
  const raw = takeRows(embeddings.values, rows);
  const x = new StandardScaler(raw).transform(raw);
  const saved = await openSavedModel(folder);
  assertEquals([saved.kind, saved.genes], ["xgboost", frame.columns]);
  for (const { fold, test } of saved.folds) {
    const heldOut = test.map((id) => frame.index.indexOf(id));
    const tensors = await readSavedFold(saved, saved.folds[fold], xgboost);
    for (const gene of frame.columns.keys()) {
      const path = join(folder, "model", "xgboost", `fold_${fold}`, `gene_${gene}.json`);
      const model = parseModel(await Deno.readTextFile(path), path);
      assertEquals(tensors.get("forest.base_score")!.data[gene], model.baseScore);
      predict(model, takeRows(x, heldOut)).forEach((value, i) =>
        assertEquals(value, frame.values.data[heldOut[i] * frame.columns.length + gene])
      );
    }
  }
});

Deno.test("--strict and a fold without any measured target run through", async () => {
  await using data = await DatasetCopy.of("u");
  await using results = await temporaryFolder();
  const base = ["--n-estimators", "3", "--n-folds", "2"];
  await runOn(data, results.path, [...base, "--strict", "--n-top-genes", "5"]);
  const splits = await readSplitsFile(join(results.path, "xgboost_hyena", "cv_splits_2fold_42_36.pkl"));
  const trained = splits!.folds[0].train.map((row) => row);
  const ids = splits!.perturbations!;
  const emptied = new Set(Array.from(trained, (row) => ids[row]));
  await data.edit("data/artifacts/targets_377.csv", (text) =>
    text.split("\n").map((line) => {
      const cells = line.split(",");
      return emptied.has(cells[1]) ? [...cells.slice(0, 2), ...cells.slice(2).map(() => "")].join(",") : line;
    }).join("\n"));
  const lines = await runOn(data, results.path, base);
  assert(
    lines.some((line) => line.includes("Fold 0 has no measured target to learn from")),
    lines.join("\n"),
  );
  const summary = JSON.parse(await Deno.readTextFile(join(results.path, "xgboost_hyena", "summary.json")));
  assertEquals(summary.perturbations_without_values, trained.length);
});

Deno.test("missing embedding values are told and learned from, infinite ones refused", async () => {
  await using data = await DatasetCopy.of("s");
  await using results = await temporaryFolder();
  const file = data.path("HyenaDNA_outputs/hyenadna_tf_embeddings_mean.npy");
  const { data: values, rows, columns } = await readNpyMatrix(file);
  const write = (change: (value: number, i: number) => number) =>
    Deno.writeFile(file, encodeNpy({ shape: [rows, columns], data: values.map(change) }));
  await write((value, i) => i % 17 === 0 ? NaN : value);
  const lines = await runOn(data, results.path, small);
  assert(lines.some((line) => /\d+ embedding values missing/.test(line)), lines.join("\n"));
  await write((value, i) => i === 30 ? Infinity : value);
  await assertRejects(() => runOn(data, results.path, small), DataError, "not finite at column");
});

Deno.test("flags out of range are refused before any work", async () => {
  await using data = await DatasetCopy.of("s");
  await using results = await temporaryFolder();
  const refused: [string[], string][] = [
    [["--genes", "5"], "it must be A:B with 0 <= A < B <= 110"],
    [["--genes", "9:3"], "it must be A:B"],
    [["--genes", "0:111"], "it must be A:B"],
    [["--genes", "9/8"], "it must be i/n with i from 1 to n, and n at most 110"],
    [["--genes", "0/8"], "it must be i/n"],
    [["--genes", "1/111"], "it must be i/n"],
    [["--folds", "5"], "there are 5 folds, counted from 0 to 4"],
    [["--base-score", "average"], "it must be a number (of float32) or mean"],
    [["--max-depth", "0"], "only possible with tree method hist"],
    [["--n-jobs", "0"], "--n-jobs 0"],
    [["--tree-method", "approx"], "choose one of exact, hist"],
    [["--learning-rat", "1"], "Did you mean --learning-rate?"],
  ];
  for (const [flags, message] of refused) {
    await assertRejects(() => runOn(data, results.path, flags), UsageError, message);
  }

  await Deno.remove(results.path, { recursive: true });
  await assertRejects(() => runOn(data, results.path, ["--n-jobs", "0"]), UsageError, "--n-jobs 0");
  assert(!await exists(results.path), "nothing is written");
  await Deno.mkdir(results.path);
});

function runOn(data: DatasetCopy, results: string, flags: string[]): Promise<string[]> {
  return runScript(["--data-dir", data.root, "--output-dir", results, ...flags]);
}

async function runScript(flags: string[]): Promise<string[]> {
  return (await captured(() => main(["--plot-format", "svg", ...flags]))).lines;
}

async function temporaryFolder(): Promise<AsyncDisposable & { path: string }> {
  const path = await Deno.makeTempDir();
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}
