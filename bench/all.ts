/**
 * Runs every bench several times, ours and the peer's in turns, prints the medians of the ratios with their spread, what of the
 * machine's roof was reached (roofline.ts), whether it is what was asked (asked.ts), and writes them as the table of bench/README.md.
 *
 *   eval "$(bash bench/peers.sh --print)"
 *   deno run -A --lock=tests/deno.lock bench/all.ts                     (about 45 minutes on two cores)
 *   deno run -A --lock=tests/deno.lock bench/all.ts --samples S.json    keeps each bench's figures; the same again goes on after a stop
 *   deno run -A --lock=tests/deno.lock bench/all.ts --only mlp,boosting --rounds 5
 *   deno run -A --lock=tests/deno.lock bench/all.ts --tiny --rounds 1   to see that every bench runs; its times mean nothing
 *   deno run -A --lock=tests/deno.lock bench/all.ts --write             into bench/README.md too
 *
 * A ratio is our time over the peer's of the same round: below 1 is faster than the peer. A machine that does other work makes
 * the figures worthless: look at the spread.
 */
import { fromFileUrl } from "@std/path";
import { DataError, UsageError } from "../lib/cli/errors.ts";
import { parseFlags } from "../lib/cli/flags.ts";
import { runScript } from "../lib/cli/script.ts";
import { writeFileAtomic } from "../lib/io/atomic_write.ts";
import { findPeer, type Peer, peerFlags } from "./peer.ts";
import { higherRoof, measureRoof } from "./roofline.ts";
import { parseRows, type Row } from "./rows.ts";
import { bySubject, commitOfTree, keepSamples, openSamples, type Samples, thisMachine } from "./samples.ts";
import { tableOf, withTable } from "./table.ts";

interface Bench {
  readonly file: string;
  readonly args: readonly string[];
  /** Arguments, appended to those, of a run that only shows that it works. */
  readonly tiny: readonly string[];
  /** Its peer is a package of npm, and --python no flag of it. */
  readonly withoutPython?: boolean;
}

/** With BLAS and without. */
const bothWays = (bench: Bench): Bench[] => [bench, { ...bench, args: [...bench.args, "--blas", "off"] }];

const trees = (...args: string[]): Bench => ({
  file: "boosting.ts",
  args: ["--no-growth", ...args],
  tiny: ["--outputs", "2"],
});

const benches: readonly Bench[] = [
  { file: "linear.ts", args: ["--repeats", "1", "--bootstrap", "once"], tiny: ["--perturbations", "20"] },
  ...bothWays({
    file: "mlp.ts",
    args: ["--device", "cpu"],
    tiny: ["--genes", "300", "--repeats", "1"],
  }),
  trees("--tree-method", "exact"),
  trees("--tree-method", "exact", "--peer-method", "hist"),
  trees("--tree-method", "exact", "--peer-method", "approx", "--outputs", "16"),
  trees("--tree-method", "hist"),
  {
    file: "inference.ts",
    args: ["nt-2001", "hyena-16384", "hyena-131072", "--repeats", "2", "--peer-threads", "all"],
    tiny: ["--tiny"],
  },
  ...bothWays({
    file: "ia3.ts",
    args: ["--device", "cpu", "--steps", "2", "--peer-threads", "all"],
    tiny: ["--tokens", "33", "--layers", "1", "--outputs", "20", "--steps", "1"],
  }),
  {
    file: "cpu_kernels.ts",
    args: ["--no-onnx", "--repeats", "9"],
    tiny: ["--repeats", "1", "--only", "add"],
  },
  {
    file: "webgpu_kernels.ts",
    args: ["--only-peer"],
    tiny: ["--size", "128", "--repeats", "1"],
    withoutPython: true,
  },
  { file: "io.ts", args: [], tiny: ["--perturbations", "10", "--repeats", "1"] },
];

const modules = ["numpy", "scipy", "pandas", "pyarrow", "sklearn", "matplotlib", "xgboost", "torch"];
const readme = fromFileUrl(new URL("README.md", import.meta.url));

if (import.meta.main) await runScript(main, import.meta);

async function main(args: string[]): Promise<void> {
  const flags = parseFlags(
    {
      "rounds": { default: 3, min: 1, help: "runs of each bench" },
      "only": {
        default: "",
        value: "NAMES",
        help: "benches whose file name contains one of these (commas between)",
      },
      "tiny": { default: false, help: "small sizes, whose times mean nothing" },
      "samples": {
        default: null,
        type: "text",
        value: "FILE",
        help: "keep every bench's figures in this JSON file, and go on with those that it holds",
      },
      "write": { default: false, help: "write the table into bench/README.md" },
      "python": peerFlags.python,
    },
    { script: "bench/all.ts", about: "Every bench beside its peer, as one table." },
    args,
  );
  const { tiny, rounds } = flags;
  if (flags.write && (tiny || flags.only !== "" && flags.samples === null)) {
    throw new UsageError(
      "Cannot use --write with --tiny, or with --only but for --samples: the table holds whole runs of every bench",
    );
  }
  const chosen = chooseBenches(flags.only);
  const peer = await findPeer(modules, flags.python);
  const { versions } = peer;
  const circumstances = { commit: await commitOfTree(), machine: thisMachine(), versions, tiny };
  const samples = await openSamples(flags.samples, circumstances);
  const failures = await measure(chosen, { peer, rounds, samples, path: flags.samples });

  if (samples.runs.length === 0) throw new DataError(`Nothing was measured: ${failures.join(", ")} failed`);
  const every = samples.starts.length === 1 ? "one run" : `${samples.starts.length} runs`;
  const counts = bySubject(samples).map((rows) => rows.length), least = Math.min(...counts);
  const table = tableOf({
    samples: bySubject(samples),
    roof: samples.roof,
    versions,
    circumstances: [
      `${least} ${least === 1 ? "round" : "rounds"}${
        Math.max(...counts) > least ? " or more" : ""
      } in ${every}`,
      `commit ${samples.commit}`,
      samples.machine,
    ],
  });
  console.log("\n" + table);
  if (failures.length > 0) {
    throw new DataError(
      `The table lacks what failed, and is not written: ${[...new Set(failures)].join(", ")}`,
    );
  }
  if (flags.write) await writeTable(table, samples);
}

function chooseBenches(only: string): Bench[] {
  const names = only.split(",").map((name) => name.trim()).filter((name) => name !== "");
  const unknown = names.find((name) => !benches.some(({ file }) => file.includes(name)));
  if (unknown !== undefined) throw new UsageError(`Cannot use --only "${unknown}": no bench is named so`);
  return benches.filter(({ file }) => names.length === 0 || names.some((name) => file.includes(name)));
}

interface Measuring {
  readonly peer: Peer;
  readonly rounds: number;
  /** What was measured is added. */
  readonly samples: Samples;
  /** Where they are kept. */
  readonly path: string | null;
}

/** @returns the benches that failed */
async function measure(
  chosen: readonly Bench[],
  { peer, rounds, samples, path }: Measuring,
): Promise<string[]> {
  const failures: string[] = [], start = new Date();
  const keep = async () => {
    if (samples.starts.at(-1) !== start.toISOString()) samples.starts.push(start.toISOString());
    await keepSamples(path, samples);
  };
  if (samples.roof === null) {
    console.log("the roof of the machine");
    samples.roof = await measureRoof(peer, samples);
  }
  for (let round = 1; round <= rounds; round++) {
    for (const { file, args, tiny, withoutPython } of chosen) {
      const bench = [file, ...args].join(" ");
      if (samples.runs.some((run) => run.bench === bench && run.round === round)) continue;
      const minutes = ((Date.now() - start.getTime()) / 60_000).toFixed(1);
      console.log(`${minutes.padStart(5)} min, round ${round} of ${rounds}: ${bench}`);
      const rows = await run(file, [
        ...args,
        ...samples.tiny ? tiny : [],
        "--json",
        ...withoutPython ? [] : ["--python", peer.python],
      ]);
      if (typeof rows === "string") {
        console.log(`  failed: ${rows}`);
        failures.push(bench);
        continue;
      }
      samples.runs.push({ bench, round, rows });
      await keep();
    }
  }
  if (samples.starts.at(-1) === start.toISOString()) {
    console.log("the roof once more");
    samples.roof = higherRoof(samples.roof, await measureRoof(peer, samples));
    await keep();
  }
  return failures;
}

/** @returns what a bench measured, or why it failed */
async function run(file: string, args: readonly string[]): Promise<Row[] | string> {
  const path = fromFileUrl(new URL(file, import.meta.url));
  const lock = fromFileUrl(new URL("../tests/deno.lock", import.meta.url));
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "-A", `--lock=${lock}`, path, ...args],
    env: { NO_COLOR: "1" },
  }).output();
  if (!success) {
    const lines = new TextDecoder().decode(stderr).split("\n").filter((line) => /^\S/.test(line));
    return lines.at(-1) ?? "it said nothing";
  }
  const rows = parseRows(new TextDecoder().decode(stdout));
  return rows.length > 0 ? rows : "it measured nothing";
}

/** @throws {DataError} where the samples lack a bench */
async function writeTable(table: string, { runs }: Samples): Promise<void> {
  const known = new Set(runs.map(({ bench }) => bench));
  const missing = benches.map(({ file, args }) => [file, ...args].join(" ")).filter((name) =>
    !known.has(name)
  );
  if (missing.length > 0) {
    throw new DataError(`Cannot write the table: nothing is measured yet of ${missing.join(", ")}`);
  }
  await writeFileAtomic(readme, withTable(await Deno.readTextFile(readme), table));
  console.log(`Wrote the table of ${readme} (deno fmt aligns it)`);
}
