/** Choices of both linear models beside a plain nested loop that predicts every gene of every inner fold. */
import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { join } from "@std/path";
import { type Fold, kFold } from "../../lib/dataset/kfold.ts";
import { readParquetFrame } from "../../lib/io/parquet.ts";
import type { Matrix } from "../../lib/linalg/matrix.ts";
import { EmbeddingRidge } from "../../lib/models/lel_embed.ts";
import { PcaRidge } from "../../lib/models/lel_pca.ts";
import { choosePcaSettings, EmbeddingRidgeTuning } from "../../lib/models/lel_tuning.ts";
import { ModelStream } from "../../lib/random/model_stream.ts";
import type { Settings, TuningReport } from "../../lib/tuning/choice.ts";
import { ProfileProducts } from "../../lib/tuning/weight_errors.ts";
import { main as lel } from "../../scripts/hs27_lel.ts";
import { main as lelEmbed } from "../../scripts/lel_embed.ts";
import { captured } from "../support/captured_log.ts";
import { writeOwnScreen } from "../support/own_screen.ts";
import { inFolder } from "../support/temporary_folder.ts";

const perturbations = 30, genes = 40;
const normal = (label: string, rows: number, columns: number): Matrix => ({
  data: new ModelStream(7, label).fillNormal(new Float32Array(rows * columns), 0, 1),
  rows,
  columns,
});
const values = normal("values", perturbations, genes);
values.data.forEach((value, at) => values.data[at] = value + 3 * Math.sin(at % genes)); // means that are not zero
const train = Int32Array.from({ length: 24 }, (_, i) => i + 3), inner = kFold(train.length, 4, 5);
const fold = { train, inner, progress: () => {} };

type Predictor = { predict(rows: Int32Array): Matrix };

/** Mean squared error of each settings by whole predictions. */
async function plain<S extends Settings>(
  grid: readonly S[],
  fit: (fold: Fold, settings: S) => Predictor | Promise<Predictor>,
): Promise<number[]> {
  const squares = grid.map(() => 0);
  for (const places of inner) {
    const [own, test] = [places.train, places.test].map((rows) => rows.map((at) => train[at]));
    for (const [i, settings] of grid.entries()) {
      const { data } = (await fit({ train: own, test }, settings)).predict(test);
      test.forEach((row, at) => {
        for (let g = 0; g < genes; g++) {
          squares[i] += (values.data[row * genes + g] - data[at * genes + g]) ** 2;
        }
      });
    }
  }
  return squares.map((sum) => sum / (train.length * genes));
}

function assertChosen<S extends Settings>(report: TuningReport<S>, grid: readonly S[], mse: number[]): void {
  // Whole predictions are float32, about 3.
  report.curve.forEach((point, i) => assertAlmostEquals(point.mse!, mse[i], 2e-6, JSON.stringify(grid[i])));
  assertEquals(report.chosen, grid[mse.indexOf(Math.min(...mse))]);
}

for (const width of [4, 40]) {
  Deno.test(`EmbeddingRidgeTuning picks what a nested loop picks, TF embeddings ${width} wide`, async () => {
    const inputs = { tfs: normal("tfs", perturbations, width), genes: normal("genes", genes, 6) };
    const grid = [0.01, 0.3, 10, 300].map((lambda) => ({ lambda }));
    const tuning = new EmbeddingRidgeTuning(values, inputs);
    const mse = await plain(
      grid,
      (fold, { lambda }) => new EmbeddingRidge(values, inputs.genes, inputs.tfs, lambda).fit(fold),
    );
    assertChosen(tuning.choose(grid, fold), grid, mse);
  });
}

Deno.test("choosePcaSettings() picks what a nested loop picks, more components than rows and TFs without a gene among them", async () => {
  const ownGene = Int32Array.from({ length: perturbations }, (_, row) => row % 4 === 0 ? -1 : row);
  const grid = [1, 3, 8, 50].flatMap((components) => [0.1, 3, 100].map((lambda) => ({ components, lambda })));
  const report = await choosePcaSettings(grid, values, ownGene, new ProfileProducts(values), fold);
  assertChosen(
    report,
    grid,
    await plain(grid, (fold, settings) => new PcaRidge(values, ownGene, settings).fit(fold)),
  );
});

const scripts = [
  { main: lel, name: "linear_pca", named: { components: "--k-components", lambda: "--lambda-ridge" } },
  { main: lelEmbed, name: "linear_nt_embed", named: { lambda: "--lambda-ridge" } },
];

for (const { main, name, named } of scripts) {
  Deno.test(`${name} --tune predicts each fold as a run with what it chose there`, () =>
    inFolder(async (folder) => {
      const screen = await writeOwnScreen(folder);
      const embeddings = ["--embeddings", screen.embeddings, "--gene-embeddings", screen.geneEmbeddings];
      const run = (out: string, ...flags: string[]) =>
        captured(() =>
          main([
            ...["--targets", screen.targets, "--output-dir", join(folder, out), "--plot-format", "svg"],
            ...(name === "linear_nt_embed" ? embeddings : []),
            ...flags,
          ])
        );
      const file = (out: string, what: string) => join(folder, out, name, what);
      await run("tuned", "--tune", "--lambda-grid", "0.01", "1", "100");
      const { tuning, ...summary } = JSON.parse(await Deno.readTextFile(file("tuned", "summary.json")));
      assert(!("lambda_ridge" in summary));
      const predictions = async (out: string) =>
        (await readParquetFrame(file(out, `predictions_${name}.parquet`))).values.data;
      const tuned = await predictions("tuned"),
        ids = await foldOf(file("tuned", "metrics_per_perturbation.csv"));
      for (const { fold, chosen } of tuning.folds) {
        const flags = Object.entries(named).flatMap(([key, flag]) => [flag, String(chosen[key])]);
        await run(`fixed ${fold}`, ...flags);
        const fixed = await predictions(`fixed ${fold}`);
        ids.forEach((of, row) => {
          if (of !== fold) return;
          for (let g = 0; g < 50; g++) assertAlmostEquals(tuned[row * 50 + g], fixed[row * 50 + g], 1e-6);
        });
      }
    }));
}

/** The fold of each row. */
async function foldOf(path: string): Promise<number[]> {
  const lines = (await Deno.readTextFile(path)).trim().split("\n").slice(1);
  return lines.map((line) => Number(line.split(",").at(-1)));
}
