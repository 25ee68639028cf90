/** Folders that other processes may change at the same time: what is gone already is no error. */
import { DataError } from "../cli/errors.ts";
import { remove, rename } from "../io/disk.ts";
import { reasonOf } from "../io/read_file.ts";

/** Names of the files in a folder, ascending; none where it does not exist. @throws {DataError} when it cannot be read */
export async function filesIn(folder: string): Promise<string[]> {
  try {
    const entries = await Array.fromAsync(Deno.readDir(folder));
    return entries.filter(({ isFile }) => isFile).map(({ name }) => name).sort();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw new DataError(`Cannot look into "${folder}": ${reasonOf(error)}`);
  }
}

export async function removeFile(path: string): Promise<void> {
  try {
    await remove(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** Remove a folder and what is in it. It is renamed first: for others it is whole or gone. */
export async function removeFolder(path: string): Promise<void> {
  const doomed = `${path}.${crypto.randomUUID().slice(0, 8)}.tmp`;
  try {
    await rename(path, doomed);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return;
    throw error;
  }
  await remove(doomed, { recursive: true });
}

export async function exists(path: string): Promise<boolean> {
  try {
    await Deno.lstat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return false;
    throw new DataError(`Cannot look at "${path}": ${reasonOf(error)}`);
  }
}
