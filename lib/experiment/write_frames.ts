import { openFrameWriter } from "../io/frame_writer.ts";
import { writeParquetFrame } from "../io/parquet_frame.ts";
import type { Matrix } from "../linalg/matrix.ts";
import type { ResultFolder } from "./result_folder.ts";

export interface LabelledValues {
  readonly perturbations: string[];
  readonly genes: string[];
  /** Name of the index; pandas leaves it empty where an index has none. */
  readonly indexName: string;
  /** perturbations x genes. */
  readonly values: Matrix;
  /** A second format beside Parquet. */
  readonly format: "parquet" | "csv" | "npy";
}

/**
 * `<name>.parquet`, perturbations x genes as a pandas data frame; where asked for also `<name>.csv`, or `<name>.npy` with
 * `<name>_ids.npy` and `<name>_genes.npy`.
 */
export async function writeFrames(
  folder: ResultFolder,
  name: string,
  { perturbations, genes, indexName, values, format }: LabelledValues,
): Promise<void> {
  const frame = { index: perturbations, indexName, columns: genes, values };
  await writeParquetFrame(folder.staged(`${name}.parquet`), frame);
  if (format !== "parquet") {
    const names = { index: perturbations, indexName, columns: genes };
    await using writer = await openFrameWriter(folder.staged(`${name}.${format}`), names);
    await writer.append(values);
    await writer.commit();
  }
}
