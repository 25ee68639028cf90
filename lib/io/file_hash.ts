/** Size and SHA-256 of files of any size. */
import { createHash } from "node:crypto";
import { RandomAccessFile } from "./random_access_file.ts";

export interface FileHash {
  readonly path: string;
  readonly bytes: number;
  /** Hex. */
  readonly sha256: string;
}

/** @throws {DataError} when it cannot be read */
export function hashFile(path: string): FileHash {
  using file = RandomAccessFile.open(path);
  const hash = createHash("sha256"), piece = new Uint8Array(2 ** 22);
  for (let at = 0; at < file.size; at += piece.length) {
    const bytes = piece.subarray(0, Math.min(piece.length, file.size - at));
    file.readInto(at, bytes);
    hash.update(bytes);
  }
  return { path, bytes: file.size, sha256: hash.digest("hex") };
}
