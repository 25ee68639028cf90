/**
 * Expression changes: one row a perturbation, one column a read-out gene. `readTargets` reads all that people bring: CSV, TSV,
 * both also gzipped, Parquet; the first row of a repeated id is kept.
 */
import { extname } from "@std/path";
import { DataError } from "../cli/errors.ts";
import { counted, log, warnWithExamples } from "../cli/log.ts";
import { parseNumericCsv, sampleCsvTable } from "../io/csv.ts";
import { areRowNumbers, rowNumberHead } from "../io/id_heads.ts";
import { plainBytes } from "../io/plain_bytes.ts";
import { readOrOpen, WindowedFile } from "../io/windowed_file.ts";
import { type Matrix, takeColumns, takeRows } from "../linalg/matrix.ts";
import { withoutVersion } from "./gene_ids.ts";
import { firstOccurrences, shortId, someIds } from "./ids.ts";
import {
  areNumbers,
  bestIdColumn,
  holdsMeasures,
  isEnsemblGene,
  isIdColumn,
  isNamed,
  isSureIdColumn,
  isTextColumn,
  refuseDecimalCommas,
} from "./target_columns.ts";

/** Expression changes, a row a perturbation and a column a read-out gene. */
export interface Targets {
  /** The file they were read from. */
  path: string;
  /** Head of the column of row ids; empty where the file names none. */
  idColumn: string;
  /** Row ids, as the file spells them. */
  perturbations: string[];
  /** Column ids. */
  genes: string[];
  /** perturbations x genes; NaN where a value is missing. */
  values: Matrix;
  /** Another name of each row, where the file tells it: the symbol of a gene id, the gene id of a symbol. */
  symbols: string[] | null;
}

/** How a file of targets is read. */
export interface TargetsOptions {
  /** The column that names the rows. */
  readonly idColumn?: string;
  /**
   * Which column names the rows where none is asked for: `gene_id` (trees, networks), or the first one (linear scripts), which
   * the Python scripts read as the index.
   */
  readonly prefer: "gene_id" | "first";
  /** Genes that are wanted; other columns are left out whatever they hold. All without it. */
  readonly genes?: readonly string[];
}

/**
 * Read targets.
 *
 * Rows are named by the column that is asked for; else by `gene_id` or the first column, as `prefer` says; else by another
 * column of ids, the index that pandas stored, or the first column of text. Row numbers name nothing, and are no gene.
 *
 * @throws {DataError} when nothing names the rows, there is no gene column, a wanted gene has none, or a number cell holds text
 */
export async function readTargets(path: string, options: TargetsOptions): Promise<Targets> {
  const raw = await readOrOpen(path);
  if (raw instanceof WindowedFile) return checked(fromCsv(raw, path, options), options);
  const isParquet = raw[0] === 0x50 && raw[1] === 0x41 && raw[2] === 0x52 && raw[3] === 0x31;
  if (!isParquet && /^\.(parquet|pq)$/i.test(extname(path))) {
    throw new DataError(`Cannot read "${path}": it is no Parquet file (it does not start with PAR1)`);
  }
  const targets = isParquet
    ? await fromParquet(raw, path, options)
    : fromCsv(plainBytes(raw, path), path, options);
  return checked(targets, options);
}

function checked(targets: Targets, { genes }: TargetsOptions): Targets {
  refuseAbsent(targets, genes);
  const withoutNumbers = leaveOutRowNumbers(targets, genes);
  if (withoutNumbers.genes.length === 0) {
    throw new DataError(
      `Cannot use targets "${targets.path}": there is no gene column (columns named by gene ids such as ENSG00000141510 are needed)`,
    );
  }
  return withUniqueIds(withoutNumbers);
}

function fromCsv(bytes: Uint8Array | WindowedFile, path: string, options: TargetsOptions): Targets {
  const sample = sampleCsvTable(bytes, path, 50), { header } = sample;
  if (header.length === 1 && !isIdColumn(header[0])) {
    throw new DataError(
      `Cannot use targets "${path}": it has one column, "${
        someIds(header)
      }" (separate columns by commas or tabs; in R: ` +
        `write.table(x, file, sep = ","))`,
    );
  }
  const wanted = wantedGenes(options);
  const cellsOf = (at: number) => sample.rows.map((row) => row[at].trim());
  refuseDecimalCommas(path, sample, wanted);
  const texts = new Set(header.filter((name, at) => isTextColumn(name, sample.rows, at)));
  // "TF" and the like over numbers is a gene of that symbol.
  const named = new Set(
    header.filter((name, at) => isSureIdColumn(name) || (isIdColumn(name) && !areNumbers(cellsOf(at)))),
  );
  const isIds = (column: string) => named.has(column);
  const isGene = (column: string) =>
    wanted ? wanted.has(withoutVersion(column)) : !isIds(column) && isNamed(column) && !texts.has(column);
  const idColumn = chooseIdColumn(path, header, { texts, named }, cellsOf(0), options);
  const others = [...named].filter((name) => name !== idColumn);
  const table = parseNumericCsv(bytes, path, {
    labels: [...new Set([idColumn, ...others])],
    isNumber: (column) => column !== idColumn && isGene(column),
  });
  if (!wanted) tellLeftOut(path, header, texts, [idColumn, ...others]);
  return {
    path,
    idColumn: isNamed(idColumn) ? idColumn : "",
    perturbations: table.labels[idColumn],
    genes: table.columns,
    values: table.values,
    symbols: otherNames(idColumn, table.labels),
  };
}

async function fromParquet(bytes: Uint8Array, path: string, options: TargetsOptions): Promise<Targets> {
  const { parseParquetFrame } = await import("../io/parquet.ts"); // most runs read csv
  const wanted = wantedGenes(options);
  const isNeeded = (column: string) => isIdColumn(column) || !wanted || wanted.has(withoutVersion(column));
  const frame = parseParquetFrame(bytes, path, { isNeeded, indexColumn: options.idColumn });
  const { labels, indexName = "" } = frame;
  // A named column of ids tells more than an index without a name.
  const others = options.idColumn === undefined ? Object.keys(labels) : [];
  const named = options.prefer === "first" && !frame.isNumbered
    ? undefined
    : bestIdColumn(frame.isNumbered ? others : [indexName, ...others]);
  const useIndex = named === undefined || named === indexName;
  if (useIndex && frame.isNumbered) {
    throw new DataError(
      `Cannot use targets "${path}": it has no column of text that names its rows (gene_id or gene_name is needed; ` +
        `--targets-id-col names another)`,
    );
  }
  const asText = options.genes?.find((gene) => gene in labels) ??
    (wanted
      ? undefined
      : Object.keys(labels).find((name) =>
        isEnsemblGene(name) || (!isIdColumn(name) && holdsMeasures(labels[name]))
      ));
  if (asText !== undefined) throw textColumn(path, asText, labels[asText]);
  // Where genes stand before the ids, the first column of text may be a gene's, with a stray word in it.
  const mayBeGene = options.idColumn === undefined && indexName !== "" && !isIdColumn(indexName) &&
    !frame.isNumbered;
  if (mayBeGene && holdsMeasures(frame.index)) throw textColumn(path, indexName, frame.index);
  const odd = options.genes?.find((gene) => gene in frame.skipped);
  if (odd !== undefined) {
    throw new DataError(
      `Cannot use targets "${path}": column "${odd}" is ${frame.skipped[odd]}, numbers are needed`,
    );
  }
  if (!wanted) {
    tellSkipped(path, [
      ...Object.keys(labels).filter((name) => !isIdColumn(name)),
      ...Object.keys(frame.skipped),
    ]);
  }
  const idColumn = useIndex ? indexName : named!;
  const all: Record<string, string[]> = { ...labels, [idColumn]: useIndex ? frame.index : labels[named!] };
  const isGene = (column: string) =>
    !isSureIdColumn(column) || (wanted?.has(withoutVersion(column)) ?? false);
  const columns = frame.columns.map((_, at) => at).filter((at) => isGene(frame.columns[at]));
  return {
    path,
    idColumn,
    perturbations: all[idColumn],
    genes: columns.map((at) => frame.columns[at]),
    values: columns.length === frame.columns.length ? frame.values : takeColumns(frame.values, columns),
    symbols: otherNames(idColumn, all),
  };
}

/** Genes that are read, without Ensembl versions; null: all. */
function wantedGenes({ genes }: TargetsOptions): Set<string> | null {
  return genes ? new Set(genes.map(withoutVersion)) : null;
}

/** The column that names the rows. */
function chooseIdColumn(
  path: string,
  header: readonly string[],
  { texts, named }: { texts: ReadonlySet<string>; named: ReadonlySet<string> },
  firstCells: readonly string[],
  { idColumn, prefer, genes }: TargetsOptions,
): string {
  if (idColumn !== undefined) {
    if (header.includes(idColumn)) return idColumn;
    throw new DataError(
      `Cannot use targets "${path}": it has no column "${idColumn}" (its columns are ${someIds(header)})`,
    );
  }
  const isCandidate = (column: string) => !genes?.includes(column);
  const known = prefer === "first"
    ? header.find((column) => named.has(column) && isCandidate(column))
    : bestIdColumn([...named].filter(isCandidate));
  const [first] = header;
  const firstIsNumbers = (firstCells.length > 1 && areRowNumbers(firstCells)) ||
    (rowNumberHead.test(first) && areNumbers(firstCells));
  if (prefer === "first" && !firstIsNumbers && (isNamed(first) || known === undefined)) return first;
  if (known !== undefined) return known;
  if (!firstIsNumbers && texts.has(first)) return first;
  const text = header.find((column) => texts.has(column) && isNamed(column));
  if (text !== undefined) return text;
  throw new DataError(
    `Cannot use targets "${path}": no column names its rows: there is none of text (gene_id or gene_name is needed; its columns ` +
      `are ${someIds(header)}; --targets-id-col names one)`,
  );
}

/** What the rows are called in the other column of ids. */
function otherNames(idColumn: string, labels: Record<string, string[]>): string[] | null {
  const other = bestIdColumn(Object.keys(labels).filter((name) => name !== idColumn));
  return other === undefined ? null : labels[other];
}

/** Columns that count the rows are no genes, whatever their name, unless they are asked for. */
function leaveOutRowNumbers(targets: Targets, wanted: readonly string[] | undefined): Targets {
  const { values: { data, rows, columns }, genes, path } = targets;
  const counts = (column: number) => {
    const cells = Array.from({ length: rows }, (_, row) => data[row * columns + column]);
    if (rows > 2 && [0, 1].some((start) => cells.every((cell, row) => cell === start + row))) return true;
    return rows > 1 && rowNumberHead.test(genes[column]) &&
      cells.every((cell) => Number.isInteger(cell) && cell >= 0) &&
      new Set(cells).size === rows;
  };
  const numbers = wanted ? [] : genes.map((_, column) => column).filter((column) => counts(column));
  if (numbers.length === 0) return targets;
  warnWithExamples(
    `Left out ${
      counted(numbers.length, "column")
    } of row numbers in "${path}": not taken for read-out genes.`,
    numbers.map((column) => genes[column]),
  );
  const left = new Set(numbers);
  return takeGenes(targets, genes.map((_, column) => column).filter((column) => !left.has(column)));
}

function tellLeftOut(
  path: string,
  header: readonly string[],
  texts: ReadonlySet<string>,
  ids: readonly string[],
): void {
  const nameless = header.filter((column) => !isNamed(column) && !ids.includes(column)).length;
  if (nameless > 0) {
    log.warn(
      `Left out ${counted(nameless, "column")} without a name in "${path}": not taken for read-out genes.`,
    );
  }
  tellSkipped(
    path,
    [...texts].filter((column) => isNamed(column) && !ids.includes(column) && !isIdColumn(column)),
  );
}

function tellSkipped(path: string, names: readonly string[]): void {
  if (names.length === 0) return;
  warnWithExamples(`Left out ${counted(names.length, "column")} without numbers in "${path}".`, names);
}

function refuseAbsent({ path, genes }: Targets, wanted: readonly string[] | undefined): void {
  if (wanted === undefined) return;
  const known = new Set(genes.map(withoutVersion)),
    absent = wanted.filter((gene) => !known.has(withoutVersion(gene)));
  if (absent.length === 0) return;
  throw new DataError(
    `Cannot use targets "${path}": ${absent.length} of the ${
      counted(wanted.length, "gene")
    } of the gene index ` +
      `have no column there (${someIds(absent)})`,
  );
}

function textColumn(path: string, column: string, cells: readonly string[]): DataError {
  const at = cells.findIndex((cell) => cell !== "" && Number.isNaN(Number(cell)));
  const example = at < 0 ? cells[0] : cells[at];
  return new DataError(
    `Cannot use targets "${path}": column "${column}" holds text, such as "${shortId(example)}" in row ${
      Math.max(0, at) + 1
    } (numbers are needed; a stray word in one cell makes pandas write all of them as text)`,
  );
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
