import type { Backend } from "../backend/backend.ts";
import type { TokenBatch, Tokenizer } from "../models/token_batch.ts";
import type { LayerAndPooling, PooledBatch } from "./embedder.ts";
import { poolingMasks } from "./host_pooler.ts";
import { LayerPooler } from "./layer_pooler.ts";
import { layerOf, poolingsByLayer } from "./readings.ts";

/** The poolers of all layers that the readings of one batch are of. */
export class LayerPoolers {
  readonly #readings: readonly LayerAndPooling[];
  readonly #depth: number;
  readonly #byLayer: ReadonlyMap<number, LayerPooler>;
  /** The last layer that is read: the model need not go further. */
  readonly deepest: number;

  /** @param depth layers of the model */
  constructor(
    backend: Backend,
    batch: TokenBatch,
    { tokenizer, readings, depth }: {
      tokenizer: Tokenizer;
      readings: readonly LayerAndPooling[];
      depth: number;
    },
  ) {
    const wanted = poolingsByLayer(readings, depth), masks = poolingMasks(batch, tokenizer);
    this.#readings = readings;
    this.#depth = depth;
    this.#byLayer = new Map(
      [...wanted].map(([layer, poolings]) => [layer, new LayerPooler(backend, batch, masks, poolings)]),
    );
    this.deepest = Math.max(...wanted.keys());
  }

  /** The pooler of a layer, 0 for the embeddings; undefined where nothing of it is read. */
  of(layer: number): LayerPooler | undefined {
    return this.#byLayer.get(layer);
  }

  /** What is read of the batch, once `forward` has given the poolers all hidden states. */
  async pool(forward: () => void | Promise<void>): Promise<PooledBatch> {
    try {
      await forward();
      const pooled = new Map(
        await Promise.all(
          [...this.#byLayer].map(async ([layer, pooler]) => [layer, await pooler.finish()] as const),
        ),
      );
      const all = [...pooled.values()];
      return {
        values: this.#readings.map(({ layer, pooling }) =>
          pooled.get(layerOf(layer, this.#depth))!.values.get(pooling)!
        ),
        finite: all[0].finite.map((_, row) => all.every(({ finite }) => finite[row])),
      };
    } finally {
      for (const pooler of this.#byLayer.values()) pooler.dispose();
    }
  }
}
