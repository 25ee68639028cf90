/** Rows picked by index, pooling's gradient, losses' gradients and update rules. */
import { Kernel } from "../../../kernels/cpu/kernels.ts";
import type { Backend } from "../backend.ts";
import { type Engine, flatChunks, rowChunks } from "./engine.ts";
import { float } from "./thread_pool.ts";

type Rows = Pick<
  Backend,
  | "gatherRows"
  | "scatterAddRows"
  | "gatherPairs"
  | "maskedMeanBackward"
>;

type Updates = Pick<Backend, "maskedSquaredErrorBackward" | "adam">;

/** Columns of a chunk of scatterAddRows. */
const scatterColumns = 64;

export function rowOperations(engine: Engine): Rows {
  return {
    gatherRows(out, table, indices, rows, columns) {
      const what = `gatherRows of ${rows} x ${columns}`;
      engine.check(`${what}: out`, out, rows * columns, table.dtype);
      engine.check(`${what}: table`, table, 0, table.dtype);
      engine.check(`${what}: indices`, indices, rows, "i32");
      const [chunkRows, chunks] = rowChunks(rows, columns);
      engine.run(Kernel.GatherRows, chunks, [
        ...[out, table, indices].map(engine.pointer),
        ...[rows, columns, chunkRows],
      ]);
    },

    scatterAddRows(out, x, indices, rows, columns, outRows) {
      const what = `scatterAddRows of ${rows} x ${columns} into ${outRows}`;
      engine.check(`${what}: out`, out, outRows * columns);
      engine.check(`${what}: x`, x, rows * columns);
      engine.check(`${what}: indices`, indices, rows, "i32");
      engine.run(Kernel.ScatterAddRows, Math.ceil(columns / scatterColumns), [
        ...[out, x, indices].map(engine.pointer),
        ...[rows, columns, scatterColumns],
      ]);
    },

    gatherPairs({ out, a, ia, b, ib }, { rows, columns, activation }) {
      const what = `gatherPairs of ${rows} x ${columns}`;
      engine.check(`${what}: out`, out, rows * columns);
      engine.check(`${what}: a`, a, 0);
      engine.check(`${what}: ia`, ia, rows, "i32");
      engine.check(`${what}: b`, b, 0);
      engine.check(`${what}: ib`, ib, rows, "i32");
      const [chunkRows, chunks] = rowChunks(rows, columns);
      engine.run(Kernel.GatherPairs, chunks, [
        ...[out, a, ia, b, ib].map(engine.pointer),
        ...[rows, columns, +(activation === "relu"), chunkRows],
      ]);
    },

    maskedMeanBackward(dx, dy, mask, batch, length, width) {
      const what = `gradient of maskedMean of ${batch} x ${length} x ${width}`;
      engine.check(`${what}: dx`, dx, batch * length * width);
      engine.check(`${what}: dy`, dy, batch * width);
      engine.check(`${what}: mask`, mask, batch * length, "i32");
      const [chunkRows, chunks] = rowChunks(length, width);
      engine.run(Kernel.MaskedMeanBackward, batch * chunks, [
        ...[dx, dy, mask].map(engine.pointer),
        ...[length, width, chunkRows, chunks],
      ]);
    },
  };
}

export function updates(engine: Engine): Updates {
  return {
    maskedSquaredErrorBackward(dPrediction, prediction, target, stats, n, scale) {
      const what = `gradient of maskedSquaredError of ${n}`;
      for (const [name, storage] of Object.entries({ dPrediction, prediction, target })) {
        engine.check(`${what}: ${name}`, storage, n);
      }
      engine.check(`${what}: stats`, stats, 2);
      engine.run(Kernel.SquaredErrorBackward, flatChunks(n), [
        ...[dPrediction, prediction, target, stats].map(engine.pointer),
        ...[n, float(scale)],
      ]);
    },

    adam({ parameter, gradient, m, v, gradientFactor }, n, options) {
      for (const [name, storage] of Object.entries({ parameter, gradient, m, v })) {
        engine.check(`adam of ${n}: ${name}`, storage, n);
      }
      engine.check(`adam of ${n}: gradientFactor`, gradientFactor, 1);
      const { learningRate, beta1, beta2, epsilon, weightDecay, decoupled, step } = options;
      engine.run(Kernel.Adam, flatChunks(n), [
        ...[parameter, gradient, m, v].map(engine.pointer),
        ...[n, engine.pointer(gradientFactor)],
        ...[
          beta1,
          beta2,
          1 - beta1,
          1 - beta2,
          decoupled ? 1 - learningRate * weightDecay : 1,
          decoupled ? 0 : weightDecay,
          learningRate / (1 - beta1 ** step),
          1 / Math.sqrt(1 - beta2 ** step),
          epsilon,
        ].map(float),
      ]);
    },
  };
}
