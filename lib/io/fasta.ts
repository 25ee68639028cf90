/** Sequences in FASTA files. */
import { DataError } from "../cli/errors.ts";
import { readFileBytes } from "./read_file.ts";

export interface FastaRecord {
  /** The header up to its first space, without ">". */
  id: string;
  /** What follows the id in the header; empty where nothing does. */
  description: string;
  /** Letters as they stand in the file, line ends and spaces taken out. */
  sequence: string;
}

/** @throws {DataError} with the line, for text before the first header, a header without id or sequence, a stray character */
export async function readFasta(path: string): Promise<FastaRecord[]> {
  return parseFasta(await readFileBytes(path), path);
}

/** As `readFasta`, from bytes; `name` is what errors call the file. */
export function parseFasta(bytes: Uint8Array, name: string): FastaRecord[] {
  const fail = (reason: string) => new DataError(`Cannot read "${name}": ${reason}`);
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) throw fail("it is gzip (unpack it first)");
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw fail("it is not UTF-8 text");
  }

  const records: FastaRecord[] = [];
  let header: { id: string; description: string; line: number } | null = null;
  let pieces: string[] = [];
  const finish = () => {
    if (header === null) return;
    const { id, description, line } = header;
    if (pieces.length === 0) throw fail(`line ${line}: "${id}" has no sequence`);
    records.push({ id, description, sequence: pieces.join("") });
  };
  for (const [i, line] of text.split(/\r\n|\n|\r/).entries()) {
    if (line.startsWith(">")) {
      finish();
      const [, id, description] = /^>\s*(\S*)\s*(.*?)\s*$/.exec(line)!;
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
  if (records.length === 0) throw fail("it holds no sequence");
  return records;
}
