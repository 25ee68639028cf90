/**
 * A run that is killed at any change of the disk leaves the old result or the new one, whole; the next run ends with the bytes of
 * one that was never killed, and leaves nothing else.
 */
import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import { DataError } from "../../lib/cli/errors.ts";
import { readManifest } from "../../lib/experiment/manifest.ts";
import { describeFile } from "../../lib/io/file_fact.ts";
import { recoverIfFree } from "../../lib/experiment/result_folder.ts";
import { main as concat } from "../../scripts/concat_gene_tf_mlp.ts";
import { main as lel } from "../../scripts/hs27_lel.ts";
import { main as trees } from "../../scripts/hs27_xgboost.ts";
import { main as mlp } from "../../scripts/hs_27_mlp_nt.ts";
import { main as lelEmbed } from "../../scripts/lel_embed.ts";
import { main as ia3 } from "../../scripts/nt_v2_ia3_regression.ts";
import { captured } from "../support/captured_log.ts";
import { copyFolder, crashAt, crashPoints, runUnflushed, stepsOf, withFullDisk } from "../support/crash.ts";
import { golden } from "../support/golden.ts";
import { inFolder } from "../support/temporary_folder.ts";

const data = golden("synthetic/datasets/s")!, model = golden("deep/nt_tiny")!;

/** All files below a folder by path, without what differs from run to run. */
async function contents(folder: string, prefix = ""): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for await (const { name, isDirectory } of Deno.readDir(join(folder, prefix))) {
    const path = join(prefix, name);
    if (isDirectory) { for (const [inside, text] of await contents(folder, path)) found.set(inside, text); }
    else found.set(path, await comparable(join(folder, path)));
  }
  return new Map([...found].sort());
}

async function comparable(path: string): Promise<string> {
  if (path.endsWith("manifest.json")) {
    return (await Deno.readTextFile(path)).replace(/.*(run_id).*/, "$1").slice(0, 5);
  }
  if (!/(summary|model)\.json$/.test(path)) return (await describeFile(path)).sha256;
  const { timings_seconds: _, provenance, flags: __, ...rest } = JSON.parse(await Deno.readTextFile(path));
  return JSON.stringify({ ...rest, ...provenance, flags: null, date: null })
    .replaceAll(/"training_seconds":[\d.e-]+/g, "");
}

/** Which run's result stands in a folder, found to be whole; null where there is none. */
async function wholeRun(folder: string): Promise<string | null> {
  const manifest = await readManifest(folder);
  if (manifest === null) return null;
  for (const { path, bytes, sha256 } of manifest.files) {
    assertEquals(await describeFile(join(folder, path), path), { path, bytes, sha256 });
  }
  const listed = ["manifest.json", ...manifest.files.map(({ path }) => path)].sort();
  const there = [...(await contents(folder)).keys()]
    .filter((path) => !path.startsWith("unfinished") && !path.endsWith(".tmp"));
  assertEquals(there, listed);
  return manifest.run_id;
}

interface Case {
  readonly main: (args: string[]) => Promise<void>;
  readonly flags: readonly string[];
  /** What the earlier run did otherwise. */
  readonly before: readonly string[];
  readonly name: string;
  /** Every point is tried where a run takes little; else, unless CRASH_POINTS=all, one in four. */
  readonly isQuick?: boolean;
}

const network = [
  "--device",
  "cpu",
  "--threads",
  "1",
  "--hidden-dims",
  "4",
  "--epochs",
  "1",
  "--n-folds",
  "2",
  "--n-top-genes",
  "6",
];
const cases: Record<string, Case> = {
  "hs27_lel.ts": {
    main: lel,
    flags: ["--save-model"],
    before: ["--seed", "7"],
    name: "linear_pca",
    isQuick: true,
  },
  "lel_embed.ts": {
    main: lelEmbed,
    flags: ["--ntv2-dir", join(data, "NT-v2-50M"), "--predictions-format", "npy"],
    before: ["--save-model", "--seed", "7"],
    name: "linear_nt_embed",
  },
  "hs27_xgboost.ts": {
    main: trees,
    flags: ["--n-folds", "2", "--n-top-genes", "3", "--n-estimators", "2", "--n-jobs", "1"],
    before: ["--save-model", "json", "--importance", "gain", "--seed", "7"],
    name: "xgboost_hyena",
    isQuick: true,
  },
  "hs_27_mlp_nt.ts": {
    main: mlp,
    flags: [...network, "--save-model"],
    before: ["--seed", "7"],
    name: "mlp_nt",
  },
  "concat_gene_tf_mlp.ts": {
    main: concat,
    flags: network,
    before: ["--save-model", "--predictions-format", "csv", "--seed", "7"],
    name: "concat_mlp",
  },
  "nt_v2_ia3_regression.ts": {
    main: ia3,
    flags: [
      ...["--model", model, "--num-epochs", "1", "--max-length", "6", "--max-steps", "1", "--n-folds", "2"],
      ...["--device", "cpu", "--threads", "1", "--n-top-genes", "5"],
    ],
    before: ["--seed", "7"],
    name: "nt_ia3",
  },
};

for (const [script, { main, flags, before, name, isQuick = false }] of Object.entries(cases)) {
  Deno.test(`${script} killed at any change of the disk leaves the old result or the new one`, (test) =>
    inFolder(async (root) => {
      let points = 0;
      const all = ["--data-dir", data, "--plot-format", "svg", "--bootstrap", "20", ...flags];
      const run = (results: string, ...more: string[]) => main([...all, ...more, "--output-dir", results]);
      // All in one place, since a summary holds paths.
      const [results, old] = [join(root, "results"), join(root, "old")];
      await captured(() => run(results, ...before));
      const oldId = await wholeRun(join(results, name));
      await Deno.rename(results, old);
      await captured(() => run(results));
      const newId = await wholeRun(join(results, name)), expected = await contents(results);
      assert(oldId !== null && newId !== null);

      for (const template of [old, null]) {
        const begin = async () => {
          await Deno.remove(results, { recursive: true }).catch(() => {});
          if (template) await copyFolder(template, results);
        };
        await begin();
        const steps = await stepsOf(results, () => run(results));
        for (const point of crashPoints(steps, isQuick && template ? 1 : 4)) {
          await begin();
          await crashAt(point, results, () => run(results));
          const where = `${JSON.stringify(steps[point.at])}, ${point.half ? "half" : "before"}`;
          await recoverIfFree(join(results, name));
          const found = await wholeRun(join(results, name));
          assert(found === newId || found === (template ? oldId : null), `${found} at ${where}`);
          await runUnflushed(() => run(results, "--resume"));
          assertEquals(await contents(results), expected, where);
          points++;
        }
      }
      await test.step(`${points} crash points`, () => {});
    }));
}

for (const script of ["hs27_lel.ts", "hs27_xgboost.ts", "hs_27_mlp_nt.ts"]) {
  Deno.test(`${script} on a disk that is full from some moment on leaves the old result and says so`, (test) =>
    inFolder(async (folder) => {
      const { main, flags, before, name } = cases[script];
      const all = ["--data-dir", data, "--plot-format", "svg", "--bootstrap", "20", ...flags];
      const run = (...more: string[]) => main([...all, ...more, "--output-dir", folder]);
      await captured(() => run(...before));
      const expected = await contents(folder), oldId = await wholeRun(join(folder, name));
      let points = 0, at = 0;
      for (;; at += 3, points++) {
        const error = await withFullDisk(at, folder, () => run());
        if (error === null) break;
        assert(
          error instanceof DataError && error.message.includes("No space left on device"),
          `${at}: ${error}`,
        );
        assertEquals(await wholeRun(join(folder, name)), oldId);
        // Finished parts stay for --resume, and the lock's file for the next run.
        const left = [...(await contents(folder)).keys()].filter((path) =>
          !/unfinished.fold_|\.lock$/.test(path)
        );
        assertEquals(left, [...expected.keys()], `step ${at}`);
      }
      assert(points > 5);
      await test.step(`${points} moments`, () => {});
    }));
}
