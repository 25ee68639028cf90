/**
 * Adapter folders in PEFT's format, both ways: `adapter_config.json` and `adapter_model.safetensors` (or, from older
 * versions, `adapter_model.bin`), which hold the IA3 vectors and the trained classification head.
 */
import { basename, join, resolve } from "@std/path";
import { DataError } from "../cli/errors.ts";
import { log } from "../cli/log.ts";
import { writeFileAtomic } from "../io/atomic_write.ts";
import { encodeSafetensors, openSafetensors } from "../io/safetensors.ts";
import type { TensorFile } from "../io/tensor_file.ts";
import { openTorchCheckpoint } from "../io/torch_checkpoint.ts";
import {
  encodeAdapterConfig,
  type Ia3Config,
  ia3Side,
  readAdapterConfig,
} from "./nucleotide_transformer/ia3/config.ts";

export interface AdapterTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** What fine-tuning changed, by the pretrained model's module names. */
export interface Adapter {
  readonly config: Ia3Config;
  /** Vectors by module ("esm.encoder.layer.0.attention.self.key"): (outputs, 1) or, on the input side, (1, inputs). */
  readonly vectors: ReadonlyMap<string, AdapterTensor>;
  /** "dense.weight", "dense.bias", "out_proj.weight", "out_proj.bias". */
  readonly head: ReadonlyMap<string, AdapterTensor>;
}

const configName = "adapter_config.json";
const prefix = "base_model.model.";
const headTensors = ["dense.weight", "dense.bias", "out_proj.weight", "out_proj.bias"];

/** Write an adapter that PEFT's `PeftModel.from_pretrained` loads. */
export async function writeAdapter(folder: string, { config, vectors, head }: Adapter): Promise<void> {
  const tensors = new Map<string, { shape: readonly number[]; data: Float32Array<ArrayBuffer> }>();
  const put = (name: string, { shape, data }: AdapterTensor) =>
    tensors.set(prefix + name, { shape, data: Float32Array.from(data) });
  for (const [module, vector] of vectors) put(`${module}.ia3_l`, vector);
  for (const [name, tensor] of head) put(`classifier.${name}`, tensor);
  const bytes = encodeSafetensors(tensors, { format: "pt" });
  await writeFileAtomic(join(folder, "adapter_model.safetensors"), bytes);
  await writeFileAtomic(join(folder, configName), encodeAdapterConfig(config));
}

/**
 * Read an adapter that PEFT or `writeAdapter` wrote.
 *
 * @throws {DataError} when a file is missing or damaged, the adapter is not IA3, or a tensor fits no module
 */
export async function readAdapter(folder: string): Promise<Adapter> {
  await tellOtherAdapters(folder);
  const config = await readAdapterConfig(join(folder, configName));
  const file = await openAdapterWeights(folder);
  try {
    const vectors = new Map<string, AdapterTensor>(), head = new Map<string, AdapterTensor>();
    for (const [stored, { shape }] of file.tensors) {
      const name = canonicalName(stored);
      if (name === null) continue;
      const tensor = { shape, data: await file.read(stored) };
      if (!tensor.data.every(Number.isFinite)) {
        throw new DataError(
          `Cannot use the adapter "${file.path}": tensor "${stored}" holds NaN or infinity`,
        );
      }
      if (name.endsWith(".ia3_l")) vectors.set(name.slice(0, -".ia3_l".length), tensor);
      else if (name.startsWith("classifier.")) head.set(name.slice("classifier.".length), tensor);
      else {
        throw new DataError(
          `Cannot use the adapter "${file.path}": tensor "${stored}" is neither an IA3 vector nor part of the classifier`,
        );
      }
    }
    if (vectors.size === 0) {
      throw new DataError(`Cannot use the adapter "${file.path}": it holds no tensor "....ia3_l"`);
    }
    const absent = headTensors.find((name) => !head.has(name));
    if (absent) {
      throw new DataError(
        `Cannot use the adapter "${file.path}": it has no tensor "classifier.${absent}" (adapters of task_type "SEQ_CLS" ` +
          `hold their head)`,
      );
    }
    leaveOutUnused(file.path, vectors);
    for (const layer of ["dense", "out_proj"]) foldIntoHead(file.path, layer, { config, vectors, head });
    return { config, vectors, head };
  } finally {
    file.close();
  }
}

/** PEFT saves the adapters of a model but the first in folders of their names. @throws {DataError} when there are only such */
async function tellOtherAdapters(folder: string): Promise<void> {
  const isFile = async (path: string) => (await Deno.stat(path).catch(() => null))?.isFile ?? false;
  if (!(await Deno.stat(folder).catch(() => null))?.isDirectory) {
    throw new DataError(`Cannot use the adapter "${folder}": there is no such folder`);
  }
  const named: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory && await isFile(join(folder, name, configName))) named.push(name);
  }
  const listed = named.sort().slice(0, 8).map((name) => JSON.stringify(name)).join(", ") +
    (named.length > 8 ? ` and ${named.length - 8} more` : "");
  if (!await isFile(join(folder, configName))) {
    throw new DataError(
      `Cannot use the adapter "${folder}": it has no ${configName}` +
        (named.length > 0 ? `, but holds adapters in ${listed}; name one of these folders` : ""),
    );
  }
  if (named.length > 0) {
    log.info(`"${folder}" also holds adapters in ${listed}; to use one, name its folder`);
  }
}

/** Targets such as "all-linear" also catch the head that predicts contacts, which nothing here computes. */
function leaveOutUnused(path: string, vectors: Map<string, AdapterTensor>): void {
  for (const module of [...vectors.keys()]) {
    if (!module.includes("contact_head.")) continue;
    vectors.delete(module);
    log.info(`Left out the vector of "${module}" in "${path}": it has no effect on these predictions`);
  }
}

/** A head's layer that IA3 scales too, as one plain layer: (W (l x) + b) or l (W x + b). @throws {DataError} when sizes differ */
function foldIntoHead(
  path: string,
  layer: string,
  { config, vectors, head }: Adapter & {
    vectors: Map<string, AdapterTensor>;
    head: Map<string, AdapterTensor>;
  },
): void {
  const module = `classifier.${layer}`, vector = vectors.get(module);
  if (!vector) return;
  vectors.delete(module);
  const weight = head.get(`${layer}.weight`)!, bias = head.get(`${layer}.bias`)!;
  const [outputs, inputs] = weight.shape, isInput = ia3Side(config, module) === "input";
  if (vector.data.length !== (isInput ? inputs : outputs)) {
    throw new DataError(
      `Cannot use the adapter "${path}": the vector of "${module}" has ${vector.data.length} numbers, ` +
        `expected ${isInput ? inputs : outputs}`,
    );
  }
  const scaled = (i: number) => vector.data[isInput ? i % inputs : Math.floor(i / inputs)];
  head.set(`${layer}.weight`, { ...weight, data: weight.data.map((value, i) => value * scaled(i)) });
  if (!isInput) {
    head.set(`${layer}.bias`, {
      ...bias,
      data: bias.data.map((value, i) => value * vector.data[i]),
    });
  }
}

/**
 * Warn where an adapter says that it was trained on another model: what it adds to these weights means nothing then.
 * Models are told apart by the last part of their hub id or folder.
 */
export function warnOfOtherBase(adapter: string, { baseModel }: Ia3Config, model: string): void {
  if (baseModel === null || basename(resolve(baseModel)) === basename(resolve(model))) return;
  log.warn(
    `The adapter "${adapter}" was trained on "${baseModel}", not on "${model}" (--model): ` +
      `its predictions mean something only if these are the same weights.`,
  );
}

async function openAdapterWeights(folder: string): Promise<TensorFile> {
  for (const name of ["adapter_model.safetensors", "adapter_model.bin"]) {
    const path = join(folder, name);
    if (!(await Deno.stat(path).catch(() => null))?.isFile) continue;
    return name.endsWith(".bin") ? await openTorchCheckpoint(path) : await openSafetensors(path);
  }
  throw new DataError(
    `Cannot use the adapter "${folder}": it has no adapter_model.safetensors and no adapter_model.bin`,
  );
}

/** The name without wrappers of torch and PEFT and the adapter's name; null for the untrained copy of the head. */
function canonicalName(stored: string): string | null {
  if (stored.includes(".original_module.")) return null;
  return stored
    .replaceAll("_orig_mod.", "")
    .replace(/^(module\.)+/, "")
    .replace(".base_layer.", ".")
    .replace(/^base_model\.model\./, "")
    .replace(/\.modules_to_save\.(default\.)?/, ".")
    .replace(/\.ia3_l\.default$/, ".ia3_l");
}
