/** prepare_data.ts as a user runs it: made-up screen, data folder, model; exit codes. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { inFolder } from "../support/temporary_folder.ts";

const repository = join(import.meta.dirname!, "../..");

async function deno(script: string, ...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    // -P grants no environment and no network beyond deno.json's list; a question would wait for ever.
    args: ["run", "--quiet", "--no-prompt", "--lock=tests/deno.lock", "-P", `scripts/${script}`, ...args],
    cwd: repository,
    stdin: "null",
  }).output();
  return { code, out: new TextDecoder().decode(stdout), err: new TextDecoder().decode(stderr) };
}

Deno.test("from a made-up screen to a model in three commands, with a space in the folder", async () => {
  await inFolder(async (parent) => {
    const screen = join(parent, "my screen"), data = join(parent, "my data");
    assertEquals((await deno("make_demo_data.ts", "--screen", screen)).code, 0);
    const input = ["--h5ad", join(screen, "screen.h5ad"), "--gtf", join(screen, "genes.gtf.gz")];
    const prepared = await deno(
      "prepare_data.ts",
      ...[...input, "--genome", join(screen, "genome.fa"), "--output", data, "--progress"],
    );
    assertEquals(prepared.code, 0, prepared.err);
    assertStringIncludes(prepared.out, "40 perturbations (40 TFs among the read-out genes) x 160 genes");
    const model = await deno("hs27_lel.ts", "--repo-root", data, "--output-dir", join(parent, "results"));
    assertEquals(model.code, 0, model.err);
    assertStringIncludes(model.out, "Using the 5fold splits");
    assert(!/\[warn\]/.test(model.out), model.out);

    const again = await Deno.readFile(join(data, "data/artifacts/targets_half_a.parquet"));
    await deno("prepare_data.ts", ...input, "--output", data);
    assertEquals(await Deno.readFile(join(data, "data/artifacts/targets_half_a.parquet")), again);
    // Sequences of the run before would not be this run's.
    assertEquals(await Deno.stat(join(data, "data/gene_sequences.csv")).catch(() => null), null);
  });
});

Deno.test("exit codes: 2 for the command line, 1 for data, one line each", async () => {
  await inFolder(async (folder) => {
    const usage = await deno("prepare_data.ts", "--h5ad", "x.h5ad");
    assertEquals([usage.code, usage.err.trim().split("\n").length], [2, 1]);
    assertStringIncludes(usage.err, "Flag --output is needed");
    const data = await deno("prepare_data.ts", "--h5ad", "README.md", "--output", folder);
    assertEquals([data.code, data.err.trim()], [
      1,
      'Cannot read "README.md": it is not HDF5, as h5ad files are',
    ]);
  });
});
