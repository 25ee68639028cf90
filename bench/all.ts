/**
 * Runs every bench several times, ours and the peer's in turns, prints the medians of the ratios with
 * their spread, and writes them as the table of bench/README.md.
 *
 *   eval "$(bash bench/peers.sh --print)"
 *   deno run -A --lock=tests/deno.lock bench/all.ts                     (about three hours on two cores)
 *   deno run -A --lock=tests/deno.lock bench/all.ts --only mlp --rounds 5
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
import { findPeer, peerFlags } from "./peer.ts";
import { parseRows, type Row } from "./rows.ts";

interface Bench {
  readonly file: string;
  readonly args: readonly string[];
  /** Arguments, appended to those, of a run that only shows that it works. */
  readonly tiny: readonly string[];
  /** Takes --blas off: run with the library and without. */
  readonly hasBlas?: boolean;
  /** Its peer is a package of npm, and --python no flag of it. */
  readonly withoutPython?: boolean;
}

const benches: readonly Bench[] = [
  { file: "linear.ts", args: ["--repeats", "1", "--bootstrap", "once"], tiny: ["--perturbations", "20"] },
  { file: "mlp.ts", args: ["--device", "cpu"], tiny: ["--genes", "300", "--repeats", "1"], hasBlas: true },
  {
    file: "boosting.ts",
    args: ["--no-growth", "--tree-method", "exact"],
    tiny: ["--outputs", "2"],
  },
  {
    file: "boosting.ts",
    args: ["--no-growth", "--tree-method", "hist"],
    tiny: ["--outputs", "2"],
  },
  {
    file: "boosting.ts",
    args: ["--no-growth", "--peer-method", "hist"],
    tiny: ["--outputs", "2"],
  },
  {
    file: "boosting.ts",
    args: ["--no-growth", "--peer-method", "approx"],
    tiny: ["--outputs", "2"],
  },
  {
    file: "boosting.ts",
    args: ["--no-growth", "--multi-output-tree"],
    tiny: ["--outputs", "2"],
  },
  { file: "inference.ts", args: ["nt-2001", "hyena-16384", "hyena-131072"], tiny: ["--tiny"] },
  {
    file: "ia3.ts",
    args: ["--device", "cpu"],
    tiny: ["--tokens", "33", "--layers", "1", "--outputs", "20", "--steps", "1"],
    hasBlas: true,
  },
  {
    file: "cpu_kernels.ts",
    args: ["--no-onnx", "--threads", "1"],
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
const [begin, end] = ["<!-- written by all.ts: begin -->", "<!-- written by all.ts: end -->"];

if (import.meta.main) await runScript(main, import.meta);

async function main(args: string[]): Promise<void> {
  const flags = parseFlags(
    {
      "rounds": { default: 5, min: 1, help: "runs of each bench" },
      "only": { default: "", help: "benches whose file name contains this" },
      "tiny": { default: false, help: "small sizes, whose times mean nothing" },
      "write": { default: false, help: "write the table into bench/README.md" },
      "python": peerFlags.python,
    },
    { script: "bench/all.ts", about: "Every bench beside its peer, as one table." },
    args,
  );
  if (flags.write && (flags.tiny || flags.only !== "")) {
    throw new UsageError(
      "Cannot use --write with --tiny or --only: the table holds whole runs of every bench",
    );
  }
  const { versions, python } = await findPeer(modules, flags.python);
  const chosen = benches.filter(({ file }) => file.includes(flags.only));
  if (chosen.length === 0) throw new UsageError(`Cannot use --only "${flags.only}": no bench is named so`);
  const samples = new Map<string, Row[]>(), failures: string[] = [];
  for (let round = 1; round <= flags.rounds; round++) {
    for (const bench of chosen) {
      for (const more of bench.hasBlas ? [[], ["--blas", "off"]] : [[]]) {
        const { file, args } = bench;
        console.log(`round ${round} of ${flags.rounds}: ${file} ${[...args, ...more].join(" ")}`);
        const sizes = flags.tiny ? bench.tiny : [];
        const peer = bench.withoutPython ? [] : ["--python", python];
        const rows = await run(file, [...args, ...more, ...sizes, "--json", ...peer]);
        if (typeof rows === "string") {
          console.log(`  failed: ${rows}`);
          failures.push(file);
          continue;
        }
        for (const row of rows) {
          samples.getOrInsertComputed(JSON.stringify([row.subject, row.engine]), () => []).push(row);
        }
      }
    }
  }
  const table = tableOf([...samples.values()], flags.rounds, versions);
  console.log("\n" + table);
  if (failures.length > 0) {
    throw new DataError(
      `The table lacks what failed, and is not written: ${[...new Set(failures)].join(", ")}`,
    );
  }
  if (flags.write) await writeTable(table);
}

/** @returns what a bench measured, or why it failed */
async function run(file: string, args: readonly string[]): Promise<Row[] | string> {
  const path = fromFileUrl(new URL(file, import.meta.url));
  const lock = fromFileUrl(new URL("../tests/deno.lock", import.meta.url));
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "-A", `--lock=${lock}`, path, ...args],
  }).output();
  if (!success) return new TextDecoder().decode(stderr).trim().split("\n").at(-1)!;
  const rows = parseRows(new TextDecoder().decode(stdout));
  return rows.length > 0 ? rows : "it measured nothing";
}

/** Markdown: a line a subject, and what it was measured with. */
export function tableOf(samples: readonly (readonly Row[])[], rounds: number, versions: string): string {
  const lines = samples.map((rows) => {
    const [{ subject, engine, ours, peer }] = rows;
    const ratios = rows.map((row) => row.ours.seconds / row.peer.seconds).sort((a, b) => a - b);
    const memory = ours.peakMib !== undefined && peer.peakMib !== undefined
      ? `${mib(rows, "ours")} / ${mib(rows, "peer")} MiB`
      : "";
    const cells = [
      subject,
      engine ?? "",
      `${median(ratios).toFixed(2)} (${ratios[0].toFixed(2)} to ${ratios.at(-1)!.toFixed(2)})`,
      ...(["ours", "peer"] as const).map((side) => time(median(rows.map((row) => row[side].seconds)))),
      memory,
    ];
    return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  });
  return [
    `Medians of ${
      rounds === 1 ? "1 round" : `${rounds} rounds`
    }, lowest and highest ratio in brackets; ${machine()}; ` +
    `Deno ${Deno.version.deno}; ${versions}.`,
    "",
    "| subject | our engine | ours / peer | ours | peer | peak memory |",
    "| --- | --- | --- | --- | --- | --- |",
    ...lines,
  ].join("\n");
}

function mib(rows: readonly Row[], side: "ours" | "peer"): string {
  return Math.max(...rows.map((row) => row[side].peakMib!)).toFixed(0);
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b), middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

function time(seconds: number): string {
  if (seconds < 1e-3) return `${(1e6 * seconds).toFixed(0)} µs`;
  return seconds < 1 ? `${(1000 * seconds).toPrecision(3)} ms` : `${seconds.toPrecision(3)} s`;
}

function machine(): string {
  let model = "unknown processor";
  try {
    model = /model name\s*:\s*(.*)/.exec(Deno.readTextFileSync("/proc/cpuinfo"))?.[1] ?? model;
  } catch { // another system than Linux
  }
  return `${model}, ${navigator.hardwareConcurrency} threads, ${
    Math.round(Deno.systemMemoryInfo().total / 2 ** 30)
  } GiB`;
}

async function writeTable(table: string): Promise<void> {
  await writeFileAtomic(readme, withTable(await Deno.readTextFile(readme), table));
  console.log(`Wrote the table of ${readme} (deno fmt aligns it)`);
}

/** A text with the table between its marks, or at its end where it has none yet. */
export function withTable(text: string, table: string): string {
  const from = text.indexOf(begin), to = text.indexOf(end);
  const block = `${begin}\n\n${table}\n\n${end}`;
  if (from >= 0 && to > from) return text.slice(0, from) + block + text.slice(to + end.length);
  const command = "`deno run -A --lock=tests/deno.lock bench/all.ts --write`";
  return `${text.trimEnd()}\n\n## Every subject in one run\n\n${command}.\n\n${block}\n`;
}
