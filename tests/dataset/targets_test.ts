import { assertEquals, assertRejects } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { parquetWriteBuffer } from "hyparquet-writer";
import { gzipSync } from "node:zlib";
import { DataError } from "../../lib/cli/errors.ts";
import { readTargets, type Targets } from "../../lib/dataset/targets.ts";
import { readTfSequences } from "../../lib/dataset/tf_sequences.ts";
import { encodeParquetFrame } from "../../lib/io/parquet_frame.ts";
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

const byGeneId = (path: string) => readTargets(path, { prefer: "gene_id" });
const byFirst = (path: string) => readTargets(path, { prefer: "first" });
const ofIndex = (path: string, genes: string[]) => readTargets(path, { prefer: "first", genes });

const leftOut = (columns: string) =>
  `[warn] Left out ${columns} without a name in "t.csv": not taken for read-out genes.`;

for (const head of ["", "Unnamed: 0"]) {
  Deno.test(`readTargets() takes no gene from the row numbers that pandas wrote under "${head}"`, async () => {
    const text = `${head},gene_name,gene_id,ENSG1,ENSG2\n0,MYC,ENSG7,1,2\n1,TP53,ENSG8,3,4\n`;
    const { targets, warnings } = await reading(text, byGeneId);
    assertEquals([targets.genes, [...targets.values.data]], [["ENSG1", "ENSG2"], [1, 2, 3, 4]]);
    assertEquals(warnings, [leftOut("1 column")]);
  });
}

Deno.test("readTargets() takes no gene from a comma at the end of each line", async () => {
  const { targets, warnings } = await reading("gene_id,ENSG1,,\nENSG7,1,,\n", byGeneId);
  assertEquals([targets.genes, [...targets.values.data]], [["ENSG1"], [1]]);
  assertEquals(warnings, [leftOut("2 columns")]);
});

Deno.test("readTargets() with a gene index names rows by gene_name or gene_id where the first column has no name", async () => {
  const read = (path: string) => ofIndex(path, ["ENSG2", "ENSG1"]);
  const both = await reading(",gene_name,gene_id,ENSG1,ENSG2,\n0,MYC,ENSG7,1,2,\n", read);
  assertEquals([both.targets.perturbations, both.targets.idColumn], [["MYC"], "gene_name"]);
  assertEquals([both.targets.genes, [...both.targets.values.data]], [["ENSG1", "ENSG2"], [1, 2]]);
  assertEquals(both.warnings, []);
  const one = await reading("Unnamed: 0,gene_id,ENSG1,ENSG2\n0,ENSG7,1,2\n", read);
  assertEquals([one.targets.perturbations, one.targets.idColumn], [["ENSG7"], "gene_id"]);
});

Deno.test("readTargets() with a gene index takes a first column without a name for the index where nothing else names rows", async () => {
  const read = (path: string) => ofIndex(path, ["ENSG1"]);
  const { targets, warnings } = await reading(",ENSG1\nMYC,1\n", read);
  assertEquals([targets.perturbations, targets.idColumn, warnings], [["MYC"], "", []]);
});

Deno.test("readTargets() with a gene index lets columns that the gene index drops hold anything", async () => {
  const read = (path: string) => ofIndex(path, ["ENSG1"]);
  const { targets } = await reading("gene_name,family,ENSG1,day\nMYC,bHLH,1,2024-01-02\n", read);
  assertEquals([targets.perturbations, targets.genes, [...targets.values.data]], [["MYC"], ["ENSG1"], [1]]);
  await assertRejects(
    () => reading("gene_name,family,ENSG2\nMYC,bHLH,1\n", read),
    DataError,
    "1 of the 1 gene of the gene index have no column there (ENSG1)",
  );
});

for (const head of ["X", "index", "rownames", "...1"]) {
  Deno.test(`readTargets() takes row numbers under "${head}" for no gene, also when rows were shuffled`, async () => {
    for (const numbers of [[1, 2, 3], [2, 0, 1]]) {
      const rows = numbers.map((number, i) => `TF${i},${number},0.5`);
      const { targets, warnings } = await reading(`gene_name,${head},ENSG1\n${rows.join("\n")}\n`, byGeneId);
      assertEquals(targets.genes, ["ENSG1"]);
      assertEquals(
        warnings[0],
        `[warn] Left out 1 column of row numbers in "t.csv": not taken for read-out genes.`,
      );
    }
  });
}

Deno.test("readTargets() takes no row numbers for names, and says what names rows", async () => {
  const { targets } = await reading("X,gene_name,ENSG1\n1,MYC,0.5\n2,TP53,2\n3,GATA1,3\n", byFirst);
  assertEquals([targets.perturbations, targets.genes], [["MYC", "TP53", "GATA1"], ["ENSG1"]]);
  await assertRejects(
    () => reading("X,ENSG1\n1,0.5\n2,0.25\n", byFirst),
    DataError,
    "no column names its rows: there is none of text",
  );
});

Deno.test("readTargets() names rows by any column that is asked for, and by the first text where nothing is known", async () => {
  const text = "clone,note,ENSG1\nA1,x,1\nB2,y,2\n";
  assertEquals((await reading(text, byGeneId)).targets.perturbations, ["A1", "B2"]);
  const asked = await reading(text, (path) => readTargets(path, { prefer: "gene_id", idColumn: "note" }));
  assertEquals(asked.targets.perturbations, ["x", "y"]);
  assertEquals(asked.warnings, [
    '[warn] Left out 1 column without numbers in "t.csv".',
    "       examples: ['clone']",
  ]);
});

Deno.test("readTargets() reads tabs, gzip, UTF-16 and R's header without a name for the rows", async () => {
  const plain = "gene_id,ENSG1,ENSG2\nENSG7,1,2\nENSG8,3,nan\n";
  const expected = (await reading(plain, byGeneId)).targets;
  const same = async (bytes: Uint8Array<ArrayBuffer>, idColumn = "gene_id") => {
    await inFolder(async (folder) => {
      const path = join(folder, "anything.dat");
      await Deno.writeFile(path, bytes);
      const { result } = await captured(() => byGeneId(path));
      assertEquals({ ...result, path: "" }, { ...expected, path: "", idColumn });
    });
  };
  const encode = (text: string) => new TextEncoder().encode(text);
  await same(encode(plain.replaceAll(",", "\t")));
  const zipped = new Blob([plain]).stream().pipeThrough(new CompressionStream("gzip"));
  await same(new Uint8Array(await new Response(zipped).arrayBuffer()));
  const units = Uint16Array.from("\ufeff" + plain, (letter) => letter.charCodeAt(0));
  await same(new Uint8Array(units.buffer));
  await same(encode('"ENSG1","ENSG2"\n"ENSG7",1,2\n"ENSG8",3,NA\n'), "");
});

Deno.test("readTargets() finds the genes of an index with or without Ensembl versions", async () => {
  const { targets } = await reading(
    "gene_name,ENSG00000141510.17,ENSG00000136997.3\nMYC,1,2\n",
    (path) => ofIndex(path, ["ENSG00000136997"]),
  );
  assertEquals([targets.genes, [...targets.values.data]], [["ENSG00000136997.3"], [2]]);
});

Deno.test("readTargets() reads R's write.table, gzip, tabs and UTF-16 as the plain table", async () => {
  const plain = "gene_name,ENSG1,ENSG2\nMYC,1,\nTP53,0.25,-3\n";
  const read = async (bytes: Uint8Array, name = "t.csv") => {
    let result: Targets | undefined;
    await inFolder(async (folder) => {
      await Deno.writeFile(join(folder, name), bytes);
      result = await byFirst(join(folder, name));
    });
    const { perturbations, genes, values } = result!;
    return { perturbations, genes, values: [...values.data] };
  };
  const utf8 = new TextEncoder().encode(plain);
  const expected = { perturbations: ["MYC", "TP53"], genes: ["ENSG1", "ENSG2"], values: [1, NaN, 0.25, -3] };
  assertEquals(await read(utf8), expected);
  assertEquals(
    await read(new TextEncoder().encode('"ENSG1","ENSG2"\n"MYC",1,NA\n"TP53",0.25,-3\n')),
    expected,
  );
  assertEquals(await read(gzipSync(utf8), "t.csv.gz"), expected);
  assertEquals(await read(gzipSync(utf8)), expected);
  assertEquals(await read(new TextEncoder().encode(plain.replaceAll(",", "\t")), "t.tsv"), expected);
  const utf16 = new Uint8Array(new Uint16Array([..."\ufeff" + plain].map((c) => c.charCodeAt(0))).buffer);
  assertEquals(await read(utf16), expected);
  const values = { data: Float32Array.of(1, NaN, 0.25, -3), rows: 2, columns: 2 };
  const frame = encodeParquetFrame({ index: ["MYC", "TP53"], columns: ["ENSG1", "ENSG2"], values });
  assertEquals(await read(frame, "t.parquet"), expected);
});

Deno.test("readTargets() names no row by row numbers, shuffled or not, under pandas' and R's names", async () => {
  for (const head of ["", "Unnamed: 0", "index", "level_0", "X", "rownames", "...1"]) {
    for (const read of [byGeneId, byFirst]) {
      const { targets } = await reading(`${head},gene_name,ENSG1\n5,MYC,1\n3,TP53,2\n`, read);
      assertEquals([targets.perturbations, targets.genes], [["MYC", "TP53"], ["ENSG1"]]);
    }
  }
});

Deno.test("readTargets() takes TF and SYMBOL over numbers for genes of that symbol, over text for ids", async () => {
  const genes = await reading("gene_id,TF,SYMBOL\nENSG7,1,2\nENSG8,3,4\n", byGeneId);
  assertEquals([genes.targets.genes, [...genes.targets.values.data]], [["TF", "SYMBOL"], [1, 2, 3, 4]]);
  const names = await reading("gene_id,TF,ENSG1\nENSG7,MYC,2\nENSG8,TP53,4\n", byGeneId);
  assertEquals([names.targets.genes, names.targets.symbols], [["ENSG1"], ["MYC", "TP53"]]);
});

for (
  const [what, text, message] of [
    ["decimal commas", "gene_id\tENSG1\nMYC\t1,5\n", 'column "ENSG1": "1,5" has a decimal comma'],
    ["decimal commas in quotes", 'gene_id,ENSG1\nMYC,"1,5"\n', 'column "ENSG1": "1,5" has a decimal comma'],
    ["one column", "gene_id ENSG1\nMYC 1\n", "separate columns by commas or tabs"],
    ["numbers only", "a,b\n1.5,2\n3,4.5\n", "no column names its rows"],
    ["nothing but row numbers", "gene_id,X\nMYC,1\nTP53,2\n", "there is no gene column"],
    [
      "words alone in a gene's column",
      "gene_id,ENSG00000000001,ENSG00000000002\nMYC,n/d,1\nTP53,,2\n",
      'row 2, column "ENSG00000000001": "n/d" is not a number',
    ],
    ["a short row", "gene_id,ENSG1,ENSG2\nMYC,1\n", "row 2 has 2 fields, the header 3"],
    ["rows one longer than a header of ids", "gene_id,ENSG1\nMYC,1,\n", "row 2 has 3 fields, the header 2"],
  ]
) {
  Deno.test(`readTargets() refuses ${what}`, async () => {
    await assertRejects(() => reading(text, byGeneId), DataError, message);
  });
}

Deno.test("readTargets() names a gene's column that a stray word made text in Parquet, wherever it stands", async () => {
  const read = async (words: string[], options: { prefer: "gene_id" | "first" }) => {
    const columnData = [
      { name: "GATA1", type: "STRING" as const, data: words },
      { name: "SPI1", type: "FLOAT" as const, data: Float32Array.of(1.5, 2, 3) },
      { name: "gene_name", type: "STRING" as const, data: ["MYC", "TP53", "KLF1"] },
    ];
    let result: Targets | undefined;
    await inFolder(async (folder) => {
      const path = join(folder, "t.parquet");
      await Deno.writeFile(path, new Uint8Array(parquetWriteBuffer({ columnData })));
      result = (await captured(() => readTargets(path, options))).result;
    });
    return result!;
  };
  for (const prefer of ["gene_id", "first"] as const) {
    for (const words of [["1", "n/d", "3"], ["0.5", "-1", "3"]]) {
      await assertRejects(() => read(words, { prefer }), DataError, 'column "GATA1" holds text, such as');
    }
  }
  // Whole numbers are as likely ids of another kind.
  assertEquals((await read(["7157", "4609", "10661"], { prefer: "gene_id" })).genes, ["SPI1"]);
});

const frames = fromFileUrl(new URL("../fixtures/parquet/writers/", import.meta.url));

Deno.test("readTargets() names the rows of a shuffled pandas frame by a column of ids, not by old row numbers", async () => {
  for (
    const [prefer, ids] of [["first", ["A", "MYC", "TP53"]], ["gene_id", [
      "ENSG9",
      "ENSG7",
      "ENSG8",
    ]]] as const
  ) {
    const path = `${frames}extra_shuffled.parquet`;
    const { result: targets } = await captured(() => readTargets(path, { prefer }));
    assertEquals(targets.perturbations, [...ids]);
    assertEquals(targets.genes, ["ENSG00000000001", "ENSG00000000002"]);
    assertEquals([...targets.values.data], [3, 1.5, 1.25, 0.5, 2, NaN]);
  }
});

Deno.test("readTargets() says that a gene's column in Parquet holds text, and with which word", async () => {
  for (const genes of [undefined, ["ENSG00000000002"]]) {
    await assertRejects(
      () => readTargets(`${frames}extra_stray_word.parquet`, { prefer: "first", genes }),
      DataError,
      'column "ENSG00000000002" holds text, such as "n/d" in row 2',
    );
  }
  const others = { prefer: "first", genes: ["ENSG00000000001"] } as const;
  const targets = await readTargets(`${frames}extra_stray_word.parquet`, others);
  assertEquals([...targets.values.data], [1.25, 2, 3]);
});

Deno.test("readTargets() refuses a Parquet file in which nothing but row numbers could name the rows", async () => {
  await assertRejects(
    () => readTargets(`${frames}extra_no_ids.parquet`, { prefer: "gene_id" }),
    DataError,
    "it has no column of text that names its rows",
  );
});

Deno.test("readTfSequences() reads a packed table and says which columns there are", async () => {
  await inFolder(async (folder) => {
    const path = join(folder, "tf_sequences.csv.gz"),
      encode = (text: string) => new TextEncoder().encode(text);
    await Deno.writeFile(path, gzipSync(encode("gene_name,gene_id,sequence\nMYC,ENSG7,ACGT\n")));
    const { symbols, geneIds, sequences } = await readTfSequences(path);
    assertEquals([symbols, geneIds, sequences], [["MYC"], ["ENSG7"], ["ACGT"]]);
    await Deno.writeFile(path, encode("gene_name,sequence\nMYC,ACGT\n"));
    await assertRejects(
      () => readTfSequences(path),
      DataError,
      'it has no column "gene_id" (its columns are "gene_name", "sequence")',
    );
  });
});

Deno.test("readTargets() keeps a gene that counts the rows where it is asked for", async () => {
  const { targets } = await reading("gene_id,ENSG1\nMYC,1\nA,2\nB,3\n", (path) => ofIndex(path, ["ENSG1"]));
  assertEquals([...targets.values.data], [1, 2, 3]);
});
