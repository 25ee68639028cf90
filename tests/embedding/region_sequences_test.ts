import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { join } from "@std/path";
import { DataError, UsageError } from "../../lib/cli/errors.ts";
import { parseFlags } from "../../lib/cli/flags.ts";
import { inferenceFlags } from "../../lib/embedding/inference_flags.ts";
import { regionsAsInput } from "../../lib/embedding/region_flags.ts";
import { readRegionSequences } from "../../lib/embedding/region_sequences.ts";
import type { Sequences } from "../../lib/embedding/sequences.ts";
import { captured } from "../support/captured_log.ts";
import { inFolder } from "../support/temporary_folder.ts";

const flagsOf = (...args: string[]) =>
  parseFlags(inferenceFlags, { script: "scripts/inference.ts", about: "" }, args);

/** The sequences of a regions file over a genome of chr1 = "aaccRgttacgt". */
async function sequencesOf(
  folder: string,
  regions: string,
  ...args: string[]
): Promise<{ result: Sequences; lines: string[] }> {
  const path = join(folder, "regions"), genome = join(folder, "g.fa");
  await Deno.writeTextFile(path, regions);
  await Deno.writeTextFile(genome, ">chr1\naaccRgttacgt\n");
  return await captured(() => readRegionSequences(flagsOf("--genome", genome, "--regions", path, ...args)));
}

Deno.test("regions of BED come in upper case and in the direction of their strands, named as they are or by place", () =>
  inFolder(async (folder) => {
    const bed = "1\t0\t4\tfirst\nchr1\t3\t6\nchr1\t3\t6\t.\t0\t-\nchr1\t0\t12\tall\t0\t-\n";
    const { result } = await sequencesOf(folder, bed);
    assertEquals(result.ids, ["first", "chr1:3-6", "chr1:3-6(-)", "all"]);
    assertEquals(result.sequences, ["AACC", "CRG", "CYG", "ACGTAACYGGTT"]);
    assertEquals([result.upperCased, result.origin], [true, { genome: "g.fa", regions: "BED" }]);
  }));

const gtf = '1\tx\tgene\t5\t9\t.\t+\t.\tgene_id "G1"; gene_name "A";\n' +
  '1\tx\tgene\t2\t6\t.\t-\t.\tgene_id "G2"; gene_name "B";\n' +
  '1\tx\tgene\t2\t6\t.\t-\t.\tgene_id "G2"; gene_name "B";\n';

Deno.test("genes of a GTF come with a window about the TSS, all or those of a list", () =>
  inFolder(async (folder) => {
    const { result } = await sequencesOf(folder, gtf, "--window", "4");
    assertEquals(result.ids, ["G1", "G2"]);
    assertEquals(result.sequences, ["CCRG", "AACY"]);
    assertEquals(result.origin, {
      genome: "g.fa",
      regions: "2 bases before the TSS (gene) and 2 from it on",
      regions_left_out: 0,
      padded_windows: 0,
      padded_bases: 0,
    });
    const list = join(folder, "genes.txt");
    await Deno.writeTextFile(list, "B\nnone\n");
    const { result: some } = await sequencesOf(
      folder,
      gtf,
      "--genes",
      list,
      "--upstream",
      "8",
      "--downstream",
      "1",
    );
    assertEquals([some.ids, some.sequences], [["G2"], ["NNACGTAAC".slice(0, 9)]]);
    assertEquals([some.origin?.regions_left_out, some.origin?.padded_bases], [1, 2]);
  }));

Deno.test("BED on other chromosomes or beyond their ends is told with its line", () =>
  inFolder(async (folder) => {
    const refuses = (regions: string, message: string, ...args: string[]) =>
      assertRejects(() => sequencesOf(folder, regions, ...args), DataError, message);
    await refuses(
      "chr1\t0\t4\nchr27\t0\t4\nchr28\t0\t4\n",
      `Cannot use "${folder}/regions": line 2 (and 1 more line): "${folder}/g.fa" has no chromosome "chr27" (the nearest is "chr1")`,
    );
    await refuses(
      "#x\nchr1\t0\t13\n",
      `line 2 ends at 13, but chromosome "chr1" of "${folder}/g.fa" has 12 bases (is it of another assembly?)`,
    );
    await refuses("", "it holds no regions (expected BED, GTF or GFF3)");
    await refuses("chr1\t0\n", "line 1 has 2 of the columns of BED");
    await assertRejects(
      () => sequencesOf(folder, "chr1\t0\t4\n", "--window", "5"),
      UsageError,
      "Cannot use --window with the BED file",
    );
  }));

Deno.test("regionsAsInput() refuses flags that do not go together", () => {
  const refuses = (message: string, ...args: string[]) =>
    assertThrows(() => regionsAsInput(flagsOf(...args)), UsageError, message);
  const both = ["--genome", "g", "--regions", "r"],
    all = [...both, "--pipeline", "ntv2", "--output", "x.npy"];
  refuses("Flag --regions is needed with --genome", "--genome", "g");
  refuses("Flag --genome is needed with --regions", "--regions", "r");
  refuses("Cannot use --window without --genome and --regions", "--window", "5", "--input", "x");
  refuses("Cannot use --input together with --regions", ...all, "--input", "x");
  refuses("Cannot use --tf-csv together with --regions", ...all, "--tf-csv", "x");
  refuses("Flag --pipeline is needed with --regions", ...both);
  refuses("Flag --output is needed with --regions", ...both, "--pipeline", "ntv2");
  refuses("Flag --downstream is needed too", ...all, "--upstream", "5");
  refuses(
    "Cannot use --window together with --upstream",
    ...all,
    "--upstream",
    "5",
    "--downstream",
    "5",
    "--window",
    "5",
  );
  refuses("no base is left", ...all, "--upstream", "0", "--downstream", "0");
  assertEquals(regionsAsInput(flagsOf(...all)).input, "r");
  assertEquals(regionsAsInput(flagsOf("--input", "x")).input, "x");
});
