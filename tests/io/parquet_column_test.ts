import { assertEquals, assertThrows } from "@std/assert";
import { brotliCompressSync, gzipSync, zstdCompressSync } from "node:zlib";
import type { ColumnMetaData, SchemaElement } from "hyparquet";
import { DataError } from "../../lib/cli/errors.ts";
import { codecOf, readColumnChunk } from "../../lib/io/parquet_column.ts";

/** Thrift's compact protocol, as far as page headers need it: i32 fields, booleans and structs of them. */
interface Fields {
  [id: number]: number | boolean | Fields;
}

function thrift(fields: Fields): number[] {
  const bytes: number[] = [];
  let previous = 0;
  for (const [id, value] of Object.entries(fields)) {
    const type = typeof value === "boolean" ? (value ? 1 : 2) : typeof value === "number" ? 5 : 12;
    bytes.push((Number(id) - previous) << 4 | type);
    previous = Number(id);
    if (typeof value === "number") bytes.push(...varint(value >= 0 ? 2 * value : -2 * value - 1));
    if (typeof value === "object") bytes.push(...thrift(value));
  }
  return [...bytes, 0];
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  for (; value >= 128; value = Math.floor(value / 128)) bytes.push(value % 128 + 128);
  return [...bytes, value];
}

const plain = 0, plainDictionary = 2, deltaBinaryPacked = 5, rleDictionary = 8;
const page = (values: number, encoding: number, content: number[], length = content.length) => [
  ...thrift({ 1: 0, 2: length, 3: length, 5: { 1: values, 2: encoding, 3: 3, 4: 3 } }),
  ...content,
];
const dictionaryPage = (values: number, content: number[]) => [
  ...thrift({ 1: 2, 2: content.length, 3: content.length, 7: { 1: values, 2: plain } }),
  ...content,
];
const floats = (...values: number[]) => [...new Uint8Array(Float32Array.from(values).buffer)];

/** Read a column of float32 from its pages, which stand behind the file's magic. */
function read(rows: number, pages: number[], optional = false, codec = "UNCOMPRESSED") {
  const file = Uint8Array.of(0x50, 0x41, 0x52, 0x31, ...pages);
  const meta = { type: "FLOAT", data_page_offset: 4n, total_compressed_size: BigInt(pages.length) };
  const element: SchemaElement = {
    name: "x",
    type: "FLOAT",
    repetition_type: optional ? "OPTIONAL" : "REQUIRED",
  };
  const fail = (reason: string) => new DataError(reason);
  return readColumnChunk(file, meta as ColumnMetaData, element, rows, codecOf(codec, fail), fail);
}

Deno.test("readColumnChunk() joins pages", () => {
  const pages = [...page(2, plain, floats(1, 2)), ...page(1, plain, floats(3))];
  assertEquals(read(3, pages), Float32Array.of(1, 2, 3));
});

Deno.test("readColumnChunk() leaves NaN where a definition level is 0", () => {
  const levels = [2, 0, 0, 0, 3, 0b0101]; // four bytes of length, one group of eight bits
  assertEquals(read(4, page(4, plain, [...levels, ...floats(7, 8)]), true), Float32Array.of(7, NaN, 8, NaN));
});

for (const width of [1, 2, 3, 5, 7, 8, 11, 16, 20]) {
  Deno.test(`readColumnChunk() unpacks dictionary indices of ${width} bits, in groups and in runs`, () => {
    const entries = Math.min(2 ** width, 300),
      indices = Array.from({ length: 24 }, (_, i) => (i * 77) % entries);
    const packed = new Array(3 * width).fill(0);
    indices.forEach((index, i) => {
      for (let bit = 0; bit < width; bit++) {
        packed[(i * width + bit) >> 3] |= (index >> bit & 1) << ((i * width + bit) & 7);
      }
    });
    const last = entries - 1, lastBytes = [last & 255, last >> 8, 0].slice(0, Math.ceil(width / 8));
    const content = [width, 3 << 1 | 1, ...packed, 5 << 1, ...lastBytes];
    const dictionary = Array.from({ length: entries }, (_, i) => i / 4);
    const values = read(29, [
      ...dictionaryPage(entries, floats(...dictionary)),
      ...page(29, rleDictionary, content),
    ]);
    assertEquals([...values], [...indices, last, last, last, last, last].map((index) => index / 4));
  });
}

Deno.test("readColumnChunk() takes no more of a run than the page has rows", () => {
  const run = [1, ...varint(2 * (2 ** 31 - 1)), 1];
  const pages = [...dictionaryPage(2, floats(5, 6)), ...page(3, plainDictionary, run)];
  assertEquals([...read(3, pages)], [6, 6, 6]);
});

const dictionary = dictionaryPage(2, floats(5, 6));
const refused: [what: string, pages: number[], message: string][] = [
  [
    "an index beyond the dictionary",
    [...dictionary, ...page(1, rleDictionary, [2, 2, 3])],
    "a row points to entry 3",
  ],
  ["indices without a dictionary", page(1, rleDictionary, [1, 2, 0]), "its dictionary is missing"],
  [
    "indices of 40 bits",
    [...dictionary, ...page(1, rleDictionary, [40, 2, 0])],
    "numbers of 40 bits are not read",
  ],
  [
    "indices that end too early",
    [...dictionary, ...page(9, rleDictionary, [8, 5, 0])],
    "it has more than its 1 rows",
  ],
  [
    "a run cut off",
    [...dictionary, ...page(1, rleDictionary, [8, 2])],
    "a page ends within its levels or indices",
  ],
  [
    "packed indices cut off",
    [...dictionary, ...page(1, rleDictionary, [8, 3])],
    "a page ends within its levels",
  ],
  ["more values than bytes", page(1, plain, [1, 2]), "a page is too short for its values"],
  ["more rows than there are", page(2, plain, floats(1, 2)), "it has more than its 1 rows"],
  ["fewer rows than there are", page(0, plain, []), "it ends after 0 of 1 rows"],
  ["a page longer than its column", page(1, plain, floats(1), 400), "a page is longer than its column"],
  ["a negative number of rows", page(-1, plain, []), "a page header is damaged"],
  [
    "another encoding, by name",
    page(1, deltaBinaryPacked, floats(1)),
    "encoding DELTA_BINARY_PACKED is not read",
  ],
];
for (const [what, pages, message] of refused) {
  Deno.test(`readColumnChunk() refuses ${what}`, () => {
    assertThrows(() => read(1, pages), DataError, message);
  });
}

const nothing = new Uint8Array(0);
const emptyBlocks: Record<string, ArrayLike<number>> = {
  ZSTD: zstdCompressSync(nothing),
  BROTLI: brotliCompressSync(nothing),
  GZIP: gzipSync(nothing),
  SNAPPY: [0],
  LZ4_RAW: [0],
  LZ4: [0],
};
for (const [codec, block] of Object.entries(emptyBlocks)) {
  Deno.test(`readColumnChunk() reads a column without a value, its dictionary and page empty, in ${codec}`, () => {
    const packed = Array.from(block), levels = [2 << 1, 0]; // a run of two absent values
    const dictionary = [...thrift({ 1: 2, 2: 0, 3: packed.length, 7: { 1: 0, 2: plain } }), ...packed];
    const header = { 1: 2, 2: 2, 3: 2, 4: plain, 5: levels.length, 6: 0, 7: true };
    const data = [
      ...thrift({ 1: 3, 2: levels.length, 3: levels.length + packed.length, 8: header }),
      ...levels,
      ...packed,
    ];
    assertEquals(read(2, [...dictionary, ...data], true, codec), Float32Array.of(NaN, NaN));
  });
}
