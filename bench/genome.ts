/**
 * 12-kb windows of 7,000 genes from a made-up genome of 100 Mb, in each format, beside samtools, pyfaidx and py2bit in the
 * same run. Ours opens the genome, reads the windows, turns those of the - strand and checks all letters; the peers do the
 * same in Python, samtools reads alone. Medians. Needs samtools on PATH and pyfaidx and py2bit from PyPI.
 *
 *   deno run -P=test bench/genome.ts --python some/venv/bin/python
 *   deno run -P=test bench/genome.ts --no-peer
 */
import { createHash } from "node:crypto";
import { crc32, deflateRawSync, gzipSync } from "node:zlib";
import { Genome } from "../lib/genome/genome.ts";
import { centred, readWindows, tssWindow } from "../lib/genome/windows.ts";
import { defaultRng } from "../lib/random/pcg64.ts";
import { benchFlags } from "./peer.ts";

const flags = benchFlags({
  "repeats": { default: 3, min: 1, help: "runs of which the median counts" },
  "megabases": { default: 100, min: 1, help: "size of the genome" },
  "peer": { default: true, help: "run samtools and Python too" },
  "python": { default: "/usr/bin/python3", help: "Python with pyfaidx and py2bit" },
}, { script: "bench/genome.ts", about: "Windows of a genome beside samtools, pyfaidx and py2bit." });

const folder = await Deno.makeTempDir(), chromosomes = 4, lineBases = 60, genes = 7000;
const length = Math.floor(flags.megabases * 1e6 / chromosomes);
const stream = defaultRng(0);

/** Codes T, C, A, G of one chromosome's bases. */
const codes = Array.from({ length: chromosomes }, () => stream.integers(0, 4, length));

function fastaBytes(): Uint8Array {
  const parts = codes.map((bases, i) => {
    const head = new TextEncoder().encode(`>chr${i + 1}\n`), lines = Math.ceil(length / lineBases);
    const bytes = new Uint8Array(head.length + length + lines).fill(10);
    bytes.set(head);
    bases.forEach((code, at) =>
      bytes[head.length + at + Math.floor(at / lineBases)] = "TCAG".charCodeAt(code)
    );
    return bytes;
  });
  return joined(parts);
}

function bgzfBytes(plain: Uint8Array): Uint8Array {
  const parts: Uint8Array[] = [];
  const add = (piece: Uint8Array) => {
    const packed = deflateRawSync(piece), size = packed.length + 25;
    parts.push(Uint8Array.of(31, 139, 8, 4, 0, 0, 0, 0, 0, 255, 6, 0, 66, 67, 2, 0, size & 255, size >> 8));
    parts.push(packed, new Uint8Array(Uint32Array.of(crc32(piece), piece.length).buffer));
  };
  for (let at = 0; at < plain.length; at += 65_280) add(plain.subarray(at, at + 65_280));
  add(new Uint8Array(0)); // marks the end
  return joined(parts);
}

/** A run of lower case every 600 bases, as a genome whose repeats are masked. */
function twoBitBytes(): Uint8Array {
  const number = (...values: number[]) => new Uint8Array(Uint32Array.from(values).buffer);
  const starts = Uint32Array.from({ length: Math.floor(length / 600) }, (_, i) => 600 * i);
  const masks = [number(starts.length), new Uint8Array(starts.buffer), number(...starts.map(() => 300))];
  const records = codes.map((bases) => {
    const packed = new Uint8Array(Math.ceil(length / 4));
    bases.forEach((code, at) => packed[at >> 2] |= code << 2 * (3 - at % 4));
    return joined([number(length, 0), ...masks, number(0), packed]);
  });
  const index: Uint8Array[] = [];
  let offset = 16 + chromosomes * 9;
  records.forEach((record, i) => {
    index.push(new TextEncoder().encode(`\x04chr${i + 1}`), number(offset));
    offset += record.length;
  });
  return joined([number(0x1a412743, 0, chromosomes, 0), ...index, ...records]);
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

const fasta = fastaBytes();
const files = {
  "FASTA without .fai": ["plain.fa", fasta],
  "FASTA": ["genome.fa", fasta],
  "bgzip": ["genome.fa.bgz", bgzfBytes(fasta)],
  "gzip": ["packed.fa.gz", gzipSync(fasta, { level: 1 })],
  ".2bit": ["genome.2bit", twoBitBytes()],
} as const;
for (const [name, bytes] of Object.values(files)) await Deno.writeFile(`${folder}/${name}`, bytes);
const windows = Array.from({ length: genes }, (_, i) => ({
  chrom: `chr${1 + i % chromosomes}`,
  tss: 10_000 + stream.integers(0, length - 20_000, 1)[0],
  strand: i % 3 === 0 ? "-" as const : "+" as const,
})).map((site) => tssWindow(site, centred(12_000)));
await Deno.writeTextFile(`${folder}/windows.json`, JSON.stringify(windows));

// samtools wants an index beside each; ours takes it where it is.
if (flags.peer) { for (const name of ["genome.fa", "genome.fa.bgz"]) await samtools(name); }

const peer: Record<string, { seconds: number; md5: string }> = flags.peer ? await runPeer() : {};
console.log(
  `${genes} windows of 12,000 bases from ${flags.megabases} Mb; seconds, median of ${flags.repeats}`,
);
const hashes = new Set(Object.values(peer).map(({ md5 }) => md5));
for (const [format, [name]] of Object.entries(files)) {
  const times: number[] = [];
  for (let i = 0; i < flags.repeats; i++) {
    const start = performance.now();
    using genome = await Genome.open(`${folder}/${name}`);
    const { sequences } = await readWindows(genome, windows);
    times.push((performance.now() - start) / 1000);
    hashes.add(createHash("md5").update(sequences.join("")).digest("hex"));
  }
  const ours = median(times);
  const beside = Object.entries(peer).filter(([key]) => key.startsWith(`${format}, `)).map((
    [key, { seconds }],
  ) => `  ${key.slice(format.length + 2)} ${seconds.toFixed(2)} (ours / its ${(ours / seconds).toFixed(2)})`);
  if (flags.peer && (format === "FASTA" || format === "bgzip")) {
    const alone = await median(await repeated(() => samtools(name, "-r", `${folder}/regions.txt`)));
    beside.push(`  samtools ${alone.toFixed(2)} (ours / its ${(ours / alone).toFixed(2)})`);
  }
  console.log(`${format.padEnd(18)} ours ${ours.toFixed(2)}${beside.join("")}`);
}
await Deno.remove(folder, { recursive: true });
if (hashes.size !== 1) throw new Error(`The sequences differ: ${[...hashes].join(", ")}`);

function median(times: number[]): number {
  return times.sort((a, b) => a - b)[times.length >> 1];
}

async function repeated(work: () => Promise<void>): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i < flags.repeats; i++) {
    const start = performance.now();
    await work();
    times.push((performance.now() - start) / 1000);
  }
  return times;
}

async function samtools(name: string, ...args: string[]): Promise<void> {
  const regions = windows.map(({ chrom, start, end }) => `${chrom}:${start + 1}-${end}\n`).join("");
  await Deno.writeTextFile(`${folder}/regions.txt`, regions);
  const { success } = await new Deno.Command("samtools", {
    args: ["faidx", `${folder}/${name}`, ...args],
    stdout: "null",
    stderr: "inherit",
  }).output();
  if (!success) throw new Error("samtools failed (--no-peer does without)");
}

async function runPeer(): Promise<Record<string, { seconds: number; md5: string }>> {
  const script = new URL("./genome_peer.py", import.meta.url).pathname;
  const { success, stdout } = await new Deno.Command(flags.python, {
    args: [script, folder, String(flags.repeats)],
    stderr: "inherit",
  }).output();
  if (!success) throw new Error(`${flags.python} ${script} failed (--no-peer does without)`);
  return JSON.parse(new TextDecoder().decode(stdout));
}
