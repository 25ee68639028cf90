/** Predictions in an h5ad file: `X`, with perturbations in `obs` and genes in `var`. */
import { DataError } from "../cli/errors.ts";
import { someIds } from "../dataset/ids.ts";
import { openH5ad } from "../io/h5ad.ts";
import type { AnnotationTable } from "../io/h5ad_frame.ts";
import type { ExpressionBlock } from "../dataset/expression_block.ts";
import { type Matrix, zeros } from "../linalg/matrix.ts";
import type { LabelledTable } from "./read_table.ts";

const perturbationColumns = [
  "perturbation",
  "perturbation_id",
  "target",
  "target_gene",
  "gene_id",
  "gene_name",
  "gene",
];
const geneColumns = ["gene_id", "gene_ids", "ensembl_id", "gene_name", "gene_symbols"];

/** @throws {DataError} when a perturbation has several rows: means over cells or guides are needed */
export async function readH5adTable(path: string): Promise<LabelledTable> {
  const file = await openH5ad(path);
  try {
    const source = file.matrix("X"), values = zeros(source.rows, source.columns);
    for await (const block of source.blocks()) place(block, values);
    const otherIds = namedColumn(file.obs, perturbationColumns),
      otherGenes = namedColumn(file.var, geneColumns);
    const repeated = otherIds?.find((id, row) => id !== "" && otherIds.indexOf(id) < row);
    if (repeated !== undefined) {
      throw new DataError(
        `Cannot use "${path}": ${
          someIds([repeated])
        } has several rows (one a perturbation is needed, the mean over its cells)`,
      );
    }
    return {
      path,
      ids: file.obs.index,
      genes: file.var.index,
      ...otherIds && { otherIds },
      ...otherGenes && { otherGenes },
      values,
    };
  } finally {
    file.close();
  }
}

function place({ of, first, count, starts, indices, values }: ExpressionBlock, into: Matrix): void {
  for (let i = 0; i < count; i++) {
    for (let at = starts[i]; at < starts[i + 1]; at++) {
      const major = first + i, minor = indices === null ? at - starts[i] : indices[at];
      const [row, column] = of === "rows" ? [major, minor] : [minor, major];
      into.data[row * into.columns + column] = values[at];
    }
  }
}

function namedColumn({ columns }: AnnotationTable, names: readonly string[]): string[] | undefined {
  for (const name of names) {
    const column = columns.get(name);
    if (column?.kind === "text") return column.values.map((value) => value ?? "");
  }
}
