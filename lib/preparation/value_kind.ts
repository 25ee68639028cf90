/** What the numbers of a screen are, by a look at the first block of them. */
import type { ExpressionMatrix } from "../dataset/expression_block.ts";

export type ValueKind = "counts" | "negative counts" | "log-normalised" | "normalised" | "relative";

export interface ValueFacts {
  readonly kind: ValueKind;
  /** What was seen, in words. */
  readonly reason: string;
}

/** @param saysLog1p whether the file itself says so */
export async function valueFacts(matrix: ExpressionMatrix, saysLog1p: boolean): Promise<ValueFacts> {
  for await (const { of, count, starts, values } of matrix.blocks()) {
    let negative = 0, fractions = 0, largest = -Infinity, seen = 0;
    for (const value of values) {
      if (Number.isNaN(value)) continue;
      seen++;
      if (value < 0) negative++;
      if (!Number.isInteger(value)) fractions++;
      if (value > largest) largest = value;
    }
    const among = `among the first ${seen} values`;
    if (negative > 0 && fractions === 0) {
      return { kind: "negative counts", reason: `whole numbers, but ${negative} negative, ${among}` };
    }
    if (negative > 0) return { kind: "relative", reason: `${negative} negative ${among}` };
    if (fractions === 0) return { kind: "counts", reason: `whole numbers only ${among}` };
    const sum = of === "rows" ? commonSum(count, starts, values) : null;
    if (sum !== null) {
      return { kind: "log-normalised", reason: `e^x - 1 adds up to ${Math.round(sum)} in each row` };
    }
    if (saysLog1p) return { kind: "log-normalised", reason: "the file says log1p (uns)" };
    return largest < 30
      ? { kind: "log-normalised", reason: `fractions, none negative, the largest ${largest.toFixed(2)}` }
      : {
        kind: "normalised",
        reason: `fractions, none negative, the largest ${largest.toFixed(1)}: not logarithms`,
      };
  }
  return { kind: "counts", reason: "there are no values" };
}

/** What e^x - 1 adds up to in every row; null where rows differ. */
function commonSum(count: number, starts: Float64Array, values: Float64Array): number | null {
  let least = Infinity, most = 0;
  for (let row = 0; row < Math.min(count, 200); row++) {
    let sum = 0;
    for (let at = starts[row]; at < starts[row + 1]; at++) sum += Math.expm1(values[at]);
    if (sum === 0) continue;
    [least, most] = [Math.min(least, sum), Math.max(most, sum)];
  }
  return most > 0 && most - least < 0.01 * most ? (least + most) / 2 : null;
}
