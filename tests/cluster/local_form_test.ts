/**
 * The workflow on one machine, with whichever Snakemake is there. The run on a real Slurm is `run_on_slurm.ts`.
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { inFolder } from "../support/temporary_folder.ts";
import {
  assertSameBytes,
  demoConfig,
  demoRuns,
  findSnakemakes,
  runUnbroken,
  small,
  startWorkflow,
} from "./demo_workflow.ts";

const [snakemake] = await findSnakemakes();
if (!snakemake) {
  console.log("The workflow is not tested: there is no snakemake on the path (.ci/run installs one)");
}

Deno.test({
  name: "the workflow leaves the bytes that the scripts leave in one unbroken process each",
  ignore: !snakemake,
  fn: () =>
    inFolder(async (folder) => {
      const runs = demoRuns(small), output = join(folder, "my workflow");
      const [done] = await Promise.all([
        run(output, demoConfig(small, runs, "out put"), [
          "--cores",
          "2",
          "--set-threads",
          "train_genes=1",
          "train_folds=1",
        ]),
        runUnbroken(small, runs, join(folder, "unbroken")),
      ]);
      assert(done.success, done.text);
      assert(await assertSameBytes(join(output, "out put"), join(folder, "unbroken")) > 40);
      assert(await exists(join(output, "out put", "report", "index.html")));
      assertStringIncludes(
        (await run(output, demoConfig(small, runs, "out put"), ["--cores", "2"])).text,
        "Nothing to be done",
      );
    }),
});

const config = { data_dir: "D", models: [{ script: "hs27_lel" }] };
const faults: [string, unknown, string][] = [
  ["a misspelt key", { ...config, seedz: [1] }, "'seedz' was unexpected"],
  [
    "an unknown model",
    { ...config, models: [{ script: "hs27_lell" }] },
    "'hs27_lell' is not one of ['hs27_lel'",
  ],
  [
    "a missing file",
    { ...config, targets: "no such.csv" },
    `Cannot find "no such.csv" (targets of the config)`,
  ],
  ["no data", { models: config.models }, "Cannot plan without data"],
  [
    "a misspelt flag",
    { ...config, models: [{ script: "hs27_lel", flags: { "lamda-ridge": 1 } }] },
    "Unknown flag --lamda-ridge. Did you mean --lambda-ridge?",
  ],
  [
    "a value that a flag does not take",
    { ...config, models: [{ script: "hs27_lel", grid: { "k-components": [5, 0] } }] },
    "Cannot use --k-components 0: it must be at least 1",
  ],
  [
    "a flag of the workflow's own",
    { ...config, models: [{ script: "hs27_lel", flags: { "output-dir": "x" } }] },
    `Cannot use the flag "output-dir"`,
  ],
  [
    "unknown embeddings",
    { ...config, models: [{ script: "hs27_xgboost", embeddings: ["nt"] }] },
    `Cannot find the embeddings "nt"`,
  ],
  [
    "embeddings that are both given and made",
    { ...config, embeddings: { nt: { file: "nt.npy", shards: 2 } } },
    "Failed validating 'oneOf'",
  ],
  [
    "a run named twice",
    { ...config, models: [...config.models, ...config.models] },
    "two runs have the same settings",
  ],
  [
    "more jobs than wanted",
    { ...config, models: [{ script: "hs27_xgboost", parts: 600 }], max_jobs: 500 },
    "max_jobs",
  ],
  ["a path with braces", { ...config, output: "{x}" }, "does not match"],
  ["options that are shell code", { ...config, gpu: { request: "--gpus=1; touch x" } }, "does not match"],
];
for (const [what, faulty, message] of faults) {
  Deno.test({
    name: `the workflow tells ${what} before a job starts`,
    ignore: !snakemake,
    fn: () =>
      inFolder(async (folder) => {
        await Deno.mkdir(join(folder, "D"));
        const { success, text } = await run(folder, JSON.stringify(faulty), ["--cores", "1"]);
        assertEquals(success, false);
        assertStringIncludes(text, message);
        assert(!/^rule |Finished job/m.test(text), text);
      }),
  });
}

Deno.test({
  name: "names and values in a config stay text",
  ignore: !snakemake,
  fn: () =>
    inFolder(async (folder) => {
      const name = "a'b $(touch run1) `touch run2`; touch run3";
      await Deno.mkdir(join(folder, "D"));
      await Deno.writeTextFile(join(folder, name), "gene_name,gene_id\n");
      const config = {
        data_dir: "D",
        output: name + " out",
        compare: null,
        models: [{ script: "hs27_lel", flags: { "tf-seq-csv": name } }],
      };
      const { text } = await run(folder, JSON.stringify(config), ["--cores", "1"]);
      assertStringIncludes(text, "Error in rule"); // the data folder is empty
      for (const made of ["run1", "run2", "run3"]) assert(!await exists(join(folder, made)), made);
      const logs = await Array.fromAsync(Deno.readDir(join(folder, name + " out", "logs", "train")));
      const log = await Deno.readTextFile(join(folder, name + " out", "logs", "train", logs[0].name));
      assertStringIncludes(log, "Cannot");
    }),
});

async function run(
  folder: string,
  config: string,
  args: string[],
): Promise<{ success: boolean; text: string }> {
  const child = await startWorkflow(snakemake, folder, config, args);
  const { success, stdout, stderr } = await child.output();
  const decoder = new TextDecoder();
  return { success, text: decoder.decode(stdout) + decoder.decode(stderr) };
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}
