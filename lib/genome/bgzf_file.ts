/**
 * Plain bytes of a bgzip file by their position, block by block. Every block's CRC-32 is checked, which
 * @gmod/bgzf-filehandle 6.2 does not: a damaged block gave other letters.
 */
import { gunzipSync } from "node:zlib";
import { DataError } from "../cli/errors.ts";
import type { RandomAccessFile } from "../io/random_access_file.ts";

/** Where a block begins in the file, and in its plain content. */
interface BlockStart {
  readonly packed: number;
  readonly plain: number;
}

export class BgzfFile {
  readonly #file: RandomAccessFile;
  /** Ascending, and where the last block ends. */
  readonly #starts: readonly BlockStart[];

  /** @param gzi bytes of the .gzi file beside it, where there is one; else the chain of blocks is followed */
  constructor(file: RandomAccessFile, gzi: Uint8Array | null) {
    this.#file = file;
    this.#starts = gzi === null ? followBlocks(file) : [...readGzi(gzi, file.path), {
      packed: file.size,
      plain: Infinity,
    }];
  }

  /** Up to `length` bytes of the plain content, fewer at its end. @throws {DataError} for damaged blocks */
  read(position: number, length: number): Uint8Array {
    const first = this.#blockOf(position), last = this.#blockOf(position + Math.max(0, length - 1));
    const { packed, plain } = this.#starts[first], { packed: end } = this.#starts[last + 1];
    let bytes: Uint8Array;
    try {
      bytes = gunzipSync(this.#file.read(packed, end - packed));
    } catch (error) {
      if (error instanceof DataError) throw error;
      throw new DataError(
        `Cannot read "${this.#file.path}": its bgzip blocks from byte ${packed} on cannot be unpacked ` +
          `(is it damaged, or its .gzi of another file?)`,
      );
    }
    return bytes.subarray(position - plain, position - plain + length);
  }

  /** The last block that begins at `position` or before it. */
  #blockOf(position: number): number {
    let low = 0, high = this.#starts.length - 2;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (this.#starts[middle].plain <= position) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

/** Whether a file that begins with these bytes is bgzip: gzip with an extra field that says how large the block is. */
export function isBgzf(head: Uint8Array): boolean {
  return blockBytes(head) !== null;
}

/** Bytes of the block that begins with this header, null where it is none. Format: SAM specification, section 4.1. */
function blockBytes(head: Uint8Array): number | null {
  if (head.length < 18 || head[0] !== 0x1f || head[1] !== 0x8b || (head[3] & 4) === 0) return null;
  const extraEnd = Math.min(head.length, 12 + head[10] + 256 * head[11]);
  for (let at = 12; at + 6 <= extraEnd; at += 4 + head[at + 2] + 256 * head[at + 3]) {
    if (head[at] === 0x42 && head[at + 1] === 0x43) return 1 + head[at + 4] + 256 * head[at + 5];
  }
  return null;
}

/** From the header and the last four bytes of each block: nothing is unpacked. */
function followBlocks(file: RandomAccessFile): BlockStart[] {
  const starts: BlockStart[] = [], headBytes = 64;
  let packed = 0, plain = 0;
  while (packed < file.size) {
    const bytes = blockBytes(file.read(packed, Math.min(headBytes, file.size - packed)));
    if (bytes === null) {
      throw new DataError(
        `Cannot read "${file.path}": no bgzip block begins at byte ${packed} (is it damaged?)`,
      );
    }
    starts.push({ packed, plain });
    const length = file.read(packed + bytes - 4, 4);
    plain += new DataView(length.buffer).getUint32(0, true);
    packed += bytes;
  }
  return [...starts, { packed, plain }];
}

/** A count and, for each block but the first, where it begins packed and plain, as 64-bit little-endian numbers. */
function readGzi(gzi: Uint8Array, path: string): BlockStart[] {
  const view = new DataView(gzi.buffer, gzi.byteOffset, gzi.length);
  const count = gzi.length < 8 ? -1 : Number(view.getBigUint64(0, true));
  if (gzi.length !== 8 + 16 * count) {
    throw new DataError(
      `Cannot read "${path}.gzi": it is cut off or no .gzi file (make it anew with bgzip -r)`,
    );
  }
  const starts = [{ packed: 0, plain: 0 }];
  for (let at = 8; at < gzi.length; at += 16) {
    const packed = Number(view.getBigUint64(at, true)), plain = Number(view.getBigUint64(at + 8, true));
    if (!(packed > starts.at(-1)!.packed && plain >= starts.at(-1)!.plain)) {
      throw new DataError(
        `Cannot read "${path}.gzi": its blocks are not in order (make it anew with bgzip -r)`,
      );
    }
    starts.push({ packed, plain });
  }
  return starts;
}
