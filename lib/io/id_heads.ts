/** Names that people and programs give to columns of ids, and to columns of row numbers. */

/** Heads of columns of ids, the most telling first; without case, spaces as underscores. */
const heads = [
  "gene_id",
  "gene_ids",
  "ensembl_gene_id",
  "gene_stable_id",
  "gene_stable_id_version",
  "ensembl_id",
  "ensembl",
  "id",
  "ids",
  "gene_name",
  "gene_names",
  "gene_symbol",
  "hgnc_symbol",
  "external_gene_name",
  "symbol",
  "symbols",
  "gene",
  "genes",
  "tf_id",
  "tf_name",
  "tf",
  "tfs",
  "regulator",
  "target",
  "target_gene",
  "perturbation",
  "perturbations",
  "perturbation_id",
  "name",
  "names",
  "feature_id",
  "x",
];

/** How telling a head of ids is: 0 is best, -1 is none. */
export function idHeadRank(word: string): number {
  return heads.indexOf(word.trim().toLowerCase().replace(/[\s.-]+/g, "_"));
}

/** What R, pandas, polars and the tidyverse call a column of row numbers. */
export const rowNumberHead =
  /^\s*(|unnamed: \d+|x|index|level_0|rownames|row|\.\.\.1|__index_level_0__|column_0)\s*$/i;

/** Whether cells count the rows from 0 or 1. */
export function areRowNumbers(cells: readonly string[]): boolean {
  return cells.length > 0 &&
    [0, 1].some((start) => cells.every((cell, i) => cell.trim() === String(start + i)));
}
