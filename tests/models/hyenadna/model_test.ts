import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { join } from "@std/path";
import type { Backend } from "../../../lib/backend/backend.ts";
import { DataError } from "../../../lib/cli/errors.ts";
import { type HyenaConfig, hyenaConfig, hyenaTensorName } from "../../../lib/models/hyenadna/config.ts";
import { addToFirstTap } from "../../../lib/models/hyenadna/filter.ts";
import { planHyena, type PlanLimits } from "../../../lib/models/hyenadna/plan.ts";
import {
  HyenaDna,
  type HyenaForwardOptions,
  type PositionBlock,
} from "../../../lib/models/hyenadna/model.ts";
import { ModelConfig } from "../../../lib/models/model_config.ts";
import { openModelSource, openModelWeights, readModelConfig } from "../../../lib/models/model_source.ts";
import { StateDict } from "../../../lib/models/state_dict.ts";
import { fftConvolution, filterSpectrum, fromArray, scope } from "../../../lib/tensor/mod.ts";
import { openAccountingBackend } from "../../support/accounting_backend.ts";
import { assertGolden, deepGolden, goldenArray, goldenIntegers } from "../../support/deep_golden.ts";
import { onEachEngine } from "../../support/engines.ts";
import { openReferenceBackend } from "../../support/reference.ts";

async function loadTiny(
  backend: Backend,
  folder = "hyena_tiny",
  changed: Partial<HyenaConfig> = {},
  dtype?: "f16",
): Promise<HyenaDna> {
  const source = await openModelSource(join(deepGolden!, folder));
  const config = { ...hyenaConfig(await readModelConfig(source)), ...changed };
  const weights = new StateDict(await openModelWeights(source), hyenaTensorName);
  try {
    return await HyenaDna.load(backend, weights, config, dtype);
  } catch (error) {
    weights.close();
    throw error;
  }
}

interface Run {
  /** (batch, length, width) after each layer, and at the end. */
  layers: Float32Array[];
  final: Float32Array;
}

async function run(
  model: HyenaDna,
  tokenIds: Int32Array<ArrayBuffer>,
  [batch, length]: readonly number[],
  options: HyenaForwardOptions = {},
): Promise<Run> {
  const { width } = model.config;
  const gather = (parts: { start: number; values: Float32Array }[]) => {
    const all = new Float32Array(batch * length * width);
    for (const { start, values } of parts) {
      const size = values.length / batch;
      for (let row = 0; row < batch; row++) {
        all.set(values.subarray(row * size, (row + 1) * size), (row * length + start) * width);
      }
    }
    return all;
  };
  const read = async ({ start, values }: PositionBlock) => ({ start, values: await values.read() });
  const layers: Float32Array[] = [], last: ReturnType<typeof read>[] = [];
  const mask = new Int32Array(tokenIds.length).fill(1);
  await model.forward({ tokenIds, mask, batch, length }, (block) => void last.push(read(block)), {
    ...options,
    onLayer: async (_, blocks) => void layers.push(gather(await Promise.all(blocks.map(read)))),
  });
  return { layers, final: gather(await Promise.all(last)) };
}

function meanOverPositions(
  values: Float32Array,
  [batch, length]: readonly number[],
  mask?: Int32Array,
): Float32Array {
  const width = values.length / batch / length;
  return Float32Array.from({ length: batch * width }, (_, i) => {
    const row = Math.floor(i / width);
    let sum = 0, count = 0;
    for (let t = 0; t < length; t++) {
      if (mask && mask[row * length + t] === 0) continue;
      sum += values[(row * length + t) * width + i % width];
      count++;
    }
    return sum / count;
  });
}

/** Cuts so small that even the tiny models need several blocks, groups and transforms. */
const smallCuts: PlanLimits = {
  memoryBytes: Infinity,
  storageElements: 8000,
  blockElements: 5000,
  spectrumElements: 7000,
};

const published = [
  { folder: "hyena_tiny", golden: "hyena_tiny_golden", lengths: [1, 2, 257, 1000, 1026], layers: 2 },
  { folder: "hyena_tiny_hf", golden: "hyena_tiny_golden", lengths: [257], layers: 2 },
  { folder: "hyena_tiny_mix", golden: "hyena_tiny_mix_golden", lengths: [1, 3, 100, 130], layers: 3 },
];

if (deepGolden) {
  for (const { folder, golden, lengths, layers } of published) {
    onEachEngine(`HyenaDna gives every state of ${folder}`, async (backend) => {
      const model = await loadTiny(backend, folder);
      for (const length of lengths) {
        const ids = goldenIntegers(`${golden}/len${length}/input_ids.npy`);
        for (const limits of [undefined, smallCuts]) {
          const result = await run(model, ids.data, ids.shape, { limits });
          assertEquals(result.layers.length, layers);
          result.layers.forEach((state, i) => assertGolden(state, `${golden}/len${length}/block_${i}.npy`));
          assertGolden(result.final, `${golden}/len${length}/final.npy`);
          assertGolden(meanOverPositions(result.final, ids.shape), `${golden}/len${length}/mean_pooled.npy`);
        }
      }
      model.dispose();
    });

    onEachEngine(`HyenaDna makes the long filters of ${folder}`, async (backend) => {
      const model = await loadTiny(backend, folder);
      for (let i = 0; i < layers; i++) {
        const taps = await model.filterTaps(i, model.config.maxTokens);
        assertGolden(await taps.read(), `${golden}/filter_${i}.npy`);
      }
      model.dispose();
    });
  }

  onEachEngine("HyenaDna lets left padding enter the convolution, as the original does", async (backend) => {
    for (const name of ["hyena_tiny", "hyena_tiny_mix"]) {
      const model = await loadTiny(backend, name);
      const ids = goldenIntegers(`${name}_golden/batch/input_ids.npy`);
      const mask = goldenIntegers(`${name}_golden/batch/attention_mask.npy`).data;
      for (const limits of [undefined, smallCuts]) {
        const { final } = await run(model, ids.data, ids.shape, { limits });
        assertGolden(final, `${name}_golden/batch/final.npy`);
        assertGolden(meanOverPositions(final, ids.shape, mask), `${name}_golden/batch/mean_pooled.npy`);
      }
      model.dispose();
    }
  });

  onEachEngine("HyenaDna in half precision stays near", async (backend) => {
    if (!backend.supportsF16) return;
    const model = await loadTiny(backend, "hyena_tiny", {}, "f16");
    const ids = goldenIntegers("hyena_tiny_golden/len257/input_ids.npy");
    const { final } = await run(model, ids.data, ids.shape);
    const { data } = goldenArray("hyena_tiny_golden/len257/final.npy");
    const worst = data.reduce((most, value, i) => Math.max(most, Math.abs(value - final[i])), 0);
    // float16 has 11 bits: a few roundings of 5e-4 in a layer, of values up to 4.
    assert(worst > 1e-5 && worst < 0.02, `off by ${worst}`);
    model.dispose();
  }, ["webgpu"]);

  onEachEngine("a long convolution equals the direct sum", async (backend) => {
    for (const { name, isDirectory } of Deno.readDirSync(join(deepGolden!, "fftconv"))) {
      if (!isDirectory) continue;
      const [u, k, direct] = ["u", "k", "D"].map((array) => goldenArray(`fftconv/${name}/${array}.npy`));
      const y = scope(() => {
        const tensor = ({ data, shape }: typeof u) => fromArray(backend, data, shape);
        const filters = tensor(k);
        addToFirstTap(filters, tensor(direct));
        const length = u.shape[2];
        return fftConvolution(
          tensor(u),
          filterSpectrum(filters, Math.max(4, 2 ** Math.ceil(Math.log2(2 * length - 1)))),
        );
      });
      assertGolden(await y.read(), `fftconv/${name}/y.npy`);
      y.dispose();
    }
  });

  onEachEngine(
    "HyenaDna gives equal sequences of a batch what one alone gets, with kept filters too",
    async (backend) => {
      const model = await loadTiny(backend);
      const ids = goldenIntegers("hyena_tiny_golden/len257/input_ids.npy").data;
      const three = new Int32Array(3 * 257);
      for (let row = 0; row < 3; row++) three.set(ids, row * 257);
      for (const keepSpectraBytes of [0, 1e9, 1e9]) {
        const { final } = await run(model, three, [3, 257], { keepSpectraBytes });
        for (let row = 0; row < 3; row++) {
          assertGolden(
            final.slice(row * 257 * 32, (row + 1) * 257 * 32),
            "hyena_tiny_golden/len257/final.npy",
          );
        }
      }
      const { final } = await run(model, ids, [1, 257], { keepSpectraBytes: 1e9 });
      assertGolden(final, "hyena_tiny_golden/len257/final.npy");
      model.dispose();
    },
  );

  Deno.test("HyenaDna gives all its memory back, and kept filters when another length comes", async () => {
    const backend = openAccountingBackend();
    const model = await loadTiny(backend);
    const weights = backend.live.size;
    const ids = goldenIntegers("hyena_tiny_golden/len257/input_ids.npy").data;
    await model.forward({ tokenIds: ids, mask: ids, batch: 1, length: 257 }, () => {});
    assertEquals(backend.live.size, weights);
    await model.forward({ tokenIds: ids, mask: ids, batch: 1, length: 257 }, () => {}, {
      keepSpectraBytes: 1e9,
    });
    assertEquals(backend.live.size, weights + 2, "one spectrum a layer is kept");
    await model.forward({ tokenIds: ids.slice(0, 9), mask: ids, batch: 1, length: 9 }, () => {});
    assertEquals(backend.live.size, weights);
    model.dispose();
    assertEquals(backend.live.size, 0);
  });

  Deno.test("HyenaDna takes no more memory than its plan says, however small the memory", async () => {
    const ids = goldenIntegers("hyena_tiny_golden/len1000/input_ids.npy").data;
    const cuts = new Set<number>();
    for (const kibibytes of [4096, 900, 600, 450]) {
      const backend = openAccountingBackend();
      const model = await loadTiny(backend);
      const weights = backend.memory.current;
      const limits = { memoryBytes: kibibytes * 1024, blockElements: 10_000 };
      const plan = planHyena(model.config, 1, 1000, limits);
      cuts.add(plan.groupChannels);
      await model.forward({ tokenIds: ids, mask: ids, batch: 1, length: 1000 }, () => {}, { limits });
      const taken = backend.memory.peak - weights;
      assert(taken <= plan.bytes, `took ${taken}, planned ${plan.bytes}`);
      assert(taken > 0.9 * plan.bytes, `took ${taken}, planned ${plan.bytes}: too cautious`);
    }
    assert(cuts.size >= 3);
  });

  Deno.test("HyenaDna refuses a sequence longer than the model", async () => {
    const model = await loadTiny(openReferenceBackend());
    const tokenIds = new Int32Array(1027);
    await assertRejects(
      () => model.forward({ tokenIds, mask: tokenIds, batch: 1, length: 1027 }, () => {}),
      DataError,
      "Cannot run 1027 tokens: the model takes at most 1026",
    );
    model.dispose();
  });

  Deno.test("HyenaDna names a tensor that is missing or has another shape", async () => {
    const load = (changed: Partial<HyenaConfig>) => loadTiny(openReferenceBackend(), "hyena_tiny", changed);
    await assertRejects(
      () => load({ layers: 3 }),
      DataError,
      `"backbone.layers.2.norm1.weight" is missing`,
    );
    await assertRejects(
      () => load({ maxTokens: 1000 }),
      DataError,
      'pos_emb.z" has shape (1, 1026, 5), config.json says (1, 1000, 5)',
    );
    await assertRejects(
      () => load({ innerWidth: 65 }),
      DataError,
      'mlp.fc1.weight" has shape (64, 32), config.json says (65, 32)',
    );
  });
}

const large: HyenaConfig = {
  width: 256,
  layers: 8,
  innerWidth: 1024,
  embeddingRows: 16,
  positionWidth: 5,
  filterWidth: 64,
  taps: 3,
  maxTokens: 1_000_002,
  layerNormEpsilon: 1e-5,
};

Deno.test("planHyena() keeps a million tokens within bindings of 128 MiB and the memory of one WebAssembly heap", () => {
  const plan = planHyena(large, 1, 1_000_002, { memoryBytes: 3.5 * 2 ** 30 });
  assertEquals(plan.transformLength, 2 ** 21);
  assert(plan.groupChannels * 1_000_002 * 4 <= 2 ** 27);
  assert(plan.transformChannels * (plan.transformLength + 2) * 4 <= 2 ** 27);
  assert(plan.blockLength * large.innerWidth * 4 <= 2 ** 27);
  assert(plan.bytes <= 3.5 * 2 ** 30);
  const tighter = planHyena(large, 1, 1_000_002, { memoryBytes: 2.5 * 2 ** 30 });
  assert(tighter.groupChannels < plan.groupChannels);
  assertThrows(
    () => planHyena(large, 1, 1_000_002, { memoryBytes: 2 ** 30 }),
    DataError,
    "Cannot run 1000002 tokens in 1024 MiB: at least",
  );
});

Deno.test("hyenaConfig() reads both layouts and refuses other architectures and variants", () => {
  const layer = {
    _name_: "hyena",
    emb_dim: 5,
    filter_order: 64,
    local_order: 3,
    l_max: 1026,
    modulate: true,
  };
  const good = { d_model: 128, n_layer: 2, d_inner: 512, vocab_size: 12, pad_vocab_size_multiple: 8, layer };
  const config = hyenaConfig(new ModelConfig(good, "config.json"));
  assertEquals([config.embeddingRows, config.maxTokens, config.layerNormEpsilon], [16, 1026, 1e-5]);
  const refuses = (value: unknown, message: string) =>
    assertThrows(() => hyenaConfig(new ModelConfig(value, "config.json")), DataError, message);
  refuses(
    { architectures: ["EsmForMaskedLM"] },
    `its architecture is ["EsmForMaskedLM"]; expected a HyenaDNA`,
  );
  refuses({ ...good, layer: { ...layer, modulate: false } }, `"modulate" is false, not true`);
  refuses({ model_type: "hyenadna", hyena_order: 3 }, `"hyena_order" is 3, not 2`);
  refuses({ ...good, layer: { ...layer, l_max: 0 } }, `"l_max" is 0, expected a whole number from 1`);
  refuses({ ...good, n_layer: undefined }, `"n_layer" is missing`);
});
