/** Sequences in FASTA files. */
import { constants, gunzipSync } from "node:zlib";
import { isGzip, plainPieces } from "./plain_pieces.ts";
import { FastaParser, type FastaRecord } from "./fasta_parser.ts";
import { TextRoom } from "./text_room.ts";
import { pipeContent } from "./pipes.ts";

export { isNoSequence } from "./fasta_parser.ts";
export type { FastaRecord };

/**
 * Whether a file's content is FASTA, gzip or not: its first character is ">", or ";" for an old comment.
 * Null for what cannot be read, and for damaged gzip.
 */
export async function isFasta(path: string): Promise<boolean | null> {
  const bytes = await headOf(path);
  if (bytes === null) return null;
  // The head of a gzip stream is cut off: what came out before its end was missed is enough.
  let plain: Uint8Array = bytes;
  try {
    if (isGzip(bytes)) plain = gunzipSync(bytes, { finishFlush: constants.Z_SYNC_FLUSH });
  } catch {
    return null;
  }
  return /^[>;]/.test(new TextDecoder().decode(plain).trimStart());
}

async function headOf(path: string): Promise<Uint8Array | null> {
  const piped = await pipeContent(path).catch(() => null);
  if (piped !== null) return piped.subarray(0, 4096);
  const found = await Deno.stat(path).catch(() => null);
  if (!found?.isFile) return null;
  using file = await Deno.open(path);
  const head = new Uint8Array(4096);
  return head.subarray(0, await file.read(head) ?? 0);
}

/**
 * Files of any size, gzip too.
 *
 * @throws {DataError} with the line, for text before the first header, a header without id or sequence, a stray character
 */
export async function readFasta(path: string): Promise<FastaRecord[]> {
  const parser = new FastaParser(path);
  const room = new TextRoom(path);
  for await (const piece of plainPieces(path)) {
    room.take(piece.length);
    parser.push(piece);
  }
  return parser.end();
}

/** As `readFasta`, from bytes; `name` is what errors call the file. */
export function parseFasta(bytes: Uint8Array, name: string): FastaRecord[] {
  const parser = new FastaParser(name);
  parser.push(bytes);
  return parser.end();
}
