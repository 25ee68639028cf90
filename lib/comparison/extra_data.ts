/** What may stand beside the targets: significant genes, and the targets of two halves of the cells. */
import { dirname, join } from "@std/path";
import { DataError, UsageError } from "../cli/errors.ts";
import { counted, log } from "../cli/log.ts";
import { matchIds } from "../dataset/matching.ts";
import { exists } from "../experiment/folders.ts";
import { describeFile } from "../io/file_fact.ts";
import type { Matrix } from "../linalg/matrix.ts";
import type { Aligned } from "./aligned.ts";
import { readLabelledTable } from "./read_table.ts";
import { hasSiblings } from "./siblings.ts";
import { takeCells } from "./take_cells.ts";
import type { Truth } from "./truth.ts";

type Grid = Pick<Aligned, "perturbations" | "genes">;

/**
 * 1 where a gene is significant (adjusted p below `fdr`), 0 where not, 2 where that is not known; null without a table.
 *
 * @param named the table; null: `de_genes.parquet` beside the targets
 */
export async function significantGenes(
  truth: Truth,
  grid: Grid,
  { named, fdr }: { named: string | null; fdr: number },
): Promise<Uint8Array | null> {
  const path = await besideTargets(truth, named, "de_genes.parquet");
  if (path === null) return null;
  const values = await onGrid(truth, grid, path);
  const outside = values.data.find((p) => p < 0 || p > 1);
  if (outside !== undefined) {
    throw new DataError(`Cannot use "${path}": it holds ${outside} (adjusted p from 0 to 1 are needed)`);
  }
  const marks = Uint8Array.from(values.data, (p) => Number.isNaN(p) ? 2 : p < fdr ? 1 : 0);
  const found = marks.reduce((count, mark) => count + (mark === 1 ? 1 : 0), 0);
  log.info(`Significant genes from "${path}": ${found} at an adjusted p below ${fdr}.`);
  return marks;
}

/** The targets of both halves on the grid; null where there are none. */
export async function readHalves(
  truth: Truth,
  grid: Grid,
  named: readonly string[] | null,
): Promise<[Matrix, Matrix] | null> {
  if (named !== null && named.length !== 2) {
    throw new UsageError(`Cannot use --halves with ${counted(named.length, "file")}: two are needed`);
  }
  const [a, b] = [
    await besideTargets(truth, named?.[0] ?? null, "targets_half_a.parquet"),
    await besideTargets(truth, named?.[1] ?? null, "targets_half_b.parquet"),
  ];
  if (a === null || b === null) return null;
  if ((await describeFile(a)).sha256 === (await describeFile(b)).sha256) {
    throw new DataError(
      `Cannot use halves "${a}" and "${b}": they are one and the same (two halves of the cells or guides are needed)`,
    );
  }
  log.info(`Noise ceiling from "${a}" and "${b}".`);
  return [await onGrid(truth, grid, a), await onGrid(truth, grid, b)];
}

async function besideTargets({ file }: Truth, named: string | null, name: string): Promise<string | null> {
  if (named !== null) return named;
  if (!hasSiblings(file.path)) return null;
  const path = join(dirname(file.path), name);
  return await exists(path) ? path : null;
}

/** A table on the grid: NaN where it has no row or column. */
async function onGrid(truth: Truth, { perturbations, genes }: Grid, path: string): Promise<Matrix> {
  const table = await readLabelledTable(path);
  const rows = matchIds({ ids: perturbations, otherNames: truth.otherNames }, table).rows;
  const columns = matchIds({ ids: genes }, { ids: table.genes }).rows;
  const there = { rows: rows.filter((row) => row >= 0), columns: columns.filter((column) => column >= 0) };
  if (there.rows.length === 0 || there.columns.length === 0) {
    throw new DataError(`Cannot use "${path}": it has no perturbation or no gene of the targets`);
  }
  if (there.rows.length < rows.length || there.columns.length < columns.length) {
    log.warn(
      `"${path}" has ${there.rows.length} of ${
        counted(rows.length, "perturbation")
      } and ${there.columns.length} of ` +
        `${counted(columns.length, "gene")}.`,
    );
  }
  const values = takeCells(
    table.values,
    Array.from(rows, (row) => Math.max(row, 0)),
    Array.from(columns, (at) => Math.max(at, 0)),
  );
  rows.forEach((row, i) => {
    if (row < 0) values.data.fill(NaN, i * genes.length, (i + 1) * genes.length);
  });
  columns.forEach((column, j) => {
    if (column < 0) { for (let i = 0; i < rows.length; i++) values.data[i * genes.length + j] = NaN; }
  });
  return values;
}
