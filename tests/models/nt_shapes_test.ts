/**
 * Two layers of each published shape of Nucleotide Transformer v2 at random weights: hidden states, loss and every gradient
 * of IA3 as transformers' ESM classes and PEFT give them (tests/fixtures/nt/make_shapes.py says what of it is theirs).
 */
import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import type { Backend } from "../../lib/backend/backend.ts";
import { ntIa3Config } from "../../lib/models/nucleotide_transformer/ia3/config.ts";
import { Ia3Regressor } from "../../lib/models/nucleotide_transformer/ia3/vectors.ts";
import { NucleotideTransformer } from "../../lib/models/nucleotide_transformer/model.ts";
import { StateDict } from "../../lib/models/state_dict.ts";
import { backward, fromArray, maskedSquaredError, meanOf, scope } from "../../lib/tensor/mod.ts";
import { onEachEngine } from "../support/engines.ts";
import { fixtures } from "../support/live_fixtures.ts";
import { type NtShape, randomNtTensors, randomNumbers } from "../support/random_models.ts";

const reference = JSON.parse(Deno.readTextFileSync(join(fixtures("nt"), "shapes.json")));
const batch = {
  tokenIds: Int32Array.from(reference.ids.flat()),
  mask: Int32Array.from(reference.mask.flat()),
  batch: reference.ids.length as number,
  length: reference.ids[0].length as number,
};
const outputs: number = reference.labels[0].length;

/** nucleotide-transformer-v2-*-multi-species, but for the number of layers: of two layers 50m and 100m are one. */
const shapes: Record<string, NtShape> = {
  "50m": { width: 512, heads: 16, layers: 2, intermediate: 2048 },
  "250m": { width: 768, heads: 16, layers: 2, intermediate: 3072 },
  "500m": { width: 1024, heads: 16, layers: 2, intermediate: 4096 },
};

interface Sampled {
  sample: number[];
  step: number;
  norm: number;
  atol: number;
}

/** A sample of the numbers, and their norm, within what the reference's own float32 run was off by, ten times. */
function assertSampled(shape: string, key: string, values: Float32Array): void {
  const { sample, step, norm, atol }: Sampled = reference.shapes[shape][key];
  const found = Math.sqrt(values.reduce((sum, value) => sum + value ** 2, 0));
  const worst = sample.reduce(
    (most, value, i) => Math.max(most, Math.abs(values[i * step] - value)),
    Math.abs(found - norm) / Math.sqrt(values.length),
  );
  if (!(worst <= atol)) throw new Error(`${shape}, ${key}: off by ${worst}, allowed ${atol}`);
}

async function modelOf(backend: Backend, shape: NtShape): Promise<Ia3Regressor> {
  const tensors = randomNtTensors(shape);
  const weights = new StateDict({
    path: "random",
    tensors: new Map([...tensors].map(([name, { shape }]) => [name, { shape, dtype: "F32" }])),
    read: (name) => Promise.resolve(tensors.get(name)!.data as Float32Array<ArrayBuffer>),
    close() {},
  });
  const { intermediate: intermediateWidth, ...sizes } = shape;
  const encoder = await NucleotideTransformer.load(backend, weights, {
    ...sizes,
    intermediateWidth,
    vocabularySize: 4107,
    layerNormEpsilon: 1e-12,
  });
  const { width } = shape;
  const head: [string, number[]][] = [
    ["dense.bias", [width]],
    ["dense.weight", [width, width]],
    ["out_proj.bias", [outputs]],
    ["out_proj.weight", [outputs, width]],
  ];
  // In the order of their names, "classifier" before "esm", each has its seed.
  let seed = 2000;
  const random = (shape: number[], deviation: number, mean: number) => ({
    shape,
    data: randomNumbers(shape.reduce((a, b) => a * b), deviation, seed++).map((value) => value + mean),
  });
  const headTensors = new Map(head.map(([name, shape]) => [name, random(shape, 0.05, 0)]));
  const modules = [...encoder.parameters].filter(([name]) => /(self\.(key|value)|dense)\.weight$/.test(name))
    .map(([name, { shape }]) =>
      [name.replace(/\.weight$/, ""), /dense/.test(name) ? [1, shape[1]] : [shape[0], 1]] as [
        string,
        number[],
      ]
    ).sort(([a], [b]) => a < b ? -1 : 1);
  const vectors = new Map(modules.map(([name, shape]) => [name, random(shape, 0.1, 1)]));
  return Ia3Regressor.fromAdapter(encoder, { config: ntIa3Config, vectors, head: headTensors });
}

for (const [name, shape] of Object.entries(shapes)) {
  onEachEngine(
    `NT v2 of ${name}'s shape: states, loss and gradients as transformers' and PEFT's`,
    async (backend) => {
      const model = await modelOf(backend, shape);
      const onDevice = model.encoder.batch(batch);
      const plain = await scope(() => model.encoder.forward(onDevice)).read();
      assertSampled(
        name,
        "hidden",
        plain.map((value, i) => batch.mask[Math.floor(i / shape.width)] ? value : 0),
      );
      const { logits, loss } = scope(() => {
        const logits = model.forward(onDevice);
        const labels = fromArray(backend, Float32Array.from(reference.labels.flat()), [batch.batch, outputs]);
        return { logits, loss: maskedSquaredError(logits, labels) };
      });
      assertSampled(name, "logits", await logits.read());
      assertSampled(name, "loss", Float32Array.of(meanOf(await loss.read())));
      backward(loss);
      const parameters = model.parameters();
      const gradients = Object.keys(reference.shapes[name]).filter((key) => key.startsWith("gradient "));
      assertEquals(
        [...parameters.keys()].sort(),
        gradients.map((key) => key.slice("gradient ".length)).sort(),
      );
      for (const [parameter, { grad }] of parameters) {
        assertSampled(name, `gradient ${parameter}`, await grad!.read());
      }
    },
    name === "50m" ? ["cpu", "webgpu"] : ["cpu"],
  );
}

Deno.test("NT v2 of 100m differs from 50m in layers alone: its two layers are the same numbers", () => {
  assertEquals(reference.shapes["100m"], reference.shapes["50m"]);
});
