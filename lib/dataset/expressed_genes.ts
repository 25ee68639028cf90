/** The read-out genes of highest expression in control cells, which some publications judge predictions by. */
import { dirname, join } from "@std/path";
import { DataError } from "../cli/errors.ts";
import { log } from "../cli/log.ts";
import { readCsvTable, someColumns } from "../io/csv.ts";
import { matchIds } from "./matching.ts";

/** Genes of the error ratio in Ahlmann-Eltze, Huber and Anders (2025). */
const count = 1000;

export interface ExpressedGenes {
  readonly path: string;
  /** Columns of the targets, ascending. */
  readonly columns: readonly number[];
}

/**
 * The 1,000 read-out genes of highest mean by `gene_expression.csv` (gene_id, gene_name, mean) beside the targets; all that the
 * table knows where these are fewer.
 *
 * @param targetsPath file of the targets
 * @returns null where there is no such table, or it knows none of the genes
 * @throws {DataError} when a column is missing, or a mean is no number
 */
export async function expressedGenes(
  targetsPath: string,
  genes: readonly string[],
): Promise<ExpressedGenes | null> {
  const path = join(dirname(targetsPath), "gene_expression.csv");
  if (!(await Deno.stat(path).catch(() => null))?.isFile) return null;
  const { header, rows, rowNumbers } = await readCsvTable(path);
  const column = (name: string) => {
    const at = header.indexOf(name);
    if (at >= 0) return rows.map((cells) => cells[at]);
    throw new DataError(
      `Cannot read "${path}": it has no column "${name}" (its columns are ${someColumns(header)})`,
    );
  };
  const ids = column("gene_id");
  const means = column("mean").map((cell, row) => {
    const mean = cell.trim() === "" ? NaN : Number(cell);
    if (Number.isFinite(mean)) return mean;
    throw new DataError(
      `Cannot read "${path}": row ${rowNumbers[row]}, column "mean": "${cell}" is not a number`,
    );
  });
  const names = header.includes("gene_name") ? column("gene_name") : [];
  const known = [...ids, ...names], { rows: found } = matchIds({ ids: genes }, { ids: known });
  const columns = Array.from(genes.keys()).filter((gene) => found[gene] >= 0);
  if (columns.length === 0) {
    log.warn(`No read-out gene is in "${path}": no error ratio over the genes of highest expression.`);
    return null;
  }
  const meanOf = (gene: number) => means[found[gene] % ids.length];
  columns.sort((a, b) => meanOf(b) - meanOf(a) || a - b);
  return { path, columns: columns.slice(0, count).sort((a, b) => a - b) };
}
