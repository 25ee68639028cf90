import { maskWithoutSpecial, type TokenBatch, type Tokenizer } from "../models/token_batch.ts";
import type { Pooling } from "./readings.ts";

/** Which tokens of a batch each pooling is over: batch x length, 1 at those that count. */
export type PoolingMasks = Readonly<Record<Pooling, Int32Array<ArrayBuffer>>>;

export function poolingMasks(
  batch: TokenBatch,
  tokenizer: Pick<Tokenizer, "specialTokens" | "leadingSpecial">,
): PoolingMasks {
  const { mask } = batch, cls = new Int32Array(mask.length);
  for (let row = 0; row < batch.batch; row++) {
    const start = row * batch.length;
    cls[start + Math.max(0, mask.subarray(start, start + batch.length).indexOf(1))] = 1;
  }
  return { mean: mask, max: mask, none: mask, cls, "mean-no-special": maskWithoutSpecial(batch, tokenizer) };
}

/** Pools hidden states that are on the host, in stretches of positions that come in order. Sums are float64. */
export class HostPooler {
  readonly #batch: TokenBatch;
  readonly #masks: PoolingMasks;
  readonly #width: number;
  /** By pooling, then by sequence. */
  readonly #values = new Map<Pooling, (Float32Array | Float64Array)[]>();
  /** Tokens of each pooling and sequence so far. */
  readonly #counts = new Map<Pooling, number[]>();

  constructor(batch: TokenBatch, masks: PoolingMasks, width: number, poolings: Iterable<Pooling>) {
    this.#batch = batch;
    this.#masks = masks;
    this.#width = width;
    for (const pooling of poolings) {
      this.#values.set(pooling, Array.from({ length: batch.batch }, (_, row) => this.#start(pooling, row)));
      this.#counts.set(pooling, new Array<number>(batch.batch).fill(0));
    }
  }

  #start(pooling: Pooling, row: number): Float32Array | Float64Array {
    if (pooling === "max") return new Float32Array(this.#width).fill(-Infinity);
    if (pooling !== "none") return new Float64Array(this.#width);
    const { mask, length } = this.#batch;
    const tokens = mask.subarray(row * length, (row + 1) * length).reduce((sum, m) => sum + m, 0);
    return new Float32Array(tokens * this.#width);
  }

  /** @param hidden batch x positions x width, from position `start` of every sequence on */
  add(start: number, hidden: ArrayLike<number>): void {
    const { batch, length } = this.#batch, width = this.#width;
    const positions = hidden.length / batch / width;
    for (const [pooling, rows] of this.#values) {
      const mask = this.#masks[pooling], counts = this.#counts.get(pooling)!;
      rows.forEach((into, row) => {
        for (let t = 0; t < positions; t++) {
          if (mask[row * length + start + t] === 0) continue;
          const from = (row * positions + t) * width, at = pooling === "none" ? counts[row] * width : 0;
          counts[row]++;
          if (pooling === "none") { for (let j = 0; j < width; j++) into[at + j] = hidden[from + j]; }
          else if (pooling === "max") {
            for (let j = 0; j < width; j++) if (hidden[from + j] > into[j]) into[j] = hidden[from + j];
          } else for (let j = 0; j < width; j++) into[j] += hidden[from + j];
        }
      });
    }
  }

  /** Of each sequence: width numbers; for `none` tokens x width. */
  finish(pooling: Pooling): Float32Array[] {
    return this.#values.get(pooling)!.map((values, row) => {
      if (values instanceof Float32Array) return values;
      const count = this.#counts.get(pooling)![row];
      return Float32Array.from(values, (sum) => sum / count);
    });
  }
}
