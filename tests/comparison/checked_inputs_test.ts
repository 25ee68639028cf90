/** What compare.ts reads is what it says: baselines, spreads, halves and names that are edited, torn or doubled. */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { DataError } from "../../lib/cli/errors.ts";
import { foldReference } from "../../lib/comparison/reference.ts";
import { encodeCsv } from "../../lib/io/csv.ts";
import { writeParquetFrame } from "../../lib/io/parquet_frame.ts";
import { takeRows } from "../../lib/linalg/matrix.ts";
import { noisy, writePredictions, writeResult } from "../support/comparison_data.ts";
import { inScreen } from "../support/comparison_run.ts";

Deno.test("targets with fewer TFs than the results learned from: the mean baseline is the results' own, to the bit", async () => {
  await inScreen(async ({ screen, path, run, comparison }) => {
    const foldOf = Int32Array.from(screen.tfs, (_, row) => row % 4);
    const baseline = takeRows(foldReference(screen.truth, foldOf, 4), foldOf);
    await writeResult(screen, path("results/baseline_mean"), baseline, { baseline });
    await writeResult(screen, path("results/good"), noisy(screen, 0.3), { baseline });
    const lines = (await Deno.readTextFile(screen.targets)).split("\n");
    await Deno.writeTextFile(path("fewer.csv"), lines.slice(0, 15).join("\n"));
    const printed = await run("--results", path("results"), "--targets", path("fewer.csv"));
    assertStringIncludes(printed, `lack 6 of 20 perturbations that "${path("results/baseline_mean")}"`);
    const { table } = await comparison();
    const { mean, lower, upper } = table.baseline_mean.error_ratio;
    assertEquals([mean, lower, upper], [1, 1, 1]);

    await Deno.writeTextFile(path("gaps.csv"), lines.join("\n").replace(/,-?\d[^,]*/, ",nan"));
    const told = await run("--results", path("results"), "--targets", path("gaps.csv"));
    assertStringIncludes(told, "in 3 of 240 means: the result learned from other values");
    await Deno.writeTextFile(path("same.csv"), lines.join("\n") + "\n");
    const same = await run("--results", path("results"), "--targets", path("same.csv"));
    assertEquals(same.includes("learned from other values"), false);

    const manifest = JSON.parse(await Deno.readTextFile(path("results/good/manifest.json")));
    const files = manifest.files.filter((file: { path: string }) => !file.path.startsWith("baseline_"));
    await Deno.writeTextFile(path("results/good/manifest.json"), JSON.stringify({ ...manifest, files }));
    await assertRejects(
      () => run("--results", path("results/good"), "--targets", path("fewer.csv")),
      DataError,
      "it has no baseline_*.parquet",
    );
  });
});

Deno.test("every file of a result folder is compared with its hash: baseline and spread too; one that is not listed is told", async () => {
  await inScreen(async ({ screen, path, run, comparison }) => {
    const whole = noisy(screen, 0.3), holes = { ...whole, data: whole.data.slice() };
    for (let row = 1; row < 20; row += 4) holes.data.fill(NaN, row * 60, row * 60 + 20);
    await writeResult(screen, path("a"), holes);
    await writeResult(screen, path("b"), whole, { spread: { ...whole, data: whole.data.map(Math.abs) } });
    await run("--results", path("a"), path("b"));
    await Deno.copyFile(path("b/baseline_x.parquet"), path("a/baseline_x.parquet"));
    await assertRejects(() => run("--results", path("a")), DataError, `baseline_x.parquet": it was changed`);
    await Deno.copyFile(path("b/baseline_x.parquet"), path("b/predictions_x_spread.parquet"));
    await assertRejects(() => run("--results", path("b")), DataError, `_spread.parquet": it was changed`);

    await writeResult(screen, path("c"), whole);
    await Deno.copyFile(path("c/predictions_x.parquet"), path("c/predictions_x_spread.parquet"));
    assertStringIncludes(await run("--results", path("c")), `does not list it`);
    assertEquals((await comparison()).spread, {});
  });
});

Deno.test("a result whose model is called as a spread is one", async () => {
  await inScreen(async ({ screen, path, run, comparison }) => {
    const spread = { ...screen.truth, data: new Float32Array(1200).fill(0.5) };
    await writeResult(screen, path("r/mlp_spread"), noisy(screen, 0.3), { stem: "mlp_spread" });
    await writeResult(screen, path("r/ia3_spread"), noisy(screen, 0.4), { stem: "ia3_spread", spread });
    await run("--results", path("r"));
    const { table, spread: spreads } = await comparison();
    assertEquals(Object.keys(table), ["ia3_spread", "mlp_spread", "mean baseline"]);
    assertEquals(Object.keys(spreads), ["ia3_spread"]);
  });
});

Deno.test("halves that are one, negative spreads and spreads without a number are no data", async () => {
  await inScreen(async ({ screen, path, run, comparison }) => {
    await writeResult(screen, path("good"), noisy(screen, 0.3));
    await Deno.copyFile(screen.targets, path("copy.csv"));
    await assertRejects(
      () => run("--results", path("good"), "--halves", screen.targets, path("copy.csv")),
      DataError,
      "one and the same",
    );
    const names = { ids: screen.tfs, genes: screen.genes };
    const file = await writePredictions(path("p.csv"), noisy(screen, 0.1), names);
    const spread = { ...screen.truth, data: new Float32Array(1200).fill(0.5) };
    spread.data[61] = -0.25;
    await writePredictions(path("p_spread.csv"), spread, names);
    const args = ["--targets", screen.targets, "--predictions", `p=${file}`];
    await assertRejects(() => run(...args), DataError, `the spread of GENE3, gene GENE1 is -0.25`);
    await writePredictions(path("p_spread.csv"), { ...spread, data: spread.data.fill(NaN) }, names);
    assertStringIncludes(await run(...args), "holds no number in the cells");
    assertEquals((await comparison()).spread, {});
  });
});

Deno.test("one TF or gene under two names is told where the numbers agree, and refused where they do not", async () => {
  await inScreen(async ({ screen, path, run }) => {
    const ids = screen.tfs.map((_, i) => `ENSG${String(i).padStart(11, "0")}`);
    const genes = screen.genes.map((_, i) => `ENSG${String(i + 500).padStart(11, "0")}`);
    const values = noisy(screen, 0.3),
      rowOf = (row: number) => Array.from(values.data.subarray(row * 60, row * 60 + 60));
    await Deno.writeTextFile(
      path("named.csv"),
      encodeCsv(["gene_id", "gene_name", ...genes], ids.map((id, i) => [id, screen.tfs[i], ...rowOf(i)])),
    );
    const write = (name: string, extra: (string | number)[], column: number) =>
      Deno.writeTextFile(
        path(name),
        encodeCsv(["", ...genes, `${genes[4]}.3`], [
          ...ids.map((id, i) => [id, ...rowOf(i), values.data[i * 60 + column]]),
          [...extra, 0].slice(0, 62),
        ]),
      );
    const args = (name: string) => ["--targets", path("named.csv"), "--predictions", `p=${path(name)}`];
    await write("symbol.csv", [screen.tfs[2], ...rowOf(3)], 4);
    await assertRejects(
      () => run(...args("symbol.csv")),
      DataError,
      `with other numbers (${ids[2]} and ${screen.tfs[2]}`,
    );
    await write("version.csv", ["NEW", ...rowOf(3)], 5);
    await assertRejects(
      () => run(...args("version.csv")),
      DataError,
      `with other numbers (${genes[4]} and ${genes[4]}.3`,
    );
    await writeParquetFrame(path("same.parquet"), {
      index: [...ids, `${ids[2]}.7`],
      columns: genes,
      values: takeRows(values, [...ids.keys(), 2]),
    });
    assertStringIncludes(await run(...args("same.parquet")), `twice under two names`);
  });
});
