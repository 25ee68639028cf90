/** Nucleotide Transformer v2 as transformers 4 and 5 and PyTorch save it (tests/fixtures/nt, by make_formats.py). */
import { assertEquals, assertThrows } from "@std/assert";
import { join } from "@std/path";
import { DataError } from "../../lib/cli/errors.ts";
import { ModelConfig } from "../../lib/models/model_config.ts";
import { openModelSource, openModelWeights, readModelConfig } from "../../lib/models/model_source.ts";
import {
  ntConfig,
  ntTensorName,
  NucleotideTransformer,
} from "../../lib/models/nucleotide_transformer/model.ts";
import { StateDict } from "../../lib/models/state_dict.ts";
import { scope } from "../../lib/tensor/mod.ts";
import { fixtures } from "../support/live_fixtures.ts";
import { openReferenceBackend } from "../support/reference.ts";

const root = fixtures("nt");
const versions = [...Deno.readDirSync(root)].map(({ name }) => name).filter((name) =>
  name.startsWith("transformers-")
).sort();

for (const version of versions) {
  const expected = JSON.parse(Deno.readTextFileSync(join(root, version, "expected.json")));
  const ids: number[][] = expected.ids, mask: number[][] = expected.mask;
  const kinds = [...Deno.readDirSync(join(root, version))].filter(({ isDirectory }) => isDirectory);
  for (const kind of kinds.map(({ name }) => name).sort()) {
    Deno.test(`${version}, torch ${expected.torch}: ${kind} is read as it was saved`, async () => {
      const source = await openModelSource(join(root, version, kind));
      const config = ntConfig(await readModelConfig(source));
      const weights = new StateDict(await openModelWeights(source), ntTensorName);
      const backend = openReferenceBackend();
      const model = await NucleotideTransformer.load(backend, weights, config);
      const left = weights.unusedNames().filter((name) => !/classifier|contact_head|position_ids/.test(name));
      weights.close();
      assertEquals(left, [], "every tensor of the encoder is read");
      const hidden = await scope(() =>
        model.forward(model.batch({
          tokenIds: Int32Array.from(ids.flat()),
          mask: Int32Array.from(mask.flat()),
          batch: ids.length,
          length: ids[0].length,
        }))
      ).read();
      const { values, atol } = expected[kind === "bfloat16" ? "bfloat16" : "hidden"];
      const worst = hidden.reduce(
        (most, value, i) =>
          mask.flat()[Math.floor(i / config.width)] ? Math.max(most, Math.abs(value - values[i])) : most,
        0,
      );
      assertEquals(worst <= atol, true, `off by ${worst}, allowed ${atol}`);
      model.dispose();
    });
  }
}

Deno.test("ntConfig() refuses rotary positions of another base, which transformers 5 writes as rope_theta", () => {
  const config = JSON.parse(Deno.readTextFileSync(join(root, versions.at(-1)!, "bare", "config.json")));
  assertEquals(config.rope_theta, 10000);
  assertThrows(
    () => ntConfig(new ModelConfig({ ...config, rope_theta: 500000 }, "config.json")),
    DataError,
    `"rope_theta" is 500000, not 10000`,
  );
});
