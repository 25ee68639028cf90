/** The table of bench/all.ts as Markdown. */
import { askedRatio } from "./asked.ts";
import { describeRoof, reachedOf, type Roof } from "./roofline.ts";
import type { Row } from "./rows.ts";

const [begin, end] = ["<!-- written by all.ts: begin -->", "<!-- written by all.ts: end -->"];

export interface Measured {
  /** The rows of a subject and engine, one a round. */
  readonly samples: readonly (readonly Row[])[];
  readonly roof: Roof | null;
  /** Of the peer. */
  readonly versions: string;
  /** How it was measured: "3 rounds in one run", "commit 1a2b3c4". */
  readonly circumstances: readonly string[];
}

/** A line a subject and engine, what it was measured with, and the roof of the machine. */
export function tableOf({ samples, roof, versions, circumstances }: Measured): string {
  return [
    `Medians of ${
      circumstances.join("; ")
    }; Deno ${Deno.version.deno}; ${versions}. Lowest and highest ratio in brackets.`,
    "",
    "| subject | our engine | ours / peer | asked | ours | peer | peak memory | reached | of the roof |",
    "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ...samples.map((rows) => line(rows, roof)),
    ...roof ? ["", describeRoof(roof)] : [],
  ].join("\n");
}

function line(rows: readonly Row[], roof: Roof | null): string {
  const [{ subject, engine, ours, peer }] = rows;
  const ratios = rows.map((row) => row.ours.seconds / row.peer.seconds).sort((a, b) => a - b);
  const ratio = median(ratios);
  const memory = ours.peakMib !== undefined && peer.peakMib !== undefined
    ? `${mib(rows, "ours")} / ${mib(rows, "peer")} MiB`
    : "";
  const cells = [
    subject,
    // The name of a library, not where it lies.
    (engine ?? "").replace(/products by \S*\//, "products by "),
    `${ratio.toFixed(2)} (${ratios[0].toFixed(2)} to ${ratios.at(-1)!.toFixed(2)})`,
    askedCell(askedRatio(subject, engine), ratio),
    ...(["ours", "peer"] as const).map((side) => time(median(rows.map((row) => row[side].seconds)))),
    memory,
    ...roofCells(rows, roof),
  ];
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
}

function askedCell(asked: number | null, ratio: number): string {
  if (asked === null) return "";
  return `${asked.toFixed(2)}, ${ratio <= asked ? "met" : "**missed**"}`;
}

/** "123 GFLOP/s, 4.5 GB/s" and "62% of 128-bit multiply-adds, 16% of the processor's". */
function roofCells(rows: readonly Row[], roof: Roof | null): [string, string] {
  const [{ work, bound = "", engine }] = rows;
  const reached = roof && work
    ? reachedOf(roof, work, engine ?? "", median(rows.map(({ ours }) => ours.seconds)))
    : null;
  if (!reached) return ["", bound];
  const { gflops, gbs, share, roof: name, ofWidest } = reached;
  const rates = [
    ...gflops === null ? [] : [`${gflops.toPrecision(3)} GFLOP/s`],
    ...gbs === null ? [] : [`${gbs.toPrecision(2)} GB/s`],
  ];
  const percent = (part: number) => `${(100 * part).toFixed(0)}%`;
  // Where the roof is the widest vectors, the two are one number.
  const isOther = ofWidest !== null && name !== "memory" && name !== "cache" && ofWidest < 0.999 * share;
  const ofAll = isOther ? `, ${percent(ofWidest)} of the processor's` : "";
  const cached = name === "memory" && share > 1 ? " (part of it stays in the cache)" : "";
  return [rates.join(", "), `${percent(share)} of ${name}${cached}${ofAll}${bound && `; ${bound}`}`];
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

/** A text with the table between its marks, or at its end where it has none yet. */
export function withTable(text: string, table: string): string {
  const from = text.indexOf(begin), to = text.indexOf(end);
  const block = `${begin}\n\n${table}\n\n${end}`;
  if (from >= 0 && to > from) return text.slice(0, from) + block + text.slice(to + end.length);
  const command = "`deno run -A --lock=tests/deno.lock bench/all.ts --write`";
  return `${text.trimEnd()}\n\n## Every subject in one run\n\n${command}.\n\n${block}\n`;
}
