/** The files of predict.ts: predictions, and beside them the mean baseline and the spread. */
import { basename, dirname, extname, join } from "@std/path";
import { UsageError } from "../cli/errors.ts";
import { log } from "../cli/log.ts";
import { exists, removeFile } from "../experiment/folders.ts";
import { readManifest } from "../experiment/manifest.ts";
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
  for (const each of [path, besideOutput(path, "baseline"), besideOutput(path, "spread")]) {
    await checkWritable(each, "--output names another file");
  }
}

/**
 * Keep predictions off the files that they are made from.
 *
 * @param inputs values of the flags that name files
 * @throws {UsageError} when --output, or a file that stands beside it, is one of them or belongs to a result
 */
export async function refuseOwnInputs(path: string, inputs: readonly (string | null)[]): Promise<void> {
  const folder = dirname(path);
  for (const place of [folder, dirname(folder)]) {
    if (await readManifest(place).catch(() => null) === null) continue;
    throw new UsageError(
      `Cannot use --output "${path}": "${place}" is a result, whose files belong together`,
    );
  }
  const real = async (file: string) => await Deno.realPath(file).catch(() => null);
  const read = new Set(await Promise.all(inputs.filter((input) => input !== null).map(real)));
  for (const file of [path, besideOutput(path, "baseline"), besideOutput(path, "spread")]) {
    const place = await real(file);
    if (place !== null && read.has(place)) {
      throw new UsageError(`Cannot use --output "${path}": "${file}" would take the place of an input`);
    }
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
 *
 * @param options.withSpread whether the deviations over models are written too
 */
export async function writePredictions(
  path: string,
  names: { ids: readonly string[]; genes: readonly string[] },
  blocks: AsyncIterable<Predicted>,
  { withSpread }: { withSpread: boolean },
): Promise<void> {
  const open = (path: string): Promise<FrameWriter> =>
    openFrameWriter(path, {
      index: names.ids,
      columns: names.genes,
      ...(extname(path) === ".csv" && { indexName: "gene_id" }),
    });
  const spreadPath = besideOutput(path, "spread");
  const lockPath = join(dirname(path), `.${basename(path)}.lock`);
  await using _lock = await ResultLock.take(lockPath, crypto.randomUUID(), "alone", "--output");
  await using predictions = await open(path);
  await using baselines = await open(besideOutput(path, "baseline"));
  await using spreads = withSpread ? await open(spreadPath) : null;
  for await (const { predictions: rows, baseline, spread } of blocks) {
    await predictions.append(rows);
    await baselines.append(baseline);
    if (spread) await spreads?.append(spread);
  }
  await removeFile(path); // a kill between both leaves no predictions beside another run's baseline
  await baselines.commit();
  await spreads?.commit();
  await predictions.commit();
  if (!withSpread && await exists(spreadPath)) {
    log.warn(`"${spreadPath}" is of an earlier run, not of these predictions (--spread writes it anew).`);
  }
}
