/** Result folders among those that a user names. */
import { basename, join, resolve } from "@std/path";
import { DataError } from "../cli/errors.ts";
import { counted, log } from "../cli/log.ts";
import { someIds } from "../dataset/ids.ts";
import { exists } from "../experiment/folders.ts";
import { recoverIfFree } from "../experiment/result_folder.ts";
import { reasonOf } from "../io/read_file.ts";
import { hasSiblings } from "./siblings.ts";

export interface FoundResult {
  readonly name: string;
  readonly path: string;
}

/**
 * Each folder that has a manifest.json is a result; of any other, the folders in it that have one. Of two results of one name
 * both are called by their paths.
 *
 * @throws {DataError} when a folder holds no result
 */
export async function findResults(folders: readonly string[]): Promise<FoundResult[]> {
  const paths = new Map<string, string>();
  for (const folder of folders) {
    if (!hasSiblings(folder)) {
      throw new DataError(
        `Cannot compare "${folder}": it is no folder of results (a table in a pipe goes into a file first, for --predictions ` +
          `NAME=FILE)`,
      );
    }
    await recoverIfFree(folder);
    for (const path of await resultsIn(folder)) paths.set(resolve(path), path);
  }
  return withOwnNames([...paths.values()]);
}

async function resultsIn(folder: string): Promise<string[]> {
  if (await isResult(folder)) return [folder];
  const found: string[] = [], others: string[] = [], skipped: string[] = [];
  for (const name of await foldersIn(folder)) {
    const path = join(folder, name);
    if (name.startsWith(".") || /\.bak\d*$/.test(name)) {
      if (await isResult(path)) skipped.push(path);
    } else if (await isResult(path)) found.push(path);
    else others.push(path);
  }
  for (const path of others) {
    const isOld = await exists(join(path, "summary.json"));
    if (isOld) {
      log.warn(
        `Left out "${path}": it has no manifest.json, an earlier version wrote it (run the script again).`,
      );
    } else if (await exists(join(path, "unfinished"))) {
      log.warn(`Left out "${path}": its run is not finished (--resume finishes it).`);
    }
  }
  if (skipped.length > 0) {
    log.warn(
      `Left out ${counted(skipped.length, "result")} (${
        someIds(skipped.sort().map((path) => basename(path)), 3)
      }) of "${folder}": a name that ends with .bak is that of an older result, one that begins with . is hidden (--results with ` +
        `the folder itself takes it).`,
    );
  }
  if (found.length > 0) return found.sort();
  throw new DataError(
    `Cannot compare "${folder}": there is no result in it (a folder with manifest.json is needed, as every training script leaves)`,
  );
}

async function foldersIn(folder: string): Promise<string[]> {
  try {
    const entries = await Array.fromAsync(Deno.readDir(folder));
    return entries.filter(({ isFile }) => !isFile).map(({ name }) => name);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      throw new DataError(`Cannot compare "${folder}": there is no such folder`);
    }
    if (error instanceof Deno.errors.NotADirectory) {
      throw new DataError(`Cannot compare "${folder}": it is a file (--predictions NAME=FILE takes files)`);
    }
    throw new DataError(`Cannot look into "${folder}": ${reasonOf(error)}`);
  }
}

function isResult(folder: string): Promise<boolean> {
  return exists(join(folder, "manifest.json"));
}

function withOwnNames(paths: readonly string[]): FoundResult[] {
  const nameOf = (path: string) => basename(resolve(path));
  const isShared = (name: string) => paths.filter((path) => nameOf(path) === name).length > 1;
  return paths.map((path) => {
    const name = nameOf(path);
    if (!isShared(name)) return { name, path };
    log.info(`Several results are called "${name}": that of "${path}" goes by its path.`);
    return { name: path, path };
  });
}
