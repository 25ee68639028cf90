/** Sequences in FASTA files. */
import { DataError } from "../cli/errors.ts";
import { constants, gunzipSync } from "node:zlib";
import { readFileBytes } from "./read_file.ts";

export interface FastaRecord {
  /** The header up to its first space or bar, without ">"; "sp|P04637|P53_HUMAN", which begins with a database, stays whole. */
  id: string;
  /** What follows the id in the header; empty where nothing does. */
  description: string;
  /** Letters as they stand in the file, line ends and spaces taken out. */
  sequence: string;
}

/**
 * Whether a file's content is FASTA, gzip or not: its first character is ">", or ";" for an old comment.
 * Null for what is no regular file (a pipe can be read once only) and for damaged gzip.
 */
export async function isFasta(path: string): Promise<boolean | null> {
  const found = await Deno.stat(path).catch(() => null);
  if (!found?.isFile) return null;
  using file = await Deno.open(path);
  const head = new Uint8Array(4096);
  const bytes = head.subarray(0, await file.read(head) ?? 0);
  // The head of a gzip stream is cut off: what came out before its end was missed is enough.
  let plain: Uint8Array = bytes;
  try {
    if (isGzip(bytes)) plain = gunzipSync(bytes, { finishFlush: constants.Z_SYNC_FLUSH });
  } catch {
    return null;
  }
  return /^[>;]/.test(new TextDecoder().decode(plain).trimStart());
}

const isGzip = (bytes: Uint8Array) => bytes[0] === 0x1f && bytes[1] === 0x8b;

/** What stands in place of a sequence that there is none of; the first is Ensembl's. */
const noSequence =
  /^(sequence ?unavailable|(sequence )?not ?available|unavailable|no ?sequence|n\/a|na|nan|none|null)$/i;

/** Whether text in place of DNA says that there is none. */
export function isNoSequence(text: string): boolean {
  return noSequence.test(text.trim());
}

/** Gzip files too. @throws {DataError} with the line, for text before the first header, a header without id or sequence, a stray character */
export async function readFasta(path: string): Promise<FastaRecord[]> {
  const bytes = await readFileBytes(path);
  if (!isGzip(bytes)) return parseFasta(bytes, path);
  try {
    return parseFasta(gunzipSync(bytes), path);
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw new DataError(`Cannot read "${path}": its gzip stream is damaged or cut off`);
  }
}

/** As `readFasta`, from bytes; `name` is what errors call the file. */
export function parseFasta(bytes: Uint8Array, name: string): FastaRecord[] {
  const fail = (reason: string) => new DataError(`Cannot read "${name}": ${reason}`);
  if (isGzip(bytes)) throw fail("it is gzip (unpack it first)");
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw fail("it is not UTF-8 text");
  }

  const records: FastaRecord[] = [];
  const without: string[] = [];
  let header: { id: string; description: string; line: number } | null = null;
  let pieces: string[] = [];
  const finish = () => {
    if (header === null) return;
    const { id, description, line } = header;
    if (pieces.length === 0) throw fail(`line ${line}: "${id}" has no sequence`);
    if (isNoSequence(pieces.join(""))) without.push(`line ${line} ("${id.slice(0, 40)}")`);
    records.push({ id, description, sequence: pieces.join("") });
  };
  for (const [i, line] of text.split(/\r\n|\n|\r/).entries()) {
    if (line.startsWith(">")) {
      finish();
      const [, whole, rest] = /^>\s*(\S*)\s*(.*?)\s*$/.exec(line)!;
      const bar = /^[a-z]{2,4}\|/.test(whole) ? -1 : whole.indexOf("|");
      const id = bar < 0 ? whole : whole.slice(0, bar);
      const description = bar < 0 ? rest : `${whole.slice(bar + 1)} ${rest}`.trimEnd();
      if (id === "") throw fail(`line ${i + 1}: a header needs an id behind ">"`);
      header = { id, description, line: i + 1 };
      pieces = [];
    } else if (!line.startsWith(";")) {
      const piece = line.replace(/[ \t]+/g, "");
      if (piece === "") continue;
      if (header === null) throw fail(`line ${i + 1}: a header such as ">ENSG00000141510" must come first`);
      const stray = /[^A-Za-z*.-]/.exec(piece);
      if (stray !== null) throw fail(`line ${i + 1}: "${stray[0]}" does not belong in a sequence`);
      pieces.push(piece);
    }
  }
  finish();
  if (without.length > 0) {
    throw fail(
      `${without.length} of ${records.length} headers have words such as "Sequence unavailable" in place of DNA: ` +
        `${without.slice(0, 5).join(", ")}${without.length > 5 ? ", ..." : ""} (leave these records out)`,
    );
  }
  if (records.length === 0) throw fail("it holds no sequence");
  return records;
}
