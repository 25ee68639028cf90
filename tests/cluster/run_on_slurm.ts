/**
 * The whole workflow on a real Slurm of three nodes on this machine, with each Snakemake that is there, locally and on Slurm;
 * on Slurm a job is cancelled and a node is lost on the way. All must leave the bytes of unbroken single processes.
 *
 *   apt-get install -y slurm-wlm munge snakemake && python3 -m venv sm9 && sm9/bin/pip install snakemake snakemake-executor-plugin-slurm
 *   SNAKEMAKE=snakemake:sm9/bin/snakemake deno run -A tests/cluster/run_on_slurm.ts        # about a quarter of an hour
 *
 * Words choose stages (local, plain, killed); the variable UNBROKEN names the folder of an earlier reference run. It needs
 * -A, since what a process belongs to is read in /proc.
 */
import { join } from "@std/path";
import {
  assertSameBytes,
  demoConfig,
  demoRuns,
  findSnakemakes,
  long,
  repository,
  runUnbroken,
  type Snakemake,
  startWorkflow,
} from "./demo_workflow.ts";
import { SlurmCluster } from "./slurm_cluster.ts";

const folder = await Deno.makeTempDir({ prefix: "cluster-" });
const stages = Deno.args.length > 0 ? Deno.args : ["local", "plain", "killed"];
const runs = demoRuns(long), before = Deno.env.get("UNBROKEN"), unbroken = before ?? join(folder, "unbroken");
const config = (output: string) => demoConfig(long, runs, output);
const threads = ["train_genes=1", "train_folds=1", "train_whole=1", "embed_shard=1"];
const parts = ["--set-threads", ...threads];

const snakemakes = await findSnakemakes();
if (snakemakes.length === 0) throw new Error("There is no snakemake: the variable SNAKEMAKE names one");
say(`Folder ${folder}; ${snakemakes.map(({ program, version }) => `${program} ${version}`).join(", ")}`);
if (!before) say(`Unbroken: ${await seconds(() => runUnbroken(long, runs, unbroken))} s`);
for (const snakemake of snakemakes) {
  if (stages.includes("local")) await locally(snakemake);
  if (stages.includes("plain")) await onSlurm(snakemake, "plain");
  if (stages.includes("killed")) await onSlurm(snakemake, "killed");
}
say("All runs left the same bytes.");

async function locally(snakemake: Snakemake): Promise<void> {
  const place = join(folder, `local ${snakemake.version}`);
  for (const jobs of [1, 2, 4]) {
    const took = await seconds(async () => {
      const child = await startWorkflow(snakemake, place, config(`${jobs} jobs`), [
        "--cores",
        String(jobs),
        ...parts,
      ]);
      await finished(child);
    });
    await compare(
      `Snakemake ${snakemake.version}, ${jobs} jobs at a time on this machine: ${took} s`,
      join(place, `${jobs} jobs`),
    );
  }
}

async function onSlurm(snakemake: Snakemake, how: "plain" | "killed"): Promise<void> {
  await using cluster = await SlurmCluster.start(await Deno.makeTempDir({ prefix: "slurm-" }), {
    nodes: 3,
    cpus: 2,
    memoryMb: 40_000,
  });
  const isOld = snakemake.version.startsWith("7.");
  const place = join(folder, `${isOld ? "slurm" : "on slurm"}-${snakemake.version}-${how}`); // 7 knows no spaces on Slurm
  const profile = ["--profile", join(repository, "workflow/profiles/slurm")];
  const status = isOld ? ["--max-status-checks-per-second", "1"] : ["--slurm-status-command", "squeue"];
  const took = await seconds(async () => {
    const child = await startWorkflow(
      snakemake,
      place,
      config("out"),
      [...profile, ...status, ...parts],
      cluster.env,
    );
    const [outcome] = await Promise.allSettled([
      finished(child),
      how === "killed" ? disturb(cluster, join(place, "out")) : null,
    ]);
    if (outcome.status === "rejected") throw outcome.reason;
  });
  await compare(`Snakemake ${snakemake.version} on Slurm, ${how}: ${took} s`, join(place, "out"));
  if (how === "killed") {
    say(`  second tries that went on from a checkpoint: ${await resumed(join(place, "out"))}`);
  }
}

/** Cancel one job and cut the power of another's node, both while they have checkpoints. */
async function disturb(cluster: SlurmCluster, output: string): Promise<void> {
  const first = await checkpointOf(cluster, output, []);
  await cluster.cancel(first.id);
  say(`  cancelled job ${first.id} on ${first.node}, which had reached ${first.part}`);
  const second = await checkpointOf(cluster, output, [first.part]);
  await cluster.killNode(second.node);
  say(`  killed ${second.node} with job ${second.id}, which had reached ${second.part}`);
  await new Promise((resolve) => setTimeout(resolve, 20_000));
  cluster.startNode(second.node);
  say(`  ${second.node} is back`);
}

/** A job that trains and has saved its state. */
async function checkpointOf(
  cluster: SlurmCluster,
  output: string,
  not: readonly string[],
): Promise<{ id: string; node: string; part: string }> {
  for (let attempt = 0; attempt < 600; attempt++) {
    for (const part of await checkpoints(join(output, "work"))) {
      const job = not.includes(part) ? null : await cluster.jobOf(`work/${part}`);
      if (job) return { ...job, part };
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error("No job left a checkpoint within two minutes");
}

/** Parts that have a checkpoint, as `<run>/<part>`. */
async function checkpoints(work: string): Promise<string[]> {
  const found: string[] = [];
  for (const run of await names(work)) {
    for (const part of await names(join(work, run))) {
      const files = await names(join(work, run, part, run, "unfinished"));
      if (files.some((name) => name.endsWith("_checkpoint.safetensors"))) found.push(`${run}/${part}`);
    }
  }
  return found;
}

async function resumed(output: string): Promise<number> {
  const logs = join(output, "logs", "train");
  const texts = await Promise.all((await names(logs)).map((name) => Deno.readTextFile(join(logs, name))));
  return texts.filter((text) => /Going on: fold \d+ from epoch/.test(text)).length;
}

async function names(path: string): Promise<string[]> {
  try {
    return (await Array.fromAsync(Deno.readDir(path))).map(({ name }) => name).sort();
  } catch {
    return []; // not there yet, or moved away meanwhile
  }
}

async function finished(child: Deno.ChildProcess): Promise<void> {
  const { success, stdout, stderr } = await child.output(), decoder = new TextDecoder();
  if (!success) throw new Error(`Snakemake failed:\n${decoder.decode(stdout)}${decoder.decode(stderr)}`);
}

async function compare(what: string, output: string): Promise<void> {
  say(`${what}; ${await assertSameBytes(output, unbroken)} files with the same bytes`);
}

async function seconds(body: () => Promise<void>): Promise<string> {
  const startMs = performance.now();
  await body();
  return ((performance.now() - startMs) / 1000).toFixed(0);
}

function say(line: string): void {
  console.log(`${new Date().toISOString().slice(11, 19)} ${line}`);
}
