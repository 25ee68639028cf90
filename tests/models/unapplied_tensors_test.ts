import { assertRejects, assertThrows } from "@std/assert";
import { join } from "@std/path";
import { DataError } from "../../lib/cli/errors.ts";
import { encodeSafetensors } from "../../lib/io/safetensors.ts";
import { openModelSource, openModelWeights } from "../../lib/models/model_source.ts";
import { readNtTokenizer } from "../../lib/models/nucleotide_transformer/pretrained.ts";
import { StateDict } from "../../lib/models/state_dict.ts";
import { inFolder } from "../support/temporary_folder.ts";

const key = "esm.encoder.layer.0.attention.self.key";

/** A weights file with tensors of these names. */
const stateDict = (...names: string[]) =>
  new StateDict({
    path: "model.safetensors",
    tensors: new Map(names.map((name) => [name, { shape: [1], dtype: "F32" }])),
    read: () => Promise.resolve(new Float32Array(1)),
    close() {},
  });

for (
  const [name, message] of [
    [`${key}.lora_A.default.weight`, "merge_and_unload()"],
    [`${key}.lora_magnitude_vector.default.weight`, "LoRA"],
    ["backbone.layers.0.mixer.in_proj.lora_B.weight", "LoRA"],
    [`${key}.ia3_l.default`, "nt_v2_ia3_regression.ts --adapter"],
    [`${key}.base_layer.weight`, "adapter"],
    [`${key}.vera_lambda_b`, "adapter"],
    ["classifier.modules_to_save.default.dense.weight", "adapter"],
    ["prompt_encoder.default.embedding.weight", "prompt"],
    [`${key}.SCB`, "quantisation"],
    [`${key}.weight.quant_state.bitsandbytes__nf4`, "quantisation"],
    [`${key}.qweight`, "quantisation"],
    [`${key}.parametrizations.weight.original0`, "reparametrisation"],
    [`${key}.weight_mask`, "reparametrisation"],
  ]
) {
  Deno.test(`StateDict refuses ${name}, which plain layers would leave out`, () => {
    const error = assertThrows(() => stateDict(`${key}.weight`, name), DataError, message);
    if (!error.message.includes(name.slice(-37))) throw new Error(`no name in: ${error.message}`);
  });
}

Deno.test("StateDict takes the heads, position features and gates that published models have", () => {
  stateDict(
    `${key}.weight`,
    "lm_head.decoder.weight",
    "esm.contact_head.regression.weight",
    "esm.embeddings.position_ids",
    "esm.encoder.layer.0.attention.self.rotary_embeddings.inv_freq",
    "classifier.out_proj.bias",
    "backbone.layers.0.mixer.filter_fn.implicit_filter.1.freq",
    "backbone.layers.0.mixer.filter_fn.modulation.deltas",
    "backbone.layers.0.mixer.filter_fn.pos_emb.z",
  );
});

Deno.test("openModelWeights() refuses a folder with an adapter beside the weights", async () => {
  await inFolder(async (folder) => {
    const content = encodeSafetensors(new Map([["a", { shape: [1], data: new Float32Array([1]) }]]));
    await Deno.writeFile(join(folder, "model.safetensors"), content);
    await Deno.writeTextFile(join(folder, "adapter_config.json"), `{"peft_type": "LORA"}`);
    const source = await openModelSource(folder);
    await assertRejects(() => openModelWeights(source), DataError, "adapter_config.json");
  });
});

Deno.test("readNtTokenizer() refuses a vocabulary shorter or longer than the model's embedding", async () => {
  await inFolder(async (folder) => {
    const tokens = ["<unk>", "<pad>", "<mask>", "<cls>", "A", "T", "C", "G", "N"];
    await Deno.writeTextFile(join(folder, "vocab.txt"), tokens.join("\n"));
    const source = await openModelSource(folder);
    await readNtTokenizer(source, tokens.length);
    for (const size of [tokens.length - 2, tokens.length + 2]) {
      await assertRejects(
        () => readNtTokenizer(source, size),
        DataError,
        `vocab.txt has 9 tokens, config.json says ${size}`,
      );
    }
  });
});
