/** Parquet as pyarrow, polars, DuckDB (fixtures, made by make_writers.py) and arrow-rs (parquet-wasm) write it. */
import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import {
  Dictionary,
  Field,
  Float32,
  Float64,
  Int32,
  Int64,
  Schema,
  Table,
  tableToIPC,
  Utf8,
  vectorFromArray,
} from "npm:apache-arrow@21.2.0";
import initParquetWasm, {
  Compression,
  Encoding,
  Table as WasmTable,
  writeParquet,
  WriterPropertiesBuilder,
  WriterVersion,
} from "npm:parquet-wasm@0.8.0/esm";
import parquetWasmModule from "npm:parquet-wasm@0.8.0/esm/parquet_wasm_bg.wasm" with { type: "bytes" };
import { parseParquetFrame } from "../../lib/io/parquet.ts";
import { ModelStream } from "../../lib/random/model_stream.ts";
import { fixtures } from "../support/live_fixtures.ts";

const folder = join(fixtures("parquet"), "writers", "/");
const ids = ["TP53", "größe", "a", "b", "a much longer name of a factor", "six", "z"];
const columns = {
  ENSG1: [0.001230153371579945, -0.25, 3.5, -0.0903, 1e-30, 2.5e30, 7],
  ENSG2: [1.5, -2.25, 0.125, 1e-12, -3, 4.5, 1024],
  ENSG3: [5, -7, 2 ** 40, 0, 1, 2, 3],
  ENSG4: [1.5, -2.25, 0.125, 0, 999999.999, -0.001, 3],
};

function expectTable(bytes: Uint8Array, names: (keyof typeof columns)[], hasNulls: boolean): void {
  const frame = parseParquetFrame(bytes, "x.parquet");
  assertEquals([frame.index, frame.columns], [ids, names]);
  const expected = ids.flatMap((_, row) =>
    names.map((name) => hasNulls && row === 2 ? NaN : Math.fround(columns[name][row]))
  );
  assertEquals([...frame.values.data], expected);
}

const files = [...Deno.readDirSync(folder)].map(({ name }) => name).filter((name) =>
  !name.startsWith("extra")
)
  .sort();
for (const name of files) {
  Deno.test(`parseParquetFrame() reads ${name}`, async () => {
    const names = ["ENSG1", "ENSG2", "ENSG3", "ENSG4"] as const;
    expectTable(await Deno.readFile(folder + name), [...names], name.includes("nulls"));
  });
}

for (const name of ["extra_pyarrow", "extra_polars"]) {
  Deno.test(`parseParquetFrame() passes over what is neither number nor text in ${name}.parquet`, async () => {
    const frame = parseParquetFrame(await Deno.readFile(`${folder}${name}.parquet`), "x.parquet");
    assertEquals([frame.index, frame.columns], [ids, ["ENSG1", "ENSG2"]]);
    assertEquals(
      [...frame.values.data],
      ids.flatMap((_, row) => [Math.fround(columns.ENSG1[row]), Math.fround(columns.ENSG2[row])]),
    );
    for (const column of ["motifs", "where", "day", "flag", "raw"]) assert(column in frame.skipped, column);
  });
}

/** The table without its decimals, as arrow-rs writes it. */
function arrowRs(
  compression: number,
  encoding: number | null,
  version: number,
  hasNulls: boolean,
): Uint8Array {
  const cells = <T>(values: readonly T[]) => values.map((value, row) => hasNulls && row === 2 ? null : value);
  const vectors = {
    id: vectorFromArray(ids, encoding === null ? new Dictionary(new Utf8(), new Int32()) : new Utf8()),
    ENSG1: vectorFromArray(cells(columns.ENSG1), new Float32()),
    ENSG2: vectorFromArray(cells(columns.ENSG2), new Float64()),
    ENSG3: vectorFromArray(cells(columns.ENSG3.map(BigInt)), new Int64()),
  };
  const fields = Object.entries(vectors).map(([name, { type }]) =>
    new Field(name, type, hasNulls && name !== "id")
  );
  const table = new Table(new Schema(fields), vectors);
  const builder = new WriterPropertiesBuilder().setCompression(compression).setWriterVersion(version)
    .setDictionaryEnabled(encoding === null);
  const properties = encoding === null ? builder : builder
    .setColumnEncoding("ENSG1", encoding === Encoding.DELTA_BINARY_PACKED ? Encoding.PLAIN : encoding)
    .setColumnEncoding("ENSG2", encoding === Encoding.DELTA_BINARY_PACKED ? Encoding.PLAIN : encoding)
    .setColumnEncoding("ENSG3", encoding);
  return writeParquet(WasmTable.fromIPCStream(tableToIPC(table, "stream")), properties.build());
}

Deno.test("parseParquetFrame() reads what arrow-rs writes: codecs x encodings x page versions x nulls", async () => {
  await initParquetWasm({ module_or_path: parquetWasmModule });
  const codecs = ["UNCOMPRESSED", "SNAPPY", "GZIP", "BROTLI", "ZSTD", "LZ4_RAW"] as const;
  const encodings = [null, Encoding.PLAIN, Encoding.DELTA_BINARY_PACKED, Encoding.BYTE_STREAM_SPLIT];
  for (const codec of codecs) {
    for (const encoding of encodings) {
      for (const version of [WriterVersion.V1, WriterVersion.V2]) {
        for (const hasNulls of [false, true]) {
          const bytes = arrowRs(Compression[codec], encoding, version, hasNulls);
          expectTable(bytes, ["ENSG1", "ENSG2", "ENSG3"], hasNulls);
        }
      }
    }
  }
});

Deno.test("parseParquetFrame() reads delta encodings over many blocks", async () => {
  await initParquetWasm({ module_or_path: parquetWasmModule });
  const stream = new ModelStream(3, "delta"), rows = 1000;
  const names = Array.from(
    { length: rows },
    (_, row) => `ENSG${String(stream.below(1e6) + row * 1e6).padStart(11, "0")}`,
  );
  const wide = Array.from({ length: rows }, () => (stream.below(2) ? 1 : -1) * stream.below(2 ** 31));
  const small = Array.from({ length: rows }, (_, row) => row % 3 - 1);
  const huge = wide.map((value) => value * 2 ** 20);
  const table = new Table({
    id: vectorFromArray(names, new Utf8()),
    wide: vectorFromArray(wide, new Int32()),
    small: vectorFromArray(small, new Int32()),
    huge: vectorFromArray(huge.map(BigInt), new Int64()),
    same: vectorFromArray(small.map(() => 5n), new Int64()),
  });
  for (const text of [Encoding.DELTA_BYTE_ARRAY, Encoding.DELTA_LENGTH_BYTE_ARRAY]) {
    const properties = new WriterPropertiesBuilder().setCompression(Compression.ZSTD).setDictionaryEnabled(
      false,
    )
      .setColumnEncoding("id", text).setColumnEncoding("wide", Encoding.DELTA_BINARY_PACKED)
      .setColumnEncoding("small", Encoding.DELTA_BINARY_PACKED)
      .setColumnEncoding("huge", Encoding.DELTA_BINARY_PACKED)
      .setColumnEncoding("same", Encoding.DELTA_BINARY_PACKED).build();
    const bytes = writeParquet(WasmTable.fromIPCStream(tableToIPC(table, "stream")), properties);
    const { index, values } = parseParquetFrame(bytes, "x.parquet");
    assertEquals(index, names);
    const expected = names.flatMap((_, row) => [wide[row], small[row], huge[row], 5].map(Math.fround));
    assertEquals([...values.data], expected);
  }
});
