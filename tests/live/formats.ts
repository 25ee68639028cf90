/**
 * Repeats the tests of other programs' files with the packages that are installed: makes the files of tests/fixtures anew and
 * runs their tests on them, then writes our files and lets Python load them.
 *
 *   bash bench/peers.sh --versions
 *   deno run -A tests/live/formats.ts
 *   deno run -A tests/live/formats.ts --only xgboost
 *   deno run -A tests/live/formats.ts --big              also a checkpoint of 4.4 GB (zip64)
 *
 * PEERS_PYTHON is the interpreter of bench/peers.sh; other versions are looked for in the folders beside its environment.
 * Nothing in the tree is changed.
 */
import { dirname, fromFileUrl, join } from "@std/path";
import { DataError, UsageError } from "../../lib/cli/errors.ts";
import { parseFlags } from "../../lib/cli/flags.ts";
import { runScript } from "../../lib/cli/script.ts";
import { openTorchCheckpoint } from "../../lib/io/torch_checkpoint.ts";
import { findPeer } from "../../bench/peer.ts";
import { writeOurFiles } from "./our_files.ts";

const root = fromFileUrl(new URL("../..", import.meta.url));

interface Area {
  readonly name: string;
  /** Makes the files; takes the folder. */
  readonly script: string;
  /** Environments beside the main one that make them too. */
  readonly others: RegExp;
  readonly tests: readonly string[];
}

const areas: readonly Area[] = [
  {
    name: "xgboost",
    script: "xgboost/make.py",
    others: /^xgboost-/,
    tests: ["boosting/read_model_test.ts"],
  },
  {
    name: "nt",
    script: "nt/make_formats.py",
    others: /^transformers-/,
    tests: ["models/nt_formats_test.ts"],
  },
  { name: "nt", script: "nt/make_shapes.py", others: /^$/, tests: ["models/nt_shapes_test.ts"] },
  {
    name: "peft",
    script: "peft/make.py",
    others: /^$/,
    tests: ["models/peft_versions_test.ts", "fine_tuning/device_test.ts"],
  },
  { name: "torch", script: "torch/make.py", others: /^$/, tests: ["io/torch_versions_test.ts"] },
  { name: "numpy", script: "numpy/make.py", others: /^$/, tests: ["io/numpy_versions_test.ts"] },
  { name: "parquet", script: "parquet/make_writers.py", others: /^$/, tests: ["io/parquet_writers_test.ts"] },
];

await runScript(async (args) => {
  const flags = parseFlags({
    "only": {
      default: "",
      help: "areas whose name contains this: xgboost, nt, peft, torch, numpy, parquet, ours",
    },
    "big": { default: false, help: "also a checkpoint of 4.4 GB" },
    "keep": { default: false, help: "leave the files in the temporary folder" },
  }, {
    script: "tests/live/formats.ts",
    about: "Other programs' files, made anew and read; ours, read by Python.",
  }, args);
  const { python } = await findPeer([
    "numpy",
    "torch",
    "xgboost",
    "transformers",
    "peft",
    "pyarrow",
    "polars",
    "duckdb",
  ]);
  const folder = await Deno.makeTempDir({ prefix: "formats" });
  let failed = 0;
  const tell = (what: string, ok: boolean) => {
    if (!ok) failed++;
    console.log(`${ok ? "ok    " : "FAILED"} ${what}`);
  };
  try {
    const chosen = areas.filter(({ name }) => name.includes(flags.only));
    if (chosen.length === 0 && flags.only !== "ours") {
      throw new UsageError(`Cannot use --only "${flags.only}": no area is named so`);
    }
    for (const { name, script, others, tests } of chosen) {
      for (const interpreter of [python, ...environmentsBeside(python, others)]) {
        const made = await run(interpreter, [join(root, "tests/fixtures", script), join(folder, name)]);
        tell(`${script} by ${interpreter}`, made);
      }
      for (const test of tests) {
        const passed = await run(Deno.execPath(), [
          ...["test", "-q", `--lock=${join(root, "tests/deno.lock")}`, "-P=test", join(root, "tests", test)],
        ], { FIXTURES: folder });
        tell(`${test} on what they made`, passed);
      }
    }
    if ("ours".includes(flags.only)) {
      await writeOurFiles(join(folder, "ours"));
      const readers = [python, ...environmentsBeside(python, /^(xgboost|transformers)-/)];
      for (const interpreter of readers) {
        tell(
          `read_ours.py by ${interpreter}`,
          await run(interpreter, [join(root, "tests/live/read_ours.py"), join(folder, "ours")]),
        );
      }
    }
    if (flags.big) tell("a checkpoint of 4.4 GB", await bigCheckpointIsRead(python, join(folder, "big.pt")));
  } finally {
    if (flags.keep) console.log(`Files are in ${folder}`);
    else await Deno.remove(folder, { recursive: true });
  }
  if (failed > 0) throw new DataError(`${failed} of the checks failed; their messages are above`);
}, import.meta);

/** Interpreters of environments that bench/peers.sh --versions made. */
function environmentsBeside(python: string, name: RegExp): string[] {
  const parent = dirname(dirname(dirname(python)));
  return [...Deno.readDirSync(parent)].filter((entry) => entry.isDirectory && name.test(entry.name))
    .map((entry) => join(parent, entry.name, "bin/python")).sort();
}

async function run(command: string, args: string[], env: Record<string, string> = {}): Promise<boolean> {
  const { success, stdout, stderr } = await new Deno.Command(command, { args, env, cwd: root }).output();
  if (!success) console.log(new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr));
  return success;
}

/** PyTorch writes zip64 fields where a storage ends behind 4 GiB. */
async function bigCheckpointIsRead(python: string, path: string): Promise<boolean> {
  const code = `import sys, torch
torch.save({"first": torch.zeros(1_100_000_000), "last": torch.arange(5, dtype=torch.float32)}, sys.argv[1])`;
  if (!await run(python, ["-c", code, path])) return false;
  const file = await openTorchCheckpoint(path);
  const last = await file.read("last");
  file.close();
  await Deno.remove(path);
  return last.join() === "0,1,2,3,4";
}
