/** compare.ts and prepare_data.ts killed at any change of the disk: the record stands only where all files are of one run. */
import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import { describeFile } from "../../lib/io/file_fact.ts";
import { main as compare } from "../../scripts/compare.ts";
import { main as prepare } from "../../scripts/prepare_data.ts";
import { captured } from "../support/captured_log.ts";
import { noisy, writeResult, writeScreen } from "../support/comparison_data.ts";
import { copyFolder, crashAt, crashPoints, runUnflushed, stepsOf } from "../support/crash.ts";
import { inFolder } from "../support/temporary_folder.ts";

/** Hashes by path, but of the record and the page, which hold dates. */
async function hashes(folder: string, prefix = ""): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  const entries = await Array.fromAsync(Deno.readDir(join(folder, prefix)));
  for (const { name, isDirectory } of entries.sort((a, b) => a.name < b.name ? -1 : 1)) {
    const path = join(prefix, name);
    if (isDirectory) Object.assign(found, await hashes(folder, path));
    else found[path] = /\.(json|html)$/.test(name) ? "" : (await describeFile(join(folder, path))).sha256;
  }
  return found;
}

/** @param record name of the file that says of which run the others are */
async function killAnywhere(
  folder: string,
  record: string,
  { before, run, every }: { before: () => Promise<void>; run: () => Promise<void>; every: number },
): Promise<number> {
  const template = `${folder} before`;
  await captured(before);
  await copyFolder(folder, template);
  const old = await hashes(folder);
  await captured(run);
  const fresh = await hashes(folder);
  let points = 0;
  const begin = async () => {
    await Deno.remove(folder, { recursive: true });
    await copyFolder(template, folder);
  };
  await begin();
  const steps = await stepsOf(folder, run);
  for (const point of crashPoints(steps, every)) {
    await begin();
    await crashAt(point, folder, run);
    const found = await hashes(folder), where = JSON.stringify(steps[point.at]);
    if (record in found) {
      const files = Object.entries(found).filter(([path]) => !/(^|\/)\./.test(path));
      const isOf = (whole: Record<string, string>) => files.every(([path, hash]) => whole[path] === hash);
      assert(isOf(old) || isOf(fresh), where);
    }
    await runUnflushed(run);
    assertEquals(await hashes(folder), fresh, where);
    points++;
  }
  return points;
}

Deno.test("compare.ts killed at any change of the disk leaves no page over files of two reports", (test) =>
  inFolder(async (root) => {
    const screen = await writeScreen(root), at = (name: string) => join(root, name);
    await writeResult(screen, at("results/good"), noisy(screen, 0.3));
    await writeResult(screen, at("results/bad"), noisy(screen, 1));
    const run = (resamples: string) =>
      compare(["--results", at("results"), "--output", at("report"), "--resamples", resamples]);
    const points = await killAnywhere(at("report"), "comparison.json", {
      before: () => run("150"),
      run: () => run("200"),
      every: 14,
    });
    await test.step(`${points} crash points`, () => {});
  }));

Deno.test("prepare_data.ts killed at any change of the disk leaves no record over files of two runs", (test) =>
  inFolder(async (root) => {
    const fixtures = join(import.meta.dirname!, "../fixtures/preparation");
    const genome = [
      "--gtf",
      join(fixtures, "published.gtf.gz"),
      "--genome",
      join(fixtures, "published.fa.gz"),
    ];
    const h5ad = ["--h5ad", join(fixtures, "published.h5ad"), "--output", join(root, "data")];
    const points = await killAnywhere(join(root, "data"), "prepare.json", {
      before: () => prepare([...h5ad, ...genome, "--control", "all-mean", "--seed", "7"]),
      run: () => prepare([...h5ad, ...genome, "--compat"]),
      every: 2,
    });
    await test.step(`${points} crash points`, () => {});
  }));
