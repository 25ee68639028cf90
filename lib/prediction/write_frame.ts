/** The files of predict.ts: predictions, and the mean baseline and the spread beside them. */
import { extname } from "@std/path";
import { UsageError } from "../cli/errors.ts";
import { removeFile } from "../experiment/folders.ts";
import { frameEndings, type FrameWriter, openFrameWriter } from "../io/frame_writer.ts";
import type { Predicted } from "./predict.ts";

/** @throws {UsageError} when the ending is that of no table */
export function checkOutput(path: string): void {
  if (!frameEndings.includes(extname(path))) {
    throw new UsageError(`Cannot use --output "${path}": it must end in .parquet, .csv or .npy`);
  }
}

/** "out.parquet" -> "out_baseline.parquet". */
export function besideOutput(path: string, what: "baseline" | "spread"): string {
  const ending = extname(path);
  return `${path.slice(0, -ending.length)}_${what}${ending}`;
}

/**
 * Write a row a perturbation, a column a gene; in CSV the first column, `gene_id`, names the perturbation. Blocks of rows are
 * written as they come; the files have their names once all are there.
 */
export async function writePredictions(
  path: string,
  names: { ids: readonly string[]; genes: readonly string[]; spread: boolean },
  blocks: AsyncIterable<Predicted>,
): Promise<void> {
  const open = (path: string): Promise<FrameWriter> =>
    openFrameWriter(path, {
      index: names.ids,
      columns: names.genes,
      ...(extname(path) === ".csv" && { indexName: "gene_id" }),
    });
  await using predictions = await open(path);
  await using baselines = await open(besideOutput(path, "baseline"));
  await using spreads = names.spread ? await open(besideOutput(path, "spread")) : null;
  for await (const { predictions: rows, baseline, spread } of blocks) {
    await predictions.append(rows);
    await baselines.append(baseline);
    if (spread) await spreads?.append(spread);
  }
  await removeFile(path); // a kill in between leaves no predictions beside another run's baseline or spread
  if (!spreads) await removeFile(besideOutput(path, "spread"));
  await baselines.commit();
  await spreads?.commit();
  await predictions.commit();
}
