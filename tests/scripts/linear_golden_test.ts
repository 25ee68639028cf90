/** Every reference run of the two linear scripts, repeated by the whole script on the same files. */
import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { join } from "@std/path";
import { readSplitsFile } from "../../lib/dataset/splits_file.ts";
import { globalPearson } from "../../lib/evaluation/metrics.ts";
import { readCsvTable } from "../../lib/io/csv.ts";
import { readNpyMatrix } from "../../lib/io/npy.ts";
import { readParquetFrame } from "../../lib/io/parquet.ts";
import type { Matrix } from "../../lib/linalg/matrix.ts";
import { main as lelEmbed } from "../../scripts/lel_embed.ts";
import { main as hs27Lel } from "../../scripts/hs27_lel.ts";
import { captured } from "../support/captured_log.ts";
import { golden, testWith } from "../support/golden.ts";
import { type GoldenRun, goldenRuns, pythonJson } from "../support/golden_runs.ts";

/** Differences that SPEC decides: tested in linear_decisions_test.ts. */
const decidedOtherwise = new Set([
  "lel_pca/c_nan", // the Python stopped
  "lel_embed/c_nan", // a perturbation without values counted as r = 0 in the Python's means
  "lel_embed/c_nan_top_30",
  "lel_embed/e_mixed_ids", // the Python dropped perturbations named by Ensembl id
]);

/** Predictions and per-perturbation metrics, by script and embedding width (golden/classical/README.md). */
function tolerances(group: string, width: number): { prediction: number; metric: number; mean: number } {
  if (group === "lel_pca") return { prediction: 1e-5, metric: 5e-6, mean: 1e-6 };
  if (width <= 24) return { prediction: 1e-5, metric: 1e-5, mean: 1e-6 };
  if (width <= 128) return { prediction: 2e-4, metric: 1e-4, mean: 1e-5 };
  return { prediction: 3e-3, metric: 1e-3, mean: 1e-4 };
}

for (const collection of ["synthetic", "classical"]) {
  const runs = golden(`${collection}/runs.json`);
  for (const run of runs === null ? [] : goldenRuns(runs, ["lel_pca", "lel_embed"])) {
    const id = `${run.group}/${run.name}`;
    if (decidedOtherwise.has(id)) continue;
    testWith(
      golden(`${collection}/${id}`),
      `${run.script} gives the Python's files on ${collection}/${id}`,
      (folder) => repeat(run, folder, golden(`${collection}/datasets/${run.dataset}`)!),
    );
  }
}

async function repeat(run: GoldenRun, expected: string, data: string): Promise<void> {
  const results = await Deno.makeTempDir();
  try {
    const splits = join(results, "cv.pkl"); // where runs that bring a splits file have it
    if (run.flags.some((flag) => flag.endsWith("/cv.pkl"))) {
      await Deno.copyFile(join(data, "data/artifacts/cv_splits_5fold_42.pkl"), splits);
    }
    const flags = run.flags.map((flag) => flag.replace("{DATA}/cv.pkl", splits).replace("{DATA}", data));
    const main = run.group === "lel_pca" ? hs27Lel : lelEmbed;
    const { lines } = await captured(() =>
      main(["--repo-root", join(data, "data"), "--output-dir", results, "--plot-format", "svg", ...flags])
    );
    const name = run.group === "lel_pca" ? "linear_pca" : "linear_nt_embed";
    const targets = join(data, "data/artifacts/targets_377_overlap.csv");
    await compareRun(run, expected, join(results, name), name, lines, targets);
  } finally {
    await Deno.remove(results, { recursive: true });
  }
}

async function compareRun(
  run: GoldenRun,
  expected: string,
  ours: string,
  name: string,
  lines: string[],
  targets: string,
): Promise<void> {
  const stdout = await Deno.readTextFile(join(expected, "stdout.txt"));
  const width = Number(/TFs × (\d+) dims/.exec(stdout)?.[1] ?? 0);
  const tolerance = tolerances(run.group, width);
  const stem = run.group === "lel_pca" ? "linear" : "linear_nt";

  const frame = await readParquetFrame(join(ours, `predictions_${name}.parquet`));
  const labels: { index: string[]; columns: string[] } = await pythonJson(join(expected, "index.json"));
  assertEquals(frame.index, labels.index);
  // The Python made both tables with one index.
  const { header: [indexName] } = await readCsvTable(join(expected, "metrics_per_perturbation.csv"));
  assertEquals(frame.indexName ?? "", indexName);
  assertEquals(frame.columns, labels.columns);
  const predictions = await readNpyMatrix(join(expected, "preds.npy"));
  frame.values.data.forEach((value, i) =>
    assertAlmostEquals(value, predictions.data[i], tolerance.prediction)
  );

  await compareMetrics(expected, ours, stem, tolerance);
  const [summary, theirs] = [
    await pythonJson(join(ours, "summary.json")),
    await pythonJson(join(expected, "summary.json")),
  ] as Record<string, unknown>[];
  const { metrics: _m, timings_seconds: _t, cv_splits_file: _f, ...facts } = theirs;
  for (const [key, value] of Object.entries(facts)) assertEquals(summary[key], value, key);
  const ourKeys = Object.keys(summary).filter((key) => key in theirs);
  assertEquals(ourKeys, Object.keys(theirs));
  compareNumbers(summary.metrics, theirs.metrics, tolerance.mean, "summary");

  const plots: Plot[] = await pythonJson(join(expected, "plots.json"));
  const truth = await measured(targets, frame.index, frame.columns);
  for (const plot of plots) {
    const heldOut = plot.file === "pred_vs_gt.png" ? frame.values : null;
    await comparePlot(join(ours, plot.file.replace(".png", ".svg")), plot, truth, heldOut, tolerance.mean);
  }

  await compareSplits(expected, ours);
  const shown = lines.join("\n");
  for (const line of stdout.split("\n")) {
    if (/^\[warn\].*(could not be mapped|Dropping)/.test(line)) assert(shown.includes(line), line);
  }
}

async function compareMetrics(
  expected: string,
  ours: string,
  stem: string,
  tolerance: { metric: number; mean: number },
): Promise<void> {
  const files = [`metrics_${stem}_5fold.json`, `ci_summary_${stem}_5fold.json`];
  for (const file of files) {
    const [a, b] = [await pythonJson(join(ours, file)), await pythonJson(join(expected, file))] as Record<
      string,
      number | number[]
    >[];
    assertEquals(Object.keys(a), Object.keys(b));
    for (const [key, value] of Object.entries(b)) {
      compareNumbers(
        a[key],
        value,
        Array.isArray(value) ? tolerance.metric : tolerance.mean,
        `${file} ${key}`,
      );
    }
  }
  const [a, b] = await Promise.all(
    [ours, expected].map((folder) => readCsvTable(join(folder, "metrics_per_perturbation.csv"))),
  );
  assertEquals(a.header.slice(0, b.header.length), b.header);
  assertEquals(a.rows.map(([id]) => id), b.rows.map(([id]) => id));
  a.rows.forEach((cells, i) =>
    cells.slice(1, b.header.length).forEach((cell, j) =>
      assertAlmostEquals(
        Number(cell),
        Number(b.rows[i][j + 1]),
        tolerance.metric,
        `${cells[0]} ${a.header[j + 1]}`,
      )
    )
  );
}

function compareNumbers(actual: unknown, expected: unknown, tolerance: number, place: string): void {
  if (typeof expected === "number") {
    assertAlmostEquals(actual as number, expected, tolerance * Math.max(1, Math.abs(expected)), place);
    return;
  }
  for (const [key, value] of Object.entries(expected as Record<string, unknown>)) {
    compareNumbers((actual as Record<string, unknown>)[key], value, tolerance, `${place} ${key}`);
  }
}

interface Plot {
  title: string;
  file: string;
  /** Cells that the Python drew. */
  points: number;
}

/**
 * Heading as it stands. Its r: the Python's was over the cells that it drew, with both values from -1 to 1, ours is over
 * all. The training predictions have nothing else to be compared by, so they are where the Python drew all cells.
 */
async function comparePlot(
  path: string,
  { title, points }: Plot,
  truth: Matrix,
  heldOut: Matrix | null,
  tolerance: number,
): Promise<void> {
  const svg = await Deno.readTextFile(path), [heading, global] = title.split("\n");
  assert(svg.includes(heading), heading);
  const ours = Number(/Global Pearson r = (-?[\d.]+)/.exec(svg)![1]), theirs = Number(global.split("= ")[1]);
  const cells = truth.data.reduce((count, value) => count + (Number.isNaN(value) ? 0 : 1), 0);
  if (points === cells) assertAlmostEquals(ours, theirs, 1e-4 + tolerance, title);
  if (heldOut === null) return;
  assertAlmostEquals(ours, globalPearson(truth, heldOut), 0.5001e-4, title);
  const drawn = heldOut.data.map((value, i) =>
    Math.abs(value) <= 1 && Math.abs(truth.data[i]) <= 1 ? value : NaN
  );
  assertAlmostEquals(globalPearson(truth, { ...heldOut, data: drawn }), theirs, 1e-4 + tolerance, title);
}

/** Measured values of these perturbations and genes; NaN where there is none. */
async function measured(path: string, perturbations: string[], genes: string[]): Promise<Matrix> {
  const { header, rows } = await readCsvTable(path);
  const column = new Map(header.map((gene, at) => [gene, at]));
  const cells = new Map(rows.toReversed().map((row) => [row[0], row]));
  const data = perturbations.flatMap((id) =>
    genes.map((gene) => parseFloat(cells.get(id)![column.get(gene)!]))
  );
  return { data: Float32Array.from(data), rows: perturbations.length, columns: genes.length };
}

async function compareSplits(expected: string, ours: string): Promise<void> {
  for await (const { name } of Deno.readDir(expected)) {
    if (!name.endsWith(".pkl")) continue;
    const [a, b] = [await readSplitsFile(join(ours, name)), await readSplitsFile(join(expected, name))];
    assertEquals({ ...a!, perturbations: null }, b!);
  }
}
