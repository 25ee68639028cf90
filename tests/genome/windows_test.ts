import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { Genome } from "../../lib/genome/genome.ts";
import { centred, readWindows, tssWindow, type WindowShape } from "../../lib/genome/windows.ts";
import { captured } from "../support/captured_log.ts";
import { inFolder } from "../support/temporary_folder.ts";

//             1234567890
const bases = "aCGTRCCCGT";

async function windowsOf(
  shape: WindowShape,
  ...sites: { tss: number; strand: "+" | "-" }[]
): Promise<{ sequences: string[]; padded: number[] }> {
  let found = { sequences: [] as string[], padded: [] as number[] };
  await inFolder(async (folder) => {
    const path = join(folder, "g.fa");
    await Deno.writeTextFile(path, `>1\n${bases}\n`);
    await captured(async () => {
      using genome = await Genome.open(path);
      found = await readWindows(genome, sites.map((site) => tssWindow({ chrom: "chr1", ...site }, shape)));
    });
  });
  return found;
}

Deno.test("a window holds `upstream` bases, then the TSS, in the direction of the gene", async () => {
  const { sequences, padded } = await windowsOf(
    { kind: "around", upstream: 3, downstream: 2 },
    { tss: 4, strand: "+" },
    { tss: 4, strand: "-" },
  );
  // On + bases 1 2 3, 4 5; on - the complements of bases 7 6 5, 4 3.
  assertEquals(sequences, ["ACGTR", "GGYAC"]);
  assertEquals(padded, [0, 0]);
});

Deno.test("N stand where the chromosome lacks bases, and are counted", async () => {
  const { sequences, padded } = await windowsOf(
    centred(8),
    { tss: 1, strand: "+" },
    { tss: 1, strand: "-" },
    { tss: 10, strand: "+" },
    { tss: 30, strand: "+" },
  );
  assertEquals(sequences, ["NNNNACGT", "YACGTNNN", "CCCGTNNN", "NNNNNNNN"]);
  assertEquals(padded, [4, 3, 3, 8]);
});

Deno.test("centred() puts the TSS in the middle, and of an even length first in the second half", () => {
  assertEquals(centred(12000), { kind: "around", upstream: 6000, downstream: 6000 });
  assertEquals(centred(5), { kind: "around", upstream: 2, downstream: 3 });
});

Deno.test("a compat window is padded on the right only, after the reverse complement", async () => {
  const { sequences, padded } = await windowsOf(
    { kind: "compat", length: 8 },
    { tss: 5, strand: "+" },
    { tss: 2, strand: "+" },
    { tss: 2, strand: "-" },
    { tss: 9, strand: "-" },
  );
  // [1, 9), [0, 6) twice, [5, 10).
  assertEquals(sequences, ["CGTRCCCG", "ACGTRCNN", "GYACGTNN", "ACGGGNNN"]);
  assertEquals(padded, [0, 2, 2, 3]);
});
