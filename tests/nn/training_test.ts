import { assert, assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { DataError } from "../../lib/cli/errors.ts";
import {
  Adam,
  type Check,
  clipFactor,
  Linear,
  loadTensors,
  LossLog,
  LossScaler,
  readCheckpoint,
  ReduceLROnPlateau,
  Snapshot,
  train,
  type Training,
  trainingStep,
  writeCheckpoint,
} from "../../lib/nn/mod.ts";
import { ModelStream } from "../../lib/random/model_stream.ts";
import { fromArray, full, maskedSquaredError, meanOf, parameter, scope } from "../../lib/tensor/mod.ts";
import { openAccountingBackend } from "../support/accounting_backend.ts";
import { values } from "../support/reference.ts";

/** A linear layer that learns y = 0.5 x from noisy data, with whatever validation losses are dictated. */
function setUp(
  settings: Partial<Training> & { dictated?: number[]; learningRate?: number } = {},
) {
  const backend = openAccountingBackend();
  const layer = Linear.xavier(backend, 4, 3, new ModelStream(5));
  const { learningRate = 0.01, dictated, scaler = null } = settings;
  const optimiser = Adam.decoupled(layer.parameters(), { learningRate, weightDecay: 0.01 });
  const trainee = { parameters: layer.parameters(), optimiser, losses: new LossLog(), scaler };
  const lossOf = (stream: ModelStream) => () => {
    const x = stream.fillNormal(new Float32Array(40));
    const y = Float32Array.from(
      { length: 30 },
      (_, i) => x[Math.floor(i / 3) * 4 + i % 3] / 2 + stream.normal() / 10,
    );
    return maskedSquaredError(layer.forward(fromArray(backend, x, [10, 4])), fromArray(backend, y, [10, 3]));
  };
  let check = 0;
  const training: Training = {
    name: "fold 0",
    ...trainee,
    schedule: new ReduceLROnPlateau(learningRate, { patience: 1 }),
    epochs: 12,
    checkEvery: 2,
    patience: 3,
    restore: "best",
    async trainEpoch(epoch) {
      const stream = new ModelStream(9, `epoch ${epoch}`);
      for (let step = 0; step < 3; step++) await trainingStep(trainee, epoch, step, lossOf(stream));
    },
    async validate() {
      if (dictated) return dictated[check++];
      const stats = scope(lossOf(new ModelStream(77)));
      const loss = meanOf(await stats.read());
      stats.dispose();
      return loss;
    },
    ...settings,
  };
  const weights = () => [...values(layer.weight.storage), ...values(layer.bias!.storage)];
  return { training, weights, backend };
}

Deno.test("train() checks after every n-th epoch and the last, and ends after `patience` bad checks", async () => {
  const all = setUp({ epochs: 12, patience: 100 });
  const history = await train(all.training);
  assertEquals(history.checks.map(({ epoch }) => epoch), [0, 2, 4, 6, 8, 10, 11]);
  assert(history.checks.at(-1)!.loss < history.checks[0].loss);

  const stopped = await train(setUp({ dictated: [5, 4, 4, 4, 4, 1, 1] }).training);
  assertEquals(stopped.checks.map(({ epoch }) => epoch), [0, 2, 4, 6, 8]);
  assertEquals([stopped.bestEpoch, stopped.stoppedEarly], [2, true]);
  // PyTorch's plateau rule with patience 1: the second bad check in a row reduces.
  assertEquals(stopped.checks.map(({ learningRate }) => learningRate), [
    0.01,
    0.01,
    0.01,
    0.01 * 0.7,
    0.01 * 0.7,
  ]);
});

Deno.test("train() restores the weights of the best check, or leaves the last", async () => {
  const dictated = [5, 4, 3, 4, 4, 4, 4];
  const seen: number[][] = [];
  const best = setUp({ dictated, onCheck: () => seen.push(best.weights()) });
  await train(best.training);
  assertEquals(best.weights(), seen[2]);

  const last = setUp({ dictated, restore: "last" });
  await train(last.training);
  assertEquals(last.weights(), seen.at(-1));
  assert(last.weights().some((w, i) => w !== seen[2][i]));
});

for (const restore of ["best", "last"] as const) {
  Deno.test(`a run stopped at any check and resumed equals an unbroken one (${restore} weights)`, async () => {
    const folder = await Deno.makeTempDir();
    const identity = {};
    const learningRate = 0.3; // so large that the loss rises now and then and the plateau rule has work
    const start = (settings: Partial<Training> = {}) => {
      const schedule = new ReduceLROnPlateau(learningRate, { patience: 0 });
      return setUp({ restore, learningRate, schedule, patience: 9, ...settings });
    };
    const unbroken = start();
    const expected = await train(unbroken.training);
    assert(expected.checks[3].learningRate < learningRate);
    for (const stopAt of [0, 2, 4]) {
      const path = join(folder, `stopped_${stopAt}.safetensors`);
      const checkpoint = { path, everySeconds: 0, resume: null, identity };
      const stop = ({ epoch }: Check) => {
        if (epoch === 2 * stopAt + 2) throw new Error("killed");
      };
      await assertRejects(
        () => train(start({ checkpoint, onCheck: stop }).training),
        Error,
        "killed",
      );

      const resumed = setUp({
        restore,
        learningRate,
        checkpoint: { ...checkpoint, resume: await readCheckpoint(path) },
      });
      const history = await train(resumed.training);
      // The reference engine computes in float64 but saves float32.
      assertEquals(history.checks.length, expected.checks.length);
      history.checks.forEach((check, i) => assertAlmostEquals(check.loss, expected.checks[i].loss, 1e-6));
      assertEquals(history.checks.map((c) => c.learningRate), expected.checks.map((c) => c.learningRate));
      assertEquals(history.bestEpoch, expected.bestEpoch);
      resumed.weights().forEach((w, i) => assertAlmostEquals(w, unbroken.weights()[i], 1e-6));
    }
    await Deno.remove(folder, { recursive: true });
  });
}

Deno.test("train() stops at a loss that is not finite and says at which step and what to try", async () => {
  const wild = setUp({ learningRate: 1e200 });
  await assertRejects(
    () => train({ ...wild.training, checkEvery: 5 }),
    DataError,
    "Cannot go on training fold 0: the loss is Infinity at epoch 0, step 1 (try a smaller --learning-rate)",
  );
  await assertRejects(
    () => train(setUp({ dictated: [1, NaN] }).training),
    DataError,
    "Cannot go on training fold 0: the validation loss is NaN after epoch 2 (try a smaller --learning-rate)",
  );
});

Deno.test("train() refuses a run whose every step overflowed, and takes one with some good steps", async () => {
  const scaler = new LossScaler();
  scaler.scale = Infinity;
  await assertRejects(
    () => train(setUp({ scaler, epochs: 4 }).training),
    DataError,
    "Cannot train fold 0: f16 overflowed in each of its 12 steps, so it learned nothing (run with --no-mixed-precision)",
  );
  assertEquals((await train(setUp({ scaler: new LossScaler(), epochs: 4 }).training)).checks.length, 3);
});

Deno.test("training leaves nothing on the device but parameters and moments", async () => {
  const { training, backend } = setUp();
  const before = backend.live.size;
  await train(training);
  assertEquals(backend.live.size, before);
});

Deno.test("clipFactor() is PyTorch's, and takes out a loss scale", () => {
  const backend = openAccountingBackend();
  const w = parameter(backend, Float32Array.of(3, 4), [2]);
  const parameters = new Map([["w", w]]);
  w.grad = fromArray(backend, Float32Array.of(30, 40));
  assertNear(values(clipFactor(parameters, 1).storage)[0], 1 / (50 + 1e-6));
  assertNear(values(clipFactor(parameters, 1, 10).storage)[0], 1 / (5 + 1e-6) / 10);
  assertNear(values(clipFactor(parameters, 100).storage)[0], 1);
});

Deno.test("LossScaler halves after an overflow, whose step is skipped, and doubles after 2,000 good ones", async () => {
  const backend = openAccountingBackend();
  const w = parameter(backend, Float32Array.of(1), [1]);
  const parameters = new Map([["w", w]]);
  const scaler = new LossScaler();
  w.grad = full(backend, [1], Infinity);
  assertEquals(await scaler.gradientsAreFinite(parameters), false);
  assertEquals([scaler.scale, scaler.skipped], [32768, 1]);
  backend.fill(w.grad.storage, 1);
  for (let i = 0; i < 1999; i++) assert(await scaler.gradientsAreFinite(parameters));
  assertEquals(scaler.scale, 32768);
  assert(await scaler.gradientsAreFinite(parameters));
  assertEquals(scaler.scale, 65536);
  assertEquals(values(scaler.factor(backend).storage)[0], 1 / 32768);
});

Deno.test("trainingStep() with a loss scale takes the same step as without", async () => {
  const [plain, scaled] = await Promise.all([null, new LossScaler()].map(async (scaler) => {
    const backend = openAccountingBackend();
    const layer = Linear.torchDefault(backend, 3, 2, new ModelStream(4));
    const parameters = layer.parameters();
    const optimiser = new Adam(parameters, { learningRate: 0.1 });
    const losses = new LossLog();
    await trainingStep(
      { parameters, optimiser, losses, scaler },
      0,
      0,
      () => maskedSquaredError(layer.forward(full(backend, [4, 3], 1)), full(backend, [4, 2], 2)),
    );
    return [...values(layer.weight.storage)];
  }));
  plain.forEach((w, i) => assertNear(w, scaled[i]));
});

Deno.test("Snapshot holds copies that training does not touch", () => {
  const backend = openAccountingBackend();
  const w = parameter(backend, Float32Array.of(1, 2), [2]);
  const snapshot = new Snapshot(new Map([["w", w]]));
  snapshot.restore();
  assertEquals([...values(w.storage)], [1, 2]);
  snapshot.store();
  backend.fill(w.storage, 9);
  snapshot.restore();
  assertEquals([...values(w.storage)], [1, 2]);
  snapshot.dispose();
  assertEquals(backend.live.size, 1);
});

Deno.test("checkpoints keep values and tensors exactly, and refuse tensors of another size", async () => {
  const folder = await Deno.makeTempDir();
  const path = join(folder, "x.safetensors");
  assertEquals(await readCheckpoint(path), null);
  const backend = openAccountingBackend();
  const numbers = Float32Array.of(1 / 3, -0, 1e-45);
  await writeCheckpoint(path, { epoch: 3, rate: 0.1 + 0.2 }, new Map([["w", fromArray(backend, numbers)]]));
  const checkpoint = (await readCheckpoint(path))!;
  assertEquals(checkpoint.values, { epoch: 3, rate: 0.1 + 0.2 });
  assertEquals(checkpoint.numbers("w", 3), numbers);
  const error = await assertRejects(
    async () => loadTensors(checkpoint, new Map([["w", await Promise.resolve(full(backend, [4], 0))]])),
    DataError,
  );
  assert(error.message.includes(`tensor "w" has 3 numbers, expected 4`));
  await Deno.remove(folder, { recursive: true });
});

function assertNear(actual: number, expected: number) {
  assert(
    Math.abs(actual - expected) <= 1e-6 * Math.max(1e-3, Math.abs(expected)),
    `${actual}, not ${expected}`,
  );
}
