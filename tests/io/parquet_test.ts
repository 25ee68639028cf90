import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { tableFromIPC } from "npm:apache-arrow@21.2.0";
import initParquetWasm, { readParquet } from "npm:parquet-wasm@0.8.0/esm";
import parquetWasmModule from "npm:parquet-wasm@0.8.0/esm/parquet_wasm_bg.wasm" with { type: "bytes" };
import { parquetWriteBuffer } from "hyparquet-writer";
import { DataError } from "../../lib/cli/errors.ts";
import { parseParquetFrame, readParquetFrame } from "../../lib/io/parquet.ts";
import { encodeParquetFrame, frameMetadata, writeParquetFrame } from "../../lib/io/parquet_frame.ts";
import { ModelStream } from "../../lib/random/model_stream.ts";
import { mutated } from "../support/mutate.ts";

const folder = fromFileUrl(new URL("../fixtures/parquet/", import.meta.url));
const read = (name: string) => readParquetFrame(`${folder}${name}.parquet`);

const index = ["ENSG00000142611", "TP53", "größe", "a", "b"];
const columns = ["ENSG1", "ENSG2", "ENSG3", "ENSG4"];
// deno-fmt-ignore
const x = new Float32Array([
  0.001230153371579945, 0.2987455427646637, -0.27413785457611084, -0.8905918598175049,
  -0.454670786857605, -0.9916465282440186, NaN, 1.3402152061462402,
  -0.49220651388168335, -0.6204748749732971, 0.4898420572280884, 0.35688701272010803,
  Infinity, -0.9304680228233337, -0.02925182320177555, 0.695303201675415,
  -1.3442145586013794, -0.45761576294898987, -1.9012227058410645, -1.289537787437439,
]);
const values = { data: x, rows: 5, columns: 4 };
/** What a frame of named rows and plain columns says beside its content. */
const flat = { skipped: {}, isNumbered: false };

const written = [
  "snappy_f4",
  "zstd_f8",
  "named_index_gzip_f8",
  "uncompressed_f4",
  "lz4_f4",
  "brotli_v2_pages_f4",
];
for (const name of [...written, "zstd_v2_pages_f4", "byte_stream_split_f4"]) {
  Deno.test(`readParquetFrame() reads ${name}.parquet as pandas wrote it`, async () => {
    const named = name.startsWith("named") ? { indexName: "gene_id" } : {};
    assertEquals(await read(name), { index, ...named, columns, values, labels: {}, ...flat });
  });
}

Deno.test("readParquetFrame() takes the first text column for row names where pandas stored no index", async () => {
  const { index: names, indexName, labels, ...rest } = await read("text_columns");
  assertEquals([names, indexName], [["n1", "n2", "n3", "n4", "n5"], "gene_name"]);
  assertEquals(labels, { gene_id: index });
  assertEquals(rest, { columns, values, ...flat });
});

Deno.test("readParquetFrame() numbers rows that have no names", async () => {
  const numbered = {
    index: ["0", "1", "2", "3", "4"],
    columns,
    values,
    labels: {},
    skipped: {},
    isNumbered: true,
  };
  assertEquals(await read("range_index"), numbered);
});

Deno.test("readParquetFrame() reads row groups, pages, dictionaries, missing cells and integers", async () => {
  const frame = await read("dictionary_row_groups");
  assertEquals(frame.columns, ["level", "whole", "narrow"]);
  assertEquals(frame.index, Array.from({ length: 3000 }, (_, i) => `id${i % 97}`));
  for (let i = 0; i < 3000; i++) {
    const expected = [i % 7 === 0 ? NaN : i % 5 / 4, Math.floor(i / 11), i % 300];
    assertEquals([...frame.values.data.subarray(3 * i, 3 * i + 3)], expected);
  }
});

Deno.test("readParquetFrame() reads a frame without rows", async () => {
  assertEquals(await read("no_rows"), {
    index: [],
    columns,
    values: { data: x.slice(0, 0), rows: 0, columns: 4 },
    labels: {},
    ...flat,
  });
});

Deno.test("encodeParquetFrame() writes what readParquetFrame() reads, NaN and infinities included", () => {
  for (const rows of [5, 1, 0]) {
    const part = { data: x.slice(0, 4 * rows), rows, columns: 4 };
    const bytes = encodeParquetFrame({ index: index.slice(0, rows), columns, values: part });
    assertEquals(parseParquetFrame(bytes, "x"), {
      index: index.slice(0, rows),
      columns,
      values: part,
      labels: {},
      ...flat,
    });
  }
});

Deno.test("encodeParquetFrame() writes names of any length and alphabet, and any number of columns", async () => {
  await initParquetWasm({ module_or_path: parquetWasmModule });
  for (const count of [1, 14, 15, 16, 200]) {
    const names = Array.from({ length: count }, (_, i) => `${"ä".repeat(i)}.${i}`);
    const part = { data: new Float32Array(count).map((_, i) => i), rows: 1, columns: count };
    const bytes = encodeParquetFrame({ index: ["größe ".repeat(50)], columns: names, values: part });
    const frame = parseParquetFrame(bytes, "x");
    assertEquals(frame, { index: ["größe ".repeat(50)], columns: names, values: part, labels: {}, ...flat });
    const fields = tableFromIPC(readParquet(bytes).intoIPCStream()).schema.fields;
    assertEquals(fields.slice(0, count).map(({ name }) => name), names);
  }
});

Deno.test("encodeParquetFrame() gives the bytes of hyparquet-writer, for more columns than are gathered at once", () => {
  for (const [rows, count] of [[3, 1], [300, 37], [70, 200]]) {
    const data = Float32Array.from({ length: rows * count }, (_, i) => Math.sin(i));
    const names = Array.from({ length: count }, (_, j) => j === 7 ? "größe" : `ENSG${j}`);
    const ids = Array.from({ length: rows }, (_, i) => i === 2 ? "β-actin" : `gene ${i}`);
    const bytes = encodeParquetFrame({ index: ids, columns: names, values: { data, rows, columns: count } });
    const shared = { nullable: false, offsetIndex: false } as const;
    const theirs = parquetWriteBuffer({
      columnData: [
        ...names.map((name, j) => ({
          name,
          data: Float32Array.from({ length: rows }, (_, i) => data[i * count + j]),
          type: "FLOAT" as const,
          encoding: "PLAIN" as const,
          ...shared,
        })),
        { name: "__index_level_0__", data: ids, type: "STRING" as const, ...shared },
      ],
      codec: "UNCOMPRESSED",
      statistics: false,
      rowGroupSize: rows,
      kvMetadata: [frameMetadata({ columns: names })],
    });
    assertEquals(bytes, new Uint8Array(theirs));
  }
});

Deno.test("encodeParquetFrame() writes what a second reader takes for float32 columns, a text column and pandas' key", async () => {
  await initParquetWasm({ module_or_path: parquetWasmModule });
  const table = tableFromIPC(readParquet(encodeParquetFrame({ index, columns, values })).intoIPCStream());
  assertEquals(table.schema.fields.map(({ name, type }) => `${name} ${type}`), [
    ...columns.map((name) => `${name} Float32`),
    "__index_level_0__ Utf8",
  ]);
  columns.forEach((name, j) => {
    assertEquals([...table.getChild(name)!], Array.from({ length: 5 }, (_, i) => x[4 * i + j]));
  });
  assertEquals([...table.getChild("__index_level_0__")!], index);
  const pandas = JSON.parse(table.schema.metadata.get("pandas")!);
  assertEquals(pandas.index_columns, ["__index_level_0__"]);
  assertEquals(pandas.columns[0].name, null);
});

Deno.test("encodeParquetFrame() names the index as pandas does: a column of that name, unless another has it", async () => {
  await initParquetWasm({ module_or_path: parquetWasmModule });
  for (const [indexName, field] of [["gene_id", "gene_id"], ["ENSG2", "__index_level_0__"]]) {
    const bytes = encodeParquetFrame({ index, indexName, columns, values });
    assertEquals(parseParquetFrame(bytes, "x"), { index, indexName, columns, values, labels: {}, ...flat });
    const table = tableFromIPC(readParquet(bytes).intoIPCStream());
    assertEquals(table.schema.fields.at(-1)!.name, field);
    const pandas = JSON.parse(table.schema.metadata.get("pandas")!);
    assertEquals(pandas.index_columns, [field]);
    assertEquals([pandas.columns[0].name, pandas.columns[0].field_name], [indexName, field]);
  }
});

Deno.test("writeParquetFrame() writes the file whole", async () => {
  const at = await Deno.makeTempDir();
  await writeParquetFrame(`${at}/deep/p.parquet`, { index, columns, values });
  assertEquals((await readParquetFrame(`${at}/deep/p.parquet`)).values, values);
  await Deno.remove(at, { recursive: true });
});

Deno.test("encodeParquetFrame() refuses names that do not fit the values, and names that come twice", () => {
  assertThrows(
    () => encodeParquetFrame({ index: ["a"], columns, values }),
    RangeError,
    "1 x 4 names for 5 x 4 values",
  );
  assertThrows(
    () => encodeParquetFrame({ index, columns: ["A", "B", "C", "A"], values }),
    RangeError,
    "a column name comes twice",
  );
});

for (
  const [name, message] of [
    ["damaged_page_header", 'column "ENSG2": a page'],
    ["unnamed_row", 'column "id": row 2 has no name'],
  ]
) {
  Deno.test(`readParquetFrame() refuses ${name}.parquet`, async () => {
    await assertRejects(() => read(name), DataError, message);
  });
}

Deno.test("readParquetFrame() reads the other columns of a file with nested ones and dates, and names these", async () => {
  assertEquals((await read("nested")).skipped, { nested: "nested" });
  assertEquals((await read("timestamp")).skipped, { when: "TIMESTAMP_MICROS" });
});

/** A file with what a user's table may hold beside the genes. */
function withOtherColumns(): Uint8Array {
  const buffer = parquetWriteBuffer({
    columnData: [
      { name: "id", data: ["a", "b"], type: "STRING" },
      { name: "control", data: [true, false], type: "BOOLEAN" },
      { name: "note", data: ["x", "y"], type: "STRING" },
      { name: "day", data: [new Date(0), new Date(1e9)], type: "TIMESTAMP" },
      { name: "half", data: [0.5, -1.25], type: "FLOAT16" },
      { name: "ENSG1", data: Float32Array.of(1, 2), type: "FLOAT" },
    ],
  });
  return new Uint8Array(buffer);
}

Deno.test("parseParquetFrame() minds only the columns that are needed", () => {
  const bytes = withOtherColumns();
  assertEquals(parseParquetFrame(bytes, "x").skipped, { control: "BOOLEAN", day: "TIMESTAMP_MILLIS" });
  const isNeeded = (column: string) => column === "ENSG1";
  const { index, columns, values, labels } = parseParquetFrame(bytes, "x", { isNeeded });
  assertEquals({ index, columns, labels }, { index: ["a", "b"], columns: ["ENSG1"], labels: {} });
  assertEquals([...values.data], [1, 2]);
});

Deno.test("parseParquetFrame() reads float16", () => {
  const { columns, values } = parseParquetFrame(withOtherColumns(), "x", {
    isNeeded: (name) => name === "half",
  });
  assertEquals([columns, [...values.data]], [["half"], [0.5, -1.25]]);
});

Deno.test("readParquetFrame() refuses files that are no Parquet, or cut off", async () => {
  const whole = await Deno.readFile(`${folder}snappy_f4.parquet`);
  const parse = (bytes: Uint8Array) => () => parseParquetFrame(bytes, "x.parquet");
  assertThrows(parse(new Uint8Array(0)), DataError, 'Cannot read "x.parquet": it is no Parquet file');
  assertThrows(
    parse(new TextEncoder().encode("a,b\n1,2\n")),
    DataError,
    "it does not start with PAR1",
  );
  assertThrows(
    parse(whole.subarray(0, 500)),
    DataError,
    "it does not end with PAR1 (is the file cut off?)",
  );
  await assertRejects(() => readParquetFrame("none.parquet"), DataError, "there is no such file");
});

Deno.test("parseParquetFrame() of 1,500 damaged files gives a frame or a DataError", () => {
  const stream = new ModelStream(3, "parquet");
  const originals = [...Deno.readDirSync(folder)].map(({ name }) => name).filter((name) =>
    name.endsWith(".parquet")
  )
    .sort().map((name) => Deno.readFileSync(folder + name));
  let read = 0;
  for (let i = 0; i < 1500; i++) {
    try {
      const frame = parseParquetFrame(mutated(originals[i % originals.length], stream), "x.parquet");
      assert(frame.values.data.length === frame.index.length * frame.columns.length);
      read++;
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
    }
  }
  assert(read > 0 && read < 1500);
});
