import { DataError } from "../cli/errors.ts";
import { pipeContent } from "./pipes.ts";
import { reasonOf } from "./read_file.ts";

const pieceBytes = 2 ** 20;

/** The bytes of a file of any size, or of a pipe, a piece at a time. @throws {DataError} naming the path, when it cannot be read */
export async function* rawPieces(path: string): AsyncGenerator<Uint8Array> {
  try {
    const piped = await pipeContent(path);
    if (piped !== null) return yield piped;
    using file = await Deno.open(path);
    for (;;) {
      const piece = new Uint8Array(pieceBytes), count = await file.read(piece);
      if (count === null) return;
      yield piece.subarray(0, count);
    }
  } catch (error) {
    throw new DataError(`Cannot read "${path}": ${reasonOf(error)}`);
  }
}
