/** Text files that are too large to hold: their bytes piece by piece, unpacked where they are gzip. */
import { createReadStream } from "node:fs";
import { pipeline } from "node:stream";
import { createGunzip } from "node:zlib";
import { DataError } from "../cli/errors.ts";
import { RandomAccessFile } from "./random_access_file.ts";

const pieceBytes = 2 ** 20;

/**
 * The plain bytes of a file, about a MiB at a time; gzip of several members (as bgzip and `cat` make it) is read to its end.
 *
 * @throws {DataError} when the file cannot be read, or its gzip is damaged or cut off
 */
export async function* plainChunks(path: string): AsyncGenerator<Uint8Array> {
  using file = RandomAccessFile.open(path);
  if (file.size >= 2 && file.read(0, 2).join() === "31,139") {
    yield* unzippedChunks(path);
    return;
  }
  for (let at = 0; at < file.size; at += pieceBytes) {
    yield file.read(at, Math.min(pieceBytes, file.size - at));
  }
}

async function* unzippedChunks(path: string): AsyncGenerator<Uint8Array> {
  // Not DecompressionStream, which stops at the second member.
  const unzip = createGunzip({ chunkSize: pieceBytes });
  pipeline(createReadStream(path, { highWaterMark: pieceBytes }), unzip, () => {});
  try {
    for await (const chunk of unzip) yield chunk;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new DataError(
      `Cannot read "${path}": it is gzip, but cannot be unpacked (${reason}; is it cut off?)`,
    );
  } finally {
    unzip.destroy();
  }
}

/** A line of text that is longer than this is none. */
const longestLine = 2 ** 26;

/**
 * Lines of a text file without their ends (a CR stays), those of a piece of the file at a time.
 *
 * @throws {DataError} as `plainChunks`, and for what has no lines
 */
export async function* lineGroups(path: string): AsyncGenerator<Uint8Array[]> {
  let rest: Uint8Array = new Uint8Array(0);
  for await (const chunk of plainChunks(path)) {
    const bytes = new Uint8Array(rest.length + chunk.length);
    bytes.set(rest);
    bytes.set(chunk, rest.length);
    const lines: Uint8Array[] = [];
    let start = 0;
    for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, start)) {
      lines.push(bytes.subarray(start, end));
      start = end + 1;
    }
    rest = bytes.subarray(start);
    if (rest.length > longestLine) {
      throw new DataError(`Cannot read "${path}": it has a line of more than 64 MiB (is it a text table?)`);
    }
    yield lines;
  }
  if (rest.length > 0) yield [rest];
}
