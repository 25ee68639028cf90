/** Tables written in blocks of rows are those that are written at once. */
import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { openFrameWriter } from "../../lib/io/frame_writer.ts";
import { readNpyMatrix, readNpyStrings } from "../../lib/io/npy.ts";
import { readParquetFrame } from "../../lib/io/parquet.ts";
import { encodeParquetFrame } from "../../lib/io/parquet_frame.ts";
import { readNumericCsv } from "../../lib/io/csv.ts";
import { ModelStream } from "../../lib/random/model_stream.ts";
import { inFolder } from "../support/temporary_folder.ts";

const index = ["TP53", 'a "quoted", id', "MYC", "GATA1", "größe"], columns = ["ENSG1", "ENSG2", "ENSG3"];
const stream = new ModelStream(3, "frame");
const data = Float32Array.from(
  { length: 15 },
  (_, i) => i === 4 ? NaN : i === 7 ? -Infinity : stream.below(1000) / 999 - 0.5,
);
const rows = (from: number, to: number) => ({
  data: data.subarray(3 * from, 3 * to),
  rows: to - from,
  columns: 3,
});

async function written(path: string, cuts: readonly number[]): Promise<void> {
  await using writer = await openFrameWriter(path, { index, indexName: "gene_id", columns });
  for (let i = 1; i < cuts.length; i++) await writer.append(rows(cuts[i - 1], cuts[i]));
  await writer.commit();
}

for (const cuts of [[0, 5], [0, 2, 5], [0, 1, 2, 3, 4, 5]]) {
  Deno.test(`openFrameWriter() gives every format its rows and names in ${cuts.length - 1} blocks`, () =>
    inFolder(async (folder) => {
      const path = (ending: string) => join(folder, `x${ending}`);
      for (const ending of [".csv", ".npy", ".parquet"]) await written(path(ending), cuts);

      const { labels, columns: heads, values } = await readNumericCsv(path(".csv"), { labels: ["gene_id"] });
      assertEquals([labels.gene_id, heads, values.data], [index, columns, data]);
      assertEquals((await readNpyMatrix(path(".npy"))).data, data);
      assertEquals(await readNpyStrings(path("_ids.npy")), index);
      assertEquals(await readNpyStrings(path("_genes.npy")), columns);
      const frame = await readParquetFrame(path(".parquet"));
      assertEquals([frame.index, frame.indexName, frame.columns, frame.values.data], [
        index,
        "gene_id",
        columns,
        data,
      ]);
      if (cuts.length === 2) {
        const whole = encodeParquetFrame({ index, indexName: "gene_id", columns, values: rows(0, 5) });
        assertEquals(await Deno.readFile(path(".parquet")), whole);
      }
    }));
}

Deno.test("openFrameWriter() leaves nothing where rows are missing, too many or of another width", () =>
  inFolder(async (folder) => {
    for (const ending of [".csv", ".npy", ".parquet"]) {
      const path = join(folder, `x${ending}`);
      await assertRejects(() => written(path, [0, 4]), RangeError, "4 of 5 rows");
      await assertRejects(() => written(path, [0, 5, 5, 4]), RangeError);
      await assertRejects(async () => {
        await using writer = await openFrameWriter(path, { index, columns: ["one"] });
        await writer.append(rows(0, 5));
      }, RangeError);
    }
    assertEquals(
      [...Deno.readDirSync(folder)].map(({ name }) => name).filter((name) => !/_(ids|genes)/.test(name)),
      [],
    );
  }));
