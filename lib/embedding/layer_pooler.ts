import type { Backend } from "../backend/backend.ts";
import type { TokenBatch } from "../models/token_batch.ts";
import { cast, fromArray, keep, maskedMean, scope, slice, type Tensor } from "../tensor/mod.ts";
import { HostPooler, type PoolingMasks } from "./host_pooler.ts";
import type { Pooling } from "./readings.ts";

/** Part of the hidden states: (batch, positions, width) from position `start` on. */
interface Block {
  readonly start: number;
  readonly values: Tensor;
}

/** A mean over some positions of a batch, and over how many of each sequence. */
interface PartialMean {
  readonly counts: readonly number[];
  readonly mean: Tensor;
}

/**
 * Pools the hidden states of one layer while they are on the device. Means and first tokens are computed there, in float32
 * whatever the states' type; for `max` and `none` the states are read back.
 */
export class LayerPooler {
  readonly #backend: Backend;
  readonly #batch: TokenBatch;
  readonly #masks: PoolingMasks;
  readonly #poolings: ReadonlySet<Pooling>;
  readonly #means = new Map<Pooling, PartialMean[]>();
  readonly #raw: Block[] = [];
  #first: Tensor | null = null;
  #host: HostPooler | null = null;

  constructor(backend: Backend, batch: TokenBatch, masks: PoolingMasks, poolings: Iterable<Pooling>) {
    this.#backend = backend;
    this.#batch = batch;
    this.#masks = masks;
    this.#poolings = new Set(poolings);
    // The plain mean is always there: it tells what is not finite.
    for (const pooling of ["mean", "mean-no-special"] as const) {
      if (pooling === "mean" || this.#poolings.has(pooling)) this.#means.set(pooling, []);
    }
  }

  /** Take up a block, each once and in order. Its memory may go or change only after `drain`. */
  add({ start, values }: Block): void {
    const { batch, length } = this.#batch, positions = values.shape[1];
    for (const [pooling, means] of this.#means) {
      const mask = new Int32Array(batch * positions);
      for (let row = 0; row < batch; row++) {
        const from = row * length + start;
        mask.set(this.#masks[pooling].subarray(from, from + positions), row * positions);
      }
      const counts = Array.from(
        { length: batch },
        (_, row) =>
          mask.subarray(row * positions, (row + 1) * positions).reduce((sum, each) => sum + each, 0),
      );
      const mean = scope(() =>
        maskedMean(cast(values, "f32"), fromArray(this.#backend, mask, [batch, positions]))
      );
      means.push({ counts, mean: keep(mean) });
    }
    if (start === 0 && this.#poolings.has("cls")) this.#first = keep(slice(values, 1, 0, 1));
    if (this.#poolings.has("max") || this.#poolings.has("none")) {
      this.#raw.push({ start, values: keep(values.view()) });
    }
  }

  /** Read back what must be read before the model goes on. */
  async drain(): Promise<void> {
    for (const { start, values } of this.#raw.splice(0)) {
      const wanted = (["max", "none"] as const).filter((pooling) => this.#poolings.has(pooling));
      this.#host ??= new HostPooler(this.#batch, this.#masks, values.columns, wanted);
      this.#host.add(start, await values.read());
      values.dispose();
    }
  }

  /** Of each pooling and sequence its numbers, and whether all hidden states of a sequence were finite. */
  async finish(): Promise<{ values: ReadonlyMap<Pooling, Float32Array[]>; finite: boolean[] }> {
    await this.drain();
    const values = new Map<Pooling, Float32Array[]>();
    // Reads that are awaited together share the wait.
    const read = await Promise.all([...this.#means].map(async ([pooling, means]) => {
      const parts = await Promise.all(means.map(async ({ counts, mean }) => ({
        counts,
        mean: await mean.read(),
      })));
      return { pooling, rows: joinedMeans(parts, this.#batch.batch) };
    }));
    for (const { pooling, rows } of read) values.set(pooling, rows);
    if (this.#first !== null) values.set("cls", rowsOf(await this.#first.read(), this.#batch.batch));
    for (const pooling of ["max", "none"] as const) {
      if (this.#poolings.has(pooling)) values.set(pooling, this.#host!.finish(pooling));
    }
    this.dispose();
    return { values, finite: values.get("mean")!.map((row) => row.every(Number.isFinite)) };
  }

  /** Free what is on the device. */
  dispose(): void {
    for (const { values } of this.#raw.splice(0)) values.dispose();
    for (const means of this.#means.values()) for (const { mean } of means.splice(0)) mean.dispose();
    this.#first?.dispose();
    this.#first = null;
  }
}

/** The mean over all positions from means over blocks of them. */
function joinedMeans(parts: readonly { counts: readonly number[]; mean: Float32Array }[], batch: number) {
  const width = parts[0].mean.length / batch;
  return Array.from({ length: batch }, (_, row) => {
    const sums = new Float64Array(width);
    let tokens = 0;
    for (const { counts, mean } of parts) {
      if (counts[row] === 0) continue;
      tokens += counts[row];
      for (let j = 0; j < width; j++) sums[j] += mean[row * width + j] * counts[row];
    }
    return Float32Array.from(sums, (sum) => sum / tokens);
  });
}

function rowsOf(values: Float32Array, batch: number): Float32Array[] {
  const width = values.length / batch;
  return Array.from({ length: batch }, (_, row) => values.subarray(row * width, (row + 1) * width));
}
