/** Regions of a BED file. */
import { DataError } from "../cli/errors.ts";
import { shortId } from "../dataset/ids.ts";
import { readPlainBytes } from "./plain_bytes.ts";

export interface BedRow {
  /** From 1, with comments and blank lines. */
  readonly line: number;
  readonly chrom: string;
  /** Bases [start, end) counted from 0. */
  readonly start: number;
  readonly end: number;
  /** null where there is no such column, or it holds a dot. */
  readonly name: string | null;
  readonly strand: "+" | "-" | null;
}

/**
 * Read BED of three to twelve columns, plain or gzip; lines of `track`, `browser` and comments are left out.
 *
 * @throws {DataError} with the line, for too few columns, what is no position or strand, an end that is not behind its start
 */
export async function readBed(path: string): Promise<BedRow[]> {
  return parseBed(new TextDecoder().decode(await readPlainBytes(path)), path);
}

/** As `readBed`, from text; `name` is what errors call the file. */
export function parseBed(text: string, name: string): BedRow[] {
  const rows: BedRow[] = [];
  text.replace(/^\ufeff/, "").split(/\r\n|\n|\r/).forEach((line, i) => {
    if (!/^\s*($|#|track\b|browser\b)/.test(line)) rows.push(parseRow(line, i + 1, name));
  });
  if (rows.length === 0) throw new DataError(`Cannot use "${name}": it holds no regions`);
  return rows;
}

function parseRow(text: string, line: number, path: string): BedRow {
  const fail = (reason: string) => new DataError(`Cannot read "${path}": line ${line}${reason}`);
  const cells = text.includes("\t") ? text.split("\t").map((cell) => cell.trim()) : text.trim().split(/\s+/);
  if (cells.length < 3) {
    throw fail(
      ` has ${cells.length} of the columns of BED (chromosome, start, end; then name, score, strand)`,
    );
  }
  const [chrom, first, last, name = ".", , sign = "."] = cells;
  const [start, end] = [first, last].map((cell) => {
    if (/^\d{1,15}$/.test(cell)) return Number(cell);
    throw fail(`: "${shortId(cell)}" is no position (expected a whole number, from 0 on)`);
  });
  if (chrom === "") throw fail(" names no chromosome");
  if (start >= end) throw fail(` goes from ${start} to ${end} (the end must lie behind the start)`);
  if (!/^[+.-]?$/.test(sign)) throw fail(`: "${shortId(sign)}" is no strand (expected +, - or a dot)`);
  return {
    line,
    chrom,
    start,
    end,
    name: name === "" || name === "." ? null : name,
    strand: sign === "+" || sign === "-" ? sign : null,
  };
}
