/** predict.ts on the result of every script: what the script itself predicted for its held-out rows. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { basename, join } from "@std/path";
import { DataError, UsageError } from "../../lib/cli/errors.ts";
import { readCsvTable } from "../../lib/io/csv.ts";
import { encodeNpy, readNpyMatrix, readNpyStrings } from "../../lib/io/npy.ts";
import { readParquetFrame } from "../../lib/io/parquet.ts";
import { readIdList } from "../../lib/io/id_list.ts";
import { readTfSequences } from "../../lib/dataset/tf_sequences.ts";
import { perturbationNames } from "../../lib/prediction/names.ts";
import { openSavedModel } from "../../lib/experiment/saved_model.ts";
import { main as concat } from "../../scripts/concat_gene_tf_mlp.ts";
import { main as linearPca } from "../../scripts/hs27_lel.ts";
import { main as hyena } from "../../scripts/hs_27_mlp_hyena.ts";
import { main as nt } from "../../scripts/hs_27_mlp_nt.ts";
import { main as xgboost } from "../../scripts/hs27_xgboost.ts";
import { main as inference } from "../../scripts/inference.ts";
import { main as linearNt } from "../../scripts/lel_embed.ts";
import { main as predict } from "../../scripts/predict.ts";
import { linesPrinted } from "../support/captured_log.ts";
import { golden } from "../support/golden.ts";
import { inFolder } from "../support/temporary_folder.ts";

const data = golden("synthetic/datasets/s")!;
const ntVectors = join(data, "NT-v2-50M", "NTv2_50m_tf_embeddings.npy");
const ntIds = join(data, "NT-v2-50M", "NTv2_50m_tf_ids.npy");
const hyenaVectors = join(data, "HyenaDNA_outputs", "hyenadna_tf_embeddings_mean.npy");
const hyenaIds = join(data, "HyenaDNA_outputs", "hyenadna_tf_gene_index.txt");
const tfSequences = join(data, "data", "tf_sequences.csv");

const names = await readTfSequences(tfSequences);
const namesOf = perturbationNames(names);

interface Trained {
  main: (args: string[]) => Promise<void>;
  /** Flags of the training script. */
  flags: string[];
  model: string;
  predictions?: string;
  /** Flags of predict.ts that give the inputs of all perturbations. */
  inputs: (ids: readonly string[]) => string[];
  /** Rounding of stored coefficients; predictions are of size 0.1. */
  tolerance: number;
}

const network = ["--data-dir", data, "--device", "cpu", "--hidden-dims", "16", "8", "--epochs", "4"];
const onNt = () => ["--embeddings", ntVectors, "--ids", ntIds];
const onHyena = () => ["--embeddings", hyenaVectors, "--ids", hyenaIds];
const trained: Record<string, Trained> = {
  "hs27_lel.ts": {
    main: linearPca,
    flags: ["--repo-root", data],
    model: "linear_pca",
    // By gene id, where training had symbols: the model knows both.
    inputs: (ids) => ["--ids", ids.map((id) => names.geneIdsOf(id)[0]).join(",")],
    tolerance: 1e-6,
  },
  "lel_embed.ts": {
    main: linearNt,
    flags: ["--repo-root", data, "--ntv2-dir", join(data, "NT-v2-50M")],
    model: "linear_nt_embed",
    inputs: onNt,
    tolerance: 1e-6,
  },
  "hs27_lel.ts with next to no ridge": {
    main: linearPca,
    flags: ["--repo-root", data, "--lambda-ridge", "1e-12"],
    model: "linear_pca",
    inputs: (ids) => ["--ids", ids.map((id) => names.geneIdsOf(id)[0]).join(",")],
    tolerance: 1e-6,
  },
  // 16 embedding columns, more than the genes: many solutions fit, the shortest is taken.
  "lel_embed.ts without a ridge": {
    main: linearNt,
    flags: [
      ...["--repo-root", data, "--ntv2-dir", join(data, "NT-v2-50M")],
      ...["--lambda-ridge", "0", "--n-top-genes", "5"],
    ],
    model: "linear_nt_embed",
    inputs: onNt,
    tolerance: 1e-6,
  },
  "hs27_xgboost.ts": {
    main: xgboost,
    flags: ["--data-dir", data, "--n-top-genes", "6", "--n-estimators", "8"],
    model: "xgboost_hyena",
    inputs: onHyena,
    tolerance: 0,
  },
  "hs_27_mlp_nt.ts": { main: nt, flags: network, model: "mlp_nt", inputs: onNt, tolerance: 1e-6 },
  "hs_27_mlp_hyena.ts": { main: hyena, flags: network, model: "mlp_hyena", inputs: onHyena, tolerance: 1e-6 },
  "concat_gene_tf_mlp.ts": {
    main: concat,
    flags: [...network, "--n-top-genes", "20"],
    model: "concat_mlp",
    predictions: "concat_mlp_cv",
    inputs: onNt,
    tolerance: 1e-6,
  },
};

for (const [script, { main, flags, model, predictions, inputs, tolerance }] of Object.entries(trained)) {
  Deno.test(`predict.ts --held-out gives the held-out predictions of ${script}`, () =>
    inFolder(async (folder) => {
      const output = ["--output-dir", folder, "--save-model", "--plot-format", "svg"];
      await linesPrinted(() => main([...flags, ...output]));
      const result = join(folder, model);
      const own = await readParquetFrame(join(result, `predictions_${predictions ?? model}.parquet`));
      const frame = join(folder, "predicted.parquet");
      const asked = ["--result", result, "--output", frame, "--device", "cpu", ...inputs(own.index)];
      await linesPrinted(() => predict([...asked, "--held-out"]));

      const predicted = await readParquetFrame(frame);
      assertEquals(predicted.columns, own.columns);
      const rowsOf = (id: string, frame = predicted) => {
        const row = frame.index.findIndex((name) => namesOf(id).includes(name.toUpperCase()));
        assert(row >= 0, `${id} is among the predictions`);
        return frame.values.data.subarray(row * own.columns.length, (row + 1) * own.columns.length);
      };
      let worst = 0;
      own.index.forEach((id, row) =>
        rowsOf(id).forEach((value, gene) => {
          worst = Math.max(worst, Math.abs(value - own.values.data[row * own.columns.length + gene]));
        })
      );
      assert(worst <= tolerance, `off by ${worst}`);

      // One fold alone: its own rows as before, the others otherwise.
      const { folds } = await openSavedModel(result);
      await linesPrinted(() => predict([...asked, "--fold", "1"]));
      const single = await readParquetFrame(frame);
      const equal = (id: string) => {
        const expected = rowsOf(id, own);
        return rowsOf(id, single).every((value, gene) => Math.abs(value - expected[gene]) <= tolerance);
      };
      assert(folds[1].test.every(equal));
      assert(!folds[0].test.every(equal));
    }));
}

for (const script of ["hs27_lel.ts", "lel_embed.ts"]) {
  Deno.test(`predict.ts predicts genes that a strict fold of ${script} did not learn by their training mean`, () =>
    inFolder(async (folder) => {
      const { main, flags, model, inputs } = trained[script];
      const strict = ["--strict", "--n-top-genes", "5", "--save-model", "--plot-format", "svg"];
      await linesPrinted(() => main([...flags, ...strict, "--output-dir", folder]));
      const result = join(folder, model), output = join(folder, "predicted.parquet");
      const own = await readParquetFrame(join(result, `predictions_${model}.parquet`));
      await linesPrinted(() =>
        predict(["--result", result, "--output", output, "--held-out", ...inputs(own.index)])
      );
      const [predicted, baseline] = [
        await readParquetFrame(output),
        await readParquetFrame(join(folder, "predicted_baseline.parquet")),
      ];
      const width = own.columns.length;
      let left = 0;
      own.index.forEach((id, row) => {
        const at = predicted.index.findIndex((name) => namesOf(id).includes(name.toUpperCase()));
        for (let gene = 0; gene < width; gene++) {
          const learned = own.values.data[row * width + gene];
          const expected = Number.isNaN(learned) ? baseline.values.data[at * width + gene] : learned;
          if (Number.isNaN(learned)) left++;
          assert(Math.abs(predicted.values.data[at * width + gene] - expected) < 1e-6, `${id}, gene ${gene}`);
        }
      });
      assert(left > 0);
    }));
}

for (const script of Object.keys(trained)) {
  Deno.test(`predict.ts knows the training rows of ${script} by any of their names`, () =>
    inFolder(async (folder) => {
      const { main, flags, model, inputs } = trained[script];
      await linesPrinted(() =>
        main([...flags, "--output-dir", folder, "--save-model", "--plot-format", "svg"])
      );
      const result = join(folder, model), output = join(folder, "predicted.parquet");
      const { folds } = await openSavedModel(result);
      const ids = folds.flatMap(({ test }) => test);
      const given = inputs(ids), own = given.indexOf("--ids");
      const others = own < 0 ? given : given.toSpliced(own, 2);
      const usual = ["--result", result, "--output", output, "--device", "cpu", ...others];
      const run = (...more: string[]) => linesPrinted(() => predict([...usual, ...more]));
      for (const spell of [(name: string) => name, (name: string) => name.toLowerCase()]) {
        const file = join(folder, "ids.txt");
        const otherwise = (id: string) => spell(names.otherNames(id)[0]);
        const rows = script.startsWith("hs27_lel.ts")
          ? ids
          : given.includes(ntIds)
          ? await readNpyStrings(ntIds)
          : await readIdList(hyenaIds);
        // Gene ids become symbols, symbols gene ids: what the training was not given.
        const spelled = rows.map((id) => script.startsWith("lel_embed.ts") ? spell(id) : otherwise(id));
        await Deno.writeTextFile(file, spelled.join("\n"));
        const count = rows.length, known = ids.length;
        const all = await run("--ids", file);
        assert(
          all.some((line) => line.includes(`${known} perturbations of ${count} were in the training`)),
        );
        const heldOut = await run("--ids", file, "--held-out");
        const strangers = heldOut.filter((line) => line.includes("held out by no fold"));
        assertEquals(strangers.length, count > known ? 1 : 0, strangers.join("\n"));
        if (count > known) assert(strangers[0].includes(`${count - known} perturbation`), strangers[0]);
      }
    }));
}

Deno.test("predict.ts averages the folds, puts the mean baseline beside it and warns of training rows", () =>
  inFolder(async (folder) => {
    const { main, flags, inputs } = trained["hs_27_mlp_nt.ts"];
    await linesPrinted(() =>
      main([...flags, "--output-dir", folder, "--save-model", "--plot-format", "svg"])
    );
    const result = join(folder, "mlp_nt");
    const run = async (name: string, ...more: string[]) => {
      const output = join(folder, name);
      const lines = await linesPrinted(() =>
        predict(["--result", result, "--output", output, "--device", "cpu", ...inputs([]), ...more])
      );
      return { output, lines };
    };
    const folds: Awaited<ReturnType<typeof readParquetFrame>>[] = [];
    for (const fold of ["0", "1", "2", "3", "4"]) {
      folds.push(await readParquetFrame((await run(`${fold}.parquet`, "--fold", fold)).output));
    }
    const { output, lines } = await run("all.csv");
    assert(lines.some((line) => line.includes("were in the training data")), lines.join("\n"));
    const table = await readCsvTable(output);
    assertEquals(table.header, ["gene_id", ...folds[0].columns]);
    const baseline = await readCsvTable(join(folder, "all_baseline.csv"));
    const baselines = await readParquetFrame(join(folder, "2_baseline.parquet"));
    assertEquals(baselines.index, folds[2].index);
    table.rows.forEach(([id, ...cells], row) => {
      assertEquals(id, folds[0].index[row]);
      cells.forEach((cell, gene) => {
        const at = row * cells.length + gene;
        const mean = folds.reduce((sum, { values }) => sum + values.data[at], 0) / 5;
        assert(Math.abs(Number(cell) - mean) < 1e-7, `${id}, gene ${gene}`);
      });
    });
    // As many digits as a float32 has.
    assert(table.rows[0].slice(1).every((cell) => cell.replace(/e.*|^-?0\.0*|\D/g, "").length <= 9));
    // All rows have the same baseline, near that of a fold.
    assertEquals(baseline.rows[0].slice(1), baseline.rows[1].slice(1));
    assert(Math.abs(Number(baseline.rows[0][1]) - baselines.values.data[0]) < 0.05);
  }));

Deno.test("predict.ts embeds sequences with the model that made the training embeddings", () =>
  inFolder(async (folder) => {
    const model = golden("deep/nt_tiny")!;
    const vectors = join(folder, "NTv2_50m_tf_embeddings.npy");
    const embed = ["--pipeline", "ntv2", "--model", model, "--input", tfSequences, "--output", vectors];
    await linesPrinted(() => inference([...embed, "--device", "cpu"]));
    await Deno.copyFile(
      join(folder, "NTv2_50m_tf_embeddings_gene_ids.npy"),
      join(folder, "NTv2_50m_tf_ids.npy"),
    );
    const { main, flags } = trained["hs_27_mlp_nt.ts"];
    const output = ["--output-dir", folder, "--save-model", "--plot-format", "svg"];
    await linesPrinted(() => main([...flags, "--ntv2-dir", folder, ...output]));
    const own = await readParquetFrame(join(folder, "mlp_nt", "predictions_mlp_nt.parquet"));

    const result = ["--result", join(folder, "mlp_nt"), "--held-out", "--device", "cpu"];
    const fromSequences = join(folder, "from_sequences.parquet");
    await linesPrinted(() =>
      predict([...result, "--sequences", tfSequences, "--model", model, "--output", fromSequences])
    );
    const predicted = await readParquetFrame(fromSequences), width = own.columns.length;
    own.index.forEach((id, row) => {
      const at = predicted.index.findIndex((name) => name.toUpperCase() === id.toUpperCase());
      for (let gene = 0; gene < width; gene++) {
        const [a, b] = [predicted.values.data[at * width + gene], own.values.data[row * width + gene]];
        // Embeddings of size 1 are off by 1e-6 where other sequences shared their batch; scaling enlarges that.
        assert(Math.abs(a - b) < 1e-4, `${id}: ${a} and ${b}`);
      }
    });
    // The ids lie beside the vectors under the name that inference.ts gives them.
    await linesPrinted(() =>
      predict([...result, "--embeddings", vectors, "--output", join(folder, "v.parquet")])
    );
    assertEquals((await readParquetFrame(join(folder, "v.parquet"))).index, predicted.index);
  }));

Deno.test("predict.ts finds the ids that lie beside embeddings, or names the places where it looked", () =>
  inFolder(async (folder) => {
    for (const [script, vectors] of [["lel_embed.ts", ntVectors], ["hs27_xgboost.ts", hyenaVectors]]) {
      const { main, flags, model, inputs } = trained[script];
      await linesPrinted(() =>
        main([...flags, "--output-dir", folder, "--save-model", "--plot-format", "svg"])
      );
      const result = ["--result", join(folder, model), "--held-out", "--output"];
      const [given, found] = [join(folder, "given.parquet"), join(folder, "found.parquet")];
      await linesPrinted(() => predict([...result, given, ...inputs([])]));
      await linesPrinted(() => predict([...result, found, "--embeddings", vectors]));
      assertEquals(await Deno.readFile(found), await Deno.readFile(given));

      const alone = join(folder, basename(vectors));
      await Deno.copyFile(vectors, alone);
      const { message } = await assertRejects(
        () => predict([...result, found, "--embeddings", alone]),
        DataError,
        `Cannot find the ids of "${alone}": there is no "${alone.replace(".npy", "_gene_ids.npy")}" or "`,
      );
      assert(message.endsWith(`(--ids names the file)`), message);
    }
  }));

Deno.test("predict.ts lets trees read embeddings with missing values, and no other model", () =>
  inFolder(async (folder) => {
    const { data: values, rows, columns } = await readNpyMatrix(hyenaVectors);
    const vectors = join(folder, "hyenadna_tf_embeddings_mean.npy"), ids = join(folder, basename(hyenaIds));
    const holed = values.map((value, i) => i % 17 === 0 ? NaN : value);
    await Deno.writeFile(vectors, encodeNpy({ shape: [rows, columns], data: holed }));
    await Deno.writeFile(ids, await Deno.readFile(hyenaIds));
    const { main, flags, model } = trained["hs27_xgboost.ts"];
    const output = ["--output-dir", folder, "--save-model", "--plot-format", "svg"];
    await linesPrinted(() => main([...flags, "--hyena-dir", folder, ...output]));
    const frame = join(folder, "predicted.parquet");
    const asked = ["--embeddings", vectors, "--held-out", "--output", frame];
    await linesPrinted(() => predict(["--result", join(folder, model), ...asked]));
    const own = await readParquetFrame(join(folder, model, `predictions_${model}.parquet`));
    const predicted = await readParquetFrame(frame);
    own.index.forEach((id, row) => {
      const at = predicted.index.indexOf(id), width = own.columns.length;
      const profile = ({ values }: typeof own, i: number) => values.data.subarray(i * width, (i + 1) * width);
      assertEquals(profile(predicted, at), profile(own, row));
    });

    const { main: mlp, flags: mlpFlags } = trained["hs_27_mlp_hyena.ts"];
    await linesPrinted(() => mlp([...mlpFlags, ...output]));
    await assertRejects(
      () => predict(["--result", join(folder, "mlp_hyena"), ...asked]),
      DataError,
      "not finite",
    );
  }));

Deno.test("predict.ts says in one line what is missing or does not go together", () =>
  inFolder(async (folder) => {
    const { main, flags } = trained["lel_embed.ts"];
    await linesPrinted(() =>
      main([...flags, "--output-dir", folder, "--save-model", "--plot-format", "svg"])
    );
    const result = ["--result", join(folder, "linear_nt_embed")];
    await assertRejects(() => predict([]), UsageError, "Flag --result is needed");
    await assertRejects(() => predict(["--result", folder]), DataError, `there is no "model/model.json"`);
    await assertRejects(() => predict(result), UsageError, "Flag --embeddings is needed");
    await assertRejects(
      () => predict([...result, "--sequences", tfSequences]),
      UsageError,
      "Flag --model is needed with --sequences",
    );
    await assertRejects(
      () => predict([...result, "--embeddings", hyenaVectors, "--ids", hyenaIds, "--fold", "7"]),
      UsageError,
      "Cannot use --fold 7: the model has folds 0, 1, 2, 3, 4",
    );
    await assertRejects(
      () => predict([...result, "--output", "x.tsv"]),
      UsageError,
      ".parquet, .csv or .npy",
    );
  }));

Deno.test("predict.ts refuses embeddings that were made in another way than those of the training set, unless forced", () =>
  inFolder(async (folder) => {
    const write = async (name: string, pooling: string) => {
      const path = join(folder, `${name}.npy`);
      await Deno.copyFile(ntVectors, path);
      await Deno.copyFile(ntIds, join(folder, `${name}_gene_ids.npy`));
      await Deno.writeTextFile(
        join(folder, `${name}.json`),
        JSON.stringify({ pipeline: "ntv2", pooling, weights_sha256: "ab" }),
      );
      return path;
    };
    const [mean, cls] = [await write("mean", "mean"), await write("cls", "cls")];
    await linesPrinted(() =>
      nt([...network, "--embeddings", mean, "--output-dir", folder, "--save-model", "--plot-format", "svg"])
    );
    const flags = [
      "--result",
      join(folder, "mlp_nt"),
      "--output",
      join(folder, "p.parquet"),
      "--device",
      "cpu",
    ];
    await linesPrinted(() => predict([...flags, "--embeddings", mean]));
    await assertRejects(
      () => linesPrinted(() => predict([...flags, "--embeddings", cls])),
      DataError,
      `the pooling differs: "mean" and "cls" (--force goes on all the same)`,
    );
    const forced = await linesPrinted(() => predict([...flags, "--embeddings", cls, "--force"]));
    assert(forced.some((line) => line.startsWith("[warn] --force:")), forced.join("\n"));
  }));

Deno.test("predict.ts stops where no id is a read-out gene, and takes ids with Ensembl versions", () =>
  inFolder(async (folder) => {
    const { main, flags, model } = trained["hs27_lel.ts"];
    await linesPrinted(() =>
      main([...flags, "--output-dir", folder, "--save-model", "--plot-format", "svg"])
    );
    const usual = ["--result", join(folder, model), "--output", join(folder, "p.csv")];
    await assertRejects(
      () => linesPrinted(() => predict([...usual, "--ids", "NOPE1,NOPE2"])),
      DataError,
      'none of the 2 ids of "--ids" (NOPE1, ...) is in "the read-out genes of ',
    );
    const [gene] = (await openSavedModel(join(folder, model))).genes;
    const rows = async (ids: string) => {
      await linesPrinted(() => predict([...usual, "--ids", ids]));
      return (await readCsvTable(join(folder, "p.csv"))).rows.map(([, ...cells]) => cells);
    };
    assertEquals(await rows(`${gene}.7`), await rows(gene));
  }));
