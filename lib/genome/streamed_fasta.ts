import { plainChunks } from "../io/plain_chunks.ts";
import type { Region } from "./genome.ts";

/**
 * Regions of a FASTA file that has no index, plain or gzip, in one pass over it; only the regions are held.
 *
 * @returns letters in the order of `regions`; fewer where the file ends before them
 */
export async function readByStreaming(path: string, regions: readonly Region[]): Promise<string[]> {
  const collector = new Collector(regions);
  for await (const chunk of plainChunks(path)) collector.take(chunk);
  return collector.sequences();
}

const LF = 10, CR = 13, SPACE = 32, TAB = 9, HEADER = 62, COMMENT = 59;

interface Wanted extends Region {
  readonly letters: Uint8Array;
  filled: number;
}

class Collector {
  readonly #wanted: Wanted[];
  /** Of each sequence, by their starts. */
  readonly #byName = new Map<string, Wanted[]>();
  /** Those of the sequence at hand whose start is ahead, and those that the position is in. */
  #ahead: Wanted[] = [];
  #open: Wanted[] = [];
  /** Bases of the sequence at hand that have been read. */
  #position = 0;
  #kind: "header" | "comment" | "bases" | null = null;
  #header = "";

  constructor(regions: readonly Region[]) {
    this.#wanted = regions.map((region) => ({
      ...region,
      letters: new Uint8Array(region.end - region.start),
      filled: 0,
    }));
    for (const wanted of this.#wanted) this.#byName.getOrInsertComputed(wanted.chrom, () => []).push(wanted);
    // Sorted backwards: the next one is popped.
    for (const own of this.#byName.values()) own.sort((a, b) => b.start - a.start);
  }

  take(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length;) {
      const lf = chunk.indexOf(LF, at), end = lf < 0 ? chunk.length : lf;
      if (this.#kind === null && end > at) {
        this.#kind = chunk[at] === HEADER ? "header" : chunk[at] === COMMENT ? "comment" : "bases";
      }
      if (this.#kind === "header") this.#header += new TextDecoder().decode(chunk.subarray(at, end));
      else if (this.#kind === "bases") this.#bases(chunk, at, end);
      if (lf >= 0) {
        if (this.#kind === "header") this.#begin(/^>\s*(\S*)/.exec(this.#header)![1]);
        this.#kind = null;
        this.#header = "";
      }
      at = end + 1;
    }
  }

  sequences(): string[] {
    const decoder = new TextDecoder();
    return this.#wanted.map(({ letters, filled }) => decoder.decode(letters.subarray(0, filled)));
  }

  #begin(name: string): void {
    this.#ahead = this.#byName.get(name) ?? [];
    this.#open = [];
    this.#position = 0;
  }

  #bases(chunk: Uint8Array, start: number, end: number): void {
    while (end > start && isBlank(chunk[end - 1])) end--;
    const from = this.#position, to = from + end - start;
    this.#position = to;
    while (this.#ahead.length > 0 && this.#ahead.at(-1)!.start < to) this.#open.push(this.#ahead.pop()!);
    if (this.#open.length === 0) return;
    for (const wanted of this.#open) {
      const first = Math.max(from, wanted.start), last = Math.min(to, wanted.end);
      wanted.letters.set(chunk.subarray(start + first - from, start + last - from), first - wanted.start);
      wanted.filled = last - wanted.start;
    }
    if (this.#open.some((wanted) => wanted.end <= to)) {
      this.#open = this.#open.filter((wanted) => wanted.end > to);
    }
  }
}

function isBlank(byte: number): boolean {
  return byte === CR || byte === SPACE || byte === TAB;
}
