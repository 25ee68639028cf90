import { rawPieces } from "./file_pieces.ts";
import { readFileBytes } from "./read_file.ts";

/** A file by its path (with slashes, below the result folder; or as the user named it), its size and its content. */
export interface FileFact {
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** Files up to so many bytes are hashed whole: beside the thread that asks, while it computes. */
const wholeBytes = 2 ** 23;

/** Path, size and hash of a file of any size. @param shown how it is named */
export async function describeFile(path: string, shown = path): Promise<FileFact> {
  const info = await Deno.stat(path).catch(() => null);
  if (info?.isFile && info.size <= wholeBytes) {
    const content = await readFileBytes(path), digest = await crypto.subtle.digest("SHA-256", content);
    return { path: shown, bytes: content.length, sha256: new Uint8Array(digest).toHex() };
  }
  const { createHash } = await import("node:crypto");
  const hash = createHash("sha256");
  let bytes = 0;
  for await (const piece of rawPieces(path)) {
    hash.update(piece);
    bytes += piece.length;
  }
  return { path: shown, bytes, sha256: hash.digest("hex") };
}
