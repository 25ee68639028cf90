/** Sequences in FASTA files. */
import { constants, gunzipSync } from "node:zlib";
import { getHeapStatistics } from "node:v8";
import { DataError } from "../cli/errors.ts";
import { isGzip, plainPieces } from "./byte_pieces.ts";
import { FastaParser, type FastaRecord } from "./fasta_parser.ts";
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
  let bytes = 0;
  for await (const piece of plainPieces(path)) {
    if ((bytes += piece.length) > mostBytes()) throw tooLarge(path, bytes);
    parser.push(piece);
  }
  return parser.end();
}

/** Sequences are texts, which V8 keeps on its heap: beyond it the process would be lost without a word. */
function mostBytes(): number {
  return 0.85 * getHeapStatistics().heap_size_limit;
}

function tooLarge(path: string, bytes: number): DataError {
  const gigabytes = (bytes / 2 ** 30).toFixed(1);
  return new DataError(
    `Cannot read "${path}": it has more than ${gigabytes} GiB of text, for which there is no room (split it, or run with ` +
      `--v8-flags=--max-old-space-size=16000 for 16 GB)`,
  );
}

/** As `readFasta`, from bytes; `name` is what errors call the file. */
export function parseFasta(bytes: Uint8Array, name: string): FastaRecord[] {
  const parser = new FastaParser(name);
  parser.push(bytes);
  return parser.end();
}
