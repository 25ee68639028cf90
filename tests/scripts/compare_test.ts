import { assert, assertAlmostEquals, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { DataError, UsageError } from "../../lib/cli/errors.ts";
import { readCsvTable } from "../../lib/io/csv.ts";
import { writeNpy } from "../../lib/io/npy.ts";
import { readParquetFrame } from "../../lib/io/parquet.ts";
import { writeParquetFrame } from "../../lib/io/parquet_frame.ts";
import { main } from "../../scripts/compare.ts";
import { linesPrinted } from "../support/captured_log.ts";
import {
  noisy,
  type Screen,
  writePredictions,
  writeResult,
  writeScreen,
} from "../support/comparison_data.ts";
import { inFolder } from "../support/temporary_folder.ts";

/** A screen with the results `good` and `bad`. */
async function inScreen(
  body: (screen: Screen, path: (name: string) => string) => Promise<void>,
): Promise<void> {
  await inFolder(async (folder) => {
    const screen = await writeScreen(folder), path = (name: string) => join(folder, name);
    await writeResult(screen, path("results/good"), noisy(screen, 0.3));
    await writeResult(screen, path("results/bad"), noisy(screen, 1));
    await body(screen, path);
  });
}

// deno-lint-ignore no-explicit-any
async function readJson(path: string): Promise<any> {
  return JSON.parse(await Deno.readTextFile(path));
}

const few = ["--resamples", "200"];

Deno.test("compare.ts writes all files, and tells the better of two results from the worse", async () => {
  await inScreen(async (_, path) => {
    const lines = await linesPrinted(() =>
      main(["--results", path("results"), "--output", path("my report"), ...few])
    );
    assertStringIncludes(lines.at(-1)!, "Lowest error: good, ");
    const comparison = await readJson(path("my report/comparison.json"));
    assertEquals([comparison.n_perturbations, comparison.n_genes, comparison.n_folds], [20, 60, 4]);
    assertEquals(comparison.own_genes, 15);
    assertEquals(comparison.table["mean baseline"].error_ratio, {
      mean: 1,
      lower: 1,
      upper: 1,
      n: 20,
      over_baseline: 0,
    });
    assertEquals(comparison.table["mean baseline"].pearson_delta, {
      mean: null,
      lower: null,
      upper: null,
      n: 0,
      over_baseline: null,
    });
    assertEquals(comparison.table["mean baseline"].centroid_accuracy.mean, 0.5);
    const pair = comparison.pairs.find((pair: Record<string, string>) =>
      pair.metric === "error_ratio" && pair.first === "bad" && pair.second === "good"
    );
    assert(pair.difference > 0 && pair.lower > 0 && pair.p_holm < 0.05, JSON.stringify(pair));
    for (const file of comparison.files) await Deno.stat(path(`my report/${file}`));
    const long = await readCsvTable(path("my report/metrics_long.csv"));
    assertEquals(long.header, ["model", "perturbation", "fold", "metric", "value"]);
    assertEquals(long.rows.length, 3 * 20 * comparison.metrics.length);
    const mine = long.rows.filter(([model, , , metric]) => model === "good" && metric === "rmse").map((
      cells,
    ) => Number(cells[4]));
    assertAlmostEquals(
      mine.reduce((sum, value) => sum + value, 0) / 20,
      comparison.table.good.rmse.mean,
      1e-12,
    );
  });
});

Deno.test("a second comparison takes the place of the first, and leaves the user's own files", async () => {
  await inScreen(async (_, path) => {
    await linesPrinted(() => main(["--results", path("results"), "--output", path("report"), ...few]));
    await Deno.writeTextFile(path("report/notes.txt"), "mine");
    await Deno.writeTextFile(path("report/figures/spread.svg"), "old");
    const json = await readJson(path("report/comparison.json"));
    await Deno.writeTextFile(
      path("report/comparison.json"),
      JSON.stringify({ ...json, files: ["figures/spread.svg", "../my screen.csv"] }),
    );
    await linesPrinted(() => main(["--results", path("results/good"), "--output", path("report"), ...few]));
    assertEquals(await Deno.readTextFile(path("report/notes.txt")), "mine");
    await assertRejects(() => Deno.stat(path("report/figures/spread.svg")));
    await Deno.stat(path("my screen.csv"));
    const left = (await Array.fromAsync(Deno.readDir(path("")))).map(({ name }) => name).filter((name) =>
      name.startsWith(".")
    );
    assertEquals(left, []);
  });
});

Deno.test("predictions of another tool are compared: other order, other case, TFs and genes that are missing", async () => {
  await inScreen(async (screen, path) => {
    const values = noisy(screen, 0.1), rows = screen.tfs.map((_, i) => i).filter((i) => i !== 3).reverse();
    const columns = screen.genes.map((_, j) => j).filter((j) => j !== 5 && j !== 6);
    const data = Float32Array.from(rows.flatMap((i) => columns.map((j) => values.data[i * 60 + j])));
    const file = await writePredictions(path("theirs.csv"), { data, rows: 19, columns: 58 }, {
      ids: rows.map((i) => screen.tfs[i].toLowerCase()),
      genes: columns.map((j) => screen.genes[j]),
    });
    const lines = await linesPrinted(() =>
      main([
        "--results",
        path("results"),
        "--predictions",
        `theirs=${file}`,
        "--output",
        path("report"),
        ...few,
      ])
    );
    const printed = lines.join("\n");
    assertStringIncludes(
      printed,
      `"theirs" has no prediction of 1 perturbation (${screen.tfs[3]}): left out for all models.`,
    );
    assertStringIncludes(printed, "58 of 60 genes are predicted by all models");
    const { n_perturbations, n_genes, table } = await readJson(path("report/comparison.json"));
    assertEquals([n_perturbations, n_genes], [19, 58]);
    assert(table.theirs.error_ratio.mean < table.good.error_ratio.mean);
  });
});

Deno.test("names from data are text in every file", async () => {
  await inScreen(async (screen, path) => {
    const name = `<script>alert("1")</script>&_%#'../x`;
    const file = await writePredictions(path("x.csv"), noisy(screen, 0.1), {
      ids: screen.tfs,
      genes: screen.genes,
    });
    await linesPrinted(() =>
      main([
        "--results",
        path("results"),
        "--predictions",
        `${name}=${file}`,
        "--output",
        path("report"),
        ...few,
      ])
    );
    const html = await Deno.readTextFile(path("report/index.html"));
    assertEquals(html.includes("<script>alert"), false);
    assertEquals(html.match(/<script/g)!.length, 3);
    const svg = await Deno.readTextFile(path("report/figures/error_ratio.svg"));
    assertEquals(svg.includes("<script"), false);
    assertStringIncludes(
      await Deno.readTextFile(path("report/table.tex")),
      "\\textless{}script\\textgreater{}alert",
    );
    assert(name in (await readJson(path("report/comparison.json"))).table);
  });
});

Deno.test("significant genes, halves, groups and spreads add what they tell", async () => {
  await inScreen(async (screen, path) => {
    const frame = (data: Float32Array) => ({
      index: [...screen.tfs],
      columns: [...screen.genes],
      values: { ...screen.truth, data },
    });
    await writeParquetFrame(
      path("de_genes.parquet"),
      frame(screen.truth.data.map((value) => Math.abs(value) > 1.2 ? 0.01 : 0.5)),
    );
    await writeParquetFrame(path("targets_half_a.parquet"), frame(noisy(screen, 0.05).data));
    await writeParquetFrame(path("targets_half_b.parquet"), frame(noisy(screen, 0.06).data));
    await Deno.writeTextFile(
      path("families.csv"),
      "tf,group\n" + screen.tfs.map((tf, i) => `${tf},${"AB"[i % 2]}\n`).join(""),
    );
    await writeResult(screen, path("results/good"), noisy(screen, 0.3), {
      spread: { ...screen.truth, data: new Float32Array(1200).fill(0.6) },
    });
    await linesPrinted(() =>
      main([
        "--results",
        path("results"),
        "--group-by",
        path("families.csv"),
        "--output",
        path("report"),
        ...few,
      ])
    );
    const { table, spread, direction_match_over } = await readJson(path("report/comparison.json"));
    assert(table.good.de_auprc.mean > table["mean baseline"].de_auprc.mean);
    assert(table["noise ceiling"].error_ratio.mean < table.good.error_ratio.mean);
    assertEquals(direction_match_over, "significant genes");
    assertEquals(spread.good.cells, 1200);
    const subsets = await readCsvTable(path("report/subsets.csv"));
    const kinds = new Set(subsets.rows.map(([kind, name]) => `${kind} ${name}`));
    assertEquals([...kinds].filter((name) => name.startsWith("group")), ["group A", "group B"]);
    const frameOf = await readParquetFrame(path("report/explorer_values.parquet"));
    assertEquals(frameOf.columns, ["measured", "mean baseline", "bad", "good"]);
    await Deno.stat(path("report/figures/spread.png"));
  });
});

Deno.test("compare.ts refuses what is no comparison, naming what is wrong", async () => {
  await inScreen(async (screen, path) => {
    const fails = async (error: typeof DataError | typeof UsageError, part: string, ...args: string[]) =>
      await linesPrinted(async () => {
        const { message } = await assertRejects(
          () => main(["--output", path("report"), ...few, ...args]),
          error,
        ) as Error;
        assertStringIncludes(message, part);
      });
    await fails(UsageError, "Flag --results is needed");
    await fails(DataError, "there is no such folder", "--results", path("nothing"));
    await Deno.mkdir(path("empty"));
    await fails(DataError, "there is no result in it", "--results", path("empty"));
    await fails(DataError, "it is a file", "--results", screen.targets);
    await fails(UsageError, "it must be NAME=FILE", "--predictions", "theirs.csv");
    const file = await writePredictions(path("x.csv"), noisy(screen, 0.1), {
      ids: screen.tfs,
      genes: screen.genes,
    });
    await fails(UsageError, "Flag --targets is needed", "--predictions", `a=${file}`);
    await fails(
      UsageError,
      `two models called "good"`,
      "--results",
      path("results"),
      "--predictions",
      `good=${file}`,
    );
    await fails(
      DataError,
      "a result stands there",
      "--results",
      path("results"),
      "--output",
      path("results/good"),
    );

    await writeResult(screen, path("folds"), noisy(screen, 0.2), { foldOf: (row) => Math.floor(row / 5) });
    await fails(DataError, "was made with other folds", "--results", path("results"), path("folds"));
    const lines = await linesPrinted(() =>
      main([
        "--results",
        path("results"),
        path("folds"),
        "--allow-other-folds",
        "--output",
        path("report"),
        ...few,
      ])
    );
    assertStringIncludes(lines.join("\n"), "are not paired");

    const nan = noisy(screen, 0.2);
    nan.data.fill(NaN, 0, 60); // a whole TF: left out
    nan.data[70] = NaN;
    const withNan = await writePredictions(path("nan.csv"), nan, { ids: screen.tfs, genes: screen.genes });
    const told = await linesPrinted(() =>
      main([
        "--results",
        path("results"),
        "--predictions",
        `nan=${withNan}`,
        "--output",
        path("report"),
        ...few,
      ])
    );
    assertStringIncludes(told.join("\n"), `"nan" predicts no number for 1 perturbation (${screen.tfs[0]})`);
    assertStringIncludes(told.join("\n"), `"nan" predicts NaN or infinity in 1 of 1140 measured cells`);
    nan.data.fill(NaN, 60, 100);
    await writePredictions(path("nan.csv"), nan, { ids: screen.tfs, genes: screen.genes });
    await fails(
      DataError,
      "its predictions are NaN or infinite in 40 of 1140",
      "--results",
      path("results"),
      "--predictions",
      `nan=${withNan}`,
    );

    const strange = await writePredictions(path("s.csv"), noisy(screen, 0.1), {
      ids: screen.tfs.map((_, i) => `T${i}`),
      genes: screen.genes,
    });
    await fails(
      DataError,
      "none of its 20 perturbations",
      "--results",
      path("results"),
      "--predictions",
      `s=${strange}`,
    );

    await Deno.writeTextFile(path("results/good/metrics_per_perturbation.csv"), ",fold\n");
    await fails(
      DataError,
      `metrics_per_perturbation.csv": it was changed since`,
      "--results",
      path("results"),
    );
    await Deno.remove(path("results/bad/predictions_x.parquet"));
    await fails(DataError, "predictions_x.parquet", "--results", path("results/bad"));
  });
});

Deno.test("results of other targets are refused, by values and not by names of files", async () => {
  await inScreen(async (screen, path) => {
    const run = (...folders: string[]) =>
      linesPrinted(() => main(["--results", ...folders, "--output", path("report"), ...few]));
    const text = await Deno.readTextFile(screen.targets);
    await Deno.writeTextFile(path("copy.csv"), text.replace("gene_name", "perturbation"));
    await writeResult({ ...screen, targets: path("copy.csv") }, path("copies"), noisy(screen, 0.2));
    await run(path("results"), path("copies"));
    await Deno.writeTextFile(path("other.csv"), text.replace(/,-?\d/, ",7"));
    await writeResult({ ...screen, targets: path("other.csv") }, path("others"), noisy(screen, 0.2));
    await assertRejects(() => run(path("results"), path("others")), DataError, "they are of other targets");
    await Deno.writeTextFile(screen.targets, text + "\n");
    await assertRejects(() => run(path("results")), DataError, "were changed since");
    await run(path("results"), "--targets", screen.targets);
  });
});

Deno.test("two results of one name go by their paths", async () => {
  await inScreen(async (screen, path) => {
    await writeResult(screen, path("second/good"), noisy(screen, 0.5));
    await linesPrinted(() =>
      main([
        "--results",
        path("results"),
        path("second"),
        path("second/good"),
        "--output",
        path("report"),
        ...few,
      ])
    );
    const { table } = await readJson(path("report/comparison.json"));
    assertEquals(Object.keys(table), ["bad", path("results/good"), path("second/good"), "mean baseline"]);
  });
});

Deno.test("predictions in an h5ad file, named by columns and sparse, are those of the same numbers as CSV", async () => {
  await inScreen(async (_, path) => {
    const fixture = (name: string) => new URL(`../fixtures/comparison/${name}`, import.meta.url).pathname;
    const predictions = [`h5ad=${fixture("predictions.h5ad")}`, `csv=${fixture("predictions.csv")}`];
    await linesPrinted(() =>
      main([
        "--results",
        path("results"),
        "--predictions",
        ...predictions,
        "--output",
        path("report"),
        ...few,
      ])
    );
    const { table, n_perturbations, n_genes } = await readJson(path("report/comparison.json"));
    assertEquals([n_perturbations, n_genes], [20, 60]);
    assertEquals(table.h5ad, table.csv);
  });
});

Deno.test("predictions as .npy are named by the lists beside them", async () => {
  await inScreen(async (screen, path) => {
    const { data } = noisy(screen, 0.3);
    await writeNpy(path("a.npy"), { shape: [20, 60], data });
    const run = () =>
      linesPrinted(() =>
        main([
          "--results",
          path("results"),
          "--predictions",
          `npy=${path("a.npy")}`,
          "--output",
          path("report"),
          ...few,
        ])
      );
    await assertRejects(run, DataError, "to name each row");
    await writeNpy(path("a_ids.npy"), { shape: [20], data: screen.tfs });
    await Deno.writeTextFile(path("a_genes.txt"), screen.genes.slice(1).join("\n"));
    await assertRejects(run, DataError, `names 59 (one a column is needed)`);
    await Deno.writeTextFile(path("a_genes.txt"), screen.genes.join("\n"));
    await run();
    const { table } = await readJson(path("report/comparison.json"));
    assertEquals(table.npy, table.good);
  });
});

Deno.test("cells that a run was not asked for are left out for all, however many they are", async () => {
  await inScreen(async (screen, path) => {
    const values = noisy(screen, 0.3);
    // Fold 1 did not learn 20 of the genes: neither its predictions nor its mean baseline have them.
    for (let row = 1; row < 20; row += 4) values.data.fill(NaN, row * 60, row * 60 + 20);
    await writeResult(screen, path("results/strict"), values);
    await linesPrinted(() => main(["--results", path("results"), "--output", path("report"), ...few]));
    const { table, n_perturbations } = await readJson(path("report/comparison.json"));
    assertEquals(n_perturbations, 20);
    assertEquals(table.strict, table.good);
  });
});

Deno.test("--top-expressed judges by the genes of highest expression, and needs a table that tells it", async () => {
  await inScreen(async (screen, path) => {
    const run = () =>
      linesPrinted(() =>
        main(["--results", path("results"), "--top-expressed", "25", "--output", path("report"), ...few])
      );
    await assertRejects(run, UsageError, "no table tells how much genes are expressed");
    const lines = screen.genes.map((gene, i) => `${gene},Name ${i},${i % 2 === 0 ? 5 : 1}\n`);
    await Deno.writeTextFile(path("gene_expression.csv"), "gene_id,gene_name,mean\n" + lines.join(""));
    await run();
    const { n_genes, systematic_variation, table } = await readJson(path("report/comparison.json"));
    assertEquals(n_genes, 25);
    assert(systematic_variation > 0 && systematic_variation < 0.6);
    assertAlmostEquals(table.good.error_ratio.over_baseline, 1 - table.good.error_ratio.mean, 1e-12);
    const genes = await readCsvTable(path("report/genes.csv"));
    assertEquals(genes.rows.slice(0, 2).map((cells) => cells.slice(0, 2)), [["GENE0", "Name 0"], [
      "GENE2",
      "Name 2",
    ]]);
  });
});
