/**
 * UCSC's .2bit, only the wanted bytes of it (format: genome.ucsc.edu/FAQ/FAQformat.html#format7). @gmod/twobit 6.0 reads all
 * of a chromosome's blocks anew for every region: 25 times slower on one as long as human chr1.
 */
import { DataError } from "../cli/errors.ts";
import { RandomAccessFile } from "../io/random_access_file.ts";
import type { GenomeFile, Region } from "./genome.ts";

/** First number of the file, in its own byte order. */
export const twoBitMagic = 0x1a412743;

/** Runs of bases, ascending. */
interface Blocks {
  readonly starts: Uint32Array;
  readonly sizes: Uint32Array;
}

interface Sequence {
  readonly length: number;
  /** Runs of N, and of lower case. */
  readonly unknown: Blocks;
  readonly masked: Blocks;
  /** Byte of the first four bases. */
  readonly offset: number;
}

/** @throws {DataError} when it is damaged or cut off */
export function openTwoBitFile(path: string): GenomeFile {
  const file = RandomAccessFile.open(path),
    offsets = readOffsets(file),
    sequences = new Map<string, Sequence>();
  const lengths = new Map([...offsets].map(([name, offset]) => [name, numbersAt(file, offset, 1)[0]]));
  const sequenceOf = (name: string) =>
    sequences.getOrInsertComputed(name, () => readSequence(file, offsets.get(name)!));
  return {
    lengths,
    read: (regions) =>
      Promise.resolve(regions.map((region) => lettersOf(file, sequenceOf(region.chrom), region))),
    close: () => file.close(),
  };
}

function damaged({ path }: RandomAccessFile): DataError {
  return new DataError(`Cannot read "${path}": it is a damaged .2bit file`);
}

/** Where the record of each sequence begins. */
function readOffsets(file: RandomAccessFile): Map<string, number> {
  const [, version, count] = numbersAt(file, 0, 4), wide = version === 1;
  if (version > 1 || count === 0) throw damaged(file);
  const longest = 1 + 255 + 8, bytes = file.read(16, Math.min(count * longest, file.size - 16));
  const view = new DataView(bytes.buffer), offsets = new Map<string, number>();
  let at = 0;
  for (let i = 0; i < count; i++) {
    const end = at + 1 + bytes[at], next = end + (wide ? 8 : 4);
    if (!(next <= bytes.length)) throw damaged(file);
    const name = new TextDecoder().decode(bytes.subarray(at + 1, end));
    offsets.set(name, wide ? Number(view.getBigUint64(end, true)) : view.getUint32(end, true));
    at = next;
  }
  return offsets;
}

function readSequence(file: RandomAccessFile, start: number): Sequence {
  const [length] = numbersAt(file, start, 1);
  const unknown = readBlocks(file, start + 4, length), masked = readBlocks(file, unknown.end, length);
  return { length, unknown, masked, offset: masked.end + 4 };
}

/** A count, as many starts, as many sizes; `end` is the byte behind. */
function readBlocks(file: RandomAccessFile, at: number, length: number): Blocks & { end: number } {
  const [count] = numbersAt(file, at, 1), numbers = numbersAt(file, at + 4, 2 * count);
  const starts = numbers.subarray(0, count), sizes = numbers.subarray(count);
  let before = 0;
  for (let i = 0; i < count; i++) {
    if (starts[i] < before || starts[i] + sizes[i] > length) throw damaged(file);
    before = starts[i] + sizes[i];
  }
  return { starts, sizes, end: at + 4 + 8 * count };
}

function numbersAt(file: RandomAccessFile, at: number, count: number): Uint32Array {
  return new Uint32Array(file.read(at, 4 * count).buffer);
}

const n = 0x4e, lowerCase = 0x20;

/** The four letters of each byte, as they lie in memory. */
const letterQuads = Uint32Array.from({ length: 256 }, (_, byte) => {
  const letters = [6, 4, 2, 0].map((shift) => "TCAG".charCodeAt(byte >> shift & 3));
  return new Uint32Array(Uint8Array.from(letters).buffer)[0];
});

function lettersOf(file: RandomAccessFile, sequence: Sequence, { start, end }: Region): string {
  const first = Math.floor(start / 4),
    packed = file.read(sequence.offset + first, Math.ceil(end / 4) - first);
  const quads = new Uint32Array(packed.length);
  for (let i = 0; i < packed.length; i++) quads[i] = letterQuads[packed[i]];
  const letters = new Uint8Array(quads.buffer);
  const wanted = letters.subarray(start - 4 * first, end - 4 * first);
  forEachOverlap(sequence.unknown, { start, end }, (from, to) => wanted.fill(n, from, to));
  forEachOverlap(sequence.masked, { start, end }, (from, to) => {
    for (let i = from; i < to; i++) wanted[i] |= lowerCase;
  });
  return new TextDecoder().decode(wanted);
}

/** The parts of blocks within a region, counted from its start. */
function forEachOverlap(
  { starts, sizes }: Blocks,
  { start, end }: { start: number; end: number },
  visit: (from: number, to: number) => void,
): void {
  // The first block that ends behind the region's start.
  let low = 0, high = starts.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (starts[middle] + sizes[middle] <= start) low = middle + 1;
    else high = middle;
  }
  for (let i = low; i < starts.length && starts[i] < end; i++) {
    visit(Math.max(starts[i], start) - start, Math.min(starts[i] + sizes[i], end) - start);
  }
}
