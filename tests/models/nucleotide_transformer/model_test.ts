import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { join } from "@std/path";
import type { Backend } from "../../../lib/backend/backend.ts";
import { DataError } from "../../../lib/cli/errors.ts";
import { openSafetensors } from "../../../lib/io/safetensors.ts";
import type { TensorFile } from "../../../lib/io/tensor_file.ts";
import { ModelConfig } from "../../../lib/models/model_config.ts";
import { NtTokenizer } from "../../../lib/models/nucleotide_transformer/tokenizer.ts";
import {
  type NtConfig,
  ntConfig,
  ntTensorName,
  NucleotideTransformer,
} from "../../../lib/models/nucleotide_transformer/model.ts";
import { StateDict } from "../../../lib/models/state_dict.ts";
import { padBatch } from "../../../lib/models/token_batch.ts";
import { backward, maskedMean, multiply, parameter, scope, slice } from "../../../lib/tensor/mod.ts";
import { assertGolden, deepGolden, goldenArray, goldenIntegers } from "../../support/deep_golden.ts";
import { onEachEngine } from "../../support/engines.ts";
import { openReferenceBackend } from "../../support/reference.ts";

async function loadTiny(
  backend: Backend,
  folder = "nt_tiny",
  changed: Partial<NtConfig> = {},
  dtype?: "f16",
) {
  const config = ntConfig(await ModelConfig.read(join(deepGolden!, folder, "config.json")));
  const weights = new StateDict(
    await openSafetensors(join(deepGolden!, folder, "model.safetensors")),
    ntTensorName,
  );
  try {
    const model = await NucleotideTransformer.load(backend, weights, { ...config, ...changed }, dtype);
    return { model, unused: weights.unusedNames() };
  } finally {
    weights.close();
  }
}

function goldenBatch() {
  const tokenIds = goldenIntegers("nt_tiny_golden/input_ids.npy");
  const mask = goldenIntegers("nt_tiny_golden/attention_mask.npy");
  const [batch, length] = tokenIds.shape;
  return { tokenIds: tokenIds.data, mask: mask.data, batch, length };
}

const tokenizer = () =>
  new NtTokenizer(Deno.readTextFileSync(join(deepGolden!, "nt_tiny/vocab.txt")), "vocab.txt");

function testGolden(name: string, body: (backend: Backend) => Promise<void>, engines?: Backend["name"][]) {
  if (deepGolden) onEachEngine(name, body, engines);
}

testGolden(
  "NucleotideTransformer gives every hidden state and both poolings of the published model",
  async (backend) => {
    const { model } = await loadTiny(backend);
    const batch = goldenBatch();
    const reads: Promise<void>[] = [];
    const { mean, cls } = scope(() => {
      const onDevice = model.batch(batch);
      const hidden = model.forward(onDevice, {
        onHidden: (i, state) =>
          reads.push(state.read().then((x) => assertGolden(x, `nt_tiny_golden/hidden_${i}.npy`, batch.mask))),
      });
      return { mean: maskedMean(hidden, onDevice.mask!), cls: slice(hidden, 1, 0, 1) };
    });
    await Promise.all(reads);
    assertEquals(reads.length, 4);
    assertGolden(await mean.read(), "nt_tiny_golden/mean_pooled.npy");
    assertGolden(await cls.read(), "nt_tiny_golden/cls_pooled.npy");
  },
);

testGolden("NucleotideTransformer reads float16 weights and computes in float32", async (backend) => {
  const { model } = await loadTiny(backend, "nt_tiny_fp16");
  const batch = goldenBatch();
  const { hidden, mean } = scope(() => {
    const onDevice = model.batch(batch);
    const hidden = model.forward(onDevice);
    return { hidden, mean: maskedMean(hidden, onDevice.mask!) };
  });
  assertGolden(await hidden.read(), "nt_tiny_golden/fp16_hidden_3.npy", batch.mask);
  assertGolden(await mean.read(), "nt_tiny_golden/fp16_mean_pooled.npy");
});

testGolden("NucleotideTransformer in half precision stays near", async (backend) => {
  if (!backend.supportsF16) return;
  const { model } = await loadTiny(backend, "nt_tiny", {}, "f16");
  const batch = goldenBatch();
  const hidden = await scope(() => model.forward(model.batch(batch))).read();
  const { data } = goldenArray("nt_tiny_golden/hidden_3.npy");
  const worst = data.reduce(
    (most, value, i) =>
      batch.mask[Math.floor(i / 64)] === 1 ? Math.max(most, Math.abs(value - hidden[i])) : most,
    0,
  );
  // float16 has 11 bits: a few roundings of 5e-4 in a layer, of values up to 4.
  assertEquals(worst > 1e-5 && worst < 0.03, true, `off by ${worst}`);
}, ["webgpu"]);

testGolden(
  "NucleotideTransformer gives the same states when its widest activation is cut into pieces",
  async (backend) => {
    const { model } = await loadTiny(backend);
    const batch = goldenBatch();
    const hidden = scope(() => model.forward(model.batch(batch), { widestActivation: 256 * 10 }));
    assertGolden(await hidden.read(), "nt_tiny_golden/hidden_3.npy", batch.mask);
  },
);

testGolden("NucleotideTransformer keeps its angles right over 2,001 tokens", async (backend) => {
  const { model } = await loadTiny(backend);
  const { sequence } = JSON.parse(Deno.readTextFileSync(join(deepGolden!, "nt_tiny_golden/long.json")));
  const batch = padBatch([tokenizer().encode(sequence).tokenIds], tokenizer());
  const hidden = scope(() => model.forward(model.batch(batch)));
  const values = await hidden.read();
  const everyHundredth = Float32Array.from(
    { length: 21 * 64 },
    (_, i) => values[Math.floor(i / 64) * 6400 + i % 64],
  );
  assertGolden(everyHundredth, "nt_tiny_golden/long_hidden_every_100th.npy");
  const mean = Float32Array.from({ length: 64 }, (_, j) => {
    let sum = 0;
    for (let row = 0; row < 2001; row++) sum += values[row * 64 + j];
    return sum / 2001;
  });
  assertGolden(mean, "nt_tiny_golden/long_mean_pooled.npy");
});

testGolden(
  "NucleotideTransformer gives a sequence the same states alone and in a padded batch",
  async (backend) => {
    const { model } = await loadTiny(backend);
    const rows = ["ACGTACGTTTGACCA", "A", "GATTACAGATTACAGATTACANNGATTACA"].map((s) =>
      tokenizer().encode(s).tokenIds
    );
    const together = await scope(() => model.forward(model.batch(padBatch(rows, tokenizer())))).read();
    const length = Math.max(...rows.map((row) => row.length));
    for (const [i, row] of rows.entries()) {
      const alone = await scope(() => model.forward(model.batch(padBatch([row], tokenizer())))).read();
      const batched = together.subarray(i * length * 64, (i * length + row.length) * 64);
      const worst = alone.reduce((most, v, j) => Math.max(most, Math.abs(v - batched[j])), 0);
      assertEquals(worst < 1e-5, true, `sequence ${i} differs by ${worst}`); // float32 sums in another order
    }
  },
);

if (deepGolden) {
  Deno.test("NucleotideTransformer says which tensors of a file it did not need", async () => {
    const { unused } = await loadTiny(openReferenceBackend());
    assertEquals(unused.filter((name) => !name.startsWith("lm_head.")).sort(), [
      "esm.contact_head.regression.bias",
      "esm.contact_head.regression.weight",
      "esm.embeddings.position_embeddings.weight",
    ]);
  });

  Deno.test("NucleotideTransformer derives the frequencies that a file leaves out, and takes those that it has", async () => {
    const name = "esm.encoder.layer.1.attention.self.rotary_embeddings.inv_freq";
    const file = await openSafetensors(join(deepGolden!, "nt_tiny", "model.safetensors"));
    const config = ntConfig(await ModelConfig.read(join(deepGolden!, "nt_tiny", "config.json")));
    const hiddenWith = async (changed: Partial<TensorFile>) => {
      const weights = new StateDict(
        {
          path: file.path,
          tensors: file.tensors,
          read: (tensor) => file.read(tensor),
          close() {},
          ...changed,
        },
        ntTensorName,
      );
      const model = await NucleotideTransformer.load(openReferenceBackend(), weights, config);
      return await scope(() => model.forward(model.batch(goldenBatch()))).read();
    };
    const stored = await hiddenWith({});
    const without = new Map([...file.tensors].filter(([name]) => !name.endsWith("inv_freq")));
    assertEquals(await hiddenWith({ tensors: without }), stored);
    const halved = await hiddenWith({
      read: async (tensor) =>
        tensor === name ? (await file.read(tensor)).map((v) => v / 2) : await file.read(tensor),
    });
    assertEquals(halved.some((value, i) => Math.abs(value - stored[i]) > 1e-3), true);
    file.close();
  });

  Deno.test("NucleotideTransformer names a tensor that is missing or has another shape", async () => {
    const load = (changed: Partial<NtConfig>) => loadTiny(openReferenceBackend(), "nt_tiny", changed);
    await assertRejects(
      () => load({ layers: 4 }),
      DataError,
      `"esm.encoder.layer.3.attention.self.query.weight" is missing`,
    );
    await assertRejects(
      () => load({ intermediateWidth: 120 }),
      DataError,
      `tensor "esm.encoder.layer.0.intermediate.dense.weight" has shape (256, 64), config.json says (240, 64)`,
    );
  });

  Deno.test("a hook sees every linear module by its name, and gradients reach what it multiplies with, checkpointed or not", async () => {
    const backend = openReferenceBackend();
    const { model } = await loadTiny(backend);
    const gradient = async (checkpointLayers: boolean) => {
      const seen = new Set<string>();
      const { batch, length, tokenIds, mask } = goldenBatch();
      const factor = parameter(backend, new Float32Array(64).fill(1), [64]);
      const out = scope(() => {
        const hidden = model.forward(model.batch({ batch, length, tokenIds, mask }), {
          checkpointLayers,
          hook: {
            input: (name, x) => (seen.add(`in ${name}`), x),
            output: (name, y) =>
              name.endsWith("self.key") || name.endsWith("self.value") ? multiply(y, factor) : y,
          },
        });
        return slice(hidden, 1, 0, 1);
      });
      backward(out);
      assertEquals(seen.size, 3 * 6);
      assertEquals(seen.has("in esm.encoder.layer.2.attention.output.dense"), true);
      return await factor.grad!.read();
    };
    const plain = await gradient(false), checkpointed = await gradient(true);
    assertEquals(plain.some((v) => Math.abs(v) > 1e-6), true);
    assertEquals(checkpointed, plain);
  });
}

Deno.test("ntConfig() refuses the config.json of another architecture and says why", () => {
  const good = {
    architectures: ["EsmForMaskedLM"],
    position_embedding_type: "rotary",
    emb_layer_norm_before: false,
    token_dropout: false,
    add_bias_fnn: false,
    vocab_size: 10,
    hidden_size: 8,
    num_attention_heads: 2,
    num_hidden_layers: 1,
    intermediate_size: 4,
    layer_norm_eps: 1e-12,
  };
  ntConfig(new ModelConfig(good, "config.json"));
  const refuses = (changed: Record<string, unknown>, message: string) =>
    assertThrows(() => ntConfig(new ModelConfig({ ...good, ...changed }, "config.json")), DataError, message);
  refuses({ architectures: ["BertForMaskedLM"] }, `its architecture is ["BertForMaskedLM"]`);
  refuses({ position_embedding_type: "absolute" }, `"position_embedding_type" is "absolute", not "rotary"`);
  refuses({ token_dropout: true }, `"token_dropout" is true`);
  refuses({ hidden_size: 9 }, `"hidden_size" 9 does not split into 2 heads`);
  refuses({ hidden_size: -8 }, `"hidden_size" is -8, expected a whole number from 1`);
  refuses({ num_hidden_layers: undefined }, `"num_hidden_layers" is missing`);
  refuses({ layer_norm_eps: "small" }, `"layer_norm_eps" is "small", expected a number above 0`);
  refuses({ emb_layer_norm_before: true }, `"emb_layer_norm_before" is true, not false`);
  refuses({ add_bias_fnn: undefined }, `"add_bias_fnn" is undefined, not false`); // its default is true
  for (const absent of [null, undefined]) {
    const changed = { ...good, emb_layer_norm_before: absent, token_dropout: absent };
    ntConfig(new ModelConfig(changed, "config.json"));
  }
  assertThrows(() => new ModelConfig([], "config.json"), DataError, "it is not a JSON object");
});
