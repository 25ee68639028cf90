/** Every model on a user's own screen: a table of symbols, a FASTA, embeddings with ids; no folder of fixed names. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { readCsvTable } from "../../lib/io/csv.ts";
import { readNpyMatrix, readNpyStrings } from "../../lib/io/npy.ts";
import { readParquetFrame } from "../../lib/io/parquet.ts";
import { main as knn } from "../../examples/knn.ts";
import { main as concat } from "../../scripts/concat_gene_tf_mlp.ts";
import { main as xgboost } from "../../scripts/hs27_xgboost.ts";
import { main as lel } from "../../scripts/hs27_lel.ts";
import { main as hyena } from "../../scripts/hs_27_mlp_hyena.ts";
import { main as nt } from "../../scripts/hs_27_mlp_nt.ts";
import { main as lelEmbed } from "../../scripts/lel_embed.ts";
import { main as fineTune } from "../../scripts/nt_v2_ia3_regression.ts";
import { main as predict } from "../../scripts/predict.ts";
import { captured } from "../support/captured_log.ts";
import { golden } from "../support/golden.ts";
import { type OwnScreen, writeOwnScreen } from "../support/own_screen.ts";
import { inFolder } from "../support/temporary_folder.ts";

const network = ["--device", "cpu", "--hidden-dims", "8", "--epochs", "3"];
const tfs = ({ embeddings }: OwnScreen) => ["--embeddings", embeddings];
const both = (screen: OwnScreen) => [...tfs(screen), "--gene-embeddings", screen.geneEmbeddings];

interface Model {
  readonly main: (args: string[]) => Promise<void>;
  readonly name: string;
  readonly stem: string;
  readonly flags: (screen: OwnScreen) => string[];
  /** Input of predict.ts. */
  readonly input: (screen: OwnScreen) => string[];
}
const model = golden("deep/nt_tiny");
const models: Model[] = [
  {
    main: lel,
    name: "linear_pca",
    stem: "linear_pca",
    flags: () => [],
    input: ({ symbols }) => ["--ids", symbols.join()],
  },
  { main: lelEmbed, name: "linear_nt_embed", stem: "linear_nt_embed", flags: both, input: tfs },
  {
    main: xgboost,
    name: "xgboost_hyena",
    stem: "xgboost_hyena",
    flags: (screen) => [...tfs(screen), "--n-estimators", "5"],
    input: tfs,
  },
  { main: nt, name: "mlp_nt", stem: "mlp_nt", flags: (screen) => [...tfs(screen), ...network], input: tfs },
  {
    main: hyena,
    name: "mlp_hyena",
    stem: "mlp_hyena",
    flags: (screen) => [...tfs(screen), ...network],
    input: tfs,
  },
  {
    main: concat,
    name: "concat_mlp",
    stem: "concat_mlp_cv",
    flags: (screen) => [...both(screen), ...network],
    input: tfs,
  },
  {
    main: knn,
    name: "knn",
    stem: "knn",
    flags: tfs,
    input: (
      screen,
    ) => [...tfs(screen), "--model-code", fromFileUrl(import.meta.resolve("../../examples/knn.ts"))],
  },
];
if (model !== null) {
  models.push({
    main: fineTune,
    name: "nt_ia3",
    stem: "nt_ia3_cv",
    flags: ({ fasta }) => ["--sequences", fasta, "--model", model, "--num-epochs", "1", "--device", "cpu"],
    input: ({ fasta }) => ["--sequences", fasta],
  });
}

for (const { main, name, stem, flags, input } of models) {
  Deno.test(`${name} runs on a user's own screen, and predict.ts repeats its held-out predictions`, () =>
    inFolder(async (folder) => {
      const screen = await writeOwnScreen(folder), out = join(folder, "my results"), result = join(out, name);
      const usual = ["--output-dir", out, "--plot-format", "svg", "--save-model", "--bootstrap", "20"];
      const own = name === "nt_ia3" ? usual.filter((flag) => flag !== "--save-model") : usual;
      const { lines } = await captured(() => main(["--targets", screen.targets, ...own, ...flags(screen)]));
      const interval = "\\d\\.\\d{4} \\(95% \\d\\.\\d{4} to \\d\\.\\d{4}\\)";
      assertMatch(
        lines.at(-1)!,
        new RegExp(`^\\[result\\] Mean Pearson r .*; error ${interval} of the baseline's; in `),
      );
      assertEquals(lines.filter((line) => line.startsWith("[warn]")), []);

      const frame = await readParquetFrame(join(result, `predictions_${stem}.parquet`));
      const baseline = await readParquetFrame(join(result, `baseline_${stem}.parquet`));
      assertEquals([...frame.index].sort(), [...screen.symbols].sort());
      assertEquals([baseline.index, frame.columns], [frame.index, screen.genes]);
      const { header, rows } = await readCsvTable(join(result, "metrics_per_perturbation.csv"));
      assertEquals(rows.map(([id]) => id), frame.index);
      assertEquals(header.slice(-3), ["error_ratio", "n_cells", "fold"]);
      const { evaluation, provenance } = JSON.parse(await Deno.readTextFile(join(result, "summary.json")));
      assertEquals([evaluation.n_perturbations, evaluation.n_genes], [30, 50]);
      for (
        const metric of [
          "pearson",
          "rmse",
          "mae",
          "mse",
          "l2",
          "centered_rmse",
          "centered_mae",
          "centered_mse",
        ]
      ) {
        assert(
          Number.isFinite(evaluation.metrics[metric]) && Number.isFinite(evaluation.baseline[metric]),
          metric,
        );
      }
      assertEquals([provenance.inputs[0].path, provenance.inputs[0].sha256.length], [screen.targets, 64]);
      assertEquals(provenance.flags.targets, screen.targets);

      const output = join(folder, "again.parquet");
      await captured(() => predict(["--result", result, "--held-out", "--output", output, ...input(screen)]));
      const again = await readParquetFrame(output);
      frame.index.forEach((id, i) => {
        const row = again.index.indexOf(id);
        for (let j = 0; j < 50; j++) {
          const difference = Math.abs(again.values.data[row * 50 + j] - frame.values.data[i * 50 + j]);
          assert(difference < 1e-6, `${id}: ${difference}`);
        }
      });
    }));
}

Deno.test("CSV, Parquet and tables of ids in other orders give the same result of hs27_lel.ts", () =>
  inFolder(async (folder) => {
    const screen = await writeOwnScreen(folder);
    const means = [];
    for (const targets of [screen.targets, screen.parquet]) {
      await captured(() => lel(["--targets", targets, "--output-dir", folder, "--plot-format", "svg"]));
      means.push(JSON.parse(await Deno.readTextFile(join(folder, "linear_pca", "summary.json"))).metrics);
    }
    assertEquals(means[0], means[1]);
  }));

Deno.test("--predictions-format writes CSV or .npy beside Parquet, --json the summary alone on standard output", () =>
  inFolder(async (folder) => {
    const screen = await writeOwnScreen(folder), at = (name: string) => join(folder, "linear_pca", name);
    const run = (...flags: string[]) =>
      captured(() =>
        lel(["--targets", screen.targets, "--output-dir", folder, "--plot-format", "svg", ...flags])
      );
    await run("--predictions-format", "npy");
    const { values, index } = await readParquetFrame(at("predictions_linear_pca.parquet"));
    assertEquals((await readNpyMatrix(at("predictions_linear_pca.npy"))).data, values.data);
    assertEquals(await readNpyStrings(at("predictions_linear_pca_ids.npy")), index);
    await run("--predictions-format", "csv");
    assertEquals((await readCsvTable(at("predictions_linear_pca.csv"))).rows.map(([id]) => id), index);
    // What the run before left and this one did not write is gone.
    await Deno.stat(at("predictions_linear_pca.npy")).then(() => assert(false), () => {});
  }));

Deno.test("results of other data are kept as .bak, and a result is one run", () =>
  inFolder(async (folder) => {
    const screen = await writeOwnScreen(folder), at = (name: string) => join(folder, name);
    const run = (targets: string) =>
      captured(() =>
        lel(["--targets", targets, "--output-dir", folder, "--plot-format", "svg", "--save-model"])
      );
    await run(screen.targets);
    await Deno.writeTextFile(at("linear_pca/notes.txt"), "mine");
    await run(screen.targets);
    assertEquals(await Deno.readTextFile(at("linear_pca/notes.txt")), "mine");
    const { lines } = await run(screen.parquet);
    assert(
      lines.some((line) => line.includes(`is of other data: kept as "${at("linear_pca.bak")}"`)),
      lines.join("\n"),
    );
    assertEquals(await Deno.readTextFile(at("linear_pca.bak/notes.txt")), "mine");
    const left = [...Deno.readDirSync(folder)].map(({ name }) => name).filter((name) => name.startsWith("."));
    assertEquals(left, []);
  }));
