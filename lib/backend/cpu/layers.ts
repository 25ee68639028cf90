/** Layer norm and rotary positions. */
import { Kernel } from "../../../kernels/cpu/kernels.ts";
import type { AttentionShape, Backend } from "../backend.ts";
import { type Engine, rowChunks } from "./engine.ts";
import { sumColumns } from "./reductions.ts";
import { float } from "./thread_pool.ts";

type Layers = Pick<Backend, "layerNorm" | "layerNormBackward" | "rotary">;

export function layers(engine: Engine): Layers {
  return {
    layerNorm({ out, stats, x, gamma, beta }, { rows, columns, epsilon }) {
      const what = `layerNorm of ${rows} x ${columns}`;
      engine.check(`${what}: out`, out, rows * columns);
      engine.check(`${what}: stats`, stats, 2 * rows);
      engine.check(`${what}: x`, x, rows * columns);
      engine.check(`${what}: gamma`, gamma, columns);
      engine.check(`${what}: beta`, beta, columns);
      const [chunkRows, chunks] = rowChunks(rows, columns);
      engine.run(Kernel.LayerNorm, chunks, [
        ...[out, stats, x, gamma, beta].map(engine.pointer),
        ...[rows, columns, float(epsilon), chunkRows],
      ]);
    },

    layerNormBackward({ dx, dgamma, dbeta, dy, x, stats, gamma }, { rows, columns }) {
      const what = `gradient of layerNorm of ${rows} x ${columns}`;
      for (const [name, storage] of Object.entries({ dx, dy, x })) {
        engine.check(`${what}: ${name}`, storage, rows * columns);
      }
      for (const [name, storage] of Object.entries({ dgamma, dbeta, gamma })) {
        engine.check(`${what}: ${name}`, storage, columns);
      }
      engine.check(`${what}: stats`, stats, 2 * rows);
      // Before dx, which may take the place of dy or x.
      if (dgamma) sumColumns(engine, { out: dgamma, x, y: dy, stats, rows, columns });
      if (dbeta) sumColumns(engine, { out: dbeta, x: dy, rows, columns });
      const [chunkRows, chunks] = rowChunks(rows, columns);
      engine.run(Kernel.LayerNormBackward, chunks, [
        ...[dx, dy, x, stats, gamma].map(engine.pointer),
        ...[rows, columns, chunkRows],
      ]);
    },

    rotary(out, x, cos, sin, shape, { inverse = false } = {}) {
      const { batch, heads, length, headWidth } = shape;
      const what = `rotary of ${describeHeads(shape)}`;
      if (headWidth % 2 !== 0) throw new RangeError(`${what}: a head's width must be even`);
      const rows = batch * length, columns = heads * headWidth;
      engine.check(`${what}: out`, out, rows * columns);
      engine.check(`${what}: x`, x, rows * columns);
      engine.check(`${what}: cos`, cos, length * headWidth / 2);
      engine.check(`${what}: sin`, sin, length * headWidth / 2);
      const [chunkRows, chunks] = rowChunks(rows, columns);
      engine.run(Kernel.Rotary, chunks, [
        ...[out, x, cos, sin].map(engine.pointer),
        ...[rows, heads, length, headWidth / 2, float(inverse ? -1 : 1), chunkRows],
      ]);
    },
  };
}

/** The sizes, for messages. */
export function describeHeads({ batch, heads, length, headWidth }: AttentionShape): string {
  return `${batch} x ${length} x ${heads} heads of ${headWidth}`;
}
