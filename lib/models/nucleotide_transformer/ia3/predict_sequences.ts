/** Predictions of a fine-tuned model for tokenised sequences. */
import { DataError } from "../../../cli/errors.ts";
import type { Matrix } from "../../../linalg/matrix.ts";
import { noGrad, scope } from "../../../tensor/mod.ts";
import type { Ia3Regressor } from "./vectors.ts";
import { piecesOf } from "./batches.ts";
import { padBatch, type Tokenizer } from "../../token_batch.ts";

/**
 * Predict `rows` of the sequences, `batchSize` at a time.
 *
 * @param onBatch told the tokens of each batch that is through
 * @returns rows.length x outputs
 * @throws {DataError} when a prediction is not finite
 */
export async function predictSequences(
  model: Ia3Regressor,
  tokenIds: readonly Int32Array[],
  rows: ArrayLike<number>,
  tokenizer: Pick<Tokenizer, "padId" | "paddingSide">,
  batchSize: number,
  onBatch: (tokens: number) => void = () => {},
): Promise<Matrix> {
  const columns = model.outputs;
  const data = new Float32Array(rows.length * columns);
  let done = 0;
  for (const batch of piecesOf(Array.from(rows), batchSize)) {
    const tokens = batch.map((row) => tokenIds[row]);
    const logits = noGrad(() => scope(() => model.forward(model.encoder.batch(padBatch(tokens, tokenizer)))));
    const numbers = await logits.read();
    logits.dispose();
    const broken = numbers.findIndex((value) => !Number.isFinite(value));
    if (broken >= 0) {
      throw new DataError(
        `Cannot use the prediction for sequence ${batch[Math.floor(broken / columns)] + 1}: it is ${
          numbers[broken]
        } (with --mixed-precision, try without it)`,
      );
    }
    data.set(numbers, done * columns);
    done += batch.length;
    onBatch(tokens.reduce((sum, { length }) => sum + length, 0));
  }
  return { data, rows: rows.length, columns };
}
