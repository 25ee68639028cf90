import { assert, assertEquals } from "@std/assert";
import { readNpy } from "../../lib/io/npy.ts";
import { Mlp } from "../../lib/models/mlp.ts";
import { Adam, Linear } from "../../lib/nn/mod.ts";
import {
  backward,
  fromArray,
  maskedSquaredError,
  meanOf,
  noGrad,
  parameter,
  scope,
} from "../../lib/tensor/mod.ts";
import { onEachEngine } from "../support/engines.ts";
import { golden } from "../support/golden.ts";

interface Expected {
  optimizer: "Adam" | "AdamW";
  lr: number;
  weight_decay: number;
  dims: number[];
  steps: number;
  batch: number;
  loss_per_step: (number | null)[];
}

const folder = golden("classical/unit/optim")!;
const runs = [...Deno.readDirSync(folder)].map(({ name }) => name).filter((name) =>
  !name.startsWith("inputs_")
);
for (const run of runs.sort()) {
  onEachEngine(`losses, gradients and weights follow PyTorch for 30 steps: ${run}`, async (backend) => {
    const expected: Expected = JSON.parse(await Deno.readTextFile(`${folder}/${run}/expected.json`));
    const inputs = `${folder}/inputs_${run.match(/^[a-z]+_out/)![0]}`;
    const numbers = async (path: string) => (await readNpy(path)).data as Float32Array;
    const layers: Linear[] = [];
    for (const [i, outputs] of expected.dims.slice(1).entries()) {
      layers.push(
        new Linear(
          parameter(backend, await numbers(`${inputs}/init_w${i}.npy`), [outputs, expected.dims[i]]),
          parameter(backend, await numbers(`${inputs}/init_b${i}.npy`), [outputs]),
        ),
      );
    }
    const model = new Mlp(layers);
    const optimiser = new Adam(
      model.parameters(),
      { learningRate: expected.lr, weightDecay: expected.weight_decay },
      expected.optimizer === "AdamW",
    );
    // Adam divides by small numbers: at a large rate rounding of the gradient shows in the weights.
    const tolerance = expected.lr >= 1e-2 ? 1e-3 : 1e-5;
    const near = async (prefix: string, of: (layer: Linear) => { w: Float32Array; b: Float32Array }) => {
      for (const [i, layer] of layers.entries()) {
        const { w, b } = of(layer);
        assertNear(w, await numbers(`${folder}/${run}/${prefix}_w${i}.npy`), tolerance);
        assertNear(b, await numbers(`${folder}/${run}/${prefix}_b${i}.npy`), tolerance);
      }
    };
    const { batch, dims, steps } = expected;
    const columns = dims.at(-1)!;
    const x = await numbers(`${inputs}/x.npy`), y = await numbers(`${inputs}/y.npy`);
    const batchOf = (data: Float32Array, step: number, width: number) =>
      fromArray(backend, data.subarray(step * batch * width, (step + 1) * batch * width), [batch, width]);

    for (let step = 0; step < steps; step++) {
      const targets = y.subarray(step * batch * columns, (step + 1) * batch * columns);
      assertEquals(targets.some(Number.isFinite), expected.loss_per_step[step] !== null);
      if (expected.loss_per_step[step] === null) continue;
      const loss = scope(() =>
        maskedSquaredError(model.forward(batchOf(x, step, dims[0])), batchOf(y, step, columns))
      );
      backward(loss);
      const mean = meanOf(await loss.read());
      loss.dispose();
      assert(Math.abs(mean - expected.loss_per_step[step]!) <= 1e-5 * mean);
      if (step === 0) {
        const gradients = new Map<Linear, { w: Float32Array; b: Float32Array }>();
        for (const layer of layers) {
          gradients.set(layer, { w: await layer.weight.grad!.read(), b: await layer.bias!.grad!.read() });
        }
        await near("grad0", (layer) => gradients.get(layer)!);
      }
      optimiser.step();
      if ([1, 10, 30].includes(step + 1)) {
        const weights = new Map<Linear, { w: Float32Array; b: Float32Array }>();
        for (const layer of layers) {
          weights.set(layer, { w: await layer.weight.read(), b: await layer.bias!.read() });
        }
        await near(`after${step + 1}`, (layer) => weights.get(layer)!);
      }
    }
    const output = noGrad(() => scope(() => model.forward(batchOf(x, 0, dims[0]))));
    assertNear(await output.read(), await numbers(`${folder}/${run}/final_out_batch0.npy`), tolerance * 10);
    output.dispose();
    optimiser.dispose();
    model.dispose();
  });
}

function assertNear(actual: Float32Array, expected: Float32Array, tolerance: number) {
  assertEquals(actual.length, expected.length);
  const worst = actual.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i])), 0);
  assert(worst <= tolerance, `off by ${worst}, allowed ${tolerance}`);
}
