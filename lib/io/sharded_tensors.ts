/** Weights in several files, and the index (`model.safetensors.index.json`, `pytorch_model.bin.index.json`) that says what lies where. */
import { dirname, join } from "@std/path";
import { DataError } from "../cli/errors.ts";
import { readJsonObject } from "./json_file.ts";
import type { TensorFile, TensorInfo } from "./tensor_file.ts";

export interface ShardedTensors<File extends TensorFile> extends TensorFile {
  /** The open file that holds a tensor. @throws {DataError} naming an absent one */
  home(name: string): File;
}

/**
 * Open every file that an index lists, each by `open`.
 *
 * @throws {DataError} when the index is none, or a file lacks what it says
 */
export async function openShards<File extends TensorFile>(
  indexPath: string,
  open: (path: string) => File,
): Promise<ShardedTensors<File>> {
  const shards = new Map<string, File>(), homes = new Map<string, File>();
  const close = () => shards.forEach((shard) => shard.close());
  const tensors = new Map<string, TensorInfo>();
  try {
    for (const [name, file] of Object.entries(await shardsOf(indexPath))) {
      if (!shards.has(file)) shards.set(file, open(join(dirname(indexPath), file)));
      const shard = shards.get(file)!, tensor = shard.tensors.get(name);
      if (!tensor) {
        throw new DataError(`Cannot read "${indexPath}": "${file}" does not hold tensor "${name}"`);
      }
      homes.set(name, shard);
      tensors.set(name, tensor);
    }
  } catch (error) {
    close();
    throw error;
  }
  const home = (name: string) => {
    const shard = homes.get(name);
    if (!shard) throw new DataError(`Cannot read "${indexPath}": it has no tensor "${name}"`);
    return shard;
  };
  return {
    path: indexPath,
    tensors,
    home,
    read: (name) => Promise.try(() => home(name).read(name)),
    close,
  };
}

/** Which file beside an index holds each tensor. @throws {DataError} when the index is none, or names other files */
export async function shardsOf(indexPath: string): Promise<Record<string, string>> {
  const ending = /(\.\w+)\.index\.json$/.exec(indexPath)?.[1] ?? ".safetensors";
  const fail = (what: string) =>
    new DataError(`Cannot read "${indexPath}" as an index of ${ending} files: ${what}`);
  const { weight_map: homes } = await readJsonObject(indexPath);
  if (typeof homes !== "object" || homes === null || Array.isArray(homes)) {
    throw fail(`it has no object "weight_map"`);
  }
  for (const [name, file] of Object.entries(homes)) {
    if (typeof file !== "string" || !/^[\w.-]+$/.test(file) || !file.endsWith(ending)) {
      throw fail(`tensor "${name}" lies in ${JSON.stringify(file)}, expected a ${ending} file beside it`);
    }
  }
  return homes as Record<string, string>;
}
