import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { DataError } from "../../../../lib/cli/errors.ts";
import { openSafetensors } from "../../../../lib/io/safetensors.ts";
import { Ia3Regressor } from "../../../../lib/models/nucleotide_transformer/ia3/vectors.ts";
import { writeMergedModel } from "../../../../lib/models/nucleotide_transformer/ia3/merge.ts";
import { ModelConfig } from "../../../../lib/models/model_config.ts";
import { openModelSource } from "../../../../lib/models/model_source.ts";
import {
  ntConfig,
  ntTensorName,
  NucleotideTransformer,
} from "../../../../lib/models/nucleotide_transformer/model.ts";
import { readAdapter } from "../../../../lib/models/peft_adapter.ts";
import { StateDict } from "../../../../lib/models/state_dict.ts";
import { noGrad, scope } from "../../../../lib/tensor/mod.ts";
import { deepGolden } from "../../../support/deep_golden.ts";
import { onEachEngine } from "../../../support/engines.ts";
import { ia3TrainingData, loadNtTiny } from "../../../support/nt_tiny.ts";
import { inFolder } from "../../../support/temporary_folder.ts";

if (deepGolden) {
  onEachEngine("A merged model gives the hidden states of the model with its adapter", async (backend) => {
    const adapter = await readAdapter(join(deepGolden!, "nt_tiny_ia3", "adapter_general"));
    const folder = await Deno.makeTempDir();
    try {
      await writeMergedModel(folder, await openModelSource(join(deepGolden!, "nt_tiny")), adapter);
      const weights = new StateDict(await openSafetensors(join(folder, "model.safetensors")), ntTensorName);
      const config = ntConfig(await ModelConfig.read(join(folder, "config.json")));
      const merged = await NucleotideTransformer.load(backend, weights, config);
      weights.expect("classifier.out_proj.weight", [7, 64]);
      weights.close();

      const encoder = await loadNtTiny(backend);
      const model = Ia3Regressor.fromAdapter(encoder, adapter);
      const { tokens } = ia3TrainingData().rows([0, 3]);
      // The head is the same in both, so equal logits mean equal hidden states; the head is read from the adapter.
      const withMerged = Ia3Regressor.fromAdapter(merged, {
        ...adapter,
        vectors: new Map([...adapter.vectors].map(([module, { shape, data }]) => [module, {
          shape,
          data: new Float32Array(data.length).fill(1),
        }])),
      });
      const logits = async (model: Ia3Regressor) =>
        await noGrad(() => scope(() => model.forward(model.encoder.batch(tokens)))).read();
      const [a, b] = [await logits(model), await logits(withMerged)];
      // Logits are of size 1; scaling before or after the product rounds differently.
      a.forEach((value, i) => assertEquals(Math.abs(value - b[i]) < 1e-5, true, `${value} and ${b[i]}`));
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  }, ["cpu"]);

  Deno.test("The config of a merged model names the type of its tensors, not of an f16 base", async () => {
    const adapter = await readAdapter(join(deepGolden!, "nt_tiny_ia3", "adapter_ones"));
    const base = join(deepGolden!, "nt_tiny");
    const config = JSON.parse(await Deno.readTextFile(join(base, "config.json")));
    const dtypes = { torch_dtype: "float16", dtype: "float16" };
    await inFolder(async (folder) => {
      await Deno.writeTextFile(join(folder, "config.json"), JSON.stringify({ ...config, ...dtypes }));
      await Deno.copyFile(join(base, "model.safetensors"), join(folder, "model.safetensors"));
      await writeMergedModel(join(folder, "merged"), await openModelSource(folder), adapter);
      const merged = JSON.parse(await Deno.readTextFile(join(folder, "merged", "config.json")));
      assertEquals([merged.torch_dtype, merged.dtype], ["float32", "float32"]);
    });
  });

  Deno.test("writeMergedModel() refuses an adapter of another model", async () => {
    const adapter = await readAdapter(join(deepGolden!, "nt_tiny_ia3", "adapter_ones"));
    const vectors = new Map([["esm.encoder.layer.9.attention.self.key", [...adapter.vectors.values()][0]]]);
    const source = await openModelSource(join(deepGolden!, "nt_tiny"));
    await assertRejects(
      () => writeMergedModel("/nowhere", source, { ...adapter, vectors }),
      DataError,
      `its vector for "esm.encoder.layer.9.attention.self.key" fits no weights`,
    );
  });
}
