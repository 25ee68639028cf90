/** The linear scripts as processes: exit codes, permissions, help, and a kill while they write. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { DatasetCopy } from "../support/dataset_copy.ts";

const repository = fromFileUrl(new URL("../../", import.meta.url));

async function deno(args: string[], cwd = repository): Promise<{ code: number; out: string; error: string }> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", ...args],
    cwd,
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, out: text(stdout), error: text(stderr) };
}

for (const script of ["hs27_lel.ts", "lel_embed.ts"]) {
  Deno.test(`${script} without permissions says in one line which command to run`, async () => {
    const { code, out, error } = await deno([`scripts/${script}`, "--seed", "7"]);
    assertEquals([code, out], [2, ""]);
    assertEquals(
      error,
      `Cannot run without read and write permission. Run this instead: deno run -P scripts/${script} --seed 7\n`,
    );
  });
}

Deno.test("a script runs with access to single folders, and asks for more where it has none at all", async () => {
  await using data = await DatasetCopy.of("s");
  const flags = [
    "scripts/hs27_lel.ts",
    "--data-dir",
    data.root,
    "--plot-format",
    "svg",
    "--output-dir",
    data.path("results"),
  ];
  const read = `--allow-read=${data.root}`, write = `--allow-write=${data.path("results")}`;
  const { code, error } = await deno([read, write, ...flags]);
  assertEquals([code, error], [0, ""]);
  const refused = await deno([read, "--allow-write=/no/such/place", ...flags]);
  assertEquals(refused.code, 2);
  assertStringIncludes(refused.error, "Cannot run without write permission.");
});

Deno.test("scripts can be run by their names", async () => {
  for await (const { name } of Deno.readDir(join(repository, "scripts"))) {
    const { mode } = await Deno.stat(join(repository, "scripts", name));
    assert(mode === null || (mode & 0o111) === 0o111, name); // no modes on Windows
  }
});

Deno.test("the command to run names the script as seen from the current folder", async () => {
  const { error } = await deno(
    ["-c", join(repository, "deno.json"), "../scripts/hs27_lel.ts"],
    join(repository, "tests"),
  );
  assertStringIncludes(error, "Run this instead: deno run -P ../scripts/hs27_lel.ts\n");
});

Deno.test("--help lists flags by group with their defaults, and ends well", async () => {
  const { code, out, error } = await deno(["-P", "scripts/hs27_lel.ts", "--help"]);
  assertEquals([code, error], [0, ""]);
  for (const group of ["Data", "Model", "Cross-validation", "Output", "General"]) {
    assertMatch(out, new RegExp(`^${group}$`, "m"));
  }
  assertMatch(out, /--k-components N +PCA components of a gene embedding \(default: 10\)/);
  assertMatch(out, /--lambda-ridge N +.*\(default: 0\.1\)/);
  assertEquals(out.split("\n").filter((line) => line.length > 100), []);
});

Deno.test("exit codes: 2 for a wrong command line, 1 for bad data, each with one line; --debug adds the stack", async () => {
  const usage = await deno(["-P", "scripts/hs27_lel.ts", "--k-components", "0"]);
  assertEquals([usage.code, usage.error], [2, "Cannot use --k-components 0: it must be at least 1\n"]);
  const data = await deno(["-P", "scripts/hs27_lel.ts", "--repo-root", "no-such-folder"]);
  assertEquals([data.code, data.error.trimEnd().split("\n").length], [1, 1]);
  const debug = await deno(["-P", "scripts/hs27_lel.ts", "--repo-root", "no-such-folder", "--debug"]);
  assertEquals(debug.code, 1);
  assertStringIncludes(debug.error, "read_data.ts");
});

Deno.test("without flags a script runs on the demo data, says so first, and writes under results/", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const config = join(repository, "deno.json");
    const { code, out, error } = await deno(
      ["-P", "-c", config, join(repository, "scripts/hs27_lel.ts")],
      folder,
    );
    assertEquals([code, error], [0, ""]);
    assertMatch(
      out,
      /^\[info\] Results go to results\/linear_pca\n\[info\] No data folder given: running on the synthetic demo data/,
    );
    assertMatch(
      out.trimEnd().split("\n").at(-1)!,
      /^\[result\] Mean Pearson r 0\.\d+ \(95% .*of the mean baseline 0\.\d+/,
    );
    const files: string[] = [];
    for await (const { name } of Deno.readDir(join(folder, "results/linear_pca"))) files.push(name);
    assertEquals(files.sort(), [
      "baseline_linear_pca.parquet",
      "ci_summary_linear_5fold.json",
      "manifest.json",
      "metrics_linear_5fold.json",
      "metrics_per_perturbation.csv",
      "pred_vs_gt.png",
      "pred_vs_gt_train.png",
      "predictions_linear_pca.parquet",
      "summary.json",
    ]);
    const summary = JSON.parse(await Deno.readTextFile(join(folder, "results/linear_pca/summary.json")));
    assert(summary.metrics.centered_pearson_mean > summary.mean_baseline.centered_pearson_mean + 0.1);
    const png = await Deno.readFile(join(folder, "results/linear_pca/pred_vs_gt.png"));
    assertEquals([...png.subarray(0, 4)], [0x89, 0x50, 0x4e, 0x47]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("--progress without a terminal prints plain lines on standard error", async () => {
  await using data = await DatasetCopy.of("s");
  const args = [
    "--repo-root",
    data.repoRoot,
    "--plot-format",
    "svg",
    "--progress",
    "--output-dir",
    data.root,
  ];
  const { code, error } = await deno(["-P", "scripts/hs27_lel.ts", ...args]);
  assertEquals(code, 0);
  const lines = error.trimEnd().split("\n");
  assertEquals(lines.length, 5);
  lines.forEach((line, i) => assertMatch(line, new RegExp(`\\b${i + 1} of 5 (folds )?done\\b.*: \\d`)));
});

Deno.test("a kill in mid-write leaves the old file or the new one, never half of one", async () => {
  const folder = await Deno.makeTempDir(), file = join(folder, "result.bin");
  // A process that overwrites one file again and again, each time with 4 MB of one digit.
  const code = `
    import { writeFileAtomic } from "${new URL("../../lib/io/atomic_write.ts", import.meta.url)}";
    for (let i = 0;; i = (i + 1) % 10) await writeFileAtomic(${
    JSON.stringify(file)
  }, String(i).repeat(4e6));`;
  const script = join(folder, "writer.ts");
  await Deno.writeTextFile(script, code);
  try {
    for (const afterMs of [0, 3, 11, 24]) {
      const config = join(repository, "deno.json");
      const writer = new Deno.Command(Deno.execPath(), {
        args: ["run", "-q", "-c", config, "--allow-all", script],
        stdout: "null",
        stderr: "null",
      }).spawn();
      for (let waits = 0; waits < 400; waits++) { // until it writes
        if (await Deno.stat(file).then(({ size }) => size > 0, () => false)) break;
        await new Promise((resolve) => setTimeout(resolve, 25));
      }
      await new Promise((resolve) => setTimeout(resolve, afterMs));
      writer.kill("SIGKILL");
      await writer.status;
      const text = await Deno.readTextFile(file);
      assertEquals(text, text[0].repeat(4e6));
      await Deno.remove(file);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
