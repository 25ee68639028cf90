/** nt_v2_ia3_regression.ts as its users run it, on the small model of the reference numbers. */
import { assert, assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { DataError } from "../../lib/cli/errors.ts";
import { kFold } from "../../lib/dataset/kfold.ts";
import { readNpyMatrix } from "../../lib/io/npy.ts";
import { readParquetFrame } from "../../lib/io/parquet.ts";
import { encodeSplitsPickle } from "../../lib/io/pickle.ts";
import { readAdapter, writeAdapter } from "../../lib/models/peft_adapter.ts";
import { main as inference } from "../../scripts/inference.ts";
import { main as fineTune } from "../../scripts/nt_v2_ia3_regression.ts";
import { main as predict } from "../../scripts/predict.ts";
import { linesPrinted } from "../support/captured_log.ts";
import { writeFineTuningData } from "../support/fine_tuning_data.ts";
import { golden } from "../support/golden.ts";
import { inFolder } from "../support/temporary_folder.ts";

const model = golden("deep/nt_tiny")!;
const quick = [
  "--model",
  model,
  "--device",
  "cpu",
  "--plot-format",
  "svg",
  "--n-folds",
  "3",
  "--num-epochs",
  "2",
];

const readJson = async (path: string) => JSON.parse(await Deno.readTextFile(path));
const predictionsIn = (output: string) =>
  readParquetFrame(join(output, "nt_ia3", "predictions_nt_ia3_cv.parquet"));

Deno.test("nt_v2_ia3_regression.ts writes predictions, metrics, plot, summary and an adapter a fold, and counts what it leaves out", () =>
  inFolder(async (folder) => {
    const data = await writeFineTuningData(folder, { withoutSequence: 2, missing: [[0, 1], [3, 0]] });
    const lines = await linesPrinted(() =>
      fineTune([
        ...quick,
        "--data-dir",
        folder,
        "--output-dir",
        folder,
        "--max-length",
        "18",
        "--evaluate-training",
      ])
    );
    const said = (text: string) => assert(lines.some((line) => line.includes(text)), text);
    said("left out: they have no sequence");
    said("to 18 tokens (--max-length).");
    said("trainable params: 5,832 || all params: 414,429 || trainable%: 1.4072");
    said("tokens/s, ");

    const frame = await predictionsIn(folder);
    assertEquals(frame.index, data.ids.slice(0, 10));
    assertEquals(frame.columns, data.genes);
    assert(frame.values.data.every(Number.isFinite));
    const result = join(folder, "nt_ia3");
    assertEquals([...Deno.readDirSync(result)].map(({ name }) => name).sort(), [
      "adapters",
      "baseline_nt_ia3_cv.parquet",
      "cv_splits_3fold_42.pkl",
      "manifest.json",
      "metrics_per_perturbation.csv",
      "model",
      "pred_vs_gt.svg",
      "predictions_nt_ia3_cv.parquet",
      "summary.json",
    ]);
    const summary = await readJson(join(result, "summary.json"));
    assertEquals(summary.n_tfs, 10);
    assertEquals(summary.n_dropped_without_sequence, 2);
    assert(summary.n_truncated_sequences > 0);
    assertEquals(summary.fold_results.length, 3);
    for (const fold of summary.fold_results) {
      assertEquals(fold.epochs.length, 2);
      const best = Math.max(
        ...fold.epochs.map((epoch: { selection_pearson: number }) => epoch.selection_pearson),
      );
      // The best epoch was restored: its score is that of the predictions.
      assertAlmostEquals(fold.mean_pearson, best, 1e-6);
      assertEquals(fold.epochs[fold.best_epoch].selection_pearson, best);
      assert(Math.abs(fold.mean_train_pearson) <= 1);
      const adapter = await readAdapter(join(result, "adapters", `fold_${fold.fold}`));
      assertEquals(adapter.head.get("out_proj.weight")!.shape, [8, 64]);
      assertEquals(adapter.config.baseModel, model);
    }
    assertEquals(typeof summary.mean_centered_mse, "number");
    assertEquals(typeof summary.mean_baseline.mean_pearson, "number");
  }));

Deno.test("A run killed at three moments and resumed ends with the numbers of one that was left alone", () =>
  inFolder(async (folder) => {
    await writeFineTuningData(folder);
    const flags = [...quick, "--data-dir", folder, "--num-epochs", "3", "--checkpoint-steps", "1"];
    await linesPrinted(() => fineTune([...flags, "--output-dir", join(folder, "whole")]));

    const output = join(folder, "stopped");
    const again = [...flags, "--output-dir", output, "--resume"];
    for (const moment of ["Fold 0, epoch 1:", "Fold 1, epoch 2:", "Fold 2, epoch 3:"]) {
      assert(await killedAt(moment, again), `killed at "${moment}"`);
    }
    const lines = await linesPrinted(() => fineTune(again));
    assert(lines.some((line) => line.includes("Going on: 2 folds of 3 done before.")), lines.join("\n"));
    const [whole, stopped] = [await predictionsIn(join(folder, "whole")), await predictionsIn(output)];
    assertEquals(stopped.values.data, whole.values.data);
    const epochsOf = async (folder: string) =>
      (await readJson(join(folder, "nt_ia3", "summary.json"))).fold_results.map(
        ({ epochs, best_epoch }: Record<string, unknown>) => ({ epochs, best_epoch }),
      );
    assertEquals(await epochsOf(output), await epochsOf(join(folder, "whole")));
    for (let fold = 0; fold < 3; fold++) {
      const adapter = (folder: string) => readAdapter(join(folder, "nt_ia3", "adapters", `fold_${fold}`));
      assertEquals(await adapter(output), await adapter(join(folder, "whole")));
    }
  }));

/** Run the script in a process of its own and kill it when it prints `moment`. @returns whether it came that far */
async function killedAt(moment: string, flags: string[]): Promise<boolean> {
  const script = fromFileUrl(new URL("../../scripts/nt_v2_ia3_regression.ts", import.meta.url));
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "-A", script, ...flags],
    stdout: "piped",
    stderr: "null",
  }).spawn();
  let printed = "", seen = false;
  const decoder = new TextDecoder();
  for await (const chunk of child.stdout) {
    printed += decoder.decode(chunk);
    if (seen || !printed.includes(moment)) continue;
    seen = true;
    child.kill("SIGKILL");
  }
  await child.status;
  return seen;
}

Deno.test("--resume refuses a state that other flags or data made", () =>
  inFolder(async (folder) => {
    await writeFineTuningData(folder);
    const flags = [...quick, "--data-dir", folder, "--output-dir", folder];
    await linesPrinted(() => fineTune([...flags, "--folds", "1"]));
    await assertRejects(
      () => linesPrinted(() => fineTune([...flags, "--resume", "--learning-rate", "0.002"])),
      DataError,
      "--learning-rate was 0.001, now it is 0.002",
    );
    await linesPrinted(() => fineTune([...flags, "--resume"]));
    assertEquals((await predictionsIn(folder)).index.length, 12);
    const again = await linesPrinted(() => fineTune([...flags, "--resume"]));
    assert(again.at(-1)!.includes("holds the finished result of this run"), again.join("\n"));
    const others = await linesPrinted(() => fineTune([...flags, "--resume", "--learning-rate", "0.002"]));
    assert(others.some((line) => line.includes("Nothing to go on from")), others.join("\n"));
  }));

Deno.test("The small model learns its training set by heart", () =>
  inFolder(async (folder) => {
    await writeFineTuningData(folder, { perturbations: 10 });
    const flags = [
      "--num-epochs",
      "60",
      "--learning-rate",
      "0.004",
      "--restore",
      "last",
      "--evaluate-training",
    ];
    await linesPrinted(() =>
      fineTune([...quick, "--data-dir", folder, "--output-dir", folder, "--n-folds", "2", ...flags])
    );
    const { fold_results } = await readJson(join(folder, "nt_ia3", "summary.json"));
    for (const { mean_train_pearson } of fold_results) {
      assert(mean_train_pearson > 0.95, `Pearson ${mean_train_pearson}`);
    }
  }));

Deno.test("--strict chooses the best epoch on training rows, --max-steps ends a fold early, pieces change nothing but rounding", () =>
  inFolder(async (folder) => {
    await writeFineTuningData(folder, { missing: [[2, 2]] });
    const run = async (name: string, ...more: string[]) => {
      const output = join(folder, name);
      await linesPrinted(() => fineTune([...quick, "--data-dir", folder, "--output-dir", output, ...more]));
      return {
        frame: await predictionsIn(output),
        summary: await readJson(join(output, "nt_ia3", "summary.json")),
      };
    };
    const { summary } = await run("strict", "--strict", "--max-steps", "1");
    for (const fold of summary.fold_results) {
      assertEquals([fold.n_train, fold.n_selection, fold.n_test], [6, 2, 4]);
      assertEquals(fold.epochs.map(({ steps }: { steps: number }) => steps), [1]);
    }
    const whole = await run("whole");
    const pieces = await run(
      "pieces",
      ...["--micro-batch-size", "1", "--checkpoint-activations", "on", "--batch-size", "2"],
      ...["--gradient-accumulation-steps", "2"],
    );
    // Predictions are of size 0.1; Adam's step does not shrink with the gradient, so rounding shows.
    whole.frame.values.data.forEach((value, i) =>
      assertAlmostEquals(pieces.frame.values.data[i], value, 2e-4)
    );
  }));

Deno.test("predict.ts equals the held-out predictions; --adapter predicts without training; a merged model runs in inference.ts", () =>
  inFolder(async (folder) => {
    const { ids } = await writeFineTuningData(folder);
    const merged = join(folder, "merged");
    await linesPrinted(() =>
      fineTune([...quick, "--data-dir", folder, "--output-dir", folder, "--merge-to", merged])
    );
    const own = await predictionsIn(folder);
    const sequences = join(folder, "data", "tf_sequences_12kb_overlap.csv");
    const result = join(folder, "nt_ia3"), frame = join(folder, "new.parquet");
    await linesPrinted(() =>
      predict([
        "--result",
        result,
        "--sequences",
        sequences,
        "--output",
        frame,
        "--held-out",
        "--device",
        "cpu",
      ])
    );
    const predicted = await readParquetFrame(frame);
    assertEquals(predicted, { ...own });

    const { folds } = await readJson(join(result, "model", "model.json"));
    const summary = await Deno.readTextFile(join(result, "summary.json"));
    const adapter = ["--adapter", join(result, "adapters", "fold_1"), "--output-dir", folder];
    await linesPrinted(() => fineTune([...quick, "--data-dir", folder, ...adapter]));
    const all = await readParquetFrame(join(folder, "nt_ia3_adapter", "predictions_nt_ia3_adapter.parquet"));
    assertEquals(await Deno.readTextFile(join(result, "summary.json")), summary, "the run's own stays");
    for (const id of folds[1].test) {
      const at = 8 * ids.indexOf(id);
      assertEquals(all.values.data.slice(at, at + 8), own.values.data.slice(at, at + 8));
    }
    const broken = await readAdapter(adapter[1]), large = broken.head.get("out_proj.bias")!;
    large.data.fill(3e38);
    broken.head.get("out_proj.weight")!.data.fill(3e38);
    const overflowing = join(folder, "overflowing");
    await writeAdapter(overflowing, broken);
    await assertRejects(
      () => linesPrinted(() => fineTune([...quick, "--data-dir", folder, ...adapter.with(1, overflowing)])),
      DataError,
      "it is Infinity",
    );
    await assertRejects(
      async () => {
        const other = join(folder, "other");
        await writeFineTuningData(other, { genes: 5 });
        await linesPrinted(() => fineTune([...quick, "--data-dir", other, ...adapter]));
      },
      DataError,
      "it predicts 8 genes",
    );

    // Merging the same adapter by itself gives the same files.
    const alone = join(folder, "alone");
    const merge = (model: string, to: string) =>
      linesPrinted(() => fineTune(["--model", model, ...adapter.slice(0, 2), "--merge-to", to]));
    const warnsOfBase = (lines: string[]) =>
      lines.some((line) => /was trained on ".*nt_tiny", not on/.test(line));
    assert(!warnsOfBase(await merge(model, alone)));
    assert(warnsOfBase(await merge(alone, join(folder, "twice"))));
    const onOther = ["--model", alone, "--data-dir", folder, ...adapter];
    assert(warnsOfBase(await linesPrinted(() => fineTune([...quick, ...onOther]))));
    const bytes = (folder: string) => Deno.readFile(join(folder, "model.safetensors"));
    assertEquals(await bytes(alone), await bytes(join(merged, "fold_1")));
    const vectors = join(folder, "vectors.npy");
    const embed = ["--pipeline", "ntv2", "--model", alone, "--input", sequences, "--output", vectors];
    await linesPrinted(() => inference([...embed, "--device", "cpu"]));
    assertEquals((await readNpyMatrix(vectors)).columns, 64);
  }));

Deno.test("A fold whose test rows have no measured value has no best epoch, and says so", () =>
  inFolder(async (folder) => {
    const empty = [...kFold(12, 3, 42)[1].test];
    const missing = empty.flatMap((row) =>
      Array.from({ length: 8 }, (_, gene): [number, number] => [row, gene])
    );
    await writeFineTuningData(folder, { missing });
    const lines = await linesPrinted(() =>
      fineTune([...quick, "--data-dir", folder, "--output-dir", folder])
    );
    const said = (text: string) => assert(lines.some((line) => line.includes(text)), lines.join("\n"));
    said(
      "[warn] No measured value in the 4 rows that would choose the best epoch of fold 1: the last epoch's",
    );
    said("4 test perturbations, no best epoch of 2");
    const summary = await readJson(join(folder, "nt_ia3", "summary.json"));
    assertEquals(summary.fold_results[1].best_epoch, null);
    assertEquals(summary.n_perturbations_without_measured_genes, 4);
  }));

Deno.test("predict.ts reads lower-case DNA as the training did", () =>
  inFolder(async (folder) => {
    await writeFineTuningData(folder);
    const sequences = join(folder, "data", "tf_sequences_12kb_overlap.csv");
    const lower = (await Deno.readTextFile(sequences)).replace(/,[ACGT]+$/gm, (dna) => dna.toLowerCase());
    await Deno.writeTextFile(sequences, lower);
    const flags = ["--num-epochs", "1", "--upper", "--data-dir", folder, "--output-dir", folder];
    await linesPrinted(() => fineTune([...quick, ...flags]));
    const own = await predictionsIn(folder), output = join(folder, "new.parquet");
    const predicted = async (...more: string[]) => {
      const asked = ["--result", join(folder, "nt_ia3"), "--sequences", sequences, "--output", output];
      await linesPrinted(() => predict([...asked, "--held-out", "--device", "cpu", ...more]));
      return (await readParquetFrame(output)).values.data;
    };
    assertEquals(await predicted(), own.values.data);
    await assertRejects(
      () => predicted("--no-upper"),
      DataError,
      "Cannot predict from sequences without --upper, where training was with it (--force goes on",
    );
    assert((await predicted("--no-upper", "--force")).some((value, i) => value !== own.values.data[i]));
  }));

Deno.test("Splits beside the targets that do not fit stay as they are", () =>
  inFolder(async (folder) => {
    const { ids } = await writeFineTuningData(folder);
    const path = join(folder, "data", "artifacts", "cv_splits_3fold_42.pkl");
    const fields = {
      method: "3fold",
      nSplits: 3,
      randomState: 42,
      totalSamples: 12,
      folds: kFold(12, 3, 42),
    };
    await Deno.writeFile(path, encodeSplitsPickle({ ...fields, perturbations: ["other", ...ids.slice(1)] }));
    const before = await Deno.readFile(path);
    const flags = ["--num-epochs", "1", "--data-dir", folder, "--output-dir", folder];
    await linesPrinted(() => fineTune([...quick, ...flags]));
    assertEquals(await Deno.readFile(path), before);
    const { cv_splits_file } = await readJson(join(folder, "nt_ia3", "summary.json"));
    assertEquals(cv_splits_file, join(folder, "nt_ia3", "cv_splits_3fold_42.pkl"));
  }));

Deno.test("A loss that is not finite ends training with the step and advice", () =>
  inFolder(async (folder) => {
    await writeFineTuningData(folder);
    await assertRejects(
      () =>
        linesPrinted(() =>
          fineTune([...quick, "--data-dir", folder, "--output-dir", folder, "--learning-rate", "1e30"])
        ),
      DataError,
      "at step 2 of fold 0, epoch 0; try a smaller --learning-rate",
    );
  }));
