/**
 * What a run keeps of every piece until it is finished: each reading's vector one behind the other, and for a reading that
 * pools nothing the number of token vectors, which are in a file of their own by then.
 */
import { DataError } from "../cli/errors.ts";
import type { OutputRow } from "./join_pieces.ts";
import { tokenFolder } from "./outputs.ts";
import type { EmbeddedBatch } from "./piece_run.ts";
import type { SequenceRun } from "./run_record.ts";
import { hasTokenFile, tokenFileName, writeTokenFile } from "./token_files.ts";

export class KeptPieces {
  readonly #run: SequenceRun;
  /** Of one piece, where nothing is pooled. */
  readonly #rows: readonly OutputRow[];
  /** Where each reading begins in what is kept, and the end of the last. */
  readonly #starts: readonly number[];
  readonly #done: Map<number, Float32Array>;

  /**
   * @param done by the piece's place, as an unfinished run kept it
   * @param path of that run, for messages
   * @throws {DataError} when what was kept cannot be of this run
   */
  constructor(run: SequenceRun, rows: readonly OutputRow[], done: Map<number, Float32Array>, path: string) {
    this.#run = run;
    this.#rows = rows;
    this.#done = done;
    const starts = [0];
    for (const { reading } of run.outputs) {
      starts.push(starts.at(-1)! + (reading.pooling === "none" ? 1 : run.embedder.width));
    }
    this.#starts = starts;
    const count = run.tokenized.pieces.length, width = starts.at(-1)!;
    if (done.entries().some(([place, kept]) => place < 0 || place >= count || kept.length !== width)) {
      throw new DataError(`Cannot resume from "${path}": it is damaged (run without --resume to start anew)`);
    }
    for (const place of [...done.keys()]) if (!this.#hasTokenFiles(place)) done.delete(place);
  }

  get size(): number {
    return this.#done.size;
  }

  has(place: number): boolean {
    return this.#done.has(place);
  }

  /** The vector of a piece. @param output place of its reading */
  vector(place: number, output: number): Float32Array {
    return this.#done.get(place)!.subarray(this.#starts[output], this.#starts[output + 1]);
  }

  /**
   * Take up what a batch gave of pieces that were not done; token vectors are written.
   *
   * @returns the pieces, and what is kept of them one behind the other
   */
  async add({ places, values }: EmbeddedBatch): Promise<{ fresh: number[]; kept: Float32Array }> {
    const fresh = places.filter((place) => !this.has(place)), width = this.#starts.at(-1)!;
    const kept = new Float32Array(fresh.length * width);
    for (const [i, place] of fresh.entries()) {
      const own = kept.subarray(i * width, (i + 1) * width), at = places.indexOf(place);
      for (const [r, { reading, paths }] of this.#run.outputs.entries()) {
        const value = values[r][at];
        if (reading.pooling !== "none") own.set(value, this.#starts[r]);
        else {
          const modelWidth = this.#run.embedder.width;
          await writeTokenFile(tokenFolder(paths), this.#nameOf(place), value, modelWidth);
          own[this.#starts[r]] = value.length / modelWidth;
        }
      }
      this.#done.set(place, own);
    }
    return { fresh, kept };
  }

  #hasTokenFiles(place: number): boolean {
    return this.#run.outputs.every(({ reading, paths }) =>
      reading.pooling !== "none" || hasTokenFile(tokenFolder(paths), this.#nameOf(place))
    );
  }

  #nameOf(place: number): string {
    const { sequence, window } = this.#rows[place];
    return tokenFileName(this.#run.rows[sequence], window);
  }
}
