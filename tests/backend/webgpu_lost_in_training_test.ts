import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { openWebGpuBackend, type WebGpuBackend } from "../../lib/backend/webgpu/mod.ts";
import { DataError } from "../../lib/cli/errors.ts";
import { Adam, LossLog, readCheckpoint, train, type Training, trainingStep } from "../../lib/nn/mod.ts";
import { Mlp } from "../../lib/models/mlp.ts";
import { ModelStream } from "../../lib/random/model_stream.ts";
import { fromArray, maskedSquaredError, meanOf, scope } from "../../lib/tensor/mod.ts";
import { webGpuTest } from "../support/webgpu.ts";

/** Training of a small network over 8 epochs of two steps, a check and a checkpoint after each. */
function smallTraining(
  backend: WebGpuBackend,
  settings: Partial<Training>,
): { training: Training; model: Mlp } {
  const model = Mlp.xavier(backend, [6, 16, 3], new ModelStream(3));
  const optimiser = Adam.decoupled(model.parameters(), { learningRate: 0.01, weightDecay: 0.01 });
  const trainee = { parameters: model.parameters(), optimiser, losses: new LossLog(), scaler: null };
  const loss = (stream: ModelStream) => () => {
    const x = fromArray(backend, stream.fillNormal(new Float32Array(60)), [10, 6]);
    const y = fromArray(backend, stream.fillNormal(new Float32Array(30)), [10, 3]);
    return maskedSquaredError(model.forward(x), y);
  };
  const training: Training = {
    name: "fold 1",
    ...trainee,
    epochs: 8,
    checkEvery: 1,
    patience: 100,
    restore: "last",
    async trainEpoch(epoch) {
      const stream = new ModelStream(4, `epoch ${epoch}`);
      for (let step = 0; step < 2; step++) await trainingStep(trainee, epoch, step, loss(stream));
    },
    async validate() {
      const stats = scope(loss(new ModelStream(5)));
      const mean = meanOf(await stats.read());
      stats.dispose();
      return mean;
    },
    ...settings,
  };
  return { training, model };
}

async function weights(model: Mlp): Promise<Float32Array[]> {
  return await Promise.all([...model.parameters().values()].map((parameter) => parameter.read()));
}

webGpuTest(
  "a device lost in training is one error, and training goes on from the last checkpoint",
  async () => {
    const folder = await Deno.makeTempDir();
    const checkpoint = {
      path: join(folder, "fold_1.checkpoint"),
      everySeconds: 0,
      resume: null,
      identity: { fold: 1 },
    };

    const undisturbed = await openWebGpuBackend();
    const whole = smallTraining(undisturbed, {});
    await train(whole.training);
    const expected = await weights(whole.model);
    await undisturbed.close();

    const lost = await openWebGpuBackend();
    const cut = smallTraining(lost, { checkpoint }).training;
    const { trainEpoch } = cut;
    cut.trainEpoch = async (epoch) => {
      if (epoch === 5) lost.device.destroy();
      await trainEpoch(epoch);
    };
    await assertRejects(() => train(cut), DataError, "Lost the WebGPU device while working");
    await lost.close();

    const again = await openWebGpuBackend();
    const resume = await readCheckpoint(checkpoint.path);
    assertEquals((resume!.values as { nextEpoch: number }).nextEpoch, 5);
    const rest = smallTraining(again, { checkpoint: { ...checkpoint, resume } });
    await train(rest.training);
    assertEquals(await weights(rest.model), expected);
    await again.close();
    await Deno.remove(folder, { recursive: true });
  },
);
