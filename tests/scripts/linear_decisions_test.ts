/** Where the linear scripts do otherwise than the Python did, and what the Python did not have. */
import { assert, assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { DataError } from "../../lib/cli/errors.ts";
import { readSplitsFile } from "../../lib/dataset/splits_file.ts";
import { readCsvTable, readNumericCsv } from "../../lib/io/csv.ts";
import { readNpyMatrix, readNpyStrings } from "../../lib/io/npy.ts";
import { readParquetFrame } from "../../lib/io/parquet.ts";
import { writeParquetFrame } from "../../lib/io/parquet_frame.ts";
import { openSavedModel, readSavedFold } from "../../lib/experiment/saved_model.ts";
import { linearNtEmbed } from "../../lib/models/linear_nt_embed.ts";
import { linearPca } from "../../lib/models/linear_pca.ts";
import { main as lelEmbed } from "../../scripts/lel_embed.ts";
import { main as hs27Lel } from "../../scripts/hs27_lel.ts";
import { captured } from "../support/captured_log.ts";
import { DatasetCopy } from "../support/dataset_copy.ts";
import { golden, testWith } from "../support/golden.ts";
import { pythonJson } from "../support/golden_runs.ts";

/** Run a script on a repo root, results in a folder that is removed afterwards. */
async function run<T>(
  main: typeof hs27Lel,
  repoRoot: string,
  flags: string[],
  look: (folder: string, lines: string[]) => Promise<T>,
): Promise<T> {
  const results = await Deno.makeTempDir();
  try {
    const { lines } = await captured(() =>
      main(["--repo-root", repoRoot, "--output-dir", results, "--plot-format", "svg", ...flags])
    );
    return await look(join(results, main === hs27Lel ? "linear_pca" : "linear_nt_embed"), lines);
  } finally {
    await Deno.remove(results, { recursive: true });
  }
}

const summaryOf = (folder: string) => pythonJson(join(folder, "summary.json"));
const predictionsOf = async (main: typeof hs27Lel, repoRoot: string, flags: string[] = []) =>
  await run(
    main,
    repoRoot,
    flags,
    (folder) =>
      readParquetFrame(
        join(folder, `predictions_${main === hs27Lel ? "linear_pca" : "linear_nt_embed"}.parquet`),
      ),
  );

testWith(
  golden("classical/datasets/c"),
  "missing values: the PCA script fills them where the Python stopped",
  (data) =>
    run(hs27Lel, join(data, "data"), [], async (folder, lines) => {
      const summary = await summaryOf(folder);
      assertEquals(summary.missing_values_filled, 274);
      assertEquals(summary.perturbations_without_values, 1);
      assert(lines.some((line) => line.includes("Filled 274 missing values with gene means over all rows")));
      assert(lines.some((line) => /\[warn\] 1 of 48 perturbations have no value/.test(line)));
      assert(summary.metrics.centered_pearson_mean > 0.1);
    }),
);

for (const name of ["c_nan", "c_nan_top_30"]) {
  // The Python's 30 top genes were those with missing values, by accident: they are named here, so that all else is compared.
  const flags = name === "c_nan" ? [] : ["--bootstrap", "20"];
  testWith(
    golden(`classical/lel_embed/${name}`),
    `missing values: lel_embed ${name} predicts what the Python did, and a perturbation without values has no part in the means`,
    async (expected) => {
      const index = await Deno.makeTempFile(), splits = `${index}.pkl`;
      const { columns }: { columns: string[] } = await pythonJson(join(expected, "index.json"));
      await Deno.writeTextFile(index, columns.join("\n"));
      const all = [...flags, "--gene-index", index, "--cv-splits-file", splits];
      await run(lelEmbed, join(golden("classical/datasets/c")!, "data"), all, async (folder) => {
        const frame = await readParquetFrame(join(folder, "predictions_linear_nt_embed.parquet"));
        assertEquals(frame.columns, (await pythonJson(join(expected, "index.json"))).columns);
        const predictions = await readNpyMatrix(join(expected, "preds.npy"));
        frame.values.data.forEach((value, i) => assertAlmostEquals(value, predictions.data[i], 1e-5));
        const [ours, theirs] = [await summaryOf(folder), await summaryOf(expected)];
        // The Python counted the empty profile as r = 0, in 48; its other metrics left it out.
        const { centered_pearson_mean: r, ...others } = ours.metrics;
        assertAlmostEquals(r, theirs.metrics.centered_pearson_mean * 48 / 47, 1e-6);
        for (const [key, value] of Object.entries(others)) {
          assertAlmostEquals(value as number, theirs.metrics[key], 1e-6);
        }
        const { rows } = await readCsvTable(join(folder, "metrics_per_perturbation.csv"));
        assertEquals(rows[47].slice(0, 7), ["C15orf125740", "", "", "", "", "", ""]);
      });
      await Promise.all([index, splits].map((path) => Deno.remove(path)));
    },
  );
}

testWith(
  golden("classical/lel_embed/e_mixed_ids"),
  "perturbations named by Ensembl id are found among the NT embeddings, which the Python dropped",
  () =>
    run(lelEmbed, join(golden("classical/datasets/e")!, "data"), [], async (folder) => {
      const summary = await summaryOf(folder);
      assertEquals([summary.P, summary.dropped_perturbations], [60, 0]);
    }),
);

Deno.test("--strict fills from training rows, so that held-out values do not leak into predictions", async () => {
  await using data = await DatasetCopy.of("u");
  const splits = data.path("data/artifacts/cv_splits_5fold_42.pkl"), flags = ["--cv-splits-file", splits];
  const held = (await readSplitsFile(splits))!.folds[0].test[0];
  const before = {
    strict: await predictionsOf(lelEmbed, data.repoRoot, [...flags, "--strict"]),
    usual: await predictionsOf(lelEmbed, data.repoRoot, flags),
  };
  // Blow up one held-out profile: only what is learned from its row may change the predictions for its fold.
  await data.edit("data/artifacts/targets_377_overlap.csv", (text) => {
    const lines = text.split("\n"), cells = lines[held + 1].split(",");
    lines[held + 1] = cells.map((cell, i) => i === 0 || cell === "" || cell === "nan" ? cell : "5").join(",");
    return lines.join("\n");
  });
  const after = {
    strict: await predictionsOf(lelEmbed, data.repoRoot, [...flags, "--strict"]),
    usual: await predictionsOf(lelEmbed, data.repoRoot, flags),
  };
  const profile = (
    { values }: typeof before.strict,
  ) => [...values.data.subarray(held * values.columns, (held + 1) * values.columns)];
  assertEquals(profile(after.strict), profile(before.strict));
  assert(profile(after.usual).some((value, i) => value !== profile(before.usual)[i]));
});

Deno.test("--strict chooses top genes in each fold: predictions hold the union, empty where a fold lacks a gene", async () => {
  await using data = await DatasetCopy.of("s");
  for (const main of [hs27Lel, lelEmbed]) {
    const { values, columns } = await predictionsOf(main, data.repoRoot, ["--strict", "--n-top-genes", "20"]);
    assert(columns.length > 20, `${columns.length}`);
    for (let i = 0; i < values.rows; i++) {
      const profile = values.data.subarray(i * values.columns, (i + 1) * values.columns);
      assertEquals(profile.filter(Number.isFinite).length, 20);
    }
  }
});

Deno.test("a repeated perturbation keeps its first row, with a warning that counts", async () => {
  await using data = await DatasetCopy.of("s");
  const plain = await predictionsOf(hs27Lel, data.repoRoot);
  await data.edit("data/artifacts/targets_377_overlap.csv", (text) => {
    const lines = text.trimEnd().split("\n");
    return [...lines, lines[1].replaceAll(/-?\d+\.\d+/g, "0.9")].join("\n") + "\n";
  });
  await run(hs27Lel, data.repoRoot, [], async (folder, lines) => {
    const frame = await readParquetFrame(join(folder, "predictions_linear_pca.parquet"));
    assertEquals(frame.index, plain.index);
    assertEquals([...frame.values.data], [...plain.values.data]);
    assert(lines.some((line) => line.startsWith("[warn] Left out 1 row of repeated perturbations")));
  });
});

Deno.test("targets as Parquet give the predictions of the csv", async () => {
  await using data = await DatasetCopy.of("s");
  const table = await readNumericCsv(data.targets, { labels: 1 });
  const path = data.path("targets.parquet");
  await writeParquetFrame(path, {
    index: Object.values(table.labels)[0],
    columns: table.columns,
    values: table.values,
  });
  for (const main of [hs27Lel, lelEmbed]) {
    const [csv, parquet] = [
      await predictionsOf(main, data.repoRoot),
      await predictionsOf(main, data.repoRoot, ["--targets-path", path]),
    ];
    assertEquals([...parquet.values.data], [...csv.values.data]);
    assertEquals(parquet.index, csv.index);
  }
});

Deno.test("folds that we saved are found by id when rows are in another order, and by gene id where symbols differ", async () => {
  await using data = await DatasetCopy.of("s");
  const splits = data.path("ours.pkl"), flags = ["--cv-splits-file", splits, "--seed", "3"];
  const first = await predictionsOf(hs27Lel, data.repoRoot, flags);
  const symbolToId = new Map<string, string>();
  for (const [symbol, id] of (await readCsvTable(data.path("data/tf_sequences.csv"))).rows) {
    symbolToId.set(symbol, id);
  }
  await data.edit("data/artifacts/targets_377_overlap.csv", (text) => {
    const [header, ...lines] = text.trimEnd().split("\n");
    const renamed = lines.map((line) => line.replace(/^[^,]*/, (symbol) => symbolToId.get(symbol) ?? symbol));
    return [header, ...renamed.reverse()].join("\n") + "\n";
  });
  const second = await predictionsOf(hs27Lel, data.repoRoot, flags.slice(0, 2)); // seed 42: only the file can tell the folds
  const rowOf = new Map(second.index.map((id, row) => [id, row]));
  first.index.forEach((symbol, i) => {
    const j = rowOf.get(symbolToId.get(symbol)!)!;
    for (let g = 0; g < first.columns.length; g++) {
      const [a, b] = [
        first.values.data[i * first.columns.length + g],
        second.values.data[j * first.columns.length + g],
      ];
      assertAlmostEquals(a, b, 1e-6);
    }
  });
});

Deno.test("a splits file of the Python is used with a warning that it names no perturbations", async () => {
  await using data = await DatasetCopy.of("s");
  const flags = ["--cv-splits-file", data.path("data/artifacts/cv_splits_5fold_42.pkl")];
  await run(hs27Lel, data.repoRoot, flags, (_, lines) => {
    assert(lines.some((line) => line.startsWith("[warn] The splits file does not name its perturbations")));
    return Promise.resolve();
  });
});

Deno.test("the summary gives the mean baseline beside every mean metric", async () => {
  await using data = await DatasetCopy.of("s");
  await run(hs27Lel, data.repoRoot, ["--max-genes", "1"], async (folder) => {
    // One gene maps fewer than two perturbations: the model is the mean of the training rows, and so is the baseline.
    const { metrics, mean_baseline } = await summaryOf(folder);
    assertEquals(Object.keys(mean_baseline), Object.keys(metrics));
    assertAlmostEquals(mean_baseline.raw_mse_mean, metrics.raw_mse_mean, 1e-7);
  });
});

Deno.test("--save-model keeps what reproduces the held-out predictions", async () => {
  await using data = await DatasetCopy.of("s");
  for (const main of [hs27Lel, lelEmbed]) {
    await run(main, data.repoRoot, ["--save-model"], async (folder) => {
      const name = main === hs27Lel ? "linear_pca" : "linear_nt_embed";
      const frame = await readParquetFrame(join(folder, `predictions_${name}.parquet`));
      const model = await openSavedModel(folder);
      assertEquals([model.kind, model.folds.length], [name, 5]);
      const ids = new Map(
        (await readCsvTable(data.path("data/tf_sequences.csv"))).rows.map(([symbol, id]) => [symbol, id]),
      );
      const vectors = await readNpyMatrix(data.path("NT-v2-50M/NTv2_50m_tf_embeddings.npy"));
      const ntIds = await readNpyStrings(data.path("NT-v2-50M/NTv2_50m_tf_ids.npy"));
      for (const fold of model.folds) {
        const tensors = await readSavedFold(model, fold, main === hs27Lel ? linearPca : linearNtEmbed),
          at = (key: string) => tensors.get(key)!;
        const width = at("coefficients").shape[1];
        for (const id of fold.test) {
          const gene = model.genes.indexOf(ids.get(id)!), row = ntIds.indexOf(ids.get(id)!);
          const x = main === hs27Lel
            ? gene < 0
              ? new Float32Array(width)
              : at("gene_embeddings").data.subarray(gene * width, (gene + 1) * width)
            : vectors.data.subarray(row * width, (row + 1) * width);
          const predicted = frame.values.data.subarray(frame.index.indexOf(id) * model.genes.length);
          model.genes.forEach((_, g) => {
            let value = at("intercept").data[g];
            for (let c = 0; c < width; c++) value += at("coefficients").data[g * width + c] * x[c];
            assertAlmostEquals(value, predicted[g], 1e-5);
          });
        }
      }
    });
  }
});

Deno.test("--data-dir, --repo-root of old, takes the folder that holds artifacts/ or its parent", async () => {
  await using data = await DatasetCopy.of("s");
  const summaries = [];
  for (const flag of ["--repo-root", "--data-dir"]) {
    for (const root of [data.root, data.repoRoot]) {
      const results = join(data.root, "out");
      const { lines } = await captured(() =>
        hs27Lel([flag, root, "--plot-format", "svg", "--output-dir", results])
      );
      assertEquals(lines[0], `[info] Results go to ${join(results, "linear_pca")}`);
      summaries.push(await summaryOf(join(results, "linear_pca")));
    }
  }
  for (const { metrics } of summaries) assertEquals(metrics, summaries[0].metrics);
});

Deno.test("--ntv2-dir is also looked for under the repo root and its parent", async () => {
  await using data = await DatasetCopy.of("s");
  for (const root of [data.root, data.repoRoot]) {
    const flags = [
      "--repo-root",
      root,
      "--plot-format",
      "svg",
      "--ntv2-dir",
      "NT-v2-50M",
      "--output-dir",
      data.path("out"),
    ];
    const { lines } = await captured(() => lelEmbed(flags));
    assert(lines.some((line) => line.startsWith("[info] Gene embeddings")));
  }
});

Deno.test("paths that are given one by one need no folder named artifacts", async () => {
  await using data = await DatasetCopy.of("s");
  const artifacts = data.path("elsewhere");
  await Deno.rename(data.path("data/artifacts"), artifacts);
  const flags = [
    ...["--repo-root", data.root, "--targets-path", join(artifacts, "targets_377_overlap.csv")],
    ...[
      "--gene-index",
      join(artifacts, "gene_index.txt"),
      "--tf-seq-csv",
      data.path("data/tf_sequences.csv"),
    ],
  ];
  const { lines } = await captured(() =>
    hs27Lel([...flags, "--plot-format", "svg", "--output-dir", data.path("out")])
  );
  assert(lines.includes("[info] Loaded targets: 48 perturbations × 110 genes."));
});

Deno.test("without tf_sequences.csv symbols match no gene id, and the linear scripts say what translates them", async () => {
  await using data = await DatasetCopy.of("s");
  await Deno.remove(data.path("data/tf_sequences.csv"));
  const flags = ["--repo-root", data.repoRoot, "--plot-format", "svg", "--output-dir", data.path("out")];
  for (const main of [hs27Lel, lelEmbed]) {
    await assertRejects(() => captured(() => main(flags)), DataError, "translates (--tf-seq-csv)");
  }
});

Deno.test("an infinite target is filled like a missing one, and counts in no metric", async () => {
  await using data = await DatasetCopy.of("s");
  await data.edit("data/artifacts/targets_377_overlap.csv", (text) => {
    const lines = text.split("\n"), cells = lines[3].split(",");
    cells[5] = "inf";
    lines[3] = cells.join(",");
    return lines.join("\n");
  });
  for (const main of [hs27Lel, lelEmbed]) {
    await run(main, data.repoRoot, [], async (folder) => {
      const summary = await summaryOf(folder);
      assertEquals(summary.missing_values_filled, 1);
      assert(Number.isFinite(summary.metrics.raw_mse_mean) && summary.metrics.raw_mse_mean < 1);
    });
  }
});
