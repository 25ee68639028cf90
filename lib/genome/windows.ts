/** Windows of a genome about transcription starts: which bases they are, and their letters. */
import type { Genome } from "./genome.ts";
import { reverseComplement } from "./reverse_complement.ts";

/** Bases [start, end) counted from 0 on the + strand; `start` may lie before the chromosome and `end` beyond it. */
export interface Window {
  readonly chrom: string;
  readonly start: number;
  readonly end: number;
  /** On "-" the letters are the reverse complement. */
  readonly strand: "+" | "-";
  /** Where N stand for bases that the chromosome lacks: at the end that lacks them, or always on the right. */
  readonly padding: "where missing" | "right";
}

/**
 * `around`: `upstream` bases before the TSS, then the TSS and what follows, `downstream` bases with it, in the gene's
 * direction. `compat`: what the original notebook cut, [max(0, tss - length/2), tss + length/2) with the TSS that counts
 * from 1 taken as an index from 0 (one base off the centre), N on the right of the finished sequence, also where the
 * left end was cut.
 */
export type WindowShape = AroundTss | { readonly kind: "compat"; readonly length: number };

export interface AroundTss {
  readonly kind: "around";
  readonly upstream: number;
  readonly downstream: number;
}

/** A window of `length` bases with the TSS in its middle; of an even length, first in its second half. */
export function centred(length: number): AroundTss {
  const upstream = Math.floor(length / 2);
  return { kind: "around", upstream, downstream: length - upstream };
}

/** @param tss counted from 1, as in GTF */
export function tssWindow(
  { chrom, tss, strand }: { chrom: string; tss: number; strand: "+" | "-" },
  shape: WindowShape,
): Window {
  if (shape.kind === "compat") {
    const before = Math.floor(shape.length / 2);
    return { chrom, start: tss - before, end: tss + shape.length - before, strand, padding: "right" };
  }
  const at = tss - 1, { upstream, downstream } = shape;
  const [start, end] = strand === "+"
    ? [at - upstream, at + downstream]
    : [at + 1 - downstream, at + 1 + upstream];
  return { chrom, start, end, strand, padding: "where missing" };
}

export interface WindowSequences {
  /** Upper case, each as long as its window. */
  readonly sequences: string[];
  /** N that stand for bases beyond the chromosome's ends, for each window. */
  readonly padded: number[];
}

/**
 * Letters of windows in the direction of their strands, in upper case (lower case in a genome marks repeats).
 *
 * @throws {DataError} for an unknown chromosome
 */
export async function readWindows(genome: Genome, windows: readonly Window[]): Promise<WindowSequences> {
  const regions = windows.map(({ chrom, start, end }) => {
    const length = genome.lengthOf(chrom), first = clamped(start, length);
    return { chrom, start: first, end: Math.max(first, clamped(end, length)) };
  });
  const letters = await genome.sequences(regions);
  const sequences = windows.map(({ start, end, strand, padding }, i) => {
    const before = "N".repeat(Math.min(Math.max(0, -start), end - start));
    const plain = padding === "right" ? letters[i] : (before + letters[i]).padEnd(end - start, "N");
    const directed = strand === "-" ? reverseComplement(plain) : plain;
    return directed.toUpperCase().padEnd(end - start, "N");
  });
  return { sequences, padded: windows.map(({ start, end }, i) => end - start - letters[i].length) };
}

function clamped(position: number, length: number): number {
  return Math.max(0, Math.min(position, length));
}
