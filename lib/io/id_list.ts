/** Lists of ids, as people and programs write them. */
import { DataError } from "../cli/errors.ts";
import { parseCsvTable, someColumns } from "./csv.ts";
import { areRowNumbers, idHeadRank, rowNumberHead } from "./id_heads.ts";
import { readNpyStrings } from "./npy.ts";
import { plainBytes } from "./plain_bytes.ts";
import { readFileBytes } from "./read_file.ts";

/**
 * Ids of a file: one a line (any line ends, quotes taken off), a table with commas or tabs and a column of them (one named
 * gene_id or the like, else the only one of text), one line with commas, a JSON list, or text in .npy; gzip and UTF-16 are
 * undone. Blank lines, lines that begin with # and heads such as "gene_id" are no ids.
 *
 * @throws {DataError} when it holds no id, is no text, or is a table in which no column can be told to hold the ids
 */
export async function readIdList(path: string): Promise<string[]> {
  const raw = await readFileBytes(path);
  const ids = isNpy(raw)
    ? await readNpyStrings(path)
    : parseIdList(textOf(plainBytes(raw, path), path), path);
  if (ids.length === 0) throw new DataError(`Cannot read "${path}": it holds no id (one a line is needed)`);
  return ids;
}

/** As `readIdList`, from text; `name` is what errors call the file. */
export function parseIdList(text: string, name: string): string[] {
  const lines = text.split(/\r\n|\n|\r/).map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"));
  const [first = ""] = lines;
  if (/^<(!doctype|html|\?xml)/i.test(first)) {
    throw new DataError(`Cannot read "${name}": it is a web page, no list of ids`);
  }
  if (first.startsWith("[")) return fromJson(text, name);
  // A list on one line; more lines with as many fields are a table.
  if (lines.length === 1 && /[,;\t]/.test(first) && !/^"[^"]*"$/.test(first)) {
    const words = first.split(/[,;\t]/).map((word) => unquoted(word.trim())).filter((word) => word !== "");
    return words.length > 1 && words.every((word) => idHeadRank(word) >= 0) ? [] : words; // a table without rows
  }
  if (lines.length > 0 && lines.every((line) => line.includes(";"))) {
    throw new DataError(
      `Cannot read "${name}": it is separated by semicolons (save it with commas, or one id a line)`,
    );
  }
  const bare = lines.map((line) => line.replace(/[,\t]+$/, "")); // empty cells behind a single column
  if (
    lines.length > 0 && lines.every((line) => /^"[^"]*"( "[^"]*")*$/.test(line)) &&
    lines.at(-1)!.includes('" "')
  ) {
    return fromTable(lines.map((line) => line.replaceAll('" "', '","')).join("\n"), name); // R's write.table
  }
  if (!bare.every((line) => isOneField(line))) return fromTable(text, name);
  const ids = bare.map(unquoted);
  return isHead(ids[0] ?? "", ids) ? ids.slice(1) : ids;
}

function fromTable(text: string, name: string): string[] {
  const { header, rows } = parseCsvTable(new TextEncoder().encode(text), name);
  const cells = (at: number) => rows.map((row) => row[at].trim());
  const known = header.map((_, at) => at).filter((at) =>
    idHeadRank(header[at]) >= 0 && !areNumbers(cells(at))
  )
    .sort((a, b) => idHeadRank(header[a]) - idHeadRank(header[b]));
  if (known.length > 0) return cells(known[0]).filter((id) => id !== "");

  const texts = header.map((_, at) => at).filter((at) =>
    !areNumbers(cells(at)) && cells(at).some((id) => id !== "")
  );
  const ensembl = texts.find((at) => cells(at).every(isEnsembl));
  if (ensembl !== undefined) {
    // Without a head the first line is one of the ids.
    return isEnsembl(header[ensembl]) ? [header[ensembl].trim(), ...cells(ensembl)] : cells(ensembl);
  }
  // The first line is a head for sure where it leaves a name out, or calls a column what only row numbers are called.
  const hasHead = header.some((column, at) => rowNumberHead.test(column) && areNumbers(cells(at)));
  if (texts.length === 1 && hasHead) return cells(texts[0]).filter((id) => id !== "");
  throw new DataError(
    `Cannot read "${name}": none of its columns (${someColumns(header)}) can be told to hold the ids ` +
      `(name one gene_id, or give one id a line)`,
  );
}

function fromJson(text: string, name: string): string[] {
  try {
    const ids = JSON.parse(text);
    if (Array.isArray(ids) && ids.every((id) => typeof id === "string")) return ids;
  } catch {
    // said below
  }
  throw new DataError(
    `Cannot read "${name}": it begins with "[" but is no JSON list of ids (one id a line is needed)`,
  );
}

/** Whether the first of several words is the head of a column. "TF" is also a gene: a head only above Ensembl ids. */
function isHead(word: string, all: readonly string[]): boolean {
  if (idHeadRank(word) < 0) return false;
  return !/^(TF|TFS|X)$/.test(word) || all.slice(1).some(isEnsembl);
}

function isEnsembl(id: string): boolean {
  return /^ENS[A-Z]*[GTP]\d{6,}/i.test(id.trim());
}

function areNumbers(cells: readonly string[]): boolean {
  return areRowNumbers(cells) || cells.every((cell) => /^-?\d+(\.\d*)?$/.test(cell));
}

function isOneField(line: string): boolean {
  return !/[,\t]/.test(line) || /^"([^"]|"")*"$/.test(line);
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
