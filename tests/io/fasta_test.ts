import { assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { DataError } from "../../lib/cli/errors.ts";
import { parseFasta, readFasta } from "../../lib/io/fasta.ts";
import { FastaParser, type FastaRecord } from "../../lib/io/fasta_parser.ts";
import { ModelStream } from "../../lib/random/model_stream.ts";
import { inFolder } from "../support/temporary_folder.ts";
import { gzipSync } from "node:zlib";

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

/** Text of random records: line ends of all kinds, blank lines, spaces, comments, letters beyond ASCII in headers. */
function randomFasta(stream: ModelStream): { text: string; records: FastaRecord[] } {
  const ends = ["\n", "\r\n", "\r"], end = () => ends[stream.below(3)], records: FastaRecord[] = [];
  let text = stream.below(2) === 0 ? "\ufeff" : "";
  for (let n = 1 + stream.below(5); n > 0; n--) {
    const id = `id${stream.below(1000)}`, description = stream.below(2) === 0 ? "" : "größe 1";
    text += `>${id}${description === "" ? "" : " " + description}${end()}`;
    let sequence = "AC";
    text += `AC${end()}`;
    for (let lines = 1 + stream.below(4); lines > 0; lines--) {
      const letters = Array.from({ length: 1 + stream.below(9) }, () => "ACGTNacgtn*-."[stream.below(13)])
        .join("");
      sequence += letters;
      text += [letters, `${letters.slice(0, 1)} ${letters.slice(1)}\t`][stream.below(2)] + end();
      if (stream.below(4) === 0) text += [`; comment >${end()}`, end(), `  ${end()}`][stream.below(3)];
    }
    records.push({ id, description, sequence });
  }
  return { text: stream.below(2) === 0 ? text : text.replace(/[\r\n]+$/, ""), records };
}

Deno.test("FastaParser gives the same records wherever the file is cut into pieces", () => {
  const stream = new ModelStream(11, "fasta");
  for (let round = 0; round < 200; round++) {
    const { text, records } = randomFasta(stream), bytes = new TextEncoder().encode(text);
    assertEquals(parse(text), records);
    const parser = new FastaParser("x.fa");
    for (let at = 0; at < bytes.length;) parser.push(bytes.subarray(at, at += 1 + stream.below(6)));
    assertEquals(parser.end(), records);
  }
});

Deno.test("readFasta() reads a file of several pieces, gzip of several members too, and tells a cut one", () =>
  inFolder(async (folder) => {
    const sequence = "ACGTNacgtn".repeat(150_000),
      half = `>a\n${sequence}\n`,
      text = `${half}>b x\r\n${sequence}T`;
    const expected = [{ id: "a", description: "", sequence }, {
      id: "b",
      description: "x",
      sequence: sequence + "T",
    }];
    const [one, two] = [gzipSync(half), gzipSync(text.slice(half.length))];
    for (const bytes of [new TextEncoder().encode(text), new Uint8Array([...one, ...two])]) {
      await Deno.writeFile(`${folder}/x`, bytes);
      assertEquals(await readFasta(`${folder}/x`), expected);
    }
    await Deno.writeFile(`${folder}/x`, one.subarray(0, one.length - 9));
    await assertRejects(() => readFasta(`${folder}/x`), DataError, "its gzip stream is damaged or cut off");
    await assertRejects(() => readFasta(`${folder}/none`), DataError, "there is no such file");
  }));

Deno.test("parseFasta() tells bytes that are no UTF-8 text by their line", () => {
  const bad = new Uint8Array([...new TextEncoder().encode(">a\nAC\n>b"), 0xff, 10, 65]);
  assertThrows(() => parseFasta(bad, "x.fa"), DataError, "line 3: it is not UTF-8 text");
  assertThrows(() => parse(">a\nACé\n"), DataError, `line 2: "é" does not belong`);
  assertThrows(() => parseFasta(Uint8Array.of(0xff, 0xfe, 62, 0), "x.fa"), DataError, "it is UTF-16 text");
});

for (const [reader, file, head] of [["readFasta", "fasta", ">a"], ["readCsvTable", "csv", "sequence"]]) {
  Deno.test(`${reader}() refuses what is larger than the heap, with what to do`, () =>
    inFolder(async (folder) => {
      const path = `${folder}/x`, line = "ACGT".repeat(2 ** 18) + "\n";
      await Deno.writeTextFile(path, `${head}\n${line.repeat(110)}`);
      const code = `import { ${reader} } from "${new URL(`../../lib/io/${file}.ts`, import.meta.url)}";
        await ${reader}("${path}").catch((error) => console.log(error.message));`;
      const { stdout } = await new Deno.Command(Deno.execPath(), {
        args: ["eval", "-q", "--no-lock", "--v8-flags=--max-old-space-size=100", code],
        cwd: new URL("../../", import.meta.url),
      }).output();
      assertStringIncludes(
        new TextDecoder().decode(stdout),
        "more text than there is room for, 0.1 GiB (split it",
      );
    }));
}
