import { assert } from "@std/assert";
import { Adam } from "../../lib/nn/mod.ts";
import { Mlp } from "../../lib/models/mlp.ts";
import { ModelStream } from "../../lib/random/model_stream.ts";
import { backward, fromArray, maskedSquaredError, meanOf, scope } from "../../lib/tensor/mod.ts";
import type { Backend } from "../../lib/backend/backend.ts";
import { onEachEngine } from "../support/engines.ts";
import { openReferenceBackend, values } from "../support/reference.ts";
import { cases, differentiate, numbers } from "./gradients.ts";

// float32 against float64 on sums of at most a few dozen terms of size 1.
onEachEngine("every operation and its gradient equal the float64 reference", async (backend) => {
  for (const example of cases) {
    const { inputs, output, seed } = differentiate(backend, example);
    const reference = differentiate(openReferenceBackend(), example);
    const close = async (actual: { read(): Promise<Float32Array> }, expected: Float64Array, what: string) => {
      const largest = expected.reduce((most, v) => Math.max(most, Math.abs(v)), 1e-3);
      const found = await actual.read();
      expected.forEach((v, i) => {
        assert(
          Math.abs(found[i] - v) <= 1e-5 * largest,
          `${example.name}, ${what}[${i}]: ${found[i]}, not ${v}`,
        );
      });
    };
    await close(output, values(reference.output.storage), "output");
    for (const [i, input] of inputs.entries()) {
      await close(input.grad!, values(reference.inputs[i].grad!.storage), `gradient ${i}`);
      input.grad!.dispose();
      input.dispose();
    }
    output.dispose();
    seed.dispose();
  }
});

/** Losses of a 2-layer network over 50 AdamW steps. */
async function learningCurve(backend: Backend): Promise<number[]> {
  const model = Mlp.xavier(backend, [20, 64, 30], new ModelStream(1));
  const optimiser = Adam.decoupled(model.parameters(), { learningRate: 1e-3, weightDecay: 1e-4 });
  const x = fromArray(backend, numbers(40 * 20, 1), [40, 20]);
  const y = fromArray(backend, numbers(40 * 30, 2), [40, 30]);
  const losses: number[] = [];
  for (let step = 0; step < 50; step++) {
    const loss = scope(() => maskedSquaredError(model.forward(x), y));
    backward(loss);
    optimiser.step();
    losses.push(meanOf(await loss.read()));
    loss.dispose();
  }
  return losses;
}

onEachEngine(
  "a 2-layer network learns along the float64 reference's loss curve for 50 steps",
  async (backend) => {
    const expected = await learningCurve(openReferenceBackend());
    assert(expected[49] < 0.8 * expected[0]);
    (await learningCurve(backend)).forEach((loss, step) => {
      assert(
        Math.abs(loss - expected[step]) <= 1e-4 * expected[step],
        `step ${step}: ${loss}, not ${expected[step]}`,
      );
    });
  },
);
