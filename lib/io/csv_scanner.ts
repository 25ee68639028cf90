import { DataError } from "../cli/errors.ts";
import { WindowedFile } from "./windowed_file.ts";

const LF = 10, CR = 13, SPACE = 32, TAB = 9, QUOTE = 34, COMMA = 44;

/** Bytes of a field that tell what it holds. */
const shortBytes = 400;

/** Rows up to so many bytes are decoded as a whole, since calls of the decoder cost more than their bytes. */
const rowBytes = 2 ** 20;

/** What stands between the fields of a row. */
export type Separator = "," | "\t";

/**
 * Splits the bytes of a CSV or TSV file into rows of fields, one row at a time and without making strings: field i of the
 * row is `source[starts[i], ends[i])`, its quotes taken off. Blank lines are skipped, as pandas does. The separator is the
 * tab where the first line has tabs and no commas.
 */
export class CsvScanner {
  /** The bytes at hand: all of a file, or a window of it that begins with a row. */
  source: Uint8Array;
  // Not Int32Array: files may be larger than 2 GiB.
  starts = new Float64Array(16);
  ends = new Float64Array(16);
  /** Fields of the row at hand. */
  fields = 0;
  /** Row at hand, counted from 1 with the header and with blank lines, as a spreadsheet shows it. */
  row = 0;

  readonly #name: string;
  #position = 0;
  /** Fields with doubled quotes, or with text behind the closing one, unescaped. Rare. */
  readonly #unescaped = new Map<number, string>();

  readonly separator: Separator;
  readonly #separatorByte: number;

  /** Where the bytes behind the window come from; null at the file's end. */
  #file: WindowedFile | null;

  /** @throws {DataError} when the bytes are plainly no text */
  constructor(from: Uint8Array | WindowedFile, name: string) {
    this.#file = from instanceof WindowedFile ? from : null;
    const bytes = this.#file?.restart() ?? from as Uint8Array;
    this.source = bytes;
    this.#name = name;
    const [a, b, c] = bytes;
    if (a === 0xef && b === 0xbb && c === 0xbf) this.#position = 3;
    const other = a === 0x50 && b === 0x4b
      ? "a zip archive or a spreadsheet (export it as CSV)"
      : a === 0x50 && b === 0x41 && c === 0x52
      ? "Parquet (name it .parquet)"
      : null;
    if (other !== null) throw new DataError(`Cannot read "${name}": it is ${other}, not CSV text`);
    this.separator = separatorOf(bytes);
    this.#separatorByte = this.separator === "," ? COMMA : TAB;
  }

  /**
   * How many lines end behind the row at hand, and one more: an upper bound of rows where lines end in LF. Of a file that
   * is read by windows an estimate.
   */
  countLinesAhead(): number {
    let lines = 1;
    for (let at = this.source.indexOf(LF, this.#position); at >= 0; at = this.source.indexOf(LF, at + 1)) {
      lines++;
    }
    return this.#file === null ? lines : Math.ceil(1.02 * lines * this.#file.size / this.source.length);
  }

  /** Go to the next row that is not blank; false at the end. @throws {DataError} when a quote is never closed */
  nextRow(): boolean {
    for (;;) {
      const start = this.#position, row = this.row, isRow = this.#scanRow();
      // A row that reaches the window's end may go on behind it: scan it again with more.
      if (this.#file === null || (isRow !== null && this.#position < this.source.length)) return isRow!;
      const longer = this.#file.next(this.source.subarray(start));
      if (longer === null) {
        this.#file = null;
      } else {
        this.source = longer;
      }
      this.#position = longer === null ? start : 0;
      this.row = row;
    }
  }

  /** null where a quote is not closed within the window. */
  #scanRow(): boolean | null {
    this.#skipBlankLines();
    const { source } = this, separator = this.#separatorByte;
    if (this.#position >= source.length) return false;
    this.row++;
    this.#unescaped.clear();
    let position = this.#position, field = 0;
    for (;;) {
      if (field === this.starts.length) this.#growFields();
      let start = position, end: number;
      if (source[position] === QUOTE) {
        position = this.#skipQuoted(position, field);
        if (position < 0) return null;
        start++;
        end = position - 1;
        if (this.#unescaped.has(field)) [start, end] = [start - 1, position];
      } else {
        // Nearly every byte of a table of numbers is above the comma: one comparison for most.
        for (
          let byte = source[position];
          byte > COMMA || isInside(byte, separator);
          byte = source[++position]
        );
        end = position;
      }
      this.starts[field] = start;
      this.ends[field] = end;
      field++;
      if (source[position] !== separator) break;
      position++;
    }
    this.fields = field;
    this.#position = this.#afterLineEnd(position);
    return true;
  }

  /** @throws {DataError} when the row at hand has not as many fields as the header */
  expectFields(count: number): void {
    if (this.fields === count) return;
    const fields = `${this.fields} ${this.fields === 1 ? "field" : "fields"}`;
    const advice = this.fields < count
      ? "is it cut off? a row needs a separator for each empty cell too"
      : "is a text with a separator not in quotes?";
    throw new DataError(
      `Cannot read "${this.#name}": row ${this.row} has ${fields}, the header ${count} (${advice})`,
    );
  }

  /** Field of the row at hand as text. @throws {DataError} when it is not UTF-8 */
  text(field: number): string {
    const unescaped = this.#unescaped.get(field);
    return unescaped ?? this.#decode(this.starts[field], this.ends[field]);
  }

  /** The start of a long field, all of a short one. */
  shortText(field: number): string {
    const start = this.starts[field];
    if (this.ends[field] - start <= shortBytes) return this.text(field);
    return new TextDecoder().decode(this.source.subarray(start, start + shortBytes));
  }

  /** All fields of the row at hand as text. @throws {DataError} when one is not UTF-8 */
  texts(): string[] {
    return this.#textsOr((field) => this.text(field), Infinity);
  }

  /** The start of each long field, all of short ones. */
  shortTexts(): string[] {
    return this.#textsOr((field) => this.shortText(field), shortBytes);
  }

  #textsOr(textOf: (field: number) => string, mostBytes: number): string[] {
    const { starts, ends, fields } = this, first = starts[0], end = ends[fields - 1];
    const line = end - first <= rowBytes ? this.#ascii(first, end) : null;
    return Array.from({ length: fields }, (_, field) => {
      if (line === null || this.#unescaped.has(field)) return textOf(field);
      const start = starts[field];
      return line.slice(start - first, Math.min(ends[field], start + mostBytes) - first);
    });
  }

  /** Text in which a letter is a byte; null where there are others. */
  #ascii(start: number, end: number): string | null {
    const text = new TextDecoder().decode(this.source.subarray(start, end));
    return text.length === end - start && !text.includes("\u{fffd}") ? text : null;
  }

  #skipBlankLines(): void {
    const { source } = this;
    for (let position = this.#position; position < source.length; this.row++) {
      while (source[position] === SPACE || (source[position] === TAB && this.separator === ",")) position++;
      if (position < source.length && source[position] !== LF && source[position] !== CR) return;
      this.#position = position = this.#afterLineEnd(position);
    }
  }

  #afterLineEnd(position: number): number {
    if (this.source[position] === CR && this.source[position + 1] === LF) return position + 2;
    return position + 1;
  }

  /** From the opening quote to the field's end; -1 where that is behind the window. */
  #skipQuoted(opening: number, field: number): number {
    const { source } = this;
    let closing = opening, escaped = false;
    do {
      closing = source.indexOf(QUOTE, closing + 1);
      if (closing < 0) {
        if (this.#file !== null) return -1;
        throw new DataError(
          `Cannot read "${this.#name}": the quote that opens field ${
            field + 1
          } of row ${this.row} is never closed`,
        );
      }
      if (source[closing + 1] !== QUOTE) break;
      escaped = true;
      closing++;
    } while (true);
    let end = closing + 1;
    while (
      end < source.length && source[end] !== this.#separatorByte && source[end] !== LF && source[end] !== CR
    ) {
      end++;
    }
    if (escaped || end > closing + 1) {
      const inside = this.#decode(opening + 1, closing).replaceAll('""', '"');
      this.#unescaped.set(field, inside + this.#decode(closing + 1, end));
    }
    return end;
  }

  #decode(start: number, end: number): string {
    try {
      return utf8.decode(this.source.subarray(start, end));
    } catch {
      throw new DataError(`Cannot read "${this.#name}": row ${this.row} is not UTF-8 text`);
    }
  }

  #growFields(): void {
    const [starts, ends] = [this.starts, this.ends];
    this.starts = new Float64Array(2 * starts.length);
    this.ends = new Float64Array(2 * ends.length);
    this.starts.set(starts);
    this.ends.set(ends);
  }
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Whether a byte up to the comma belongs to an unquoted field. Beyond the end of the source it is undefined: no. */
function isInside(byte: number, separator: number): boolean {
  return byte <= COMMA && byte !== separator && byte !== LF && byte !== CR;
}

/** The tab where the first line that is not blank has one and no comma outside quotes. */
function separatorOf(bytes: Uint8Array): Separator {
  let quoted = false, tabs = 0;
  for (const byte of bytes) {
    if (byte === QUOTE) quoted = !quoted;
    if (quoted) continue;
    if (byte === COMMA) return ",";
    if (byte === TAB) tabs++;
    if ((byte === LF || byte === CR) && tabs > 0) break;
  }
  return tabs > 0 ? "\t" : ",";
}
