/** Lists of ids, as people and programs write them. */
import { DataError } from "../cli/errors.ts";
import { parseCsvTable } from "./csv.ts";
import { readNpyStrings } from "./npy.ts";
import { plainBytes } from "./plain_bytes.ts";
import { readFileBytes } from "./read_file.ts";

/** Heads of columns of ids: never ids themselves. The first that a table has is taken. */
const heads = [
  "gene_id",
  "gene_ids",
  "ensembl_id",
  "ensembl",
  "id",
  "ids",
  "gene_name",
  "gene_symbol",
  "symbol",
  "gene",
  "genes",
  "tf",
  "tfs",
  "target",
  "target_gene",
  "perturbation",
  "perturbation_id",
  "name",
  "feature_id",
  "x",
];
const rowNumberHeads = /^(|unnamed: 0|index|level_0|rownames|row|\.\.\.1|__index_level_0__)$/i;

/**
 * Ids of a file: one a line (any line ends, quotes taken off), a CSV or TSV table with a column of them, one line with
 * commas, or text in .npy; gzip and UTF-16 are undone. Blank lines and heads such as "gene_id" are no ids.
 *
 * @throws {DataError} when it holds no id, is no text, or is a table in which no column can be told to hold the ids
 */
export async function readIdList(path: string): Promise<string[]> {
  const raw = await readFileBytes(path);
  const ids = isNpy(raw) ? await readNpyStrings(path) : idsOf(textOf(plainBytes(raw, path), path), path);
  if (ids.length === 0) throw new DataError(`Cannot read "${path}": it holds no id (one a line is needed)`);
  return ids;
}

function idsOf(text: string, path: string): string[] {
  const lines = text.split(/\r\n|\n|\r/).map((line) => line.trim()).filter((line) => line !== "");
  const [first = ""] = lines;
  if (!/[,\t]/.test(first)) {
    const ids = lines.map(unquoted);
    return isHead(ids[0] ?? "") && ids.length > 1 ? ids.slice(1) : ids;
  }
  // A list on one line; more lines with as many fields are a table.
  if (lines.length === 1) {
    return first.split(/[,\t]/).map((word) => unquoted(word.trim())).filter((word) => word !== "");
  }
  return fromTable(text, path);
}

function fromTable(text: string, path: string): string[] {
  const { header, rows } = parseCsvTable(new TextEncoder().encode(text), path);
  const place = (name: string) => header.findIndex((column) => column.trim().toLowerCase() === name);
  const column = heads.map(place).find((at) => at >= 0 && !isRowNumbers(rows.map((row) => row[at])));
  if (column !== undefined) return rows.map((row) => row[column].trim()).filter((id) => id !== "");
  // A table without such a head: its first line is data, if it looks like what stands below it.
  const texts = header.map((_, at) => at).filter((at) =>
    !rowNumberHeads.test(header[at].trim()) && !isRowNumbers(rows.map((row) => row[at]))
  );
  const [at] = texts;
  if (texts.length === 0 || rows.some((row) => /^-?[\d.]+$/.test(row[at].trim()))) {
    throw new DataError(
      `Cannot read "${path}": none of its columns (${
        header.slice(0, 5).join(", ")
      }) can be told to hold the ids ` +
        `(name one gene_id, or give one id a line)`,
    );
  }
  const isEnsembl = (id: string) => /^ENS[A-Z]*[GTP]\d{6,}/i.test(id);
  const headIsId = isEnsembl(header[at]) && rows.length > 0 && isEnsembl(rows[0][at]);
  return [...headIsId ? [header[at]] : [], ...rows.map((row) => row[at])].map((id) => id.trim()).filter((
    id,
  ) => id !== "");
}

function isHead(word: string): boolean {
  return word !== "" && heads.includes(word.toLowerCase()) && word !== word.toUpperCase();
}

/** Whether cells count the rows from 0 or 1. */
function isRowNumbers(cells: readonly string[]): boolean {
  return cells.length > 0 && (cells.every((cell, i) => Number(cell) === i && cell.trim() !== "") ||
    cells.every((cell, i) => Number(cell) === i + 1));
}

function unquoted(line: string): string {
  const match = /^"((?:[^"]|"")*)"$/.exec(line) ?? /^'([^']*)'$/.exec(line);
  return match ? match[1].replaceAll('""', '"') : line;
}

function textOf(bytes: Uint8Array, path: string): string {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new DataError(`Cannot read "${path}": it is not UTF-8 text (a list of ids, one a line, is needed)`);
  }
  if (!text.includes("\0")) return text;
  throw new DataError(
    `Cannot read "${path}": it holds NUL bytes, so it is no list of ids (UTF-16 without its mark?)`,
  );
}

function isNpy(bytes: Uint8Array): boolean {
  return bytes[0] === 0x93 && bytes[1] === 0x4e && bytes[2] === 0x55;
}
