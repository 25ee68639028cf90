/** The published models' own names and shapes, as `facts.json` lists them: what the loaders ask for is there. */
import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import type { TensorFile } from "../../lib/io/tensor_file.ts";
import { hyenaConfig, hyenaTensorName } from "../../lib/models/hyenadna/config.ts";
import { HyenaDna } from "../../lib/models/hyenadna/model.ts";
import { ModelConfig } from "../../lib/models/model_config.ts";
import {
  ntConfig,
  ntTensorName,
  NucleotideTransformer,
} from "../../lib/models/nucleotide_transformer/model.ts";
import { StateDict } from "../../lib/models/state_dict.ts";
import { openAccountingBackend } from "../support/accounting_backend.ts";
import { deepGolden } from "../support/deep_golden.ts";

type Shapes = Record<string, number[]>;

/** A file of zeros. */
function fileOf(shapes: Shapes): TensorFile {
  return {
    path: "facts.json",
    tensors: new Map(Object.entries(shapes).map(([name, shape]) => [name, { shape, dtype: "F32" }])),
    read: (name) => Promise.resolve(new Float32Array(shapes[name].reduce((a, b) => a * b, 1))),
    close() {},
  };
}

if (deepGolden) {
  const facts = JSON.parse(Deno.readTextFileSync(join(deepGolden, "facts.json")));

  Deno.test("nucleotide-transformer-v2-50m: its config.json is understood, and layer 0 holds what we ask for", async () => {
    const config = ntConfig(await ModelConfig.read(join(deepGolden!, "nt_tokenizer", "config.json")));
    assertEquals(config, {
      vocabularySize: 4107,
      width: 512,
      heads: 16,
      layers: 12,
      intermediateWidth: 2048,
      layerNormEpsilon: 1e-12,
    });
    const { tensors_outside_layers_and_layer_0: shapes, tensors_never_used_by_these_scripts: unused } =
      facts.nucleotide_transformer_v2_50m;
    const weights = new StateDict(fileOf(shapes), ntTensorName);
    const model = await NucleotideTransformer.load(openAccountingBackend(), weights, {
      ...config,
      layers: 1,
    });
    const head = Object.keys(shapes).filter((name) => name.startsWith("lm_head."));
    assertEquals(weights.unusedNames().sort(), [...unused, ...head].sort());
    model.dispose();
  });

  for (const name of ["hyenadna-tiny-1k-seqlen", "hyenadna-large-1m-seqlen"]) {
    Deno.test(`${name}: its config.json is understood, and layer 0 holds what we ask for`, async () => {
      const { config: published, layer_0: shapes, max_tokens } = facts.hyenadna[name];
      const config = hyenaConfig(new ModelConfig(published, "config.json"));
      assertEquals([config.width, config.layers, config.maxTokens], [
        published.d_model,
        published.n_layer,
        max_tokens,
      ]);
      const checkpointed: Shapes = Object.fromEntries(
        Object.entries(shapes as Shapes).map(([tensor, shape]) => [
          "model." + (published.checkpoint_mixer ? tensor.replace(/\.(mixer|mlp)\./, ".$1.layer.") : tensor),
          shape,
        ]),
      );
      const weights = new StateDict(fileOf(checkpointed), hyenaTensorName);
      const backend = openAccountingBackend();
      const model = await HyenaDna.load(backend, weights, { ...config, layers: 1 });
      assertEquals(weights.unusedNames(), []);
      model.dispose();
      assertEquals(backend.live.size, 0);
    });
  }
}
