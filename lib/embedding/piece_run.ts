/** Pieces of sequences through a model, batch by batch. */
import { padBatch } from "../models/token_batch.ts";
import { planBatches } from "./batches.ts";
import type { Embedder } from "./embedder.ts";
import type { Reading } from "./readings.ts";
import type { Piece } from "./tokenized_input.ts";

/** What came out of one batch. */
export interface EmbeddedBatch {
  /** Places of its pieces. */
  readonly places: readonly number[];
  /** By reading, then by piece of the batch. */
  readonly values: readonly (readonly Float32Array[])[];
  /** Place of a piece with a hidden state that is not finite; null where there is none. */
  readonly notFinite: number | null;
  readonly tokens: number;
}

/**
 * Embed all pieces but those that are done. Batches do not depend on what is done, so that a run that goes on gives the bits of
 * one that was never stopped: a batch that was done in part runs again as a whole.
 *
 * @param isDone by the piece's place
 */
export async function* embedPieces(
  embedder: Embedder,
  pieces: readonly Piece[],
  { readings, batchSize, isDone = () => false }: {
    readings: readonly Reading[];
    batchSize: number;
    isDone?: (place: number) => boolean;
  },
): AsyncGenerator<EmbeddedBatch> {
  const lengths = pieces.map(({ tokenIds }) => tokenIds.length);
  const batches = planBatches(lengths, {
    batchSize,
    maxBatchTokens: embedder.maxBatchTokens,
    allowsPadding: embedder.allowsPadding,
  });
  const open = batches.filter((places) => !places.every(isDone));
  for (const [b, places] of open.entries()) {
    const next = open[b + 1];
    const sameFollows = next?.length === places.length && lengths[next[0]] === lengths[places[0]];
    const batch = padBatch(places.map((place) => pieces[place].tokenIds), embedder.tokenizer);
    const { values, finite } = await embedder.embed(batch, readings, sameFollows);
    const bad = finite.indexOf(false);
    yield {
      places,
      values,
      notFinite: bad < 0 ? null : places[bad],
      tokens: places.reduce((sum, place) => sum + lengths[place], 0),
    };
  }
}

/** Tokens of the pieces that `embedPieces` will run, about: those that are not done. */
export function openTokens(pieces: readonly Piece[], isDone: (place: number) => boolean): number {
  return pieces.reduce((sum, { tokenIds }, place) => isDone(place) ? sum : sum + tokenIds.length, 0);
}
