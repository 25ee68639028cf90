import { assertEquals } from "@std/assert";
import { gzipSync } from "node:zlib";
import { join } from "@std/path";
import { parseFasta } from "../../lib/io/fasta.ts";
import { Genome } from "../../lib/genome/genome.ts";
import { defaultRng } from "../../lib/random/pcg64.ts";
import { linesPrinted } from "../support/captured_log.ts";
import { inFolder } from "../support/temporary_folder.ts";

type Whole = (below: number) => number;

/** FASTA as people write it: any line length, line ends, blank lines, comments; even lines half of the time. */
function layout(whole: Whole): string {
  const lineEnd = whole(4) === 0 ? "\r\n" : "\n", isEven = whole(2) === 0, width = 1 + whole(12);
  let text = "";
  for (let i = 0; i <= whole(4); i++) {
    text += `>s${i}${whole(2) ? " a description" : ""}${lineEnd}${whole(6) ? "" : lineEnd}`;
    for (let left = 1 + whole(60); left > 0;) {
      const count = Math.min(left, isEven ? width : 1 + whole(12));
      for (let k = 0; k < count; k++) text += "ACGTNacgtn"[whole(10)];
      text += !isEven && whole(9) === 0 ? "\n" : lineEnd;
      if (!isEven && whole(12) === 0) text += whole(2) ? lineEnd : `; comment${lineEnd}`;
      left -= count;
    }
    if (whole(3) === 0) text += lineEnd;
  }
  return whole(3) === 0 ? text.trimEnd() : text;
}

Deno.test("regions of 300 random FASTA layouts are those of the whole sequences, plain and gzip", () =>
  inFolder(async (folder) => {
    const stream = defaultRng(7), whole: Whole = (below) => stream.integers(0, below, 1)[0];
    let indexed = 0;
    for (let i = 0; i < 300; i++) {
      const text = layout(whole), path = join(folder, "g.fa"), bytes = new TextEncoder().encode(text);
      await Deno.writeFile(path, i % 3 === 0 ? gzipSync(bytes) : bytes);
      const records = parseFasta(bytes, "g.fa");
      const regions = records.flatMap(({ id, sequence }) =>
        Array.from({ length: 6 }, () => {
          const start = whole(sequence.length + 1), end = start + whole(sequence.length + 1 - start);
          return { chrom: id, start, end };
        })
      );
      const lines = await linesPrinted(async () => {
        using genome = await Genome.open(path);
        assertEquals([...genome.lengths], records.map(({ id, sequence }) => [id, sequence.length]), text);
        const found = await genome.sequences(regions);
        regions.forEach(({ chrom, start, end }, k) => {
          const { sequence } = records.find(({ id }) => id === chrom)!;
          assertEquals(found[k], sequence.slice(start, end), `${chrom}:${start}-${end} of\n${text}`);
        });
      });
      if (lines.some((line) => line.includes("Indexed"))) indexed++;
    }
    assertEquals(indexed > 60 && indexed < 200, true, `${indexed} layouts were indexed`);
  }));
