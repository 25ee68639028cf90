/** The files of predict.ts: predictions, and the mean baseline beside them. */
import { basename, dirname, extname, join } from "@std/path";
import { UsageError } from "../cli/errors.ts";
import { removeFile } from "../experiment/folders.ts";
import { ResultLock } from "../experiment/result_lock.ts";
import { checkWritable } from "../io/atomic_write.ts";
import { frameEndings, type FrameWriter, openFrameWriter } from "../io/frame_writer.ts";
import type { Predicted } from "./predict.ts";

/**
 * Find out before any work whether predictions can be written there.
 *
 * @throws {UsageError} when the ending is that of no table
 * @throws {DataError} when the folder cannot be written, or the name is too long
 */
export async function checkOutput(path: string): Promise<void> {
  if (!frameEndings.includes(extname(path))) {
    throw new UsageError(`Cannot use --output "${path}": it must end in .parquet, .csv or .npy`);
  }
  for (const each of [path, baselinePath(path)]) await checkWritable(each, "--output names another file");
}

/** "out.parquet" -> "out_baseline.parquet". */
export function baselinePath(path: string): string {
  const ending = extname(path);
  return `${path.slice(0, -ending.length)}_baseline${ending}`;
}

/**
 * Write a row a perturbation, a column a gene; in CSV the first column, `gene_id`, names the perturbation. Blocks of rows are
 * written as they come; the files have their names once all are there.
 */
export async function writePredictions(
  path: string,
  names: { ids: readonly string[]; genes: readonly string[] },
  blocks: AsyncIterable<Predicted>,
): Promise<void> {
  const open = (path: string): Promise<FrameWriter> =>
    openFrameWriter(path, {
      index: names.ids,
      columns: names.genes,
      ...(extname(path) === ".csv" && { indexName: "gene_id" }),
    });
  const lockPath = join(dirname(path), `.${basename(path)}.lock`);
  await using _lock = await ResultLock.take(lockPath, crypto.randomUUID(), "alone", "--output");
  await using predictions = await open(path);
  await using baselines = await open(baselinePath(path));
  for await (const { predictions: rows, baseline } of blocks) {
    await predictions.append(rows);
    await baselines.append(baseline);
  }
  await removeFile(path); // a kill between both leaves no predictions beside another run's baseline
  await baselines.commit();
  await predictions.commit();
}
