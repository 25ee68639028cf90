import { assert, assertAlmostEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { DataError } from "../../../../lib/cli/errors.ts";
import { trainingBytes } from "../../../../lib/models/nucleotide_transformer/ia3/batches.ts";
import { trainIa3, trainOnBatch } from "../../../../lib/models/nucleotide_transformer/ia3/training.ts";
import { Ia3Regressor } from "../../../../lib/models/nucleotide_transformer/ia3/vectors.ts";
import { readAdapter } from "../../../../lib/models/peft_adapter.ts";
import { Adam } from "../../../../lib/nn/mod.ts";
import { ModelStream } from "../../../../lib/random/model_stream.ts";
import { assertGolden, deepGolden, goldenArray } from "../../../support/deep_golden.ts";
import { onEachEngine } from "../../../support/engines.ts";
import { ia3TrainingData, loadNtTiny, ntTokenizer } from "../../../support/nt_tiny.ts";

if (deepGolden) {
  const runs = [
    { run: "trained_clip1", maxGradientNorm: 1, plan: { rows: 4, checkpointLayers: false } },
    { run: "trained_clip1", maxGradientNorm: 1, plan: { rows: 3, checkpointLayers: true } },
    { run: "trained_noclip", maxGradientNorm: 1e9, plan: { rows: 1, checkpointLayers: false } },
  ];
  for (const { run, ...settings } of runs) {
    const { rows, checkpointLayers } = settings.plan;
    const how = `${rows} rows a piece${checkpointLayers ? ", layers computed again" : ""}`;
    onEachEngine(`20 updates of "${run}", ${how}: losses and tensors as PEFT's`, async (backend) => {
      const encoder = await loadNtTiny(backend);
      const adapter = await readAdapter(join(deepGolden!, "nt_tiny_ia3", "adapter_ones"));
      const model = Ia3Regressor.fromAdapter(encoder, adapter);
      const { encoded, batches } = ia3TrainingData();
      const { data, shape: [labelRows, columns] } = goldenArray("nt_tiny_ia3/labels.npy");
      const examples = {
        tokenIds: encoded,
        targets: { data, rows: labelRows, columns },
        tokenizer: ntTokenizer(),
      };
      const optimiser = new Adam(model.parameters(), { learningRate: 1e-3 });
      const losses = [];
      for (const batch of batches) {
        losses.push(await trainOnBatch({ model, examples, settings }, batch, optimiser, null));
      }
      assertGolden(Float32Array.from(losses), `nt_tiny_ia3/${run}/loss.npy`);
      for (const [name, tensor] of model.parameters()) {
        const file = name.replace("esm.encoder.layer.", "");
        assertGolden(await tensor.read(), `nt_tiny_ia3/${run}/final/${file}.npy`);
      }
    }, ["cpu"]);
  }

  onEachEngine("A fold whose every step overflows is refused", async (backend) => {
    const model = Ia3Regressor.untrained(await loadNtTiny(backend), 7, new ModelStream(1, "head"));
    // A state with a loss scale that no three halvings make small enough.
    const values = {
      at: { epoch: 0, step: 0, stepOfEpoch: 0, lossSum: 0 },
      record: { epochs: [], bestEpoch: -1, skippedSteps: 0 },
      scaler: { scale: 1e38, skipped: 0, good: 0 },
      optimiserSteps: 0,
    };
    const numbers = (_: string, size: number) => new Float32Array(size);
    const path = await Deno.makeTempFile();
    await assertRejects(
      () =>
        trainIa3({
          model,
          examples: {
            tokenIds: [0, 1, 2].map(() => new Int32Array(20).fill(9)),
            targets: { data: new Float32Array(21).fill(1e5), rows: 3, columns: 7 },
            tokenizer: ntTokenizer(),
          },
          rows: [0, 1, 2],
          fold: 4,
          settings: {
            ...{ learningRate: 1e-3, batchSize: 1, epochs: 1, maxSteps: null, maxGradientNorm: 1, seed: 1 },
            ...{ restore: "best", plan: { rows: 1, checkpointLayers: false }, mixedPrecision: true },
          },
          evaluate: () => Promise.resolve({ pearson: 0, mse: 0 }),
          checkpoint: { path, everySeconds: 60, identity: {}, resume: { path, values, numbers } },
        }),
      DataError,
      "Cannot train fold 4: f16 overflowed in each of its 3 steps",
    );
    await Deno.remove(path);
  }, ["cpu"]);

  for (const checkpointLayers of [false, true]) {
    const how = checkpointLayers ? "layers computed again" : "all activations kept";
    onEachEngine(
      `A step takes the memory that the plan counts, linear in length, ${how}`,
      async (backend) => {
        const encoder = await loadNtTiny(backend);
        const model = Ia3Regressor.untrained(encoder, 7, new ModelStream(1, "head"));
        const optimiser = new Adam(model.parameters(), { learningRate: 1e-3 });
        const plan = { rows: 2, checkpointLayers };
        const settings = { plan, maxGradientNorm: 1 };
        const weights = [...encoder.parameters.values()].reduce((sum, { size }) => sum + size, 0);
        const peaks: number[] = [];
        for (const length of [300, 600, 1200]) {
          const examples = {
            tokenIds: [0, 1].map(() => new Int32Array(length).fill(9)),
            targets: { data: new Float32Array(14), rows: 2, columns: 7 },
            tokenizer: ntTokenizer(),
          };
          await trainOnBatch({ model, examples, settings }, [0, 1], optimiser, null);
          peaks.push(backend.memory.peak);
          const counted = trainingBytes(
            { ...encoder.config, outputs: 7, weights, length, bytesPerNumber: 4 },
            plan,
          );
          assert(peaks.at(-1)! < 1.1 * counted, `${peaks.at(-1)} bytes, ${counted} were counted`);
          assert(peaks.at(-1)! > 0.6 * counted, `${peaks.at(-1)} bytes, ${counted} were counted`);
        }
        assertAlmostEquals((peaks[2] - peaks[1]) / (peaks[1] - peaks[0]), 2, 0.05);
      },
      ["cpu"],
    );
  }
}
