/** The baselines beside scikit-learn's on a small made-up screen (tests/fixtures/baselines/make_baselines.py). */
import { assert, assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { UsageError } from "../../lib/cli/errors.ts";
import { encodeCsv } from "../../lib/io/csv.ts";
import { encodeNpy } from "../../lib/io/npy.ts";
import { readParquetFrame } from "../../lib/io/parquet.ts";
import { main as baselines } from "../../scripts/baselines.ts";
import { main as predict } from "../../scripts/predict.ts";
import fixture from "../fixtures/baselines/baselines.json" with { type: "json" };
import { captured } from "../support/captured_log.ts";
import { writeOwnScreen } from "../support/own_screen.ts";
import { inFolder } from "../support/temporary_folder.ts";

/** Predictions are float32, values about 1. */
const tolerance = 1e-6;
const { rows, genes, width } = fixture;
const ids = Array.from({ length: rows }, (_, i) => `TF${String(i).padStart(2, "0")}`);

/** Write the screen of the fixture. @returns flags that name it, results in the folder too */
async function writeScreen(folder: string): Promise<string[]> {
  const header = ["gene_id", ...Array.from({ length: genes }, (_, j) => `GENE${j}`)];
  const lines = ids.map((id, i) => [id, ...fixture.targets.slice(i * genes, (i + 1) * genes)]);
  await Deno.writeTextFile(join(folder, "targets.csv"), encodeCsv(header, lines));
  const vectors = { shape: [rows, width], data: Float32Array.from(fixture.embeddings) };
  await Deno.writeFile(join(folder, "tfs.npy"), encodeNpy(vectors));
  await Deno.writeTextFile(join(folder, "tfs_ids.txt"), ids.join("\n"));
  const groups = ids.map((id, i) => [id, fixture.families[i]]);
  await Deno.writeTextFile(join(folder, "families.csv"), encodeCsv(["tf", "group"], groups));
  return [
    ...["--targets", join(folder, "targets.csv"), "--embeddings", join(folder, "tfs.npy")],
    ...["--output-dir", folder, "--plot-format", "svg", "--bootstrap", "20", "--save-model"],
  ];
}

async function predictionsOf(folder: string, name: string): Promise<Float32Array> {
  return (await readParquetFrame(join(folder, name, `predictions_${name}.parquet`))).values.data;
}

async function summaryOf(folder: string, name: string) {
  return JSON.parse(await Deno.readTextFile(join(folder, name, "summary.json")));
}

function assertClose(actual: ArrayLike<number>, expected: ArrayLike<number>): void {
  assertEquals(actual.length, expected.length);
  for (let i = 0; i < expected.length; i++) assertAlmostEquals(actual[i], expected[i], tolerance);
}

const cases = [
  { name: "nearest", flags: ["--models", "nearest"], result: "nearest" },
  { name: "nearest_cosine", flags: ["--models", "nearest", "--metric", "cosine"], result: "nearest" },
  { name: "kernel_ridge", flags: ["--models", "kernel-ridge"], result: "kernel_ridge" },
  { name: "kernel_ridge_linear", flags: ["--models", "kernel-ridge-linear"], result: "kernel_ridge_linear" },
] as const;

for (const { name, flags, result } of cases) {
  const reference = fixture.models[name], folderName = `baseline_${result}`;
  const grids = Object.entries(reference.grid).flatMap((
    [name, values],
  ) => [`--${name}-grid`, ...values.map(String)]);

  Deno.test(`${name} gives scikit-learn's predictions, with and without standardised embeddings`, () =>
    inFolder(async (folder) => {
      const usual = [...await writeScreen(folder), ...flags];
      await captured(() => baselines(usual));
      assertClose(await predictionsOf(folder, folderName), reference.fixed);
      await captured(() => baselines([...usual, "--no-standardize"]));
      assertClose(await predictionsOf(folder, folderName), reference.fixed_raw);
    }));

  for (const inGroups of [false, true]) {
    Deno.test(`${name} --tune picks what a plain nested loop picks${inGroups ? ", in groups" : ""}`, () =>
      inFolder(async (folder) => {
        const own = inGroups ? ["--group-by", join(folder, "families.csv")] : [];
        const usual = [...await writeScreen(folder), ...flags, "--tune", ...grids, ...own];
        await captured(() => baselines(usual));
        const expected = inGroups ? reference.tuned_in_groups : reference.tuned;
        const { tuning } = await summaryOf(folder, folderName);
        assertEquals(tuning.folds.length, expected.folds.length);
        for (const [i, fold] of expected.folds.entries()) {
          assertEquals(tuning.folds[i].chosen, fold.chosen);
          assertAlmostEquals(tuning.folds[i].mse_of_mean, fold.mse_of_mean, tolerance);
          assertEquals(tuning.folds[i].curve.length, fold.curve.length);
          fold.curve.forEach((point, at) => {
            const { mse, ...settings } = tuning.folds[i].curve[at], { mse: theirs, ...others } = point;
            assertEquals(settings, others);
            assertAlmostEquals(mse, theirs, tolerance);
          });
        }
        assertClose(await predictionsOf(folder, folderName), expected.predictions);
      }));
  }
}

Deno.test("all baselines run on a user's own screen, and predict.ts repeats their held-out predictions", () =>
  inFolder(async (folder) => {
    const screen = await writeOwnScreen(folder), out = join(folder, "my results");
    const { lines } = await captured(() =>
      baselines([
        ...["--targets", screen.targets, "--embeddings", screen.embeddings, screen.embeddings, "--tune"],
        ...["--output-dir", out, "--plot-format", "svg", "--save-model", "--bootstrap", "20"],
      ])
    );
    assertEquals(lines.filter((line) => line.startsWith("[result]")).length, 6);
    for (const name of ["zero", "mean", "nearest", "kernel_ridge", "kernel_ridge_linear", "shuffled"]) {
      const result = join(out, `baseline_${name}`), output = join(folder, "again.parquet");
      const summary = await summaryOf(out, `baseline_${name}`);
      if (name === "mean") {
        const { mean, ci_lower, ci_upper } = summary.evaluation.error_ratio;
        assertEquals([mean, ci_lower, ci_upper], [1, 1, 1]);
      }
      const input = ["--embeddings", screen.embeddings, screen.embeddings];
      await captured(() => predict(["--result", result, "--held-out", "--output", output, ...input]));
      const again = await readParquetFrame(output);
      const own = await readParquetFrame(join(result, `predictions_baseline_${name}.parquet`));
      for (const [i, id] of own.index.entries()) {
        const row = again.index.indexOf(id);
        const part = (frame: typeof own, at: number) => frame.values.data.subarray(at * 50, (at + 1) * 50);
        assertClose(part(again, row), part(own, i));
      }
    }
    // Linear responses: embeddings tell something, shuffled ones nothing.
    const ratio = async (name: string) =>
      (await summaryOf(out, `baseline_${name}`)).evaluation.error_ratio.mean;
    assert(await ratio("kernel_ridge_linear") < 0.5);
    assert(await ratio("shuffled") > 0.9);
  }));

Deno.test("zero and mean need no embeddings, neither for training nor for new TFs", () =>
  inFolder(async (folder) => {
    const usual = await writeScreen(folder), output = join(folder, "new.csv");
    await captured(() => baselines([...usual.slice(0, 2), ...usual.slice(4), "--models", "zero", "mean"]));
    await captured(() =>
      predict(["--result", join(folder, "baseline_zero"), "--ids", "NEW1,NEW2", "--output", output])
    );
    const [, ...lines] = (await Deno.readTextFile(output)).trim().split("\n");
    assertEquals(lines.map((line) => line.trim()), [
      `NEW1${",0".repeat(genes)}`,
      `NEW2${",0".repeat(genes)}`,
    ]);
  }));

Deno.test("a run in parts gives the numbers of a whole one, tuned too", () =>
  inFolder(async (folder) => {
    const usual = [...await writeScreen(folder), "--models", "kernel-ridge", "--tune"];
    await captured(() => baselines(usual));
    const whole = await predictionsOf(folder, "baseline_kernel_ridge");
    const { tuning } = await summaryOf(folder, "baseline_kernel_ridge");
    const parts = [...usual, "--model-name", "parts"];
    await captured(() => baselines([...parts, "--folds", "0", "3"]));
    await captured(() => baselines([...parts, "--folds", "1", "2", "4"]));
    assertEquals(await predictionsOf(folder, "parts_kernel_ridge"), whole);
    assertEquals((await summaryOf(folder, "parts_kernel_ridge")).tuning, tuning);
    const { lines } = await captured(() => baselines([...parts, "--resume"]));
    assert(lines.some((line) => line.includes("Nothing to do")), lines.join("\n"));
  }));

Deno.test("--tune keeps what the command line fixes, and refuses to choose among nothing", () =>
  inFolder(async (folder) => {
    const usual = await writeScreen(folder);
    await captured(() => baselines([...usual, "--models", "kernel-ridge", "--tune", "--gamma", "0.3"]));
    const { tuning } = await summaryOf(folder, "baseline_kernel_ridge");
    assertEquals(new Set(tuning.folds[0].curve.map(({ gamma }: { gamma: number }) => gamma)), new Set([0.3]));
    const nearest = [...usual, "--models", "nearest", "--tune", "--k", "3"];
    await captured(() =>
      assertRejects(() => baselines(nearest), UsageError, "nothing to choose (leave out --k")
    );
    const zero = [...usual, "--models", "zero", "--tune"];
    await captured(() => assertRejects(() => baselines(zero), UsageError, "they have nothing to choose"));
    const idle = [...usual, "--models", "nearest", "--k-grid", "1", "2"];
    await captured(() => assertRejects(() => baselines(idle), UsageError, "--k-grid without --tune"));
    const ids = ["--data-dir", "data/demo", "--ids", "x.txt"];
    await captured(() => assertRejects(() => baselines(ids), UsageError, "--ids without --embeddings"));
  }));

Deno.test("kernel ridge on identical embeddings without a penalty says what works", () =>
  inFolder(async (folder) => {
    const usual = await writeScreen(folder);
    const same = { shape: [rows, 1], data: new Float32Array(rows).fill(2) };
    await Deno.writeFile(join(folder, "tfs.npy"), encodeNpy(same));
    const ridge = [...usual, "--models", "kernel-ridge", "--lambda-ridge", "1e-20"];
    await captured(() =>
      assertRejects(() => baselines(ridge), UsageError, "fold 0 with --lambda-ridge 1e-20")
    );
    await captured(() => baselines([...usual, "--models", "kernel-ridge"])); // the mean, since no TF differs
    const { evaluation } = await summaryOf(folder, "baseline_kernel_ridge");
    assertAlmostEquals(evaluation.error_ratio.mean, 1, 1e-5);
  }));
