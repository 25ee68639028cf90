/**
 * Folding IA3 vectors into plain weights: a scaled output multiplies a module's rows and its bias, a scaled input its
 * columns. The merged model computes the same without any adapter.
 */
import { join } from "@std/path";
import { DataError } from "../../../cli/errors.ts";
import { writeFileAtomic } from "../../../io/atomic_write.ts";
import { encodeSafetensors, type SafetensorsArray } from "../../../io/safetensors.ts";
import type { TensorFile } from "../../../io/tensor_file.ts";
import { ia3Side } from "./config.ts";
import { type ModelSource, openModelWeights } from "../../model_source.ts";
import { ntTensorName } from "../model.ts";
import type { Adapter } from "../../peft_adapter.ts";

/** Files of a model folder beside its weights. */
const otherFiles = [
  "vocab.txt",
  "tokenizer_config.json",
  "special_tokens_map.json",
  "esm_config.py",
  "modeling_esm.py",
];

/**
 * Write a model folder in Hugging Face's layout, `model.safetensors` with the vectors folded in and the head as
 * `classifier.*`, for inference.ts or for Python's AutoModelForSequenceClassification.
 *
 * @throws {DataError} when the adapter does not fit the model
 */
export async function writeMergedModel(folder: string, source: ModelSource, adapter: Adapter): Promise<void> {
  const weights = await openModelWeights(source);
  let bytes: Uint8Array;
  try {
    bytes = encodeSafetensors(await mergedTensors(weights, adapter), { format: "pt" });
  } finally {
    weights.close();
  }
  await writeFileAtomic(join(folder, "model.safetensors"), bytes);
  const config = parseKeepingNumbers(await Deno.readTextFile(await source.file("config.json")));
  const outputs = adapter.head.get("out_proj.bias")!.shape[0];
  const labels = Array.from({ length: outputs }, (_, i) => `LABEL_${i}`);
  const merged = {
    ...config,
    architectures: ["EsmForSequenceClassification"],
    problem_type: "regression",
    torch_dtype: "float32", // of the tensors above, whatever the pretrained ones were
    ...("dtype" in config && { dtype: "float32" }), // its name since transformers 5
    id2label: Object.fromEntries(labels.map((label, i) => [i, label])),
    label2id: Object.fromEntries(labels.map((label, i) => [label, i])),
  };
  await writeFileAtomic(join(folder, "config.json"), JSON.stringify(merged, null, 2) + "\n");
  for (const name of otherFiles) {
    const path = await source.optionalFile(name);
    if (path !== null) await writeFileAtomic(join(folder, name), await Deno.readFile(path));
  }
}

/** JSON's reviver with a number's own text, and text to be written as it is (ECMAScript 2026), which TypeScript lacks yet. */
type ReviveWithSource = (key: string, value: unknown, context: { source?: string }) => unknown;
const rawJson = (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON;

/**
 * An object whose numbers are written again as they stood: transformers 5 refuses `0` where it expects `0.0`.
 */
function parseKeepingNumbers(text: string): Record<string, unknown> {
  const revive: ReviveWithSource = (_, value, { source }) =>
    typeof value === "number" && source !== undefined ? rawJson(source) : value;
  return JSON.parse(text, revive as (key: string, value: unknown) => unknown);
}

/** Every tensor of the pretrained file under its Hugging Face name, scaled where the adapter says, and the head. */
export async function mergedTensors(
  weights: TensorFile,
  adapter: Adapter,
): Promise<Map<string, SafetensorsArray>> {
  const merged = new Map<string, SafetensorsArray>();
  for (const [stored, { shape }] of weights.tensors) {
    const name = ntTensorName(stored);
    if (!/^(lm_head|classifier)\./.test(name)) merged.set(name, { shape, data: await weights.read(stored) });
  }
  for (const [module, { data: vector }] of adapter.vectors) {
    const weight = merged.get(`${module}.weight`);
    const side = ia3Side(adapter.config, module);
    const [rows, columns] = weight?.shape ?? [];
    if (!weight || side === null || vector.length !== (side === "input" ? columns : rows)) {
      throw new DataError(
        `Cannot merge the adapter: its vector for "${module}" fits no weights of "${weights.path}"`,
      );
    }
    const data = weight.data as Float32Array;
    for (let i = 0; i < data.length; i++) {
      data[i] *= vector[side === "input" ? i % columns : Math.floor(i / columns)];
    }
    const bias = merged.get(`${module}.bias`)?.data as Float32Array | undefined;
    if (side === "output") bias?.forEach((value, i) => bias[i] = value * vector[i]);
  }
  for (const [name, { shape, data }] of adapter.head) {
    merged.set(`classifier.${name}`, { shape, data: Float32Array.from(data) });
  }
  return merged;
}
