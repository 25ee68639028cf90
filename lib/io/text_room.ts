/** Text that is kept lies on V8's heap: beyond its limit the process ends without a word of its own. */
import { getHeapStatistics } from "node:v8";
import { DataError } from "../cli/errors.ts";

/** What one text takes beside its letters, about. */
const bytesPerText = 40;

/** Part of the heap's limit that is for short-lived objects. */
const youngBytes = 96 * 2 ** 20;

/** Counts text that is kept of a file, and refuses the file before there is no room. */
export class TextRoom {
  readonly #name: string;
  readonly #most = 0.85 * (getHeapStatistics().heap_size_limit - youngBytes);
  #bytes = 0;

  /** @param name what errors call the file */
  constructor(name: string) {
    this.#name = name;
  }

  /** @throws {DataError} when there is no room for so many more */
  take(bytes: number, texts = 0): void {
    this.#bytes += bytes + texts * bytesPerText;
    if (this.#bytes <= this.#most) return;
    throw new DataError(
      `Cannot read "${this.#name}": it has more text than there is room for, ${
        (this.#most / 2 ** 30).toFixed(1)
      } GiB (split it, or run with --v8-flags=--max-old-space-size=16000 for 16 GB)`,
    );
  }
}
