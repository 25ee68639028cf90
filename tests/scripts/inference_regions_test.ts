import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { main } from "../../scripts/inference.ts";
import { linesPrinted } from "../support/captured_log.ts";
import { writeRandomNt } from "../support/random_models.ts";
import { inFolder } from "../support/temporary_folder.ts";

const fixtures = join(import.meta.dirname!, "../fixtures/genome");
const expected: { chrom: string; start: number; end: number; sequence: string }[] =
  JSON.parse(await Deno.readTextFile(join(fixtures, "expected.json"))).regions;

Deno.test({
  name:
    "inference.ts gives regions of a genome the vectors that a table of their sequences gets, in shards too",
  sanitizeResources: false,
  sanitizeOps: false,
  fn: () =>
    inFolder(async (folder) => {
      const model = join(folder, "model"),
        table = join(folder, "table.csv"),
        bed = join(folder, "regions.bed");
      await Deno.mkdir(model);
      writeRandomNt(model, { width: 32, heads: 2, layers: 1, intermediate: 64 });
      const ids = expected.map((_, i) => `region${i}`);
      await Deno.writeTextFile(
        table,
        "gene_id,sequence\n" + expected.map(({ sequence }, i) => `${ids[i]},${sequence}\n`).join(""),
      );
      await Deno.writeTextFile(
        bed,
        expected.map(({ chrom, start, end }, i) => `${chrom}\t${start}\t${end}\t${ids[i]}\n`).join(""),
      );
      const run = (output: string, ...args: string[]) =>
        linesPrinted(() =>
          main([
            // Alone in its batch a sequence has the same bits in a shard.
            ...["--pipeline", "ntv2", "--model", model, "--output", join(folder, output)],
            ...["--device", "cpu", "--batch-size", "1", "--no-progress", ...args],
          ])
        );
      const regions = ["--genome", join(fixtures, "genome.fa.gz"), "--regions", bed];
      await run("table.npy", "--input", table, "--upper");
      await run("regions.npy", ...regions);
      const bytes = (name: string) => Deno.readFile(join(folder, name));
      assertEquals(await bytes("regions.npy"), await bytes("table.npy"));
      assertEquals(await bytes("regions_gene_ids.npy"), await bytes("table_gene_ids.npy"));
      const record = async (name: string) => JSON.parse(await Deno.readTextFile(join(folder, name)));
      const { genome, regions: kind, sequences_sha256 } = await record("regions.json");
      assertEquals([genome, kind], ["genome.fa.gz", "BED"]);
      assertEquals(sequences_sha256, (await record("table.json")).sequences_sha256);

      // The other formats of the genome are as good as the first.
      const twoBit = ["--genome", join(fixtures, "genome.2bit"), "--regions", bed];
      const lines = await run("regions.npy", ...twoBit, "--resume");
      assertEquals(lines.some((line) => line.includes("it is finished")), true, lines.join("\n"));
      for (const shard of ["1/2", "2/2"]) await run("shards.npy", ...regions, "--shard", shard);
      await run("shards.npy", ...regions, "--merge");
      assertEquals(await bytes("shards.npy"), await bytes("table.npy"));
    }),
});
