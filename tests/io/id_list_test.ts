import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { gzipSync } from "node:zlib";
import { DataError } from "../../lib/cli/errors.ts";
import { parseIdList, readIdList } from "../../lib/io/id_list.ts";
import { inFolder } from "../support/temporary_folder.ts";

const ids = (text: string) => parseIdList(text, "ids.txt");

const same: [what: string, text: string][] = [
  ["one a line", "ENSG00000000005\nTP53\n"],
  ["CRLF", "ENSG00000000005\r\nTP53\r\n"],
  ["a lone CR, as Excel for Mac writes", "ENSG00000000005\rTP53\r"],
  ["blank lines and spaces", "\n ENSG00000000005 \n\n\tTP53\n\n"],
  ["quotes", '"ENSG00000000005"\n"TP53"\n'],
  ["a head", "gene_id\nENSG00000000005\nTP53\n"],
  ["a head of other words", "Gene stable ID\nENSG00000000005\nTP53\n"],
  ["commas on one line", "ENSG00000000005,TP53"],
  ["commas and spaces on one line", "ENSG00000000005, TP53\n"],
  ["semicolons on one line", "ENSG00000000005;TP53"],
  ["a comma behind each", "ENSG00000000005,\nTP53,\n"],
  ["a table with gene_id", "gene_id,gene_name\nENSG00000000005,TNMD\nTP53,TP53\n"],
  ["a table with gene_id behind another column", "gene_name\tgene_id\nTNMD\tENSG00000000005\nTP53\tTP53\n"],
  ["the row numbers of pandas", ",gene_id\n0,ENSG00000000005\n1,TP53\n"],
  ["a pandas Series without a name", ",0\n0,ENSG00000000005\n1,TP53\n"],
  ["row numbers that were shuffled", "index,tf\n7,ENSG00000000005\n2,TP53\n"],
  ["R's write.csv", '"","x"\n"1","ENSG00000000005"\n"2","TP53"\n'],
  ["R's write.table", '"x"\n"1" "ENSG00000000005"\n"2" "TP53"\n'],
  ["comments", "# my genes\nENSG00000000005\nTP53\n"],
  ["a JSON list", '["ENSG00000000005", "TP53"]\n'],
];
for (const [what, text] of same) {
  Deno.test(`parseIdList() reads ${what}`, () => {
    assertEquals(ids(text), ["ENSG00000000005", "TP53"]);
  });
}

Deno.test("parseIdList() takes TF for a gene above symbols and for a head above Ensembl ids", () => {
  assertEquals(ids("TF\nTP53\n"), ["TF", "TP53"]);
  assertEquals(ids("TF\nENSG00000141510\n"), ["ENSG00000141510"]);
});

Deno.test("parseIdList() takes the column of Ensembl ids, with or without a head", () => {
  assertEquals(ids("chr,gene\n1,ENSG00000000005\n2,ENSG00000000419\n"), [
    "ENSG00000000005",
    "ENSG00000000419",
  ]);
  assertEquals(ids("ENSG00000000005\tTNMD\nENSG00000000419\tDPM1\n"), ["ENSG00000000005", "ENSG00000000419"]);
});

const refused: [what: string, text: string, message: string][] = [
  ["two columns of words without a head", "MYC,TP53\nGATA1,SPI1\n", "can be told to hold the ids"],
  ["a table of numbers", "a,b\n1,2.5\n3,4.5\n", "can be told to hold the ids"],
  ["semicolons", "gene_id;name\nA;b\n", "it is separated by semicolons"],
  ["a web page", "<!DOCTYPE html>\n<p>hello\n", "it is a web page"],
  ["a list of Python", "['A', 'B']", "is no JSON list of ids"],
  ["rows of unequal length", "A,B,C\nD\n", "row 2 has 1 field, the header 3"],
];
for (const [what, text, message] of refused) {
  Deno.test(`parseIdList() refuses ${what}`, () => {
    assertThrows(() => ids(text), DataError, message);
  });
}

/** UTF-16 with its mark, as Windows PowerShell's `>` writes. */
function utf16(text: string, bigEndian: boolean): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(2 * text.length + 2), view = new DataView(bytes.buffer);
  [..."\ufeff" + text].forEach((character, i) => view.setUint16(2 * i, character.charCodeAt(0), !bigEndian));
  return bytes;
}

Deno.test("readIdList() undoes gzip and UTF-16, whatever the file's name, and is strict about UTF-8", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/ids.txt`;
    const read = async (bytes: Uint8Array) => {
      await Deno.writeFile(path, bytes);
      return await readIdList(path);
    };
    const text = "gene_id\r\nTP53\r\ngröße\r\n", expected = ["TP53", "größe"];
    const utf8 = new TextEncoder().encode(text);
    assertEquals(await read(Uint8Array.of(0xef, 0xbb, 0xbf, ...utf8)), expected);
    assertEquals(await read(utf16(text, false)), expected);
    assertEquals(await read(utf16(text, true)), expected);
    assertEquals(await read(gzipSync(utf8)), expected);
    assertEquals(await read(gzipSync(utf16(text, false))), expected);
    await assertRejects(() => read(Uint8Array.of(65, 0xe9, 10)), DataError, "it is not UTF-8 text");
    await assertRejects(() => read(utf16("A\r\n", false).subarray(2)), DataError, "UTF-16 without its mark?");
    await assertRejects(
      () => read(gzipSync(utf8).subarray(0, 20)),
      DataError,
      "it is gzip, but cannot be unpacked",
    );
    for (const empty of ["", "\n \n", "gene_id\n", "gene_id,gene_name\n"]) {
      await assertRejects(() => read(new TextEncoder().encode(empty)), DataError, "it holds no id");
    }
  });
});
