/** Readers of tables on damaged files: a value or a DataError, in bounded time, nothing else. */
import { assert } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { gzipSync } from "node:zlib";
import { DataError } from "../../lib/cli/errors.ts";
import { parseCsvTable, parseNumericCsv } from "../../lib/io/csv.ts";
import { parseIdList } from "../../lib/io/id_list.ts";
import { parseParquetFrame } from "../../lib/io/parquet.ts";
import { parsePickle } from "../../lib/io/pickle.ts";
import { plainBytes } from "../../lib/io/plain_bytes.ts";
import { ModelStream } from "../../lib/random/model_stream.ts";
import { mutated } from "../support/mutate.ts";

const fixtures = fromFileUrl(new URL("../fixtures/", import.meta.url));
const filesOf = (folder: string, ending: string) =>
  [...Deno.readDirSync(fixtures + folder)].map(({ name }) => name).filter((name) => name.endsWith(ending))
    .sort()
    .map((name) => Deno.readFileSync(`${fixtures}${folder}/${name}`));

const csv = new TextEncoder().encode(
  'gene_id,ENSG1,"a ""quoted"" name",ENSG2\nMYC,1,"x,y",-2.5e3\r\nTP53,nan,"two\nlines",inf\n\nA,,z,4\n',
);
const ids = new TextEncoder().encode('gene_id\tname\n"ENSG00000000005"\tTNMD\nENSG00000000419\tDPM1\n');

const readers: [name: string, originals: Uint8Array[], read: (bytes: Uint8Array<ArrayBuffer>) => unknown][] =
  [
    [
      "parseNumericCsv()",
      [csv],
      (bytes) => parseNumericCsv(bytes, "x", { labels: ["gene_id", 'a "quoted" name'] }),
    ],
    ["parseCsvTable()", [csv, ids], (bytes) => parseCsvTable(bytes, "x")],
    ["parseIdList()", [csv, ids], (bytes) => parseIdList(new TextDecoder().decode(bytes), "x")],
    ["plainBytes()", [new Uint8Array(gzipSync(csv))], (bytes) => plainBytes(bytes, "x")],
    ["parseParquetFrame()", filesOf("parquet/writers", ".parquet"), (bytes) => parseParquetFrame(bytes, "x")],
    ["parsePickle()", filesOf("pickle", ".pkl"), (bytes) => parsePickle(bytes, "x")],
  ];

for (const [name, originals, read] of readers) {
  Deno.test(`${name} of 300 damaged files gives a value or a DataError`, () => {
    const stream = new ModelStream(5, name);
    let refused = 0;
    for (let i = 0; i < 300; i++) {
      try {
        read(mutated(originals[i % originals.length], stream));
      } catch (error) {
        if (!(error instanceof DataError)) throw error;
        refused++;
      }
    }
    assert(refused > 10, `${refused} of 300 refused`);
  });
}
