/** A made-up screen with result folders and predictions of another tool, for comparisons. */
import { join } from "@std/path";
import { writeManifest } from "../../lib/experiment/manifest.ts";
import { describeFile } from "../../lib/io/file_fact.ts";
import { encodeCsv } from "../../lib/io/csv.ts";
import { writeParquetFrame } from "../../lib/io/parquet_frame.ts";
import type { Matrix } from "../../lib/linalg/matrix.ts";
import { ModelStream } from "../../lib/random/model_stream.ts";

export interface Screen {
  readonly folder: string;
  readonly targets: string;
  readonly tfs: readonly string[];
  readonly genes: readonly string[];
  readonly truth: Matrix;
}

/** 20 TFs, of which 15 are read-out genes too, and 60 genes, in `<folder>/my screen.csv`. */
export async function writeScreen(folder: string): Promise<Screen> {
  const random = new ModelStream(5, "comparison");
  const genes = Array.from({ length: 60 }, (_, i) => `GENE${i}`);
  const tfs = Array.from({ length: 20 }, (_, i) => i < 15 ? genes[3 * i] : `OTHER${i}`);
  const data = random.fillNormal(new Float32Array(20 * 60), 0, 1);
  const targets = join(folder, "my screen.csv"), truth = { data, rows: 20, columns: 60 };
  await Deno.writeTextFile(
    targets,
    encodeCsv(["gene_name", ...genes], tfs.map((tf, i) => [tf, ...rowOf(truth, i)])),
  );
  return { folder, targets, tfs, genes, truth };
}

/** Truth with noise: the more, the worse the model. */
export function noisy({ truth }: Screen, noise: number): Matrix {
  const random = new ModelStream(9, `noise ${noise}`);
  const drawn = random.fillNormal(new Float32Array(truth.data.length), 0, 1);
  return { ...truth, data: truth.data.map((value, i) => 0.5 * value + noise * drawn[i]) };
}

export interface WrittenResult {
  readonly ids?: readonly string[];
  readonly genes?: readonly string[];
  readonly foldOf?: (row: number) => number;
  /** Mean baseline, in the layout of the prediction; the prediction itself where it is not given. */
  readonly baseline?: Matrix;
  /** Standard deviations, in the layout of the prediction. */
  readonly spread?: Matrix;
  /** End of the names of its tables. */
  readonly stem?: string;
}

/** A finished result folder, as training scripts leave one. */
export async function writeResult(
  screen: Screen,
  path: string,
  prediction: Matrix,
  {
    ids = screen.tfs,
    genes = screen.genes,
    foldOf = (row) => row % 4,
    baseline = prediction,
    spread,
    stem = "x",
  }: WrittenResult = {},
): Promise<void> {
  await Deno.mkdir(path, { recursive: true });
  const frame = { index: [...ids], columns: [...genes], values: prediction };
  const write = (name: string, values: Matrix) =>
    writeParquetFrame(join(path, `${name}.parquet`), { ...frame, values });
  await write(`predictions_${stem}`, prediction);
  await write(`baseline_${stem}`, baseline);
  if (spread) await write(`predictions_${stem}_spread`, spread);
  const lines = ids.map((id, row) => [id, foldOf(row)]);
  await Deno.writeTextFile(join(path, "metrics_per_perturbation.csv"), encodeCsv(["", "fold"], lines));
  await Deno.writeTextFile(join(path, "summary.json"), "{}");
  await writeManifest(path, {
    run_id: "0123456789abcdef",
    data_id: "d",
    script: "scripts/x.ts",
    flags: { seed: 42 },
    engines: ["cpu"],
    inputs: [await describeFile(screen.targets)],
  });
}

/** Predictions as a table of another tool. */
export async function writePredictions(
  path: string,
  values: Matrix,
  { ids, genes }: { ids: readonly string[]; genes: readonly string[] },
): Promise<string> {
  await Deno.writeTextFile(path, encodeCsv(["", ...genes], ids.map((id, i) => [id, ...rowOf(values, i)])));
  return path;
}

function rowOf({ data, columns }: Matrix, row: number): number[] {
  return Array.from(data.subarray(row * columns, (row + 1) * columns));
}
