/** What the columns of a table of targets are: ids, genes, text, row numbers. */
import { DataError } from "../cli/errors.ts";
import { type CsvTable, isMissing } from "../io/csv.ts";
import { withoutVersion } from "./gene_ids.ts";
import { shortId } from "./ids.ts";

/** Columns that name the perturbation, the most telling first: never read-out genes. */
const idColumns: readonly string[] = [
  "gene_id",
  "gene_name",
  "perturbation",
  "perturbation_id",
  "target_gene",
  "target",
  "gene_symbol",
  "symbol",
  "gene",
  "tf",
];

/** The most telling of several columns of ids, in any case. */
export function bestIdColumn(columns: readonly string[]): string | undefined {
  const rank = (column: string) => idColumns.indexOf(column.toLowerCase());
  return columns.filter((column) => rank(column) >= 0).sort((a, b) => rank(a) - rank(b))[0];
}

export function isIdColumn(column: string): boolean {
  return idColumns.includes(column.toLowerCase());
}

/** Columns that hold ids whatever is in them: numbers too. */
export function isSureIdColumn(column: string): boolean {
  return /^gene_(id|name)$/i.test(column);
}

/** Whether a column has a name: pandas calls one without "Unnamed: 3" when it reads and writes it again. */
export function isNamed(column: string): boolean {
  return !/^\s*(Unnamed: \d+)?$/.test(column);
}

/** Whether no cell of column `at` is a number, and some are words. A gene's column is none: its words are mistakes. */
export function isTextColumn(name: string, rows: readonly (readonly string[])[], at: number): boolean {
  if (isEnsemblGene(name)) return false;
  let hasWords = false;
  for (const row of rows) {
    const cell = row[at].trim();
    if (isMissing(cell)) continue;
    if (isNumber(cell)) return false;
    hasWords = true;
  }
  return hasWords;
}

export function isEnsemblGene(column: string): boolean {
  return /^ENS[A-Z]*G\d{6,}/.test(column);
}

/** Whether text holds measured values: half of it is numbers, and not all are whole, as numeric ids are. */
export function holdsMeasures(cells: readonly string[]): boolean {
  const words = cells.filter((cell) => !isMissing(cell)), numbers = words.filter(isNumber);
  return words.length > 0 && 2 * numbers.length >= words.length && !words.every((word) => /^\d+$/.test(word));
}

export function areNumbers(cells: readonly string[]): boolean {
  const words = cells.filter((cell) => !isMissing(cell));
  return words.length > 0 && words.every(isNumber);
}

function isNumber(word: string): boolean {
  return /^[+-]?(\d|\.\d|inf)/i.test(word) &&
    !Number.isNaN(Number(word.replace(/inf(inity)?$/i, "Infinity")));
}

/** "1,5" is a number with a decimal comma, which no program here reads. */
export function refuseDecimalCommas(
  path: string,
  { header, rows, rowNumbers }: CsvTable,
  wanted: ReadonlySet<string> | null,
): void {
  for (const [i, row] of rows.entries()) {
    const at = row.findIndex((cell, field) =>
      cell.includes(",") && /^\s*[+-]?\d+,\d+(e[+-]?\d+)?\s*$/i.test(cell) &&
      (!wanted || wanted.has(withoutVersion(header[field])))
    );
    if (at < 0) continue;
    throw new DataError(
      `Cannot use targets "${path}": row ${rowNumbers[i]}, column "${shortId(header[at])}": "${
        shortId(row[at])
      }" has a ` +
        `decimal comma (save the table with decimal points)`,
    );
  }
}
