/** Text of any size, gzip or not, a piece at a time. */
import { pipeline, Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { DataError } from "../cli/errors.ts";
import { rawPieces } from "./file_pieces.ts";

export const isGzip = (bytes: Uint8Array): boolean => bytes[0] === 0x1f && bytes[1] === 0x8b;

/**
 * The bytes of a file or a pipe, unpacked where they are gzip (of several members too, as bgzip writes).
 *
 * @throws {DataError} naming the path, when it cannot be read or unpacked
 */
export async function* plainPieces(path: string): AsyncGenerator<Uint8Array> {
  const raw = rawPieces(path), first = await raw.next();
  if (first.done) return;
  const all = (async function* () {
    yield first.value;
    yield* raw;
  })();
  if (!isGzip(first.value)) return yield* all;
  const unpacked = createGunzip();
  pipeline(Readable.from(all), unpacked, () => {}); // errors come out of `unpacked`
  try {
    yield* unpacked;
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw new DataError(`Cannot read "${path}": its gzip stream is damaged or cut off`);
  }
}
