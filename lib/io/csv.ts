/**
 * Tables separated by commas or tabs, read as pandas reads them: gzip, quotes, CRLF, a byte-order mark, blank lines,
 * missing-value words, and R's `write.table`, whose header lacks the column of row names.
 *
 * Numbers are the nearest float64 to their decimal text, then narrowed to float32. (pandas' default parser may be one
 * unit in the last place of a float64 away from that; `float_precision="round_trip"` is what agrees always.)
 */
import { DataError } from "../cli/errors.ts";
import type { Matrix } from "../linalg/matrix.ts";
import { CsvScanner } from "./csv_scanner.ts";
import { parseFloat32 } from "./decimal.ts";
import { idHeadRank } from "./id_heads.ts";
import { TextRoom } from "./text_room.ts";
import { plainBytes } from "./plain_bytes.ts";
import { readOrOpen, WindowedFile } from "./windowed_file.ts";

/** A table of numbers with text columns beside it. */
export interface NumericCsv {
  /** Text columns by name, as they stand in the file (missing-value words are left as words). */
  labels: Record<string, string[]>;
  /** Names of the number columns, in file order. */
  columns: string[];
  /** rows x columns.length; NaN where a cell is empty or holds a missing-value word. */
  values: Matrix;
}

export interface NumericCsvOptions {
  labels: number | string[];
  isNumber?: (column: string) => boolean;
}

/** What pandas takes for a missing value, beside the empty cell. */
const missingWords = new Set(
  ("#N/A|#N/A N/A|#NA|-1.#IND|-1.#QNAN|-NaN|-nan|1.#IND|1.#QNAN|<NA>|N/A|NA|NULL|NaN|None|n/a|nan|null")
    .split("|"),
);

/** Whether pandas would read this cell as a missing value. */
export function isMissing(cell: string): boolean {
  return cell === "" || missingWords.has(cell);
}

/**
 * Read a table whose cells are numbers except in the label columns.
 *
 * @param options.labels how many leading columns are text, or the names of those that are (wherever they stand)
 * @param options.isNumber which of the other columns are read, all without it; what the rest hold does not matter
 * @throws {DataError} with row and column: text in a number cell, rows of unequal length, a missing label column.
 *   Rows count from 1 with the header, as a spreadsheet shows them.
 */
export async function readNumericCsv(path: string, options: NumericCsvOptions): Promise<NumericCsv> {
  return parseNumericCsv(await readTextOrOpen(path), path, options);
}

/** As `readNumericCsv`, from bytes or a large file; `name` is what errors call the file. */
export function parseNumericCsv(
  bytes: Uint8Array | WindowedFile,
  name: string,
  options: NumericCsvOptions,
): NumericCsv {
  const scanner = new CsvScanner(bytes, name);
  const { header, hasRow } = readHeader(scanner, name);
  const isLabel = markLabels(header, options.labels, name);
  const isNumber = header.map((column, i) => !isLabel[i] && (options.isNumber?.(column) ?? true));
  const columns = header.filter((_, i) => isNumber[i]);
  const labels = header.filter((_, i) => isLabel[i]).map((column) => ({ column, cells: [] as string[] }));

  // Text in quotes may hold many line ends, so lines are a guess of the rows: not more memory than that deserves.
  let values = new Float32Array(Math.min(columns.length * scanner.countLinesAhead(), 2 ** 26));
  let rows = 0;
  for (let more = hasRow; more; more = scanner.nextRow()) {
    scanner.expectFields(header.length);
    const start = rows * columns.length;
    if (values.length < start + columns.length) {
      values = grown(values, Math.ceil(1.25 * start) + 16 * columns.length);
    }
    let next = start, label = 0;
    for (let field = 0; field < header.length; field++) {
      if (isLabel[field]) {
        labels[label++].cells.push(scanner.text(field));
      } else if (isNumber[field]) {
        const value = parseFloat32(scanner.source, scanner.starts[field], scanner.ends[field]);
        values[next++] = Number.isNaN(value) ? wordValue(scanner, field, header[field], name) : value;
      }
    }
    rows++;
  }
  return {
    labels: Object.fromEntries(labels.map(({ column, cells }) => [column, cells])),
    columns,
    values: { data: values.subarray(0, rows * columns.length), rows, columns: columns.length },
  };
}

async function readTextOrOpen(path: string): Promise<Uint8Array | WindowedFile> {
  const read = await readOrOpen(path);
  return read instanceof WindowedFile ? read : plainBytes(read, path);
}

/** A table of text. */
export interface CsvTable {
  header: string[];
  rows: string[][];
  /** Where each row stands: from 1 with the header and blank lines, as a spreadsheet shows it. */
  rowNumbers: number[];
}

/** Read every cell as text. @throws {DataError} when rows differ in length or a quote is never closed */
export async function readCsvTable(path: string): Promise<CsvTable> {
  return parseCsvTable(await readTextOrOpen(path), path);
}

/** As `readCsvTable`, from bytes or a large file; `name` is what errors call the file. */
export function parseCsvTable(bytes: Uint8Array | WindowedFile, name: string): CsvTable {
  return textTable(bytes, name, Infinity, (scanner) => scanner.texts());
}

/** The first rows of a table, long cells cut, to see what its columns hold. */
export function sampleCsvTable(bytes: Uint8Array | WindowedFile, name: string, mostRows: number): CsvTable {
  return textTable(bytes, name, mostRows, (scanner) => scanner.shortTexts());
}

function textTable(
  bytes: Uint8Array | WindowedFile,
  name: string,
  mostRows: number,
  textsOf: (scanner: CsvScanner) => string[],
): CsvTable {
  const scanner = new CsvScanner(bytes, name);
  const { header, hasRow } = readHeader(scanner, name);
  const rows: string[][] = [], rowNumbers: number[] = [], room = new TextRoom(name);
  for (let more = hasRow; more && rows.length < mostRows; more = scanner.nextRow()) {
    scanner.expectFields(header.length);
    const row = textsOf(scanner);
    room.take(row.reduce((sum, text) => sum + text.length, 0), row.length);
    rows.push(row);
    rowNumbers.push(scanner.row);
  }
  return { header, rows, rowNumbers };
}

/** The first few columns of a header, for a message that one is missing. */
export function someColumns(header: readonly string[]): string {
  return header.slice(0, 5).map((column) => `"${shortened(column)}"`).join(", ") +
    (header.length > 5 ? ", ..." : "");
}

/** Rows of text and numbers as CSV with `\n` line ends; missing numbers become empty cells, infinities `inf`, as pandas writes. */
export function encodeCsv(header: readonly string[], rows: Iterable<readonly (string | number)[]>): string {
  const lines = [encodeCsvRow(header)];
  for (const row of rows) lines.push(encodeCsvRow(row));
  return lines.join("");
}

/** One row, with its line end. */
export function encodeCsvRow(row: readonly (string | number)[]): string {
  return row.map(encodeCell).join(",") + "\n";
}

function encodeCell(cell: string | number): string {
  if (typeof cell === "string") return quoted(cell);
  if (Number.isFinite(cell)) return String(cell);
  return Number.isNaN(cell) ? "" : cell > 0 ? "inf" : "-inf";
}

function quoted(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** The names of the columns, and whether the scanner stands on a first row of cells. */
function readHeader(scanner: CsvScanner, name: string): { header: string[]; hasRow: boolean } {
  if (!scanner.nextRow()) {
    throw new DataError(`Cannot read "${name}": the file is empty (its first row must name the columns)`);
  }
  const header = scanner.texts();
  if (header.length === 1 && header[0].includes(";")) {
    throw new DataError(
      `Cannot read "${name}": it is separated by semicolons (save it with commas or tabs, and with decimal points)`,
    );
  }
  if (header.length === 1 && /^\S+( "[^"]*")+$/.test(header[0])) {
    throw new DataError(
      `Cannot read "${name}": it is separated by spaces (save it with commas or tabs; in R: write.table(x, file, sep = ","))`,
    );
  }
  const hasRow = scanner.nextRow();
  if (!hasRow || scanner.fields !== header.length + 1) return { header, hasRow };
  return { header: headerOneShort(header, scanner, name), hasRow };
}

/**
 * Rows with one field more than the header are R's `write.table`, which names no column of row names, unless the header
 * begins with a column of ids and its first cell is text: shifted by one column, ids and values would be wrong.
 */
function headerOneShort(header: string[], scanner: CsvScanner, name: string): string[] {
  const isNumber = (field: number) => /^[+-]?[\d.]/.test(scanner.text(field).trim());
  const startsWithIds = idHeadRank(header[0]) >= 0 && !isNumber(0) && (header.length === 1 || isNumber(1));
  if (!startsWithIds) return ["", ...header];
  throw new DataError(
    `Cannot read "${name}": row ${scanner.row} has ${scanner.fields} fields, the header ${header.length} ` +
      `(is there a separator too many at its end, or in a text without quotes?)`,
  );
}

function markLabels(header: string[], labels: number | string[], name: string): boolean[] {
  if (typeof labels === "number") return header.map((_, i) => i < labels);
  for (const label of labels) {
    if (!header.includes(label)) {
      throw new DataError(
        `Cannot read "${name}": it has no column "${label}" (its columns are ${someColumns(header)})`,
      );
    }
  }
  const wanted = new Set(labels);
  return header.map((column, i) => wanted.has(column) && header.indexOf(column) === i);
}

/** NaN for a missing-value word, infinities for their names; anything else is an error. */
function wordValue(scanner: CsvScanner, field: number, column: string, name: string): number {
  if (scanner.starts[field] === scanner.ends[field]) return NaN;
  const cell = scanner.text(field), word = cell.trim();
  if (isMissing(word)) return NaN;
  const infinity = /^([+-]?)inf(inity)?$/i.exec(word);
  if (infinity) return infinity[1] === "-" ? -Infinity : Infinity;
  throw new DataError(
    `Cannot read "${name}": row ${scanner.row}, column "${shortened(column)}": "${
      shortened(cell)
    }" is not a number ` +
      `(use an empty cell or nan for a missing value)`,
  );
}

/** Text of a cell for a message of one line. */
function shortened(cell: string): string {
  return cell.length > 40 ? `${cell.slice(0, 40)}...` : cell;
}

function grown(values: Float32Array<ArrayBuffer>, length: number): Float32Array<ArrayBuffer> {
  const larger = new Float32Array(length);
  larger.set(values);
  return larger;
}
