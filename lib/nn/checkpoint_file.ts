/** Tensors and a few plain values on disk, so that a run which was stopped goes on where it was. Sealed safetensors, replaced atomically. */
import { DataError } from "../cli/errors.ts";
import { writeFileAtomic } from "../io/atomic_write.ts";
import type { SafetensorsArray } from "../io/safetensors.ts";
import { encodeSealed, openSealed } from "../io/sealed_safetensors.ts";
import type { Tensor } from "../tensor/mod.ts";

/** What a file holds beside its tensors: JSON, exact for every number. */
export type CheckpointValues = Record<string, unknown>;

/** Numbers by name, on the host or on a device. */
export type CheckpointTensors = ReadonlyMap<string, SafetensorsArray | Tensor>;

/** Write `tensors` and `values` to `path`, over what was there only when all is written. */
export async function writeCheckpoint(
  path: string,
  values: CheckpointValues,
  tensors: CheckpointTensors,
): Promise<void> {
  const arrays = new Map<string, SafetensorsArray>();
  for (const [name, tensor] of tensors) {
    arrays.set(name, "data" in tensor ? tensor : { shape: tensor.shape, data: await tensor.read() });
  }
  await writeFileAtomic(path, await encodeSealed(arrays, { values: JSON.stringify(values) }));
}

/** A checkpoint read whole. */
export interface Checkpoint {
  readonly path: string;
  readonly values: CheckpointValues;
  /** @throws {DataError} when there is no such tensor, or not of this size */
  numbers(name: string, size: number): Float32Array;
}

/**
 * Read what `writeCheckpoint` wrote.
 *
 * @returns null when there is no such file
 * @throws {DataError} when it is damaged
 */
export async function readCheckpoint(path: string): Promise<Checkpoint | null> {
  try {
    await Deno.stat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
  const file = await openSealed(path);
  try {
    const values = JSON.parse(file.metadata.values ?? "null");
    if (values === null) {
      throw new DataError(`Cannot go on from "${path}": it is no checkpoint of this program (delete it)`);
    }
    const numbers = new Map<string, Float32Array>();
    for (const name of file.tensors.keys()) numbers.set(name, await file.read(name));
    return {
      path,
      values,
      numbers(name, size) {
        const found = numbers.get(name);
        if (found?.length === size) return found;
        throw new DataError(
          `Cannot go on from "${path}": tensor "${name}" ` +
            `${found ? `has ${found.length} numbers` : "is missing"}, expected ${size} (delete the file)`,
        );
      },
    };
  } finally {
    file.close();
  }
}

/** Overwrite tensors by the numbers that a checkpoint holds under their names. */
export function loadTensors(checkpoint: Checkpoint, tensors: ReadonlyMap<string, Tensor>): void {
  for (const [name, tensor] of tensors) tensor.write(checkpoint.numbers(name, tensor.size));
}
