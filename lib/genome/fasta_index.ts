/** Where each sequence of a FASTA file begins and how it is cut into lines: what a .fai file says. */
import { DataError } from "../cli/errors.ts";
import { shortId } from "../dataset/ids.ts";
import { plainChunks } from "../io/plain_chunks.ts";

export interface FastaEntry {
  readonly name: string;
  /** Bases. */
  length: number;
  /** Of its first base in the plain text. */
  offset: number;
  /** Bases of its lines, and bytes with their ends. */
  lineBases: number;
  lineBytes: number;
}

export interface FastaIndex {
  readonly entries: readonly FastaEntry[];
  /** Whether all lines of a sequence but its last are equally long, so that positions can be computed. */
  readonly isEven: boolean;
}

/** Read a FASTA file, plain or gzip, to see where its sequences are. @throws {DataError} with the line, for what is no FASTA */
export async function indexFasta(path: string): Promise<FastaIndex> {
  const lines = new LineReader(path);
  for await (const chunk of plainChunks(path)) lines.take(chunk);
  return lines.finish();
}

/** The entries of a .fai file, as samtools faidx makes it; `path` is its own. @throws {DataError} for anything else */
export function parseFai(text: string, path: string): FastaEntry[] {
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== "");
  const advice = "(make it anew with samtools faidx, or delete it)";
  if (lines.length === 0) throw new DataError(`Cannot read "${path}": it is empty ${advice}`);
  return lines.map((line, i) => {
    const [name, ...cells] = line.split("\t"), numbers = cells.slice(0, 4);
    const [length, offset, lineBases, lineBytes] = numbers.map(Number);
    const areNumbers = numbers.length === 4 && numbers.every((cell) => /^\d{1,15}$/.test(cell));
    if (areNumbers && lineBases > 0 && lineBytes >= lineBases) {
      return { name, length, offset, lineBases, lineBytes };
    }
    throw new DataError(`Cannot read "${path}": line ${i + 1} is not a name and four numbers ${advice}`);
  });
}

const LF = 10, CR = 13, HEADER = 62, COMMENT = 59;

class LineReader {
  readonly #entries: FastaEntry[] = [];
  readonly #names = new Set<string>();
  #isEven = true;
  /** Pieces of the line at hand that earlier chunks held: only a header's are kept. */
  #header = "";
  #kind: "header" | "comment" | "bases" | null = null;
  #lineBytes = 0;
  #lastByte = 0;
  #line = 1;
  /** Bytes of the text before the chunk at hand. */
  #before = 0;
  /** A shorter line was seen: it must have been the sequence's last. */
  #ended = false;

  constructor(readonly path: string) {}

  take(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length;) {
      const lf = chunk.indexOf(LF, at), end = lf < 0 ? chunk.length : lf;
      if (this.#kind === null && end > at) this.#begin(chunk[at]);
      if (this.#kind === "header") this.#header += new TextDecoder().decode(chunk.subarray(at, end));
      this.#lineBytes += end - at;
      if (end > at) this.#lastByte = chunk[end - 1];
      if (lf >= 0) this.#end(this.#before + lf + 1, 1);
      at = end + 1;
    }
    this.#before += chunk.length;
  }

  finish(): FastaIndex {
    if (this.#lineBytes > 0) this.#end(this.#before, 0);
    const empty = this.#entries.find(({ length }) => length === 0);
    if (empty) throw this.#fail(`"${shortId(empty.name)}" has no sequence`);
    if (this.#entries.length === 0) throw this.#fail("it holds no sequence");
    return { entries: this.#entries, isEven: this.#isEven };
  }

  #begin(byte: number): void {
    this.#kind = byte === HEADER ? "header" : byte === COMMENT ? "comment" : "bases";
  }

  /** @param after offset of what follows, `endBytes` of the line end itself without a CR */
  #end(after: number, endBytes: number): void {
    const cr = this.#lineBytes > 0 && this.#lastByte === CR ? 1 : 0, bases = this.#lineBytes - cr;
    if (this.#kind === "header") this.#addEntry(after);
    else if (this.#kind === "bases" && bases > 0) this.#addLine(bases, bases + cr + endBytes, after);
    else if (this.#kind === "comment") this.#isEven = false;
    else this.#ended = true; // a blank line: only between sequences
    this.#kind = null;
    this.#lineBytes = 0;
    this.#line++;
  }

  #addEntry(offset: number): void {
    const name = /^>\s*(\S*)/.exec(this.#header)![1];
    if (name === "") throw this.#fail(`line ${this.#line}: a header needs a name behind ">"`);
    if (this.#names.has(name)) throw this.#fail(`line ${this.#line}: there is a second "${shortId(name)}"`);
    this.#names.add(name);
    this.#entries.push({ name, length: 0, offset, lineBases: 0, lineBytes: 0 });
    this.#header = "";
    this.#ended = false;
  }

  #addLine(bases: number, bytes: number, after: number): void {
    const entry = this.#entries.at(-1);
    if (entry === undefined) throw this.#fail(`line ${this.#line}: a header such as ">chr1" must come first`);
    if (entry.length === 0) {
      if (entry.offset !== after - bytes) this.#isEven = false; // blank lines came first
      entry.lineBases = bases;
      entry.lineBytes = bytes;
    } else if (this.#ended || bases > entry.lineBases) {
      this.#isEven = false;
    } else if (bytes !== entry.lineBytes) {
      if (bases === entry.lineBases && bytes > entry.lineBytes) this.#isEven = false; // mixed line ends
      this.#ended = true;
    }
    entry.length += bases;
  }

  #fail(reason: string): DataError {
    return new DataError(`Cannot read "${this.path}": ${reason}`);
  }
}
