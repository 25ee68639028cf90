import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { gzipSync } from "node:zlib";
import { join } from "@std/path";
import { DataError } from "../../lib/cli/errors.ts";
import { parseBed, readBed } from "../../lib/io/bed.ts";
import { inFolder } from "../support/temporary_folder.ts";

Deno.test("parseBed() reads three to twelve columns with tabs or spaces, and leaves comments out", () => {
  const text = "track name=x\n#chrom\tstart\tend\n\nchr1\t0\t5\r\nchr2 3 9 peak1 7 -\n" +
    "X\t1\t2\tg\t0\t.\t1\t2\t0\t1\t1,\t0,\nX\t1\t2\t.\t0\t+\nbrowser hide all";
  assertEquals(parseBed(text, "x.bed"), [
    { line: 4, chrom: "chr1", start: 0, end: 5, name: null, strand: null },
    { line: 5, chrom: "chr2", start: 3, end: 9, name: "peak1", strand: "-" },
    { line: 6, chrom: "X", start: 1, end: 2, name: "g", strand: null },
    { line: 7, chrom: "X", start: 1, end: 2, name: null, strand: "+" },
  ]);
});

const refused: [what: string, text: string, message: string][] = [
  ["no regions", "#chrom\n\n", 'Cannot use "x.bed": it holds no regions'],
  ["too few columns", "chr1\t0\t5\nchr1 7\n", "line 2 has 2 of the columns of BED (chromosome, start, end;"],
  [
    "column names",
    "chrom\tstart\tend\n",
    'line 1: "start" is no position (expected a whole number, from 0 on)',
  ],
  ["a negative start", "\nchr1\t-1\t5\n", 'line 2: "-1" is no position'],
  ["a fraction", "chr1\t1\t1e3\n", 'line 1: "1e3" is no position'],
  ["an end before its start", "chr1\t9\t5\n", "line 1 goes from 9 to 5 (the end must lie behind the start)"],
  ["an empty region", "chr1\t5\t5\n", "line 1 goes from 5 to 5"],
  ["no chromosome", "\t1\t5\tx\n", "line 1 names no chromosome"],
  [
    "a strand that is none",
    "chr1\t1\t5\tx\t0\tforward\n",
    'line 1: "forward" is no strand (expected +, - or a dot)',
  ],
];
for (const [what, text, message] of refused) {
  Deno.test(`parseBed() refuses ${what}`, () => {
    assertThrows(() => parseBed(text, "x.bed"), DataError, message);
  });
}

Deno.test("readBed() reads gzip and tells a file that is not there", () =>
  inFolder(async (folder) => {
    const path = join(folder, "x.bed.gz");
    await assertRejects(() => readBed(path), DataError, "there is no such file");
    await Deno.writeFile(path, gzipSync("chr1\t0\t5\n"));
    assertEquals((await readBed(path)).length, 1);
  }));
