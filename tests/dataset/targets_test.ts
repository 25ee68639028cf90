import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { DataError } from "../../lib/cli/errors.ts";
import { readOverlapTargets, readTargets, type Targets } from "../../lib/dataset/targets.ts";
import { captured } from "../support/captured_log.ts";
import { inFolder } from "../support/temporary_folder.ts";

/** What a file with this text is read as, and the warnings. */
async function reading(
  text: string,
  read: (path: string) => Promise<Targets>,
): Promise<{ targets: Targets; warnings: string[] }> {
  let targets: Targets | undefined, warnings: string[] = [];
  await inFolder(async (folder) => {
    const path = join(folder, "t.csv");
    await Deno.writeTextFile(path, text);
    const { result, lines } = await captured(() => read(path));
    targets = result;
    warnings = lines.map((line) => line.replace(path, "t.csv"));
  });
  return { targets: targets!, warnings };
}

const leftOut = (columns: string) =>
  `[warn] Left out ${columns} without a name in "t.csv": not taken for read-out genes.`;

for (const head of ["", "Unnamed: 0"]) {
  Deno.test(`readTargets() takes no gene from the row numbers that pandas wrote under "${head}"`, async () => {
    const text = `${head},gene_name,gene_id,ENSG1,ENSG2\n0,MYC,ENSG7,1,2\n1,TP53,ENSG8,3,4\n`;
    const { targets, warnings } = await reading(text, readTargets);
    assertEquals([targets.genes, [...targets.values.data]], [["ENSG1", "ENSG2"], [1, 2, 3, 4]]);
    assertEquals(warnings, [leftOut("1 column")]);
  });
}

Deno.test("readTargets() takes no gene from a comma at the end of each line", async () => {
  const { targets, warnings } = await reading("gene_id,ENSG1,,\nENSG7,1,,\n", readTargets);
  assertEquals([targets.genes, [...targets.values.data]], [["ENSG1"], [1]]);
  assertEquals(warnings, [leftOut("2 columns")]);
});

Deno.test("readOverlapTargets() names rows by gene_name or gene_id where the first column has no name", async () => {
  const read = (path: string) => readOverlapTargets(path, ["ENSG2", "ENSG1"]);
  const both = await reading(",gene_name,gene_id,ENSG1,ENSG2,\n0,MYC,ENSG7,1,2,\n", read);
  assertEquals([both.targets.perturbations, both.targets.idColumn], [["MYC"], "gene_name"]);
  assertEquals([...both.targets.values.data], [2, 1]);
  assertEquals(both.warnings, [leftOut("2 columns")]);
  const one = await reading("Unnamed: 0,gene_id,ENSG1,ENSG2\n0,ENSG7,1,2\n", read);
  assertEquals([one.targets.perturbations, one.targets.idColumn], [["ENSG7"], "gene_id"]);
});

Deno.test("readOverlapTargets() takes a first column without a name for the index where nothing else names rows", async () => {
  const read = (path: string) => readOverlapTargets(path, ["ENSG1"]);
  const { targets, warnings } = await reading(",ENSG1\nMYC,1\n", read);
  assertEquals([targets.perturbations, targets.idColumn, warnings], [["MYC"], "", []]);
});

Deno.test("readOverlapTargets() lets columns that the gene index drops hold anything", async () => {
  const read = (path: string) => readOverlapTargets(path, ["ENSG1"]);
  const { targets } = await reading("gene_name,family,ENSG1,day\nMYC,bHLH,1,2024-01-02\n", read);
  assertEquals([targets.perturbations, targets.genes, [...targets.values.data]], [["MYC"], ["ENSG1"], [1]]);
  await assertRejects(
    () => reading("gene_name,family,ENSG2\nMYC,bHLH,1\n", read),
    DataError,
    "1 of the 1 gene of the gene index have no column there (ENSG1)",
  );
});
