import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import type { Backend } from "../../lib/backend/backend.ts";
import type { Matrix } from "../../lib/linalg/matrix.ts";
import { ConcatMlp } from "../../lib/models/concat_mlp.ts";
import { fitConcatMlp, predictPairs } from "../../lib/models/concat_mlp_fit.ts";
import { Mlp } from "../../lib/models/mlp.ts";
import { fitMlp, type MlpSettings } from "../../lib/models/mlp_fit.ts";
import { Linear } from "../../lib/nn/mod.ts";
import { ModelStream } from "../../lib/random/model_stream.ts";
import {
  backward,
  concatenate,
  fromArray,
  gatherRows,
  parameter,
  type Tensor,
} from "../../lib/tensor/mod.ts";
import { onEachEngine } from "../support/engines.ts";
import { openReferenceBackend, values } from "../support/reference.ts";

const settings: MlpSettings = {
  hiddenDims: [24, 16],
  learningRate: 1e-3,
  batchSize: 16,
  epochs: 12,
  weightDecay: 1e-4,
  patience: 10,
  restore: "best",
  mixedPrecision: false,
};

function random(rows: number, columns: number, label: string): Matrix {
  const data = new ModelStream(3, label).fillNormal(new Float32Array(rows * columns));
  return { data, rows, columns };
}
const range = (from: number, to: number) => Int32Array.from({ length: to - from }, (_, i) => from + i);

const fit = (backend: Backend, changed: Partial<MlpSettings> = {}) => {
  const fold = { x: random(50, 10, "x"), y: random(50, 30, "y"), train: range(0, 40), test: range(40, 50) };
  return fitMlp(
    backend,
    { ...fold, shown: range(0, 5), name: "fold 0" },
    { ...settings, ...changed },
    new ModelStream(7, "fold 0"),
  );
};

// Dropout masks agree bit for bit, so that the engines part by rounding alone.
onEachEngine(
  "the MLP learns along the float64 reference's curve, dropout and shuffles included",
  async (backend) => {
    const expected = await fit(openReferenceBackend());
    const fitted = await fit(backend);
    assertEquals(fitted.history.checks.map(({ epoch }) => epoch), [0, 5, 10, 11]);
    fitted.history.checks.forEach(({ loss, trainLoss, learningRate }, i) => {
      const check = expected.history.checks[i];
      assertAlmostEquals(loss, check.loss, 1e-4 * check.loss);
      assertAlmostEquals(trainLoss, check.trainLoss, 1e-4 * check.trainLoss);
      assertEquals(learningRate, check.learningRate);
    });
    fitted.predictions.data.forEach((v, i) => assertAlmostEquals(v, expected.predictions.data[i], 1e-4));
    assertEquals(fitted.trainPredictions.rows, 5);
    fitted.model.dispose();
  },
);

onEachEngine("the pair network learns along the float64 reference's curve", async (backend) => {
  const y = random(20, 30, "y");
  y.data[33] = NaN;
  const fold = {
    tfs: random(20, 6, "tfs"),
    genes: random(30, 8, "genes"),
    y,
    train: range(0, 16),
    validation: range(16, 20),
    test: range(16, 20),
  };
  const run = (backend: Backend) =>
    fitConcatMlp(
      backend,
      { ...fold, name: "fold 0" },
      { ...settings, batchSize: 100, epochs: 3 },
      new ModelStream(7, "fold 0"),
    );
  const expected = await run(openReferenceBackend()), fitted = await run(backend);
  fitted.history.checks.forEach(({ loss, trainLoss }, i) => {
    const check = expected.history.checks[i];
    assertAlmostEquals(loss, check.loss, 1e-4 * check.loss);
    assertAlmostEquals(trainLoss, check.trainLoss, 1e-4 * check.trainLoss);
  });
  fitted.predictions.data.forEach((v, i) => assertAlmostEquals(v, expected.predictions.data[i], 1e-4));
  fitted.model.dispose();
});

Deno.test("an epoch of the pair network covers every measured cell once, and no other", async () => {
  const y = random(9, 11, "y");
  for (let cell = 0; cell < 40; cell++) y.data[cell] = NaN;
  const fold = {
    tfs: random(9, 4, "tfs"),
    genes: random(11, 5, "genes"),
    y,
    train: range(0, 7),
    validation: range(7, 9),
    test: range(7, 9),
  };
  const batches: number[] = [];
  const stream = new ModelStream(2), backend = openReferenceBackend();
  const measured = 7 * 11 - 40;
  // One batch of all cells: its loss is the error of the untrained network over the measured cells.
  const fitted = await fitConcatMlp(
    backend,
    { ...fold, name: "fold 0" },
    { ...settings, batchSize: measured, epochs: 1 },
    stream,
    { onBatch: (_, share) => batches.push(share) },
  );
  assertEquals(batches, [1]);
  const untrained = ConcatMlp.torchDefault(
    backend,
    { tf: 4, gene: 5 },
    settings.hiddenDims,
    stream.derive("weights"),
  );
  const genes = fromArray(backend, fold.genes.data, [11, 5]);
  const { data } = await predictPairs(
    untrained,
    { ...fold.tfs, data: fold.tfs.data.slice(0, 28), rows: 7 },
    genes,
  );
  const squares = Array.from(data, (v, cell) => (v - y.data[cell]) ** 2).filter(Number.isFinite);
  assertEquals(squares.length, measured);
  const expected = squares.reduce((sum, square) => sum + square, 0) / measured;
  assertAlmostEquals(fitted.history.checks[0].trainLoss, expected, 1e-6 * expected);
});

onEachEngine("mixed precision lands near f32, where the engine has f16", async (backend) => {
  if (!backend.supportsF16) return;
  const expected = await fit(openReferenceBackend()), fitted = await fit(backend, { mixedPrecision: true });
  assertEquals(fitted.skippedSteps, 0);
  fitted.history.checks.forEach(({ loss }, i) => {
    // f16 keeps 11 bits.
    assertAlmostEquals(loss, expected.history.checks[i].loss, 2e-3 * loss);
  });
  fitted.model.dispose();
});

Deno.test("the pair network is the plain network on [TF ; gene], with its gradients", () => {
  const backend = openReferenceBackend();
  const weights = (rows: number, columns: number, label: string) =>
    parameter(backend, random(rows, columns, label).data, [rows, columns]);
  const whole = weights(5, 7, "w"), bias = parameter(backend, random(1, 5, "b").data, [5]);
  const half = (from: number, width: number) =>
    parameter(
      backend,
      Float32Array.from({ length: 5 * width }, (_, i) =>
        values(whole.storage)[Math.floor(i / width) * 7 + from + i % width]),
      [5, width],
    );
  const upper = () => Mlp.torchDefault(backend, [5, 4, 1], new ModelStream(1));
  const pairs = new ConcatMlp(new Linear(half(0, 3), bias), new Linear(half(3, 4), null), upper());
  const above = upper();
  const plain = new Mlp([
    new Linear(whole, parameter(backend, random(1, 5, "b").data, [5])),
    ...above.layers,
  ]);

  const tfs = random(4, 3, "tfs"), genes = random(6, 4, "genes");
  const upload = ({ data, rows, columns }: Matrix) => fromArray(backend, data, [rows, columns]);
  const ia = fromArray(backend, Int32Array.of(0, 3, 3, 1)),
    ib = fromArray(backend, Int32Array.of(5, 0, 5, 2));
  const one = pairs.forward(pairs.projectTfs(upload(tfs)), ia, pairs.projectGenes(upload(genes)), ib);
  const other = plain.forward(concatenate([gatherRows(upload(tfs), ia), gatherRows(upload(genes), ib)], 1));
  const close = (a: Tensor, b: ArrayLike<number>) =>
    values(a.storage).forEach((v, i) => assertAlmostEquals(v, b[i], 1e-6));
  close(one, values(other.storage));

  backward(one);
  backward(other);
  const gradient = values(whole.grad!.storage);
  close(
    pairs.tf.weight.grad!,
    Float64Array.from({ length: 15 }, (_, i) => gradient[Math.floor(i / 3) * 7 + i % 3]),
  );
  close(
    pairs.gene.weight.grad!,
    Float64Array.from({ length: 20 }, (_, i) => gradient[(i >> 2) * 7 + 3 + i % 4]),
  );
  close(bias.grad!, values(plain.layers[0].bias!.grad!.storage));
  pairs.rest.layers.forEach((layer, i) =>
    close(layer.weight.grad!, values(above.layers[i].weight.grad!.storage))
  );
});

Deno.test("fitMlp() copes with folds of one and two training rows", async () => {
  for (const rows of [1, 2]) {
    const fold = { x: random(4, 3, "x"), y: random(4, 5, "y"), train: range(0, rows), test: range(2, 4) };
    const fitted = await fitMlp(
      openReferenceBackend(),
      { ...fold, shown: [], name: "fold 0" },
      settings,
      new ModelStream(1),
    );
    assert(fitted.predictions.data.every(Number.isFinite));
    assertEquals(fitted.trainPredictions.rows, 0);
  }
});
