/** Where a model's files come from: a local folder, or the hub through its cache. Only files of expected names are opened. */
import { basename, join } from "@std/path";
import { DataError, UsageError } from "../cli/errors.ts";
import { HubRepository, looksLikeHubId } from "../io/hub.ts";
import type { HubOptions } from "../io/hub.ts";
import { openSafetensors } from "../io/safetensors.ts";
import { shardsOf } from "../io/sharded_tensors.ts";
import type { TensorFile } from "../io/tensor_file.ts";
import { openTorchCheckpoint } from "../io/torch_checkpoint.ts";
import { ModelConfig } from "./model_config.ts";

export interface ModelSource {
  /** As the user wrote it. */
  readonly name: string;
  /** The hub's commit; null for a local folder, and before the first file. */
  readonly commit: string | null;
  /** Why files that are not in the cache cannot be had; null where they can, and for a local folder. */
  readonly cacheOnly: string | null;
  /** Path of a file. @throws {DataError} when there is none */
  file(name: string): Promise<string>;
  optionalFile(name: string): Promise<string | null>;
}

/**
 * @param model a folder, or "organisation/name" on the hub
 * @throws {UsageError} when it is neither
 */
export async function openModelSource(model: string, options: HubOptions = {}): Promise<ModelSource> {
  const found = await Deno.stat(model).catch(() => null);
  if (found?.isDirectory) return folderSource(model);
  if (found !== null || !looksLikeHubId(model)) {
    throw new UsageError(
      `Cannot use the model "${model}": there is no such folder, and it is no "organisation/name" of the hub`,
    );
  }
  const repository = new HubRepository(model, options);
  return {
    name: model,
    get commit() {
      return repository.commit;
    },
    get cacheOnly() {
      return repository.cacheOnly;
    },
    file: (name) => orFolder(repository, model, () => repository.file(name)),
    optionalFile: (name) => orFolder(repository, model, () => repository.optionalFile(name)),
  };
}

/** Until the model is found, its name may also be a folder's with a slip in it: the error tells both. */
async function orFolder<T>(repository: HubRepository, model: string, get: () => Promise<T>): Promise<T> {
  try {
    return await get();
  } catch (error) {
    if (repository.commit !== null || !(error instanceof DataError)) throw error;
    throw new DataError(`${error.message}; "${model}" is no folder here`);
  }
}

function folderSource(folder: string): ModelSource {
  const optionalFile = async (name: string) => {
    const path = join(folder, name);
    return (await Deno.stat(path).catch(() => null))?.isFile ? path : null;
  };
  return {
    name: folder,
    commit: null,
    cacheOnly: null,
    optionalFile,
    file: async (name) => {
      const path = await optionalFile(name);
      if (path === null) throw new DataError(`Cannot use the model "${folder}": it has no file "${name}"`);
      return path;
    },
  };
}

export async function readModelConfig(source: ModelSource): Promise<ModelConfig> {
  return await ModelConfig.read(await source.file("config.json"));
}

const weightFiles = [
  "model.safetensors",
  "model.safetensors.index.json",
  "pytorch_model.bin",
  "pytorch_model.bin.index.json",
  "weights.ckpt",
];

/**
 * The model's weights: the first there is of the names that models are published under.
 *
 * @throws {DataError} when there is none, and for a folder that holds an adapter, which would be left out
 */
export async function openModelWeights(source: ModelSource): Promise<TensorFile> {
  // On the hub, where a commit is known by now, a repository of a model may offer an adapter beside it.
  const adapter = source.commit === null ? await source.optionalFile("adapter_config.json") : null;
  if (adapter !== null) {
    throw new DataError(
      `Cannot use the model "${source.name}": its "adapter_config.json" says that an adapter belongs to it, which would be ` +
        `left out; merge it into the weights first, with PEFT's merge_and_unload(), or take that file away to use the base model`,
    );
  }
  for (const name of weightFiles) {
    const path = await source.optionalFile(name);
    if (path === null) continue;
    if (name.endsWith(".index.json")) {
      for (const shard of new Set(Object.values(await shardsOf(path)))) await source.file(basename(shard));
    }
    return name.includes("safetensors") ? await openSafetensors(path) : await openTorchCheckpoint(path);
  }
  const why = source.cacheOnly ? ` in the cache, and ${source.cacheOnly}` : "";
  throw new DataError(
    `Cannot use the model "${source.name}": it has no model.safetensors, pytorch_model.bin or weights.ckpt${why}`,
  );
}
