/** Every layer and pooling of the small models against hidden states of the reference numbers, on each engine. */
import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import type { Backend } from "../../lib/backend/backend.ts";
import type { Embedder } from "../../lib/embedding/embedder.ts";
import { openHyenaEmbedder } from "../../lib/embedding/hyena_embedder.ts";
import { openNtEmbedder } from "../../lib/embedding/nt_embedder.ts";
import { type Pooling, poolings } from "../../lib/embedding/readings.ts";
import { openModelSource } from "../../lib/models/model_source.ts";
import type { TokenBatch } from "../../lib/models/token_batch.ts";
import { captured } from "../support/captured_log.ts";
import { deepGolden, goldenArray, goldenIntegers } from "../support/deep_golden.ts";
import { onEachEngine } from "../support/engines.ts";

/** Pools plainly: what `embed` should give of one sequence. @param states tokens x width */
function plainly(
  states: number[][],
  pooling: Pooling,
  special: { leading: number; trailing: number },
): number[] {
  const inner = states.slice(special.leading, states.length - special.trailing);
  const mean = (rows: number[][]) =>
    rows[0].map((_, j) => rows.reduce((sum, row) => sum + row[j], 0) / rows.length);
  switch (pooling) {
    case "mean":
      return mean(states);
    case "cls":
      return states[0];
    case "max":
      return states[0].map((_, j) => Math.max(...states.map((row) => row[j])));
    case "mean-no-special":
      return mean(inner);
    case "none":
      return states.flat();
  }
}

/** Embed with all layers and poolings at once, and compare with the golden states of each layer. */
async function compare(
  embedder: Embedder,
  batch: TokenBatch,
  goldens: readonly string[],
  special: { leading: number; trailing: number },
) {
  const readings = goldens.flatMap((_, layer) => poolings.map((pooling) => ({ layer, pooling })));
  const { values, finite } = await embedder.embed(batch, readings, false);
  assert(finite.every((is) => is));
  readings.forEach(({ layer, pooling }, r) => {
    const { data, atol } = goldenArray(goldens[layer]), { width } = embedder;
    for (let row = 0; row < batch.batch; row++) {
      const states: number[][] = [];
      for (let t = 0; t < batch.length; t++) {
        const at = row * batch.length + t;
        if (batch.mask[at] === 1) states.push([...data.subarray(at * width, (at + 1) * width)]);
      }
      const expected = plainly(states, pooling, special), actual = values[r][row];
      assertEquals(actual.length, expected.length);
      // No pooling makes the error of a hidden state larger.
      const worst = expected.reduce((most, value, j) => Math.max(most, Math.abs(value - actual[j])), 0);
      assert(worst <= atol, `layer ${layer}, ${pooling}, row ${row}: off by ${worst}, allowed ${atol}`);
    }
  });
}

const open = async (backend: Backend, name: string) => {
  const source = await openModelSource(join(deepGolden!, name));
  const opened = name.startsWith("nt") ? openNtEmbedder : openHyenaEmbedder;
  return (await captured(() => opened(backend, source, { dtype: "f32", memoryBytes: 2 ** 30 }))).result;
};

const wholeBatch = (tokenIds: Int32Array<ArrayBuffer>, [batch, length]: readonly number[]): TokenBatch => ({
  tokenIds,
  mask: new Int32Array(tokenIds.length).fill(1),
  batch,
  length,
});

if (deepGolden) {
  onEachEngine("an NT gives every layer in every pooling, padded sequences too", async (backend) => {
    const embedder = await open(backend, "nt_tiny");
    const tokenIds = goldenIntegers("nt_tiny_golden/input_ids.npy");
    const batch = {
      ...wholeBatch(tokenIds.data, tokenIds.shape),
      mask: goldenIntegers("nt_tiny_golden/attention_mask.npy").data,
    };
    const hidden = [0, 1, 2, 3].map((layer) => `nt_tiny_golden/hidden_${layer}.npy`);
    await compare(embedder, batch, hidden, { leading: 1, trailing: 0 });
    assertEquals([0, 2, 3, "last" as const].map((layer) => embedder.layerName(layer)), [
      "embeddings, before the first layer",
      "output of layer 2 of 3, before the final layer norm",
      "output of layer 3 of 3, after the final layer norm",
      "output of layer 3 of 3, after the final layer norm",
    ]);
    await embedder.close();
  });

  onEachEngine("a HyenaDNA gives every layer in every pooling", async (backend) => {
    for (const [name, length, blocks] of [["hyena_tiny", 257, 2], ["hyena_tiny_mix", 100, 3]] as const) {
      const embedder = await open(backend, name), folder = `${name}_golden/len${length}`;
      const tokenIds = goldenIntegers(`${folder}/input_ids.npy`);
      const batch = wholeBatch(tokenIds.data, tokenIds.shape);
      const states = Array.from({ length: blocks - 1 }, (_, i) => `${folder}/block_${i}.npy`);
      const readings = [...states, `${folder}/final.npy`].map((golden, i) => ({ layer: i + 1, golden }));
      // There is no golden array of the embeddings: the file's own rows are what they are.
      for (const { layer, golden } of readings) {
        const { values } = await embedder.embed(batch, [{ layer, pooling: "none" }], false);
        const { data, atol } = goldenArray(golden);
        const worst = data.reduce((most, value, i) => Math.max(most, Math.abs(value - values[0][0][i])), 0);
        assert(worst <= atol, `${golden}: off by ${worst}, allowed ${atol}`);
      }
      const all = [undefined, ...readings.map(({ golden }) => golden)];
      const wanted = all.flatMap((_, layer) => poolings.map((pooling) => ({ layer, pooling })));
      const { values } = await embedder.embed(batch, wanted, false);
      wanted.forEach(({ layer, pooling }, r) => {
        const tokens = values[wanted.findIndex((each) => each.layer === layer && each.pooling === "none")][0];
        const states = Array.from(
          { length },
          (_, t) => [...tokens.subarray(t * embedder.width, (t + 1) * embedder.width)],
        );
        const expected = plainly(states, pooling, { leading: 1, trailing: 1 });
        expected.forEach((value, j) =>
          assert(Math.abs(value - values[r][0][j]) < 1e-5, `${layer} ${pooling}`)
        );
      });
      await embedder.close();
    }
  });

  onEachEngine("a pass that stops at a layer gives what a whole one gives there", async (backend) => {
    for (const name of ["nt_tiny", "hyena_tiny"]) {
      const embedder = await open(backend, name);
      const tokenIds = embedder.tokenizer.encode("ACGTTGCATTACGGATCCGATTACA").tokenIds;
      const batch = wholeBatch(tokenIds, [1, tokenIds.length]);
      const first = { layer: 1, pooling: "mean" as const };
      const alone = await embedder.embed(batch, [first], false);
      const among = await embedder.embed(batch, [{ layer: "last", pooling: "mean" }, first], false);
      assertEquals(alone.values[0][0], among.values[1][0]);
      await embedder.close();
    }
  });
}
