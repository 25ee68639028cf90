/**
 * Every model on the demo data twice: by the workflow, in parts, and by the scripts alone, each in one unbroken process. What
 * both leave must be the same bytes.
 */
import { assertEquals } from "@std/assert";
import { dirname, fromFileUrl, join } from "@std/path";

export const repository = fromFileUrl(new URL("../../", import.meta.url));
const models = join(repository, "tests/golden/deep");
const demo = join(repository, "data/demo");
const promoters = join(demo, "data/tf_sequences_12kb_overlap.csv");

interface DemoEmbedding {
  readonly name: string;
  readonly pipeline: string;
  readonly model: string;
  readonly flags: Readonly<Record<string, number>>;
}
const embeddings: DemoEmbedding[] = [
  { name: "nt", pipeline: "ntv2", model: join(models, "nt_tiny"), flags: { "max-seq-length": 120 } },
  {
    name: "hyena",
    pipeline: "hyenadna",
    model: join(models, "hyena_tiny_hf"),
    flags: { "hyena-max-length": 500 },
  },
];

export interface DemoSize {
  /** How long networks train: "small" for seconds, "long" so that they can be killed in the midst of it. */
  readonly training: "small" | "long";
  readonly folds: number;
  readonly shards: number;
}
export const small: DemoSize = { training: "small", folds: 3, shards: 2 };
export const long: DemoSize = { training: "long", folds: 5, shards: 4 };

interface DemoRun {
  readonly script: string;
  /** Names of TF embeddings; none: those of the demo data. */
  readonly embeddings?: readonly string[];
  readonly parts?: number;
  readonly flags: Readonly<Record<string, string | number | boolean | readonly (number | string)[]>>;
  /** Settings that the config says in flags; the run is named by them. */
  readonly name: string;
}

export function demoRuns({ training }: DemoSize): DemoRun[] {
  const isLong = training === "long", seed = "__seed-7";
  const pairs: DemoRun["flags"] = isLong
    ? { "n-top-genes": 150, "epochs": 20, "patience": 100, "checkpoint-seconds": 1 }
    : { "n-top-genes": 40, "epochs": 2, "checkpoint-seconds": 1 };
  const fineTuned = {
    "model": join(models, "nt_tiny"),
    "max-length": isLong ? 64 : 32,
    "num-epochs": isLong ? 6 : 1,
    "checkpoint-seconds": 1,
  };
  const mlp = { "epochs": isLong ? 20 : 10, "hidden-dims": [32, 16] };
  const words = (flags: DemoRun["flags"]) =>
    Object.entries(flags).map(([key, value]) => `__${key}-${Array.isArray(value) ? value.join("-") : value}`)
      .join("");
  return [
    { script: "hs27_lel", flags: { "k-components": 5 }, name: `hs27_lel__k-components-5${seed}` },
    { script: "hs27_lel", flags: { "k-components": 10 }, name: `hs27_lel__k-components-10${seed}` },
    { script: "lel_embed", flags: {}, name: `lel_embed${seed}` },
    {
      script: "hs27_xgboost",
      embeddings: ["hyena"],
      parts: isLong ? 8 : 3,
      flags: { "n-estimators": isLong ? 30 : 10, "save-model": true },
      name: `hs27_xgboost__hyena__n-estimators-${isLong ? 30 : 10}__save-model-true${seed}`,
    },
    { script: "hs_27_mlp_nt", embeddings: ["nt"], flags: mlp, name: `hs_27_mlp_nt__nt${words(mlp)}${seed}` },
    { script: "hs_27_mlp_hyena", parts: 2, flags: mlp, name: `hs_27_mlp_hyena${words(mlp)}${seed}` },
    { script: "concat_gene_tf_mlp", flags: pairs, name: `concat_gene_tf_mlp${words(pairs)}${seed}` },
    { script: "nt_v2_ia3_regression", flags: fineTuned, name: "nt_v2_ia3_regression" },
    { script: "baselines", flags: { models: ["nearest"] }, name: `baselines${seed}` },
  ];
}

/** The config of the workflow. JSON is YAML. */
export function demoConfig({ folds, shards }: DemoSize, runs: readonly DemoRun[], output: string): string {
  return JSON.stringify(
    {
      output,
      data_dir: demo,
      seeds: [7],
      folds,
      compare: { resamples: 50 },
      embeddings: Object.fromEntries(embeddings.map(({ name, pipeline, model, flags }) => [
        name,
        { pipeline, model, sequences: promoters, shards, flags },
      ])),
      models: runs.map(({ script, embeddings, parts, flags }) => ({
        script,
        ...(embeddings && { embeddings }),
        ...(parts && { parts }),
        flags,
      })),
    },
    null,
    2,
  );
}

/** Run all scripts, each whole, in one process after the other, into `folder`. */
export async function runUnbroken(
  { folds }: DemoSize,
  runs: readonly DemoRun[],
  folder: string,
): Promise<void> {
  const vectors = (name: string) => join(folder, "embeddings", `${name}.npy`);
  for (const { name, pipeline, model, flags } of embeddings) {
    await script("inference", [
      ...[
        "--pipeline",
        pipeline,
        "--model",
        model,
        "--input",
        promoters,
        "--output",
        vectors(name),
        "--device",
        "cpu",
      ],
      ...flagWords(flags),
    ]);
  }
  for (const { script: name, embeddings = [], flags, name: run } of runs) {
    await script(name, [
      ...[
        "--data-dir",
        demo,
        "--seed",
        "7",
        "--n-folds",
        String(folds),
        "--output-dir",
        join(folder, "results"),
      ],
      ...(name === "baselines" ? [] : ["--device", "cpu"]),
      ...["--model-name", run],
      ...flagWords(flags),
      ...(embeddings.length > 0 ? ["--embeddings", ...embeddings.map(vectors)] : []),
    ]);
  }
}

/** Compare the results of a workflow with those of `runUnbroken`, file by file. */
export async function assertSameBytes(workflow: string, unbroken: string): Promise<number> {
  const ours = await resultsOf(workflow), theirs = await resultsOf(unbroken);
  assertEquals([...ours.keys()].sort(), [...theirs.keys()].sort());
  for (const [name, fact] of theirs) assertEquals(ours.get(name), fact, name);
  return ours.size;
}

/** The name of a run that has a path among its settings: cut, with a hash at its end. */
const hashed = /nt_v2_ia3_regression__[\w.+-]*?__[0-9a-f]{8}/g;

/** Every file by its path in the results; runs whose names end in a hash go by what stands before it. */
async function resultsOf(folder: string): Promise<Map<string, unknown>> {
  const facts = new Map<string, unknown>();
  for (const path of await filesBelow(folder)) {
    if (!/^(results|embeddings)\//.test(path) || /\/(unfinished|manifest\.json|.*\.png)/.test(path)) continue;
    const name = path.replaceAll(hashed, "nt_v2_ia3_regression");
    const bytes = await Deno.readFile(join(folder, path));
    const isJson = path.endsWith(".json") && !path.includes("/adapters/");
    facts.set(name, isJson ? withoutTimes(new TextDecoder().decode(bytes)) : await sha256(bytes));
  }
  return facts;
}

/** What a summary says of numbers and inputs: not when, how long, in which parts and from where. */
function withoutTimes(text: string): unknown {
  return JSON.parse(
    text.replaceAll(hashed, "nt_v2_ia3_regression"),
    (key, value) => {
      const isOfThisRun =
        /^(timings_seconds|date|flags|inputs|cv_splits_file|seconds|.*_seconds|multioutput_n_jobs|merged_shards|truncated_ids|threads)$/
          .test(key);
      if (key === "device") return value.replace(/\d+ threads?/, "threads");
      return isOfThisRun ? undefined : value;
    },
  );
}

async function script(name: string, args: readonly string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "-P", join(repository, "scripts", `${name}.ts`), ...args],
    stdout: "null",
    stderr: "piped",
  }).output();
  if (!success) throw new Error(`${name} failed: ${new TextDecoder().decode(stderr)}`);
}

function flagWords(flags: DemoRun["flags"]): string[] {
  return Object.entries(flags).flatMap(([key, value]) =>
    value === true ? [`--${key}`] : [`--${key}`, ...(Array.isArray(value) ? value : [value]).map(String)]
  );
}

async function filesBelow(folder: string, prefix = ""): Promise<string[]> {
  const paths: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(join(folder, prefix))) {
    if (name.startsWith(".")) continue;
    const path = prefix === "" ? name : `${prefix}/${name}`;
    if (isDirectory) paths.push(...await filesBelow(folder, path));
    else paths.push(path);
  }
  return paths.sort();
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}

export interface Snakemake {
  readonly program: string;
  readonly version: string;
}

/** Snakemake as the variable SNAKEMAKE names it (several with a colon between), else that on the path; none where it fails. */
export async function findSnakemakes(): Promise<Snakemake[]> {
  const found: Snakemake[] = [];
  for (const program of (Deno.env.get("SNAKEMAKE") ?? "snakemake").split(":")) {
    try {
      const { success, stdout } = await new Deno.Command(program, { args: ["--version"], stderr: "null" })
        .output();
      if (success) found.push({ program, version: new TextDecoder().decode(stdout).trim() });
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  return found;
}

/** Start Snakemake on a config that is written into `folder`, where it works too. */
export async function startWorkflow(
  { program }: Snakemake,
  folder: string,
  config: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Deno.ChildProcess> {
  await Deno.mkdir(folder, { recursive: true });
  const path = join(folder, "my config.yaml");
  await Deno.writeTextFile(path, config);
  const deno = dirname(Deno.execPath());
  return new Deno.Command(program, {
    args: ["--snakefile", join(repository, "workflow/Snakefile"), "--configfile", path, ...args],
    cwd: folder,
    env: { PATH: `${deno}:${Deno.env.get("PATH")}`, NO_COLOR: "1", ...env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}
