import { join } from "@std/path";
import { trainOnBatch } from "../../../lib/fine_tuning/training.ts";
import { Ia3Regressor } from "../../../lib/models/ia3.ts";
import { readAdapter } from "../../../lib/models/peft_adapter.ts";
import { Adam } from "../../../lib/nn/mod.ts";
import { assertGolden, deepGolden, goldenArray } from "../../support/deep_golden.ts";
import { onEachEngine } from "../../support/engines.ts";
import { ia3TrainingData, loadNtTiny, ntTokenizer } from "../../support/nt_tiny.ts";

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
}
