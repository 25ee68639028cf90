import { createHash } from "node:crypto";
import { rawPieces } from "./file_pieces.ts";

/** A file by its path (with slashes, below the result folder; or as the user named it), its size and its content. */
export interface FileFact {
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** Path, size and hash of a file of any size. @param shown how it is named */
export async function describeFile(path: string, shown = path): Promise<FileFact> {
  const hash = createHash("sha256");
  let bytes = 0;
  for await (const piece of rawPieces(path)) {
    hash.update(piece);
    bytes += piece.length;
  }
  return { path: shown, bytes, sha256: hash.digest("hex") };
}
