/** A result folder is one run: what other runs, kills, copies and edits leave never mixes with it without a word. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { DataError } from "../../lib/cli/errors.ts";
import { readManifest } from "../../lib/experiment/manifest.ts";
import { observeDisk } from "../../lib/io/disk.ts";
import { main as trees } from "../../scripts/hs27_xgboost.ts";
import { main as mlp } from "../../scripts/hs_27_mlp_nt.ts";
import { main as lelEmbed } from "../../scripts/lel_embed.ts";
import { main as predict } from "../../scripts/predict.ts";
import { captured, linesPrinted } from "../support/captured_log.ts";
import { copyFolder, crashAt, stepsOf } from "../support/crash.ts";
import { golden } from "../support/golden.ts";
import { runScript } from "../support/script_process.ts";
import { inFolder } from "../support/temporary_folder.ts";

const data = golden("synthetic/datasets/s")!;
const ntVectors = join(data, "NT-v2-50M", "NTv2_50m_tf_embeddings.npy");
const hyenaVectors = join(data, "HyenaDNA_outputs", "hyenadna_tf_embeddings_mean.npy");
const base = ["--data-dir", data, "--plot-format", "svg", "--bootstrap", "10"];
const network = [
  ...["--device", "cpu", "--threads", "1", "--hidden-dims", "4", "--epochs", "1"],
  ...["--n-folds", "3", "--n-top-genes", "6"],
];
const forest = ["--n-folds", "3", "--n-top-genes", "3", "--n-jobs", "1"];

const names = (folder: string) => [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
const summaryOf = async (folder: string) => JSON.parse(await Deno.readTextFile(join(folder, "summary.json")));

// Case stale_results.
Deno.test("predict.ts does not answer with the models of an earlier run than the result's", () =>
  inFolder(async (folder) => {
    const run = (...flags: string[]) =>
      linesPrinted(() =>
        trees([...base, "--n-folds", "2", ...flags, "--n-jobs", "1", "--output-dir", folder])
      );
    await run("--n-top-genes", "4", "--n-estimators", "2", "--save-model", "json", "--importance", "gain");
    const result = join(folder, "xgboost_hyena");
    assert(
      names(result).includes("importance_gain.parquet") && names(join(result, "model")).includes("xgboost"),
    );
    await run("--n-top-genes", "3", "--n-estimators", "3");
    assertEquals(names(result).filter((name) => /^(importance|model)/.test(name)), []);
    const asked = ["--held-out", "--result", result, "--embeddings", hyenaVectors];
    await assertRejects(
      () => predict([...asked, "--output", join(folder, "p.csv")]),
      DataError,
      "(train with --save-model)",
    );
    assertEquals((await summaryOf(result)).run_id, (await readManifest(result))!.run_id);
  }));

// Case torn_model.
Deno.test("weights of one run under the description of another are refused by name", () =>
  inFolder(async (folder) => {
    const run = (seed: string, output: string) =>
      linesPrinted(() =>
        lelEmbed([
          ...[...base, "--ntv2-dir", join(data, "NT-v2-50M"), "--save-model", "--lambda-ridge", "0.001"],
          ...["--seed", seed, "--output-dir", join(folder, output)],
        ])
      );
    await run("42", "a");
    await run("7", "b");
    const [a, b] = ["a", "b"].map((name) => join(folder, name, "linear_nt_embed"));
    const held = (result: string) =>
      captured(() =>
        predict([
          ...["--held-out", "--result", result, "--embeddings", ntVectors],
          ...["--ids", ntVectors.replace("embeddings.npy", "ids.npy"), "--output", join(folder, "p.csv")],
        ])
      );
    await held(a);
    for (const name of ["fold_1.safetensors", "model.json"]) {
      await copyFolder(a, join(folder, "torn"));
      await Deno.copyFile(join(b, "model", name), join(folder, "torn", "model", name));
      await assertRejects(() => held(join(folder, "torn")), DataError, `${name}": it was changed since`);
    }
  }));

// Case concurrent_mixed.
Deno.test("of two runs that would write one result the second says who is there", () =>
  inFolder(async (folder) => {
    const run = (ridge: string) =>
      runScript("hs27_lel.ts", [...base, "--save-model", "--lambda-ridge", ridge, "--output-dir", folder]);
    const ended = await Promise.all([run("0.1"), run("100"), run("10")]);
    for (const { code, error } of ended) {
      if (code === 0) continue;
      assertEquals(
        [code, /^Cannot write this result: (process \d+|another process)/.test(error)],
        [1, true],
        error,
      );
    }
    assert(ended.some(({ code }) => code === 0));
    const manifest = (await readManifest(join(folder, "linear_pca")))!;
    assertEquals((await summaryOf(join(folder, "linear_pca"))).run_id, manifest.run_id);
    const ids = (await Deno.readTextFile(join(data, "data/artifacts/gene_index.txt"))).split("\n").slice(
      0,
      3,
    );
    await captured(() =>
      predict([
        ...["--result", join(folder, "linear_pca"), "--ids", ids.join(",")],
        ...["--output", join(folder, "p.csv")],
      ])
    );
    assertEquals(names(folder).filter((name) => !name.startsWith("p")), ["linear_pca"]);
  }));

// Case advice_then_nothing_to_do.
Deno.test("--resume does not take a result for finished that was cut off, edited or asked for otherwise", () =>
  inFolder(async (folder) => {
    const run = (...flags: string[]) => mlp([...base, ...network, ...flags, "--output-dir", folder]);
    const resumed = (...flags: string[]) => linesPrinted(() => run("--resume", ...flags));
    const result = join(folder, "mlp_nt"),
      nothing = (lines: string[]) => lines.some((line) => /Nothing to do/.test(line));
    await linesPrinted(() => run());
    const runId = (await readManifest(result))!.run_id;
    assert(nothing(await resumed()));

    // Another run, killed between its predictions and its summary.
    const other = () => run("--learning-rate", "0.01");
    const copy = join(folder, "copy");
    await copyFolder(result, copy);
    const steps = await stepsOf(folder, other);
    const at = steps.findIndex(({ kind, path }) => kind === "create" && /new\.\w+\/\.summary/.test(path));
    await Deno.remove(result, { recursive: true });
    await Deno.rename(copy, result);
    await crashAt({ at, half: false }, folder, other);
    await assertRejects(() => captured(() => run("--resume")), DataError, "--learning-rate was 0.01");
    await Deno.remove(join(result, "unfinished"), { recursive: true });
    assert(nothing(await resumed()));
    assertEquals((await summaryOf(result)).run_id, runId);

    const predictions = join(result, "predictions_mlp_nt.parquet");
    await Deno.remove(predictions);
    const again = await resumed();
    const missing = `"predictions_mlp_nt.parquet" is missing: running it anew.`;
    assert(again.some((line) => line.endsWith(missing)), again.join("\n"));
    const bytes = await Deno.readFile(predictions);
    bytes[40] ^= 1;
    await Deno.writeFile(predictions, bytes);
    assert((await resumed()).some((line) => line.includes("was changed since: running it anew")));
    assert(nothing(await resumed()));
    assert((await resumed("--save-model")).some((line) => line.includes("made with --save-model false")));
    assert(names(join(result, "model")).includes("model.json"));
  }));

Deno.test("a result folder that vanishes while a run is at work is made anew", () =>
  inFolder(async (folder) => {
    const run = () => mlp([...base, ...network, "--output-dir", folder]);
    await linesPrinted(run);
    const expected = names(join(folder, "mlp_nt"));
    const steps = await stepsOf(folder, run);
    const firstPart = steps.findIndex(({ path }) => path.endsWith("unfinished/fold_0.safetensors"));
    let at = 0;
    using _observed = observeDisk(({ path }) => {
      if (!path.startsWith(folder) || at++ !== Math.max(firstPart, 4)) return;
      Deno.removeSync(join(folder, "mlp_nt"), { recursive: true });
    });
    await captured(async () => {
      try {
        await run();
      } catch (error) {
        if (!(error instanceof DataError)) throw error; // one sentence
      }
    });
    await linesPrinted(run);
    assertEquals(names(join(folder, "mlp_nt")), expected);
  }));

// Case trees_mixed_parts.
Deno.test("parts of trees that were copied from another run are refused", () =>
  inFolder(async (folder) => {
    const run = (output: string, ...flags: string[]) =>
      linesPrinted(() => trees([...base, ...forest, ...flags, "--output-dir", join(folder, output)]));
    await run("a", "--n-estimators", "2", "--folds", "0");
    await run("b", "--n-estimators", "5", "--folds", "1", "2");
    const unfinished = (output: string) => join(folder, output, "xgboost_hyena", "unfinished");
    await copyFolder(unfinished("b"), unfinished("a"));
    await assertRejects(
      () => run("a", "--n-estimators", "5", "--resume"),
      DataError,
      "--n-estimators was 2, now it is 5",
    );
  }));

// Case silent_delete_unfinished.
Deno.test("a run without --resume says what it does with the finished folds that it finds", () =>
  inFolder(async (folder) => {
    const run = (...flags: string[]) =>
      linesPrinted(() => mlp([...base, ...network, ...flags, "--output-dir", folder]));
    const told = (lines: string[], words: string) =>
      assert(lines.some((line) => line.includes(words)), lines.join("\n"));
    await run("--folds", "0", "1");
    told(await run("--learning-rate", "0.01"), "has left 2 unfinished parts: set aside as");
    const lines = await run("--resume");
    told(lines, "Going on: 2 folds of 3 done before.");
    assertEquals(names(join(folder, "mlp_nt")).filter((name) => name.startsWith("unfinished")), []);
    await run("--folds", "0", "1");
    told(await run(), "Deleted 2 parts of an earlier run");
  }));

// Case blas_mix.
const libraries = ["x86_64-linux-gnu", "aarch64-linux-gnu"].map((name) =>
  `/usr/lib/${name}/libopenblas.so.0`
);
const hasBlas = libraries.some((path) => {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
});
Deno.test({
  name: `folds with and without OpenBLAS merge with a warning, and the summary names it${
    hasBlas ? "" : " [left out: no OpenBLAS]"
  }`,
  ignore: !hasBlas,
  fn: () =>
    inFolder(async (folder) => {
      const args = [...base, ...network, "--output-dir", folder];
      const first = await runScript("hs_27_mlp_nt.ts", [...args, "--folds", "0"], { set: "-P=blas" });
      assertEquals([first.code, first.error], [0, ""]);
      const rest = await runScript("hs_27_mlp_nt.ts", [...args, "--folds", "1", "2"]);
      assertEquals([rest.code, rest.error], [0, ""]);
      const warned =
        /\[warn\] Folds were computed on cpu and cpu with libopenblas\S+, 1 thread: a run on one of them/;
      assert(warned.test(rest.out), rest.out);
      const { engines } = await summaryOf(join(folder, "mlp_nt"));
      assertEquals(engines.length, 2);
      assert(/^cpu with libopenblas.*\d+\.\d+.*, 1 thread$/.test(engines[1]), engines[1]);
    }),
});
