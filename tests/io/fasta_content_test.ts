import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { join } from "@std/path";
import { gzipSync } from "node:zlib";
import { DataError } from "../../lib/cli/errors.ts";
import { readSequences } from "../../lib/embedding/sequences.ts";
import { parseFasta } from "../../lib/io/fasta.ts";
import { inFolder } from "../support/temporary_folder.ts";

const options = { idColumn: "gene_id", sequenceColumn: "sequence", upper: false };
const text = ">ENSG90000000005|ENST1|TP53\nACGT\n>ENSG90000000006|ENST2 x\nGGNN\n";

for (const name of ["mart_export.txt", "x.seq", "x.csv", "noending"]) {
  Deno.test(`readSequences() takes FASTA for what it holds, under the name ${name}, gzip too`, async () => {
    await inFolder(async (folder) => {
      const path = join(folder, name);
      for (const bytes of [new TextEncoder().encode("\n" + text), gzipSync(text)]) {
        await Deno.writeFile(path, bytes);
        const { ids, sequences } = await readSequences(path, options);
        assertEquals(ids, ["ENSG90000000005", "ENSG90000000006"]);
        assertEquals(sequences, ["ACGT", "GGNN"]);
      }
    });
  });
}

Deno.test("parseFasta() keeps an id that begins with its database", () => {
  const [{ id }] = parseFasta(new TextEncoder().encode(">sp|P04637|P53_HUMAN x\nACGT\n"), "x");
  assertEquals(id, "sp|P04637|P53_HUMAN");
});

for (const words of ["Sequence unavailable", "sequence unavailable", "NA", "nan"]) {
  Deno.test(`"${words}" in place of DNA is a missing sequence, in FASTA and in CSV`, async () => {
    const fasta = new TextEncoder().encode(`>a\nACGT\n>b\n${words}\n`);
    assertThrows(() => parseFasta(fasta, "x"), DataError, `line 3 ("b")`);
    await inFolder(async (folder) => {
      const path = join(folder, "x.csv");
      await Deno.writeTextFile(path, `gene_id,sequence\na,ACGT\nb,${words}\n`);
      await assertRejects(
        () => readSequences(path, options),
        DataError,
        `1 of 2 rows has no sequence in column "sequence": row 3 ("b")`,
      );
    });
  });
}
