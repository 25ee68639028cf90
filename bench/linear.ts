/**
 * Both linear scripts at full size (377 x 4,912), whole processes with all outputs and both plots, beside the same work in
 * NumPy, pandas, SciPy, scikit-learn and matplotlib (linear_peer.py) on the same data in the same run. The peer runs twice:
 * as the Python scripts do, which correlate each profile anew in every bootstrap resample, and with one r a profile.
 * Wall time is the median of a few runs, memory the largest.
 *
 *   deno run -P=test bench/linear.ts
 *   deno run -P=test bench/linear.ts --repo-root my-data/data --ntv2-dir my-data/NT-v2-50M
 *   deno run -P=test bench/linear.ts --no-peer --repeats 9
 *   deno run -P=test bench/linear.ts --no-peer --repeats 1 --perturbations 4000
 *
 * The peer is the Python of bench/peers.sh. Needs /usr/bin/time (Debian: time).
 */
import { fromFileUrl, join } from "@std/path";
import { writeFileAtomic } from "../lib/io/atomic_write.ts";
import { encodeCsv, readNumericCsv } from "../lib/io/csv.ts";
import { writeNpy } from "../lib/io/npy.ts";
import { row } from "../lib/linalg/matrix.ts";
import { makeDemoData } from "../lib/dataset/demo_data.ts";
import { benchFlags, peerEnvironment, peerFlags, peerOrExit } from "./peer.ts";
import { printRows, type Row, rowsFlag } from "./rows.ts";

const flags = benchFlags({
  "repeats": { default: 5, min: 1, help: "runs of which the median counts" },
  "bootstrap": {
    default: "both",
    choices: ["both", "each", "once"],
    help: "ways of the peer: r of every resample, which takes half a minute, or one a profile",
  },
  ...peerFlags,
  ...rowsFlag,
  "perturbations": { default: 377, min: 10, max: 4912, help: "of the made-up data" },
  "repo-root": {
    default: null,
    type: "text",
    shownDefault: "made-up data",
    help: "folder that holds artifacts/",
  },
  "ntv2-dir": { default: null, type: "text", shownDefault: "made-up data", help: "folder of NT embeddings" },
}, { script: "bench/linear.ts", about: "Both linear scripts at full size beside Python." });

const modules = ["numpy", "pandas", "scipy", "sklearn", "matplotlib", "pyarrow"];
const python = await peerOrExit(modules, flags);
const rows: Row[] = [];
const work = await Deno.makeTempDir();
try {
  const [root, nt] = flags.repoRoot ? [flags.repoRoot, flags.ntv2Dir ?? "NT-v2-50M"] : await madeUpData(work);
  const script = (name: string) => fromFileUrl(new URL(`../scripts/${name}`, import.meta.url));
  const peer = fromFileUrl(new URL("linear_peer.py", import.meta.url));
  const ways = ([["each", "Python, r each time"], ["once", "Python, r once"]] as const)
    .filter(([way]) => flags.bootstrap === "both" || flags.bootstrap === way);
  const output = ["--output-dir", join(work, "results")];
  const start = performance.now();
  await readNumericCsv(join(root, "artifacts/targets_377_overlap.csv"), { labels: 1 }); // once, as a script does
  const reading = (performance.now() - start) / 1000;
  console.log("                          wall s   CPU s   peak MiB");
  for (
    const [name, model, own] of [["hs27_lel.ts", "pca", []], ["lel_embed.ts", "embed", [
      "--ntv2-dir",
      nt,
    ]]] as const
  ) {
    const args = ["run", "-q", "-P", script(name), "--repo-root", root, ...output, ...own];
    const ours = await median(flags.repeats, Deno.execPath(), args);
    show(name, ours);
    if (!python) continue;
    // The script's modules are loaded before it prints its help.
    const loading = await median(flags.repeats, Deno.execPath(), ["run", "-q", "-P", script(name), "--help"]);
    const share = (seconds: number) => `${(100 * seconds / ours.wall).toFixed(0)}%`;
    const bound =
      `start of Deno and modules ${share(loading.wall)}, reading the targets ${share(reading)}, ` +
      `${(ours.cpu / ours.wall).toFixed(1)} cores busy`;
    for (const [bootstrap, what] of ways) {
      const theirs = await median(1, python.python, [peer, model, root, join(work, "peer"), nt, bootstrap]);
      show(`  ${what}`, theirs);
      console.log(
        `  ratio                  ${(theirs.wall / ours.wall).toFixed(1).padStart(8)} ${
          (theirs.cpu / ours.cpu).toFixed(1).padStart(7)
        }`,
      );
      rows.push({
        subject: `${name}, whole process, beside ${what}`,
        engine: null,
        ours: { seconds: ours.wall, peakMib: ours.peakMib },
        peer: { seconds: theirs.wall, peakMib: theirs.peakMib },
        peerName: "NumPy, pandas, SciPy, scikit-learn, matplotlib",
        bound,
      });
    }
  }
  printRows(flags.json, rows);
} finally {
  await Deno.remove(work, { recursive: true });
}

interface Cost {
  wall: number;
  cpu: number;
  peakMib: number;
}

async function median(repeats: number, command: string, args: string[]): Promise<Cost> {
  const costs: Cost[] = [];
  for (let i = 0; i < repeats; i++) costs.push(await measure(command, args));
  const sorted = costs.sort((a, b) => a.wall - b.wall), middle = sorted[Math.floor(repeats / 2)];
  return { ...middle, peakMib: Math.max(...costs.map(({ peakMib }) => peakMib)) };
}

async function measure(command: string, args: string[]): Promise<Cost> {
  const time = ["-f", "%e %U %S %M", command, ...args];
  const { success, stderr } = await new Deno.Command("/usr/bin/time", {
    args: time,
    stdout: "null",
    clearEnv: true,
    env: peerEnvironment(), // ours does without BLAS
  }).output();
  const text = new TextDecoder().decode(stderr);
  if (!success) throw new Error(`${command} failed: ${text}`);
  const [wall, user, system, kib] = text.trim().split("\n").at(-1)!.split(" ").map(Number);
  return { wall, cpu: user + system, peakMib: kib / 1024 };
}

function show(name: string, { wall, cpu, peakMib }: Cost): void {
  const cells = [wall.toFixed(2).padStart(7), cpu.toFixed(2).padStart(7), peakMib.toFixed(0).padStart(9)];
  console.log(`${name.padEnd(25)} ${cells.join(" ")}`);
}

/** The demo's recipe at the size of the real data. @returns the repo root and the NT folder */
async function madeUpData(folder: string): Promise<[string, string]> {
  const sizes = { tfs: flags.perturbations, genes: 4912, ntWidth: 512, hyenaWidth: 1, promoterLength: 200 };
  const { geneIds, tfGenes, tfSymbols, responses, ntTfs, ntGenes, promoters } = makeDemoData(sizes, 1);
  const root = join(folder, "data"),
    nt = join(folder, "NT-v2-50M"),
    tfIds = tfGenes.map((gene) => geneIds[gene]);
  const profiles = tfSymbols.map((
    symbol,
    tf,
  ) => [symbol, ...Array.from(row(responses, tf), (x) => x.toFixed(6))]);
  const artifacts = join(root, "artifacts");
  await writeFileAtomic(
    join(artifacts, "targets_377_overlap.csv"),
    encodeCsv(["gene_name", ...geneIds], profiles),
  );
  await writeFileAtomic(join(artifacts, "gene_index.txt"), geneIds.join("\n") + "\n");
  const rows = tfSymbols.map((symbol, tf) => [symbol, tfIds[tf], promoters[tf]]);
  await writeFileAtomic(
    join(root, "tf_sequences.csv"),
    encodeCsv(["gene_name", "gene_id", "sequence"], rows),
  );
  for (
    const [kind, { data, rows, columns }, ids] of [["tf", ntTfs, tfIds], ["gene", ntGenes, geneIds]] as const
  ) {
    await writeNpy(join(nt, `NTv2_50m_${kind}_embeddings.npy`), { shape: [rows, columns], data });
    await writeNpy(join(nt, `NTv2_50m_${kind}_ids.npy`), { shape: [rows], data: [...ids] });
  }
  return [root, nt];
}
