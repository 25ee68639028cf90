import { DataError } from "../cli/errors.ts";

export interface FastaRecord {
  /** The header up to its first space or bar, without ">"; "sp|P04637|P53_HUMAN", which begins with a database, stays whole. */
  id: string;
  /** What follows the id in the header; empty where nothing does. */
  description: string;
  /** Letters as they stand in the file, line ends and spaces taken out. */
  sequence: string;
}

/** What stands in place of a sequence that there is none of; the first is Ensembl's. */
const noSequence =
  /^(sequence ?unavailable|(sequence )?not ?available|unavailable|no ?sequence|n\/a|na|nan|none|null)$/i;

/** Whether text in place of DNA says that there is none. */
export function isNoSequence(text: string): boolean {
  return text.length < 40 && noSequence.test(text.trim());
}

const LF = 10, CR = 13, HEADER = 62, COMMENT = 59;

/** What a byte is within a sequence. */
const LETTER = 1, BLANK = 2, LINE_END = 3;
const kinds = new Uint8Array(256);
for (const letter of "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz*.-") {
  kinds[letter.charCodeAt(0)] = LETTER;
}
kinds[9] = kinds[32] = BLANK;
kinds[LF] = kinds[CR] = LINE_END;

/** A text of V8 holds no more. */
const longest = 2 ** 29 - 24;

/**
 * Reads FASTA from pieces of bytes, cut anywhere: no file is too large to be one text.
 *
 *     const parser = new FastaParser("x.fa");
 *     for (const piece of pieces) parser.push(piece);
 *     const records = parser.end();
 */
export class FastaParser {
  readonly #name: string;
  readonly #records: FastaRecord[] = [];
  /** Where the words "Sequence unavailable" stand. */
  readonly #without: string[] = [];
  #line = 1;
  /** What the line at hand is; null at its start. */
  #inside: "header" | "comment" | "sequence" | null = null;
  /** A CR was the last byte: an LF behind it is no line of its own. */
  #afterCr = false;
  #header: { id: string; description: string; line: number } | null = null;
  /** Bytes of the header line, or letters of the sequence, at hand. */
  #bytes = new Uint8Array(2 ** 16);
  #length = 0;
  /** The file's first bytes, until there are enough to tell what it is; null behind them. */
  #head: Uint8Array | null = new Uint8Array(0);

  /** @param name what errors call the file */
  constructor(name: string) {
    this.#name = name;
  }

  /** @throws {DataError} with the line, for what is no FASTA */
  push(piece: Uint8Array): void {
    if (this.#head === null) return this.#read(piece);
    const joined = new Uint8Array(this.#head.length + piece.length);
    joined.set(this.#head);
    joined.set(piece, this.#head.length);
    this.#head = joined;
    if (joined.length >= 3) this.#begin();
  }

  #read(piece: Uint8Array): void {
    let at = 0;
    while (at < piece.length) {
      if (this.#afterCr && piece[at] === LF) {
        at++;
        this.#afterCr = false;
        continue;
      }
      this.#afterCr = false;
      if (this.#inside === null) this.#inside = this.#kindOfLine(piece[at]);
      at = this.#inside === "sequence" ? this.#letters(piece, at) : this.#restOfLine(piece, at);
    }
  }

  /** @throws {DataError} when there is no record, or a last one without sequence */
  end(): FastaRecord[] {
    this.#begin();
    if (this.#inside === "header") this.#endHeader();
    this.#endRecord();
    if (this.#without.length > 0) {
      throw this.#fail(
        `${this.#without.length} of ${this.#records.length} headers have words such as "Sequence unavailable" in place of DNA: ` +
          `${this.#without.slice(0, 5).join(", ")}${
            this.#without.length > 5 ? ", ..." : ""
          } (leave these records out)`,
      );
    }
    if (this.#records.length === 0) throw this.#fail("it holds no sequence");
    return this.#records;
  }

  /** Read the file's first bytes, once it is known that they are text. */
  #begin(): void {
    if (this.#head === null) return;
    const head = this.#head, [a, b, c] = head;
    this.#head = null;
    if (a === 0x1f && b === 0x8b) throw this.#fail("it is gzip (unpack it first)");
    if ((a === 0xff && b === 0xfe) || (a === 0xfe && b === 0xff)) {
      throw this.#fail("it is UTF-16 text (save it as UTF-8)");
    }
    this.#read(a === 0xef && b === 0xbb && c === 0xbf ? head.subarray(3) : head);
  }

  #kindOfLine(byte: number): "header" | "comment" | "sequence" {
    if (byte === COMMENT) return "comment";
    if (byte !== HEADER) return "sequence";
    this.#endRecord();
    return "header";
  }

  /** Take in the line's letters up to its end or the piece's. @returns where it stopped */
  #letters(piece: Uint8Array, from: number): number {
    if (this.#bytes.length < this.#length + piece.length - from) this.#grow(piece.length - from);
    const bytes = this.#bytes, start = this.#length;
    let length = start, at = from;
    for (; at < piece.length; at++) {
      const byte = piece[at], kind = kinds[byte];
      if (kind === LETTER) bytes[length++] = byte;
      else if (kind !== BLANK) break;
    }
    const isStray = at < piece.length && kinds[piece[at]] !== LINE_END;
    if (this.#header === null && (length > start || isStray)) {
      throw this.#fail(`line ${this.#line}: a header such as ">ENSG00000141510" must come first`);
    }
    if (isStray) throw this.#stray(piece.subarray(at, at + 4));
    this.#length = length;
    if (length > longest) {
      throw this.#fail(`line ${this.#header!.line}: "${this.#header!.id}" is longer than ${longest} letters`);
    }
    if (at < piece.length) this.#endLine(piece[at++]);
    return at;
  }

  /** Take in a header, or leave out a comment, up to its end or the piece's. @returns where it stopped */
  #restOfLine(piece: Uint8Array, from: number): number {
    let at = from;
    while (at < piece.length && piece[at] !== LF && piece[at] !== CR) at++;
    if (this.#inside === "header") {
      if (this.#bytes.length < this.#length + at - from) this.#grow(at - from);
      this.#bytes.set(piece.subarray(from, at), this.#length);
      this.#length += at - from;
    }
    if (at === piece.length) return at;
    if (this.#inside === "header") this.#endHeader();
    this.#endLine(piece[at]);
    return at + 1;
  }

  #endLine(byte: number): void {
    this.#line++;
    this.#inside = null;
    this.#afterCr = byte === CR;
  }

  #endHeader(): void {
    const [, whole, rest] = /^>\s*(\S*)\s*(.*?)\s*$/s.exec(this.#takeText())!;
    const bar = /^[a-z]{2,4}\|/.test(whole) ? -1 : whole.indexOf("|");
    const id = bar < 0 ? whole : whole.slice(0, bar);
    const description = bar < 0 ? rest : `${whole.slice(bar + 1)} ${rest}`.trimEnd();
    if (id === "") throw this.#fail(`line ${this.#line}: a header needs an id behind ">"`);
    this.#header = { id, description, line: this.#line };
  }

  #endRecord(): void {
    if (this.#header === null) return;
    const { id, description, line } = this.#header;
    if (this.#length === 0) throw this.#fail(`line ${line}: "${id}" has no sequence`);
    const sequence = this.#takeText();
    if (isNoSequence(sequence)) this.#without.push(`line ${line} ("${id.slice(0, 40)}")`);
    this.#records.push({ id, description, sequence });
    this.#header = null;
  }

  #takeText(): string {
    const bytes = this.#bytes.subarray(0, this.#length);
    this.#length = 0;
    try {
      return utf8.decode(bytes);
    } catch {
      throw this.#fail(`line ${this.#line}: it is not UTF-8 text`);
    }
  }

  #stray(bytes: Uint8Array): DataError {
    const [letter] = new TextDecoder().decode(bytes);
    return this.#fail(
      letter === "\ufffd"
        ? `line ${this.#line}: it is not UTF-8 text`
        : `line ${this.#line}: "${letter}" does not belong in a sequence`,
    );
  }

  #grow(more: number): void {
    const larger = new Uint8Array(Math.max(2 * this.#bytes.length, this.#length + more));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
  }

  #fail(reason: string): DataError {
    return new DataError(`Cannot read "${this.#name}": ${reason}`);
  }
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
