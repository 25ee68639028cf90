import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { join } from "@std/path";
import type { Backend } from "../../../../lib/backend/backend.ts";
import { Ia3Regressor } from "../../../../lib/models/nucleotide_transformer/ia3/vectors.ts";
import type { NucleotideTransformer } from "../../../../lib/models/nucleotide_transformer/model.ts";
import { readAdapter } from "../../../../lib/models/peft_adapter.ts";
import { Adam, clipFactor } from "../../../../lib/nn/mod.ts";
import {
  backward,
  fromArray,
  maskedSquaredError,
  meanOf,
  noGrad,
  scope,
} from "../../../../lib/tensor/mod.ts";
import { assertGolden, deepGolden } from "../../../support/deep_golden.ts";
import { onEachEngine } from "../../../support/engines.ts";
import { gradientNorm } from "../../../support/gradient_norm.ts";
import { ia3TrainingData, loadNtTiny } from "../../../support/nt_tiny.ts";

const data = deepGolden ? ia3TrainingData() : null;

async function withModel(
  backend: Backend,
  adapter: string,
  body: (model: Ia3Regressor, encoder: NucleotideTransformer) => Promise<void>,
): Promise<void> {
  const encoder = await loadNtTiny(backend);
  const model = Ia3Regressor.fromAdapter(
    encoder,
    await readAdapter(join(deepGolden!, "nt_tiny_ia3", adapter)),
  );
  const before = backend.memory.current;
  await body(model, encoder);
  for (const parameter of model.parameters().values()) parameter.grad?.dispose();
  // What stays are the tables of angles.
  assertEquals(backend.memory.current - before < 100_000, true, "a step leaves no memory behind");
  model.dispose();
  encoder.dispose();
}

function lossOf(model: Ia3Regressor, rows: readonly number[], checkpointLayers = false) {
  const { tokens, labels } = data!.rows(rows);
  return scope(() => {
    const logits = model.forward(model.encoder.batch(tokens), { checkpointLayers });
    return { logits, loss: maskedSquaredError(logits, fromArray(model.backend, labels, [rows.length, 7])) };
  });
}

async function predict(model: Ia3Regressor, rows: readonly number[]): Promise<Float32Array> {
  const logits = noGrad(() => scope(() => model.forward(model.encoder.batch(data!.rows(rows).tokens))));
  const numbers = await logits.read();
  logits.dispose();
  return numbers;
}

// A software adapter takes seconds to compile the kernels anew for each test, so WebGPU runs a part of them.
if (deepGolden) {
  for (const start of ["ones", "general"]) {
    for (const checkpointLayers of [false, true]) {
      const how = checkpointLayers ? "recomputing each layer" : "keeping activations";
      onEachEngine(
        `IA3 from "${start}", ${how}: logits, loss and every gradient as PEFT's`,
        (backend) =>
          withModel(backend, `adapter_${start}`, async (model) => {
            const { logits, loss } = lossOf(model, data!.batches[0], checkpointLayers);
            assertGolden(await logits.read(), `nt_tiny_ia3/${start}/logits.npy`);
            assertGolden(
              Float32Array.of(meanOf(await loss.read())),
              `nt_tiny_ia3/${start}/loss.npy`,
            );
            logits.dispose();
            backward(loss);
            loss.dispose();
            const parameters = model.parameters();
            assertEquals(parameters.size, 3 * 5 + 4);
            for (const [name, { grad }] of parameters) {
              const file = name.replace("esm.encoder.layer.", "");
              assertGolden(await grad!.read(), `nt_tiny_ia3/${start}/grad/${file}.npy`);
            }
            for (const weight of model.encoder.parameters.values()) assertEquals(weight.grad, null);
            assertGolden(await predict(model, data!.all), `nt_tiny_ia3/${start}/logits_all.npy`);
          }),
        checkpointLayers === (start === "general") ? ["cpu", "webgpu"] : ["cpu"],
      );
    }
  }

  for (const run of ["trained_noclip", "trained_clip1"]) {
    onEachEngine(
      `IA3, 20 Adam steps of "${run}": losses, norms and final tensors as PEFT's`,
      (backend) =>
        withModel(backend, "adapter_ones", async (model) => {
          const parameters = model.parameters();
          const optimiser = new Adam(parameters, { learningRate: 1e-3 });
          const losses: number[] = [], norms: number[] = [];
          for (const rows of data!.batches) {
            const { logits, loss } = lossOf(model, rows);
            logits.dispose();
            backward(loss);
            losses.push(meanOf(await loss.read()));
            norms.push(await gradientNorm(parameters));
            const factor = run === "trained_clip1" ? clipFactor(parameters, 1) : undefined;
            optimiser.step(factor);
            factor?.dispose();
            loss.dispose();
          }
          assertGolden(Float32Array.from(losses), `nt_tiny_ia3/${run}/loss.npy`);
          assertGolden(Float32Array.from(norms), `nt_tiny_ia3/${run}/grad_norm.npy`);
          for (const [name, tensor] of parameters) {
            const file = name.replace("esm.encoder.layer.", "");
            assertGolden(await tensor.read(), `nt_tiny_ia3/${run}/final/${file}.npy`);
          }
          assertGolden(await predict(model, data!.all), `nt_tiny_ia3/${run}/logits_all.npy`);
          optimiser.dispose();
        }),
      run === "trained_clip1" ? ["cpu", "webgpu"] : ["cpu"],
    );
  }

  onEachEngine(
    "A batch in pieces gives the gradients of the whole batch",
    (backend) =>
      withModel(backend, "adapter_general", async (model) => {
        const rows = data!.batches[0];
        const { logits, loss } = lossOf(model, rows);
        logits.dispose();
        backward(loss);
        loss.dispose();
        const whole = new Map<string, Float32Array>();
        for (const [name, parameter] of model.parameters()) {
          whole.set(name, await parameter.grad!.read());
          parameter.grad!.dispose();
          parameter.grad = null;
        }
        for (const piece of [rows.slice(0, 3), rows.slice(3)]) {
          const { logits, loss } = lossOf(model, piece);
          logits.dispose();
          backward(loss, piece.length / rows.length);
          loss.dispose();
        }
        for (const [name, parameter] of model.parameters()) {
          const gradient = await parameter.grad!.read();
          // The gradients are of size 0.1; a sum in another order.
          gradient.forEach((value, i) =>
            assertEquals(Math.abs(value - whole.get(name)![i]) < 2e-6, true, name)
          );
        }
      }),
    ["cpu"],
  );

  onEachEngine("IA3 in f16 gives the loss and the gradients of f32 to f16's precision", async (backend) => {
    if (!backend.supportsF16) return;
    const adapter = await readAdapter(join(deepGolden!, "nt_tiny_ia3", "adapter_general"));
    const run = async (dtype: "f32" | "f16") => {
      const encoder = await loadNtTiny(backend, dtype);
      const model = Ia3Regressor.fromAdapter(encoder, adapter);
      const { loss } = lossOf(model, data!.batches[0]);
      backward(loss, 1024);
      const gradients = new Map<string, Float32Array>();
      for (const [name, { grad }] of model.parameters()) gradients.set(name, await grad!.read());
      return { loss: meanOf(await loss.read()), gradients };
    };
    const [half, single] = [await run("f16"), await run("f32")];
    assertAlmostEquals(half.loss, single.loss, 2e-3);
    for (const [name, gradient] of single.gradients) {
      const other = half.gradients.get(name)!;
      const norm = Math.hypot(...gradient);
      assert(Math.hypot(...gradient.map((value, i) => value - other[i])) < 0.02 * norm, name);
    }
  }, ["webgpu"]);
}
