/**
 * Writes a frame as Parquet: one row group, a plain uncompressed page a column. Predictions are noise to a compressor, so
 * what matters is that 5,000 columns cost little each.
 */
import type { Matrix } from "../linalg/matrix.ts";
import { ThriftWriter } from "./thrift_writer.ts";

/** Numbers of Parquet's format: physical types, repetition, encodings, codecs. */
const FLOAT = 4, BYTE_ARRAY = 6, UTF8 = 0, REQUIRED = 0, PLAIN = 0, RLE = 3, UNCOMPRESSED = 0, DATA_PAGE = 0;
const magic = Uint8Array.of(0x50, 0x41, 0x52, 0x31);

interface Column {
  name: string;
  type: typeof FLOAT | typeof BYTE_ARRAY;
  /** Where its page starts in the file, and how long it is with its header. */
  offset: number;
  length: number;
}

/**
 * The file's bytes: float32 columns, then one text column.
 *
 * @param metadata entries of the footer, by key
 */
export function encodeParquet(
  columns: readonly string[],
  values: Matrix,
  text: { name: string; values: readonly string[] },
  metadata: Readonly<Record<string, string>>,
): Uint8Array<ArrayBuffer> {
  const { rows } = values, names = encodeStrings(text.values);
  const numberHeader = pageHeader(rows, 4 * rows), textHeader = pageHeader(rows, names.length);
  const numberLength = numberHeader.length + 4 * rows;
  const layout: Column[] = columns.map((name, i) => (
    { name, type: FLOAT, offset: magic.length + i * numberLength, length: numberLength }
  ));
  const end = magic.length + columns.length * numberLength;
  layout.push({ name: text.name, type: BYTE_ARRAY, offset: end, length: textHeader.length + names.length });
  const footer = encodeFooter(layout, rows, metadata);
  const footerStart = end + textHeader.length + names.length;

  const bytes = new Uint8Array(footerStart + footer.length + 4 + magic.length);
  bytes.set(magic);
  const page = new Float32Array(rows), pageBytes = new Uint8Array(page.buffer);
  for (let column = 0; column < columns.length; column++) {
    for (let row = 0; row < rows; row++) page[row] = values.data[row * columns.length + column];
    bytes.set(numberHeader, layout[column].offset);
    bytes.set(pageBytes, layout[column].offset + numberHeader.length);
  }
  bytes.set(textHeader, end);
  bytes.set(names, end + textHeader.length);
  bytes.set(footer, footerStart);
  new DataView(bytes.buffer).setUint32(footerStart + footer.length, footer.length, true);
  bytes.set(magic, bytes.length - magic.length);
  return bytes;
}

/** Each string behind its length in bytes. */
function encodeStrings(strings: readonly string[]): Uint8Array {
  const encoded = strings.map((string) => new TextEncoder().encode(string));
  const bytes = new Uint8Array(encoded.reduce((length, { length: more }) => length + 4 + more, 0));
  const view = new DataView(bytes.buffer);
  let position = 0;
  for (const string of encoded) {
    view.setUint32(position, string.length, true);
    bytes.set(string, position + 4);
    position += 4 + string.length;
  }
  return bytes;
}

function pageHeader(rows: number, length: number): Uint8Array {
  return new ThriftWriter().begin()
    .int32(1, DATA_PAGE).int32(2, length).int32(3, length)
    .begin(5).int32(1, rows).int32(2, PLAIN).int32(3, RLE).int32(4, RLE).end()
    .end().bytes;
}

function encodeFooter(
  columns: readonly Column[],
  rows: number,
  metadata: Readonly<Record<string, string>>,
): Uint8Array {
  const out = new ThriftWriter().begin().int32(1, 1).structList(2, columns.length + 1);
  out.begin().text(4, "schema").int32(5, columns.length).end();
  for (const { name, type } of columns) {
    out.begin().int32(1, type).int32(3, REQUIRED).text(4, name);
    if (type === BYTE_ARRAY) out.int32(6, UTF8).begin(10).begin(1).end().end(); // the logical type of text
    out.end();
  }
  out.int64(3, rows).structList(4, 1).begin().structList(1, columns.length);
  for (const { name, type, offset, length } of columns) {
    out.begin().int64(2, offset).begin(3)
      .int32(1, type).int32List(2, [PLAIN]).textList(3, [name]).int32(4, UNCOMPRESSED)
      .int64(5, rows).int64(6, length).int64(7, length).int64(9, offset)
      .end().end();
  }
  out.int64(2, columns.reduce((sum, { length }) => sum + length, 0)).int64(3, rows).end();
  const entries = Object.entries(metadata);
  out.structList(5, entries.length);
  for (const [key, value] of entries) out.begin().text(1, key).text(2, value).end();
  return out.end().bytes;
}
