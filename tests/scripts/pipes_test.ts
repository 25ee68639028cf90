/** Inputs from standard input and pipes, which can be read once only. */
import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { gzipSync } from "node:zlib";
import { readManifest } from "../../lib/experiment/manifest.ts";
import { describeFile } from "../../lib/io/file_fact.ts";
import { readNpyStrings } from "../../lib/io/npy.ts";
import { golden, testWith } from "../support/golden.ts";
import { runScript } from "../support/script_process.ts";
import { inFolder } from "../support/temporary_folder.ts";

const targets = join(golden("synthetic/datasets/s")!, "data/artifacts/targets_377.csv");

Deno.test("hs27_lel.ts reads targets from standard input and from a pipe, and knows what it has read", () =>
  inFolder(async (folder) => {
    const fact = await describeFile(targets);
    const run = (path: string, input?: Uint8Array) =>
      runScript("hs27_lel.ts", ["--targets", path, "--output-dir", folder, "--plot-format", "svg"], {
        input,
      });
    const inputs = async () => (await readManifest(join(folder, "linear_pca")))!.inputs;

    assertEquals(
      await run("/dev/stdin", await Deno.readFile(targets)).then(({ code, error }) => [code, error]),
      [0, ""],
    );
    assertEquals(await inputs(), [{ ...fact, path: "/dev/stdin" }]);

    const pipe = join(folder, "pipe");
    await new Deno.Command("mkfifo", { args: [pipe] }).output();
    const [{ code, error }] = await Promise.all([
      run(pipe),
      Deno.writeFile(pipe, await Deno.readFile(targets)),
    ]);
    assertEquals([code, error], [0, ""]);
    assertEquals(await inputs(), [{ ...fact, path: pipe }]);
  }));

testWith(
  golden("deep/nt_tiny"),
  "inference.ts tells FASTA from CSV on standard input, gzip too",
  (model) =>
    inFolder(async (folder) => {
      const output = join(folder, "x.npy");
      const args = [
        "--pipeline",
        "ntv2",
        "--model",
        model,
        "--input",
        "/dev/stdin",
        "--output",
        output,
        "--device",
        "cpu",
      ];
      for (const text of [">a\nACGT\n>b\nGGNN\n", "gene_id,sequence\na,ACGT\nb,GGNN\n"]) {
        for (const input of [new TextEncoder().encode(text), new Uint8Array(gzipSync(text))]) {
          const { code, error } = await runScript("inference.ts", args, { input });
          assertEquals([code, error], [0, ""]);
          assertEquals(await readNpyStrings(join(folder, "x_gene_ids.npy")), ["a", "b"]);
        }
      }
    }),
);
