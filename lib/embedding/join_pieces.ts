/** From vectors of pieces to the rows of the output: windows and strands of a sequence put together. */
import type { Tokenizer } from "../models/token_batch.ts";
import type { Pooling } from "./readings.ts";
import type { Cut, Piece, TokenizedInput } from "./tokenized_input.ts";

/** A row of the output and the pieces that it comes from. */
export interface OutputRow {
  /** Of the sequence; with windows that are kept "id:start-end", from 0 and without the end. */
  readonly id: string;
  /** Place of its sequence. */
  readonly sequence: number;
  /** Number of its window in the sequence; null where all of them are one row. */
  readonly window: number | null;
  /** Places among the pieces. */
  readonly pieces: readonly number[];
}

/** The rows in the order of the pieces. */
export function outputRows(
  { ids, pieces }: Pick<TokenizedInput, "ids" | "pieces">,
  { windows }: Cut,
): OutputRow[] {
  const rows: (Omit<OutputRow, "pieces"> & { pieces: number[] })[] = [];
  pieces.forEach(({ sequence, stretch: { start, end } }, place) => {
    const last = rows.at(-1), before = pieces[last?.pieces[0] ?? -1];
    const follows = last?.sequence === sequence;
    if (follows && (!windows?.kept || before.stretch.start === start)) return void last.pieces.push(place);
    const window = windows?.kept ? (follows ? last.window! + 1 : 0) : null;
    const id = window === null ? ids[sequence] : `${ids[sequence]}:${start}-${end}`;
    rows.push({ id, sequence, window, pieces: [place] });
  });
  return rows;
}

/** Numbers of a row: twice the model's where the strands stand one behind the other. */
export function rowWidth(width: number, { strands }: Cut): number {
  return strands === "concat" ? 2 * width : width;
}

/**
 * The vector of one row. Windows: the mean weighted by the tokens that each window's own mean is over, or the largest
 * numbers for `max`; then the strands.
 *
 * @param vectors of the row's pieces
 */
export function joinPieces(
  pieces: readonly Piece[],
  vectors: readonly Float32Array[],
  pooling: Pooling,
  { strands, tokenizer }: { strands: Cut["strands"]; tokenizer: Tokenizer },
): Float32Array {
  const ofStrand = (reversed: boolean) => {
    const own = pieces.map((_, i) => i).filter((i) => pieces[i].reversed === reversed);
    const weights = own.map((i) => weightOf(pieces[i], pooling, tokenizer));
    return joinWindows(own.map((i) => vectors[i]), weights, pooling);
  };
  const forward = ofStrand(false);
  if (strands === "given") return forward;
  const reverse = ofStrand(true);
  if (strands === "mean") return forward.map((value, j) => (value + reverse[j]) / 2);
  const both = new Float32Array(2 * forward.length);
  both.set(forward);
  both.set(reverse, forward.length);
  return both;
}

function weightOf({ tokenIds }: Piece, pooling: Pooling, { specialTokens }: Tokenizer): number {
  return pooling === "mean" ? tokenIds.length : tokenIds.length - specialTokens.length;
}

function joinWindows(
  vectors: readonly Float32Array[],
  weights: readonly number[],
  pooling: Pooling,
): Float32Array {
  if (vectors.length === 1) return vectors[0];
  if (pooling === "max") {
    return vectors[0].map((_, j) => vectors.reduce((most, vector) => Math.max(most, vector[j]), -Infinity));
  }
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return vectors[0].map((_, j) =>
    vectors.reduce((sum, vector, i) => sum + weights[i] * vector[j], 0) / total
  );
}
