/**
 * Kills scripts at random moments, again and again, and looks at what they leave: the old result or the new one, whole; and, once
 * --resume has gone through, the bytes of a run that was never killed and nothing else.
 *
 *   deno run -q --lock=tests/deno.lock -P=test tests/experiment/random_kills.ts --kills 200 --seed 1
 *
 * Prints a line a script and the sum; exit code 1 where anything was lost. A short run of it is a test (random_kills_test.ts).
 */
import { join } from "@std/path";
import { parseFlags } from "../../lib/cli/flags.ts";
import { recoverIfFree } from "../../lib/experiment/result_folder.ts";
import { readManifest } from "../../lib/experiment/manifest.ts";
import { describeFile } from "../../lib/io/file_fact.ts";
import { ModelStream } from "../../lib/random/model_stream.ts";
import { copyFolder } from "../support/crash.ts";
import { golden } from "../support/golden.ts";
import { scriptCommand } from "../support/script_process.ts";

const data = golden("synthetic/datasets/s")!;
const base = ["--data-dir", data, "--plot-format", "svg", "--bootstrap", "10", "--save-model"];
const network = [
  ...["--device", "cpu", "--threads", "1", "--hidden-dims", "8", "--epochs", "20", "--n-folds", "3"],
  ...["--n-top-genes", "10", "--checkpoint-seconds", "0"],
];

/** A script, what is asked of it, and what an earlier run in the same folder did otherwise. */
const victims = [
  { script: "hs27_lel.ts", name: "linear_pca", flags: base, before: ["--seed", "7"] },
  {
    script: "hs27_xgboost.ts",
    name: "xgboost_hyena",
    flags: [...base, "--n-top-genes", "8", "--n-estimators", "10", "--n-folds", "3", "--n-jobs", "1"],
    before: ["--seed", "7", "--importance", "gain"],
  },
  { script: "hs_27_mlp_nt.ts", name: "mlp_nt", flags: [...base, ...network], before: ["--seed", "7"] },
  {
    script: "concat_gene_tf_mlp.ts",
    name: "concat_mlp",
    flags: [...base, ...network],
    before: ["--seed", "7"],
  },
] as const;

type Victim = (typeof victims)[number];

export interface Tally {
  kills: number;
  /** Kills that came before the new result stood there, and after. */
  leftOld: number;
  leftNew: number;
  /** What was lost, a sentence each. */
  losses: string[];
}

/** Kill one script some times. Each kill is followed by one or two more within --resume, then by a --resume that ends. */
export async function killAtRandom(victim: Victim, kills: number, stream: ModelStream): Promise<Tally> {
  const root = await Deno.makeTempDir(), results = join(root, "results"), old = join(root, "old");
  const args = [...victim.flags, "--output-dir", results], folder = join(results, victim.name);
  const tally: Tally = { kills: 0, leftOld: 0, leftNew: 0, losses: [] };
  try {
    await run(victim.script, [...args, ...victim.before]);
    const oldId = (await readManifest(folder))!.run_id;
    await Deno.rename(results, old);
    const startMs = performance.now();
    await run(victim.script, args);
    const wholeMs = performance.now() - startMs;
    const newId = (await readManifest(folder))!.run_id, expected = await filesOf(results);
    while (tally.kills < kills) {
      await Deno.remove(results, { recursive: true });
      await copyFolder(old, results);
      for (let round = 0, rounds = 1 + stream.below(3); round < rounds; round++) {
        await runAndKill(
          victim.script,
          round === 0 ? args : [...args, "--resume"],
          stream.uniform() * wholeMs,
        );
        tally.kills++;
        await recoverIfFree(folder);
        const found = await wholeRunId(folder);
        if (found === newId) tally.leftNew++;
        else if (found === oldId) tally.leftOld++;
        else tally.losses.push(`${victim.script}, kill ${tally.kills}: ${found}`);
      }
      await run(victim.script, [...args, "--resume"]);
      const now = await filesOf(results), lost = JSON.stringify(now) !== JSON.stringify(expected);
      if (lost) tally.losses.push(`${victim.script}, kill ${tally.kills}: ${difference(now, expected)}`);
    }
  } finally {
    await Deno.remove(root, { recursive: true });
  }
  return tally;
}

export async function killAll(kills: number, seed: number): Promise<Map<string, Tally>> {
  const tallies = new Map<string, Tally>();
  for (const victim of victims) {
    const stream = new ModelStream(seed, victim.script);
    tallies.set(victim.script, await killAtRandom(victim, Math.ceil(kills / victims.length), stream));
  }
  return tallies;
}

async function run(script: string, args: readonly string[]): Promise<void> {
  const { code, stderr } = await scriptCommand(script, args).output();
  if (code !== 0) throw new Error(`${script} ends with ${code}: ${new TextDecoder().decode(stderr)}`);
}

async function runAndKill(script: string, args: readonly string[], afterMs: number): Promise<void> {
  const process = scriptCommand(script, args).spawn(), over = process.output();
  const timer = setTimeout(() => {
    try {
      process.kill("SIGKILL");
    } catch { /* it was over */ }
  }, afterMs);
  await over;
  clearTimeout(timer);
}

/** Run id of a result all of whose files are as its manifest says; else what is wrong. */
async function wholeRunId(folder: string): Promise<string> {
  const manifest = await readManifest(folder);
  if (manifest === null) return "there is no manifest";
  for (const { path, sha256 } of manifest.files) {
    const found = await describeFile(join(folder, path)).catch(() => null);
    if (found?.sha256 !== sha256) return `"${path}" is not as the manifest says`;
  }
  return manifest.run_id;
}

/** Hashes by path, of summaries without dates and times. */
async function filesOf(folder: string, prefix = ""): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  const entries = await Array.fromAsync(Deno.readDir(join(folder, prefix)));
  for (const { name, isDirectory } of entries.sort((a, b) => a.name < b.name ? -1 : 1)) {
    const path = join(prefix, name);
    if (isDirectory) Object.assign(found, await filesOf(folder, path));
    else if (/(manifest|summary|model)\.json$/.test(name)) found[path] = "";
    else found[path] = (await describeFile(join(folder, path))).sha256;
  }
  return found;
}

function difference(now: Record<string, string>, expected: Record<string, string>): string {
  const paths = new Set([...Object.keys(now), ...Object.keys(expected)]);
  return [...paths].filter((path) => now[path] !== expected[path]).join(", ");
}

if (import.meta.main) {
  const flags = parseFlags({
    kills: { default: 200, min: 1, help: "how many, over all scripts" },
    seed: { default: 1, help: "of the moments" },
  }, { script: "tests/experiment/random_kills.ts", about: "Kills scripts at random moments." });
  let kills = 0, losses = 0;
  for (const [script, tally] of await killAll(flags.kills, flags.seed)) {
    console.log(
      `${script}: ${tally.kills} kills, ${tally.leftOld} left the old result, ${tally.leftNew} the new one`,
    );
    tally.losses.forEach((loss) => console.log(`  LOST: ${loss}`));
    kills += tally.kills;
    losses += tally.losses.length;
  }
  console.log(`${kills} kills, ${losses} losses`);
  if (losses > 0) Deno.exit(1);
}
