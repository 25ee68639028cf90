import { assertEquals, assertRejects } from "@std/assert";
import { gzipSync } from "node:zlib";
import { join } from "@std/path";
import { DataError } from "../../lib/cli/errors.ts";
import { Genome, type Region } from "../../lib/genome/genome.ts";
import { readWindows, tssWindow } from "../../lib/genome/windows.ts";
import { captured, linesPrinted } from "../support/captured_log.ts";
import { inFolder } from "../support/temporary_folder.ts";

const fixtures = join(import.meta.dirname!, "../fixtures/genome");
const expected = JSON.parse(await Deno.readTextFile(join(fixtures, "expected.json")));
const regions: (Region & { sequence: string })[] = expected.regions;

/** The genome of the fixtures in each format, made beside or without what indexes it. */
const formats: { name: string; make: (folder: string) => Promise<string>; says: string }[] = [
  { name: "FASTA with .fai", make: copies("genome.fa", ".fai"), says: "" },
  { name: "FASTA without .fai", make: copies("genome.fa"), says: "Indexed 3 sequences" },
  { name: "bgzip with .fai and .gzi", make: copies("genome.fa.gz", ".fai", ".gzi"), says: "" },
  { name: "bgzip without .gzi", make: copies("genome.fa.gz", ".fai"), says: "" },
  { name: "bgzip without any index", make: copies("genome.fa.gz"), says: "Indexed 3 sequences" },
  { name: ".2bit", make: copies("genome.2bit"), says: "" },
  {
    name: ".2bit with 64-bit offsets",
    make: async (folder) => {
      const path = join(folder, "genome.2bit");
      await Deno.writeFile(path, withWideOffsets(await Deno.readFile(join(fixtures, "genome.2bit"))));
      return path;
    },
    says: "",
  },
  {
    name: "plain gzip",
    make: async (folder) => {
      const path = join(folder, "genome.fa.gz");
      await Deno.writeFile(path, gzipSync(await Deno.readFile(join(fixtures, "genome.fa"))));
      return path;
    },
    says: "is plain gzip",
  },
  {
    name: "FASTA with unequal lines and CRLF",
    make: async (folder) => {
      const path = join(folder, "genome.fa");
      const text = await Deno.readTextFile(join(fixtures, "genome.fa"));
      await Deno.writeTextFile(
        path,
        text.replace(/\n(?=[acgtn]{9})/gi, "\n\r\n").replaceAll("TT\n", "T\r\nT\r\n"),
      );
      return path;
    },
    says: "are unequal",
  },
  {
    name: "FASTA with CRLF, a sequence a line and no last line end",
    make: async (folder) => {
      const path = join(folder, "genome.fa"), text = await Deno.readTextFile(join(fixtures, "genome.fa"));
      const whole = text.replace(/\n(?=[^>])/g, "").replace(/made up/g, "$&\r\n").replace(/\n>/g, "\r\n>")
        .trimEnd();
      await Deno.writeTextFile(path, whole);
      return path;
    },
    says: "Indexed 3 sequences",
  },
];

/** Version 1 of the format: offsets of 64 bits, which move what follows. */
function withWideOffsets(bytes: Uint8Array<ArrayBuffer>): Uint8Array {
  const view = new DataView(bytes.buffer), count = view.getUint32(8, true);
  const index: number[] = [];
  let at = 16;
  for (let i = 0; i < count; i++) {
    const end = at + 1 + bytes[at], wide = new DataView(new ArrayBuffer(8));
    wide.setBigUint64(0, BigInt(view.getUint32(end, true) + 4 * count), true);
    index.push(...bytes.subarray(at, end), ...new Uint8Array(wide.buffer));
    at = end + 4;
  }
  return Uint8Array.from([
    ...bytes.subarray(0, 4),
    1,
    0,
    0,
    0,
    ...bytes.subarray(8, 16),
    ...index,
    ...bytes.subarray(at),
  ]);
}

function copies(name: string, ...extensions: string[]) {
  return async (folder: string) => {
    for (const extension of ["", ...extensions]) {
      await Deno.copyFile(join(fixtures, name + extension), join(folder, name + extension));
    }
    return join(folder, name);
  };
}

for (const { name, make, says } of formats) {
  Deno.test(`Genome reads ${name} as samtools, pyfaidx and twobitreader do`, () =>
    inFolder(async (folder) => {
      const path = await make(folder);
      const { result, lines } = await captured(async () => {
        using genome = await Genome.open(path);
        return { lengths: Object.fromEntries(genome.lengths), sequences: await genome.sequences(regions) };
      });
      assertEquals(result.lengths, expected.lengths);
      assertEquals(result.sequences, regions.map(({ sequence }) => sequence));
      assertEquals(lines.length, says === "" ? 0 : 1);
      assertEquals(lines.join("").includes(says), true, lines.join());
    }));
}

Deno.test("compat windows are the original notebook's, letter by letter", async () => {
  using genome = await Genome.open(join(fixtures, "genome.fa"));
  const windows = expected.windows.map((
    window: { chrom: string; tss: number; strand: "+" | "-" },
  ) => tssWindow(window, { kind: "compat", length: 240 }));
  const { sequences, padded } = await readWindows(genome, windows);
  assertEquals(sequences, expected.windows.map(({ sequence }: { sequence: string }) => sequence));
  assertEquals(padded, [0, 0, 119, 20, 120, 71, 0, 0, 179, 179]);
});

Deno.test("Genome finds chromosomes with and without chr, and by UCSC's accessions", () =>
  inFolder(async (folder) => {
    const path = join(folder, "g.fa");
    await Deno.writeTextFile(path, ">1 dna\nACGT\n>MT\nAC\n>KI270706.1\nA\n>X\nTTT\n");
    await captured(async () => {
      using genome = await Genome.open(path);
      const names = [
        "1",
        "chr1",
        "chrM",
        "MT",
        "chr1_KI270706v1_random",
        "chrX",
        "chr",
        "Y",
        "NC_000001.11",
        "NC_000023.11",
        "NC_012920.1",
        "NC_000086.8",
        "NC_000003.12",
      ];
      assertEquals(names.map((name) => genome.nameOf(name)), [
        "1",
        "1",
        "MT",
        "MT",
        "KI270706.1",
        "X",
        undefined,
        undefined,
        "1",
        "X",
        "MT",
        "X",
        undefined,
      ]);
      assertEquals(await genome.sequences([{ chrom: "chrX", start: 1, end: 3 }]), ["TT"]);
      await assertRejects(
        () => genome.sequences([{ chrom: "chrMM", start: 0, end: 1 }]),
        DataError,
        `has no chromosome "chrMM" (the nearest is "MT")`,
      );
      await assertRejects(
        () => genome.sequences([{ chrom: "1", start: 0, end: 5 }]),
        DataError,
        "Cannot read 1:0-5: the chromosome has 4 bases",
      );
    });
  }));

const refused: [what: string, content: string | Uint8Array, message: string][] = [
  [
    "a table",
    "gene_id,sequence\nA,ACGT\n",
    'it is neither FASTA (which begins with ">"; plain, bgzip or gzip) nor .2bit',
  ],
  ["an empty file", "", "it is neither FASTA"],
  ["a sequence before the first header", "\n>", 'line 2: a header needs a name behind ">"'],
  ["a repeated name", ">a\nAC\n>b\nAC\n>a x\nAC\n", 'line 5: there is a second "a"'],
  ["a header without sequence", ">a\n>b\nAC\n", '"a" has no sequence'],
  [
    "cut gzip",
    gzipSync(">a\n" + "ACGT\n".repeat(5000)).subarray(0, 60),
    "it is gzip, but cannot be unpacked",
  ],
  [
    "a .2bit of the other byte order",
    Uint8Array.of(0x1a, 0x41, 0x27, 0x43, 0),
    "it is a .2bit of the other byte order",
  ],
  [
    "a .2bit that is cut off",
    Uint8Array.of(0x43, 0x27, 0x41, 0x1a, 0, 0, 0, 0, 9, 0, 0, 0),
    "bytes 0 to 16 are beyond its end at 12 (is the file cut off?)",
  ],
];
for (const [what, content, message] of refused) {
  Deno.test(`Genome refuses ${what}`, () =>
    inFolder(async (folder) => {
      const path = join(folder, "g.fa");
      await Deno.writeFile(path, typeof content === "string" ? new TextEncoder().encode(content) : content);
      await assertRejects(() => Genome.open(path), DataError, `Cannot read "${path}": ${message}`);
    }));
}

Deno.test("Genome tells an index that is of another file, and a file that was cut off", () =>
  inFolder(async (folder) => {
    const path = await copies("genome.fa", ".fai")(folder), text = await Deno.readTextFile(path);
    const read = () =>
      captured(async () => {
        using genome = await Genome.open(path);
        return await genome.sequences([{ chrom: "chr2", start: 0, end: 1200 }]);
      });
    await Deno.writeTextFile(path, text.replace("N", "NNN"));
    await assertRejects(
      read,
      DataError,
      `Cannot use "${path}.fai": it is not the index of "${path}" as it is now`,
    );
    await Deno.writeTextFile(path, text.slice(0, 2500));
    await assertRejects(read, DataError, "or the file damaged?");
    await Deno.writeTextFile(`${path}.fai`, "chr2\t5\n");
    await assertRejects(read, DataError, `Cannot read "${path}.fai": line 1 is not a name and four numbers`);
  }));

Deno.test("damaged bgzip and .2bit files are told, never other letters", () =>
  inFolder(async (folder) => {
    const cases = [["genome.fa.gz"], ["genome.fa.gz", ".fai", ".gzi"], ["genome.2bit"]];
    for (const [name, ...indexes] of cases) {
      const path = await copies(name, ...indexes)(folder), bytes = await Deno.readFile(path);
      for (let at = 20; at < bytes.length; at += 97) {
        const damaged = bytes.slice();
        damaged[at] ^= 0x5a;
        await Deno.writeFile(path, damaged);
        await linesPrinted(async () => {
          try {
            using genome = await Genome.open(path);
            const sequences = await genome.sequences(regions);
            // A .2bit has no checksums: a wrong letter there cannot be seen.
            if (name === "genome.2bit") return;
            const isRight = regions.every(({ sequence }, i) => sequences[i] === sequence);
            assertEquals(isRight, true, `${name} byte ${at}`);
          } catch (error) {
            assertEquals(error instanceof DataError, true, `${name} byte ${at}: ${error}`);
          }
        });
      }
    }
  }));
