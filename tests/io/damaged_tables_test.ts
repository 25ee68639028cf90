/** Readers of tables on damaged files: a value or a DataError, in bounded time, nothing else. */
import { assert } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { gzipSync } from "node:zlib";
import { parseCsvTable, parseNumericCsv } from "../../lib/io/csv.ts";
import { parseFasta } from "../../lib/io/fasta.ts";
import { parseIdList } from "../../lib/io/id_list.ts";
import { encodeNpy, parseNpy } from "../../lib/io/npy.ts";
import { parseParquetFrame } from "../../lib/io/parquet.ts";
import { parsePickle } from "../../lib/io/pickle.ts";
import { plainBytes } from "../../lib/io/plain_bytes.ts";
import { encodeSealed, openSealed } from "../../lib/io/sealed_safetensors.ts";
import { ModelStream } from "../../lib/random/model_stream.ts";
import { mutated } from "../support/mutate.ts";
import { refusalOf } from "../support/outcome.ts";

const fixtures = fromFileUrl(new URL("../fixtures/", import.meta.url));
const filesOf = (folder: string, ending: string) =>
  [...Deno.readDirSync(fixtures + folder)].map(({ name }) => name).filter((name) => name.endsWith(ending))
    .sort()
    .map((name) => Deno.readFileSync(`${fixtures}${folder}/${name}`));

const csv = new TextEncoder().encode(
  'gene_id,ENSG1,"a ""quoted"" name",ENSG2\nMYC,1,"x,y",-2.5e3\r\nTP53,nan,"two\nlines",inf\n\nA,,z,4\n',
);
const ids = new TextEncoder().encode('gene_id\tname\n"ENSG00000000005"\tTNMD\nENSG00000000419\tDPM1\n');

const fasta = new TextEncoder().encode(">ENSG1 TP53\nACGTNacgtn*-\r\nGG CC\n; comment\n>ENSG2|x\nNNN\n");
const npys = [
  { shape: [3, 4], data: Float32Array.from({ length: 12 }, (_, i) => i / 3) },
  { shape: [5], data: ["TP53", "MYC", "größe", "", "GATA1"] },
].map(encodeNpy);

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
    ["parseFasta()", [fasta], (bytes) => parseFasta(bytes, "x")],
    ["parseNpy()", npys, (bytes) => parseNpy(bytes, "x")],
    ["parsePickle()", filesOf("pickle", ".pkl"), (bytes) => parsePickle(bytes, "x")],
  ];

for (const [name, originals, read] of readers) {
  Deno.test(`${name} of 300 damaged files gives a value or a DataError`, async (test) => {
    const stream = new ModelStream(5, name);
    let refused = 0;
    for (let i = 0; i < 300; i++) {
      const bytes = mutated(originals[i % originals.length], stream);
      if (await refusalOf(() => read(bytes)) !== null) refused++;
    }
    assert(refused > 10, `${refused} of 300 refused`);
    await test.step(`300 damaged files, ${refused} refused`, () => {});
  });
}

Deno.test("openSealed() refuses every one of 300 damaged parts and checkpoints", async (test) => {
  const tensors = new Map([["w", { shape: [2, 3], data: Float32Array.from({ length: 6 }, (_, i) => i) }]]);
  const sound = await encodeSealed(tensors, { identity: "{}", values: '{"nextEpoch":3}' });
  const stream = new ModelStream(7), path = await Deno.makeTempFile();
  for (let i = 0; i < 300; i++) {
    const bytes = mutated(sound, stream);
    if (bytes.length === sound.length && bytes.every((byte, at) => byte === sound[at])) continue;
    await Deno.writeFile(path, bytes);
    assert(await refusalOf(async () => (await openSealed(path)).close()) !== null, `case ${i}`);
  }
  await Deno.remove(path);
  await test.step("300 damaged files", () => {});
});
