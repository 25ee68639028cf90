/** Where a model's files come from: a local folder, or the hub through its cache. Only files of expected names are opened. */
import { basename, join } from "@std/path";
import { DataError, UsageError } from "../cli/errors.ts";
import { HubRepository, looksLikeHubId } from "../io/hub.ts";
import type { HubOptions } from "../io/hub.ts";
import { openSafetensors, shardsOf } from "../io/safetensors.ts";
import type { TensorFile } from "../io/tensor_file.ts";
import { openTorchCheckpoint } from "../io/torch_checkpoint.ts";
import { ModelConfig } from "./model_config.ts";

export interface ModelSource {
  /** As the user wrote it. */
  readonly name: string;
  /** The hub's commit; null for a local folder, and before the first file. */
  readonly commit: string | null;
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
    file: (name) => repository.file(name),
    optionalFile: (name) => repository.optionalFile(name),
  };
}

function folderSource(folder: string): ModelSource {
  const optionalFile = async (name: string) => {
    const path = join(folder, name);
    return (await Deno.stat(path).catch(() => null))?.isFile ? path : null;
  };
  return {
    name: folder,
    commit: null,
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

/** The model's weights: the first there is of the names that models are published under. @throws {DataError} when there is none */
export async function openModelWeights(source: ModelSource): Promise<TensorFile> {
  for (
    const name of ["model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "weights.ckpt"]
  ) {
    const path = await source.optionalFile(name);
    if (path === null) continue;
    if (!name.includes("safetensors")) return await openTorchCheckpoint(path);
    if (name.endsWith(".index.json")) {
      for (const shard of new Set(Object.values(await shardsOf(path)))) await source.file(basename(shard));
    }
    return await openSafetensors(path);
  }
  throw new DataError(
    `Cannot use the model "${source.name}": it has no model.safetensors, pytorch_model.bin or weights.ckpt`,
  );
}
