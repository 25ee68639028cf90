/**
 * Expression changes: one row a perturbation, one column a read-out gene.
 *
 * `readTargets` reads `targets_377.csv` (scripts 3 to 7, rows named by gene id), `readOverlapTargets` the overlap file
 * with its columns in `gene_index.txt` order (scripts 1 and 2). Both keep the first row of a repeated id.
 */
import { extname } from "@std/path";
import { DataError } from "../cli/errors.ts";
import { counted, log } from "../cli/log.ts";
import { parseCsvTable, parseNumericCsv } from "../io/csv.ts";
import { readFileBytes } from "../io/read_file.ts";
import { type Matrix, takeColumns, takeRows } from "../linalg/matrix.ts";
import { firstOccurrences } from "./ids.ts";

export interface Targets {
  /** The file they were read from. */
  path: string;
  /** Head of the column of row ids; empty where the file names none. */
  idColumn: string;
  /** Row ids: gene ids in `targets_377.csv`, symbols or gene ids in the overlap file. */
  perturbations: string[];
  /** Column ids. */
  genes: string[];
  /** perturbations x genes; NaN where a value is missing. */
  values: Matrix;
  /** `gene_name` of each row, where the file tells it. */
  symbols: string[] | null;
}

/** Columns that name the perturbation: never read-out genes. */
const idColumns: ReadonlySet<string> = new Set(["gene_name", "gene_id"]);

/**
 * Targets whose rows are named by the column `gene_id`.
 *
 * @throws {DataError} when the file lacks `gene_id`, has no gene column, or holds text in a number cell
 */
export async function readTargets(path: string): Promise<Targets> {
  const bytes = await readFileBytes(path);
  const header = headerOf(bytes, path);
  const labels = header.includes("gene_name") ? ["gene_name", "gene_id"] : ["gene_id"];
  warnOfNameless(header, path);
  const table = parseNumericCsv(bytes, path, { labels, isNumber: isGene });
  refuseWithoutGenes(path, table.columns);
  return withUniqueIds({
    path,
    idColumn: "gene_id",
    perturbations: table.labels.gene_id,
    genes: table.columns,
    values: table.values,
    symbols: table.labels.gene_name ?? null,
  });
}

/**
 * Targets whose rows are named by their first column (csv; where that has no name, by `gene_name` or `gene_id` if there
 * is one) or index (parquet), columns put in the order of `geneIndex`; columns that it does not name are dropped, whatever
 * they hold.
 *
 * @throws {DataError} also when a gene of `geneIndex` has no column
 */
export async function readOverlapTargets(path: string, geneIndex: readonly string[]): Promise<Targets> {
  const isParquet = /^\.(parquet|pq)$/i.test(extname(path)), wanted = new Set(geneIndex);
  const targets = withUniqueIds(
    await (isParquet ? readFrame(path, wanted) : readFirstColumnCsv(path, wanted)),
  );
  const position = new Map(targets.genes.map((gene, column) => [gene, column]));
  const absent = geneIndex.filter((gene) => !position.has(gene));
  if (absent.length > 0) {
    throw new DataError(
      `Cannot use targets "${path}": ${absent.length} of the ${
        counted(geneIndex.length, "gene")
      } of the gene index ` +
        `have no column there (${listed(absent)})`,
    );
  }
  const columns = geneIndex.map((gene) => position.get(gene)!);
  const isInOrder = columns.length === targets.genes.length && columns.every((column, i) => column === i);
  return {
    ...targets,
    genes: [...geneIndex],
    values: isInOrder ? targets.values : takeColumns(targets.values, columns),
  };
}

/** Gene ids of `gene_index.txt`, one a line; repeated ones once. @throws {DataError} when there are none */
export async function readGeneIndex(path: string): Promise<string[]> {
  const ids = await readIdLines(path);
  if (ids.length === 0) {
    throw new DataError(`Cannot read "${path}": it holds no gene id (one a line is needed)`);
  }
  return firstOccurrences(ids, "genes", path).map((i) => ids[i]);
}

/** Ids of a text file, one a line; blank lines are skipped. */
export async function readIdLines(path: string): Promise<string[]> {
  const text = new TextDecoder().decode(await readFileBytes(path));
  return text.split(/\r?\n/).map((line) => line.trim()).filter((line) => line !== "");
}

/** The targets of `rows`, in that order. */
export function takePerturbations(targets: Targets, rows: readonly number[]): Targets {
  return {
    ...targets,
    perturbations: rows.map((row) => targets.perturbations[row]),
    symbols: targets.symbols && rows.map((row) => targets.symbols![row]),
    values: takeRows(targets.values, rows),
  };
}

/** The symbol of each row, where the file tells it, by the row's id: another name of the perturbation. */
export function symbolsById({ perturbations, symbols }: Targets): Record<string, string[]> {
  return Object.fromEntries(symbols?.map((symbol, row) => [perturbations[row], [symbol]]) ?? []);
}

/** The targets of `columns`, in that order. */
export function takeGenes(targets: Targets, columns: readonly number[]): Targets {
  if (columns.length === targets.genes.length && columns.every((column, i) => column === i)) return targets;
  return {
    ...targets,
    genes: columns.map((column) => targets.genes[column]),
    values: takeColumns(targets.values, columns),
  };
}

async function readFirstColumnCsv(path: string, wanted: ReadonlySet<string>): Promise<Targets> {
  const bytes = await readFileBytes(path);
  const header = headerOf(bytes, path);
  // pandas writes the numbers of rows without names in front, in a column without a name.
  const named = isNamed(header[0]) ? undefined : header.find((column) => idColumns.has(column));
  const idColumn = named ?? header[0];
  const others = header.slice(named === undefined ? 1 : 0);
  warnOfNameless(others, path);
  refuseWithoutGenes(path, others.filter(isGene));
  const table = parseNumericCsv(bytes, path, {
    labels: [idColumn],
    isNumber: (column) => wanted.has(column),
  });
  return {
    path,
    idColumn,
    perturbations: table.labels[idColumn],
    genes: table.columns,
    values: table.values,
    symbols: null,
  };
}

async function readFrame(path: string, wanted: ReadonlySet<string>): Promise<Targets> {
  const { readParquetFrame } = await import("../io/parquet.ts"); // most runs read csv
  const isNeeded = (column: string) => wanted.has(column);
  const { index, indexName = "", columns, values } = await readParquetFrame(path, { isNeeded });
  return { path, idColumn: indexName, perturbations: index, genes: columns, values, symbols: null };
}

function headerOf(bytes: Uint8Array, path: string): string[] {
  const end = bytes.indexOf(10);
  return parseCsvTable(bytes.subarray(0, end < 0 ? bytes.length : end + 1), path).header;
}

/** Whether a column has a name: pandas calls one without "Unnamed: 3" when it reads and writes it again. */
function isNamed(column: string): boolean {
  return !/^\s*(Unnamed: \d+)?$/.test(column);
}

function isGene(column: string): boolean {
  return isNamed(column) && !idColumns.has(column);
}

function warnOfNameless(header: readonly string[], path: string): void {
  const nameless = header.filter((column) => !isNamed(column)).length;
  if (nameless === 0) return;
  log.warn(
    `Left out ${counted(nameless, "column")} without a name in "${path}": not taken for read-out genes.`,
  );
}

function refuseWithoutGenes(path: string, genes: readonly string[]): void {
  if (genes.length > 0) return;
  throw new DataError(
    `Cannot use targets "${path}": there is no gene column (columns named by gene ids such as ENSG00000141510 are needed)`,
  );
}

/** Checks that there are rows, and keeps the first of repeated rows and columns. */
function withUniqueIds(targets: Targets): Targets {
  const { path, perturbations, genes } = targets;
  if (perturbations.length === 0) {
    throw new DataError(`Cannot use targets "${path}": there is no row below the header`);
  }
  const nameless = perturbations.indexOf("");
  if (nameless >= 0) throw new DataError(`Cannot use targets "${path}": row ${nameless + 2} has no id`);
  const rows = firstOccurrences(perturbations, "perturbations", path);
  const unique = rows.length < perturbations.length ? takePerturbations(targets, rows) : targets;

  const firstColumn = new Map<string, number>();
  genes.forEach((gene, column) => firstColumn.has(gene) || firstColumn.set(gene, column));
  if (firstColumn.size === genes.length) return unique;
  log.warn(
    `Left out ${
      counted(genes.length - firstColumn.size, "column")
    } of repeated genes in "${path}", the first of each is kept.`,
  );
  return takeGenes(unique, [...firstColumn.values()]);
}

function listed(ids: readonly string[]): string {
  return ids.slice(0, 5).join(", ") + (ids.length > 5 ? ", ..." : "");
}
