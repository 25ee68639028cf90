import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { DataError } from "../../lib/cli/errors.ts";
import { readSequences } from "../../lib/embedding/sequences.ts";
import { linesPrinted } from "../support/captured_log.ts";

const folder = Deno.makeTempDirSync({ prefix: "sequences" });
globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));
const columns = { idColumn: "gene_id", sequenceColumn: "sequence", upper: false };

function write(name: string, text: string): string {
  const path = join(folder, name);
  Deno.writeTextFileSync(path, text);
  return path;
}

Deno.test("readSequences() reads columns of a CSV file by name, and FASTA by its extension", async () => {
  const csv = write("a.csv", "chrom,sequence,gene_id\n1,ACGT,A\n2,GGNA,B\n");
  const fromCsv = await readSequences(csv, columns);
  assertEquals([fromCsv.ids, fromCsv.sequences], [["A", "B"], ["ACGT", "GGNA"]]);
  const named = await readSequences(csv, { ...columns, idColumn: "chrom" });
  assertEquals(named.ids, ["1", "2"]);
  for (const extension of ["fa", "fasta", "fna", "FA"]) {
    const { ids, sequences } = await readSequences(
      write(`a.${extension}`, ">A first\nAC\nGT\n>B\nGGNA\n"),
      columns,
    );
    assertEquals([ids, sequences], [["A", "B"], ["ACGT", "GGNA"]]);
  }
});

Deno.test("readSequences() counts what becomes unknown, and --upper mends lower case", async () => {
  const path = write("odd.csv", "gene_id,sequence\nA,acgt\nB,ACGTRYKM\nC,ACGT\nD,ACgUn-\n");
  const lines = await linesPrinted(() => readSequences(path, columns));
  assertEquals(lines, [
    `[warn] 2 sequences of "${path}" have lower-case letters, which become unknown tokens (--upper makes them upper case)`,
    `[warn] 2 sequences of "${path}" have letters other than A, C, G, T, N ("-", "K", "M", "R", "U", "Y"), which become unknown tokens`,
  ]);
  let sequences: readonly string[] = [];
  const mended = await linesPrinted(
    async () => ({ sequences } = await readSequences(path, { ...columns, upper: true })),
  );
  assertEquals(sequences, ["ACGT", "ACGTRYKM", "ACGT", "ACGUN-"]);
  assertEquals(mended.length, 1);
});

Deno.test("readSequences() keeps the first of a repeated id, with a warning", async () => {
  const path = write("twice.csv", "gene_id,sequence\nA,AC\nB,GT\nA,TT\n");
  let result: { ids: readonly string[]; sequences: readonly string[] } | null = null;
  const lines = await linesPrinted(async () => result = await readSequences(path, columns));
  assertEquals([result!.ids, result!.sequences], [["A", "B"], ["AC", "GT"]]);
  assertEquals(lines.length, 1);
  assertEquals(lines[0].includes("1 row of repeated ids"), true);
});

Deno.test("readSequences() says which column, row or sequence is missing", async () => {
  const refuses = (text: string, message: string) =>
    assertRejects(() => readSequences(write("bad.csv", text), columns), DataError, message);
  await refuses(
    "gene,sequence\nA,ACGT\n",
    `it has no column "gene_id" (its columns are "gene", "sequence"; name another with --id-col)`,
  );
  await refuses(
    "gene_id,dna\nA,ACGT\n",
    `it has no column "sequence" (its columns are "gene_id", "dna"; name another with --sequence-col)`,
  );
  const wide = ["gene_id", ...Array.from({ length: 20_000 }, (_, i) => `g${i}`)].join(",");
  await refuses(
    `${wide}\n${wide}\n`,
    `it has no column "sequence" (its columns are "gene_id", "g0", "g1", "g2", "g3", ...; name another`,
  );
  await refuses(
    "gene_id,sequence\n\nA,ACGT\n \n\nB,\n",
    `1 of 2 rows has no sequence in column "sequence": row 6 ("B")`,
  );
  await refuses("\n\ngene_id,sequence\n\n,ACGT\n", "row 5 has no gene_id");
  await refuses(
    "gene_id,sequence\nA,ACGT\nB,\n",
    `1 of 2 rows has no sequence in column "sequence": row 3 ("B") (leave these rows out)`,
  );
  await refuses(
    "gene_id,sequence\nA,ACGT\n" + [..."BCDEFG"].map((id) => `${id},Sequence unavailable\n`).join(""),
    `6 of 7 rows have no sequence in column "sequence": row 3 ("B"), row 4 ("C"), row 5 ("D"), row 6 ("E"), row 7 ("F"), ... (`,
  );
  await refuses("gene_id,sequence\nA,nan\n", `1 of 1 row has no sequence in column "sequence": row 2 ("A")`);
  await refuses("gene_id,sequence\n,ACGT\n", "row 2 has no gene_id");
  await refuses("gene_id,sequence\n", "it holds no sequences");
  await refuses("gene_id,sequence\nA,ACGT\nB,ACGT,more\n", "bad.csv");
  await assertRejects(
    () => readSequences(join(folder, "absent.csv"), columns),
    DataError,
    "there is no such file",
  );
});
