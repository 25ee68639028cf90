/** IA3 adapters and merged models that PEFT itself saved (tests/fixtures/peft, by make.py): their logits, or why not. */
import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { DataError } from "../../lib/cli/errors.ts";
import { writeMergedModel } from "../../lib/models/nucleotide_transformer/ia3/merge.ts";
import { openModelSource, openModelWeights } from "../../lib/models/model_source.ts";
import { readAdapter } from "../../lib/models/peft_adapter.ts";
import { captured } from "../support/captured_log.ts";
import { assertLogits, logitsOf, savedAdapters } from "../support/peft_adapters.ts";
import { openReferenceBackend } from "../support/reference.ts";

for (const { version, folder, tokens, expected } of savedAdapters()) {
  const { merged, saved_norms: _, ...readable } = expected;

  for (const [name, entry] of Object.entries(readable)) {
    Deno.test(`PEFT ${version}: the adapter "${name}" gives its logits`, async () => {
      const { result: adapter } = await captured(() => readAdapter(join(folder, ...name.split("/"))));
      assertEquals(adapter.config.baseModel, "InstaDeepAI/nucleotide-transformer-v2-tiny");
      assertLogits(await logitsOf(openReferenceBackend(), join(folder, "base"), adapter, tokens), entry);
    });
  }

  Deno.test(`PEFT ${version}: what merge_and_unload() saved is a plain model`, async () => {
    const base = join(folder, "base");
    // The head of the merged model is the base's.
    const weights = await openModelWeights(await openModelSource(base));
    const head = new Map<string, { shape: readonly number[]; data: Float32Array }>();
    for (const name of ["dense.weight", "dense.bias", "out_proj.weight", "out_proj.bias"]) {
      const stored = `classifier.${name}`;
      head.set(name, { shape: weights.tensors.get(stored)!.shape, data: await weights.read(stored) });
    }
    weights.close();
    const key = "esm.encoder.layer.0.attention.self.key", [width] = head.get("dense.bias")!.shape;
    const ones = { shape: [width, 1], data: new Float32Array(width).fill(1) };
    const config = {
      targetModules: ["layer.0.attention.self.key"],
      feedforwardModules: [],
      excludeModules: null,
      baseModel: null,
    };
    const identity = { config, vectors: new Map([[key, ones]]), head };
    assertLogits(await logitsOf(openReferenceBackend(), join(folder, "merged"), identity, tokens), merged);
  });

  Deno.test(`PEFT ${version}: a merged config.json keeps 0.0, for which transformers 5 refuses 0`, async () => {
    const base = join(folder, "base"), out = await Deno.makeTempDir({ prefix: "merged" });
    try {
      await writeMergedModel(out, await openModelSource(base), await readAdapter(join(folder, "lists")));
      const lines = (path: string) =>
        Deno.readTextFileSync(path).match(/^ *"(\w+_prob|layer_norm_eps)": .*$/gm);
      assertEquals(lines(join(out, "config.json")), lines(join(base, "config.json")));
      assertEquals(lines(join(out, "config.json"))!.length, 3);
    } finally {
      await Deno.remove(out, { recursive: true });
    }
  });

  Deno.test(`PEFT ${version}: adapters that cannot be applied whole are refused, and folders of several named`, async () => {
    const refuses = (name: string, message: string) =>
      assertRejects(() => readAdapter(join(folder, name)), DataError, message);
    await refuses("saved_norms", "emb_layer_norm_after");
    await refuses("no_head", `it has no tensor "classifier.dense.weight"`);
    await refuses(
      "only_named",
      `it has no adapter_config.json, but holds adapters in "fold_1"; name one of these folders`,
    );
    await refuses("merged", `it has no adapter_config.json`);
  });
}
