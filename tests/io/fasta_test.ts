import { assertEquals, assertThrows } from "@std/assert";
import { DataError } from "../../lib/cli/errors.ts";
import { parseFasta } from "../../lib/io/fasta.ts";

const parse = (text: string) => parseFasta(new TextEncoder().encode(text), "x.fa");

Deno.test("parseFasta() joins the lines of a sequence and parts id from description", () => {
  assertEquals(parse(">ENSG1 TP53 promoter\nACGT\nac gt\n\n>ENSG2\nNNN\n"), [
    { id: "ENSG1", description: "TP53 promoter", sequence: "ACGTacgt" },
    { id: "ENSG2", description: "", sequence: "NNN" },
  ]);
});

Deno.test("parseFasta() reads CRLF, a byte-order mark, comment lines and a last line without end", () => {
  assertEquals(parse("\ufeff; made by hand\r\n> a  b \r\nAC\r\nGT"), [
    { id: "a", description: "b", sequence: "ACGT" },
  ]);
});

const refused: [what: string, text: string, message: string][] = [
  ["an empty file", "", "it holds no sequence"],
  [
    "letters before the first header",
    "ACGT\n",
    'line 1: a header such as ">ENSG00000141510" must come first',
  ],
  ["a header without id", ">a\nAC\n>\nGT\n", 'line 3: a header needs an id behind ">"'],
  ["a header without sequence", ">a\n>b\nGT\n", 'line 1: "a" has no sequence'],
  ["a last header without sequence", ">a\nAC\n>b\n", 'line 3: "b" has no sequence'],
  ["a digit in a sequence", ">a\nAC\nAC1T\n", 'line 3: "1" does not belong in a sequence'],
];
for (const [what, text, message] of refused) {
  Deno.test(`parseFasta() refuses ${what}`, () => {
    assertThrows(() => parse(text), DataError, `Cannot read "x.fa": ${message}`);
  });
}

Deno.test("parseFasta() refuses compressed files by name", () => {
  assertThrows(() => parseFasta(Uint8Array.of(0x1f, 0x8b, 8), "x.fa.gz"), DataError, "it is gzip");
});
