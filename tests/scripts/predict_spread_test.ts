/** predict.ts over several results, and the spread of its models. */
import { assert, assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { DataError, UsageError } from "../../lib/cli/errors.ts";
import { readParquetFrame } from "../../lib/io/parquet.ts";
import { main as baselines } from "../../scripts/baselines.ts";
import { main as predict } from "../../scripts/predict.ts";
import { captured } from "../support/captured_log.ts";
import { type OwnScreen, writeOwnScreen } from "../support/own_screen.ts";
import { inFolder } from "../support/temporary_folder.ts";

interface Setting {
  readonly screen: OwnScreen;
  /** Result folders of the nearest neighbours with seeds 1 and 2. */
  readonly seeds: string[];
  /** Run predict.ts. @returns what it wrote, and its lines */
  run(...flags: string[]): Promise<{ values: Float32Array; spread: Float32Array | null; lines: string[] }>;
}

/** Two results that differ in the seed of their folds. */
function withTwoSeeds(body: (setting: Setting) => Promise<void>): Promise<void> {
  return inFolder(async (folder) => {
    const screen = await writeOwnScreen(folder), output = join(folder, "new tfs.parquet");
    for (const seed of ["1", "2"]) {
      await captured(() =>
        baselines([
          ...[
            "--targets",
            screen.targets,
            "--embeddings",
            screen.embeddings,
            "--models",
            "nearest",
            "--k",
            "2",
          ],
          ...["--output-dir", join(folder, seed), "--seed", seed, "--save-model", "--plot-format", "svg"],
        ])
      );
    }
    await body({
      screen,
      seeds: ["1", "2"].map((seed) => join(folder, seed, "baseline_nearest")),
      async run(...flags) {
        const usual = ["--embeddings", screen.embeddings, "--output", output];
        const { lines } = await captured(() => predict([...usual, ...flags]));
        const data = async (path: string) => (await readParquetFrame(path)).values.data;
        const spread = flags.includes("--spread") ? await data(join(folder, "new tfs_spread.parquet")) : null;
        return { values: await data(output), spread, lines };
      },
    });
  });
}

/** Mean and standard deviation (n - 1) of each cell over some tables. */
function assertMoments(
  { values, spread }: { values: Float32Array; spread: Float32Array | null },
  tables: Float32Array[],
): void {
  const n = tables.length;
  values.forEach((value, at) => {
    const mean = tables.reduce((sum, table) => sum + table[at], 0) / n;
    const squares = tables.reduce((sum, table) => sum + (table[at] - mean) ** 2, 0);
    assertAlmostEquals(value, mean, 1e-6); // float32, below 1
    assertAlmostEquals(spread![at], Math.sqrt(squares / (n - 1)), 1e-6);
  });
}

Deno.test("--spread is the standard deviation over folds, and over all folds of several results", () =>
  withTwoSeeds(async ({ seeds, run }) => {
    const tables: Float32Array[] = [];
    for (const result of seeds) {
      for (const fold of ["0", "1", "2", "3", "4"]) {
        tables.push((await run("--result", result, "--fold", fold)).values);
      }
    }
    const one = await run("--result", seeds[0], "--spread");
    assertMoments(one, tables.slice(0, 5));
    const both = await run("--result", seeds[0], "--result", seeds[1], "--spread");
    assertMoments(both, tables);
    assertEquals(both.lines.filter((line) => line.includes("were in the training data")).length, 1);
    const stale = await run("--result", seeds[0]);
    assert(stale.lines.some((line) => line.includes("is of an earlier run, not of these predictions")));
    assert(/spread over 10 models .*new tfs_spread\.parquet$/.test(both.lines.at(-1)!), both.lines.at(-1));
  }));

Deno.test("--held-out --spread over two seeds takes of each the fold that held a TF out", () =>
  withTwoSeeds(async ({ seeds, run }) => {
    const alone = [];
    for (const result of seeds) alone.push((await run("--result", result, "--held-out")).values);
    assertMoments(await run("--result", ...seeds, "--held-out", "--spread"), alone);
  }));

Deno.test("--spread needs two models, and results that go together", () =>
  withTwoSeeds(async ({ screen, seeds, run }) => {
    const refused = async (kind: typeof DataError | typeof UsageError, words: string, ...flags: string[]) => {
      await captured(() => assertRejects(() => run(...flags), kind, words));
    };
    const [first] = seeds;
    await refused(UsageError, "where one model predicts", "--result", first, "--held-out", "--spread");
    await refused(UsageError, "where one model predicts", "--result", first, "--fold", "1", "--spread");
    await refused(UsageError, "twice", "--result", first, `${first}/`);
    const other = (...flags: string[]) =>
      captured(() =>
        baselines([
          ...[
            "--targets",
            screen.targets,
            "--embeddings",
            screen.embeddings,
            "--save-model",
            "--plot-format",
            "svg",
          ],
          ...["--output-dir", join(first, "..", "other"), ...flags],
        ])
      );
    const place = (name: string) => join(first, "..", "other", `baseline_${name}`);
    await other("--models", "kernel-ridge");
    await refused(DataError, 'kinds "nearest" and "kernel_ridge"', "--result", first, place("kernel_ridge"));
    await other("--models", "nearest", "--n-top-genes", "9");
    await refused(DataError, "they predict 50 and 9 genes", "--result", first, place("nearest"));
  }));

Deno.test("predict.ts refuses a copy of a result, another model of the kind, and results of other targets", () =>
  withTwoSeeds(async ({ screen, seeds: [first], run }) => {
    const folder = join(first, "..", ".."), copy = join(folder, "copy");
    await Deno.mkdir(copy);
    for await (const { name, isFile } of Deno.readDir(first)) {
      if (isFile) await Deno.copyFile(join(first, name), join(copy, name));
    }
    await Deno.mkdir(join(copy, "model"));
    for await (const { name } of Deno.readDir(join(first, "model"))) {
      await Deno.copyFile(join(first, "model", name), join(copy, "model", name));
    }
    await assertRejects(() => run("--result", first, copy), UsageError, "it is the run of");

    const train = (name: string, targets: string, ...flags: string[]) =>
      captured(() =>
        baselines([
          ...["--targets", targets, "--embeddings", screen.embeddings, "--output-dir", join(folder, name)],
          ...["--save-model", "--plot-format", "svg", ...flags],
        ])
      );
    await train("kernels", screen.targets, "--models", "kernel-ridge", "shuffled");
    const kernels = ["baseline_kernel_ridge", "baseline_shuffled"].map((name) =>
      join(folder, "kernels", name)
    );
    await assertRejects(() => run("--result", ...kernels), DataError, "is of the type");

    const negated = join(folder, "negated.csv"),
      { index, columns, values } = await readParquetFrame(screen.parquet);
    const lines = index.map((id, row) =>
      [id, ...Array.from(columns, (_, j) => -values.data[row * columns.length + j])].join(",")
    );
    await Deno.writeTextFile(negated, [["gene_id", ...columns].join(","), ...lines, ""].join("\n"));
    await train("negated", negated, "--models", "nearest", "--k", "2");
    const other = join(folder, "negated", "baseline_nearest");
    await assertRejects(() => run("--result", first, other), DataError, "other targets");

    await train("wider", screen.targets, "--models", "nearest", "--k", "3");
    const { lines: said } = await run("--result", first, join(folder, "wider", "baseline_nearest"));
    assert(said.some((line) => line.includes("other settings: --k 2 and 3")), said.join("\n"));
  }));

Deno.test("predict.ts writes neither over its inputs nor into a result", () =>
  withTwoSeeds(async ({ screen, seeds: [first], run }) => {
    const usual = ["--result", first, "--embeddings", screen.embeddings];
    await assertRejects(
      () => run(...usual, "--output", screen.embeddings),
      UsageError,
      "take the place of an input",
    );
    const inside = join(first, "predictions_baseline_nearest.parquet");
    await assertRejects(() => run(...usual, "--output", inside), UsageError, "is a result");
  }));
