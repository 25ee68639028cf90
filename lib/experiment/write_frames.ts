import { writeFileAtomic } from "../io/atomic_write.ts";
import { encodeCsv } from "../io/csv.ts";
import { writeNpy } from "../io/npy.ts";
import { writeParquetFrame } from "../io/parquet.ts";
import { type Matrix, row } from "../linalg/matrix.ts";
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
  if (format === "csv") {
    const rows = perturbations.map((id, i) => [id, ...row(values, i)]);
    await writeFileAtomic(folder.staged(`${name}.csv`), encodeCsv([indexName, ...genes], rows));
  }
  if (format === "npy") {
    const { data, rows, columns } = values;
    await writeNpy(folder.staged(`${name}.npy`), { shape: [rows, columns], data });
    await writeNpy(folder.staged(`${name}_ids.npy`), { shape: [rows], data: perturbations });
    await writeNpy(folder.staged(`${name}_genes.npy`), { shape: [columns], data: genes });
  }
}
