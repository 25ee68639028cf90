import { DataError } from "../cli/errors.ts";
import { pipeContent } from "./pipes.ts";

/** All bytes of a file or a pipe, which can be asked for again. @throws {DataError} naming the path, when it cannot be read */
export async function readFileBytes(path: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return await pipeContent(path) ?? await Deno.readFile(path);
  } catch (error) {
    throw new DataError(`Cannot read "${path}": ${reasonOf(error)}`);
  }
}

/** All text of a UTF-8 file, without a byte-order mark. @throws {DataError} naming the path, when it cannot be read */
export async function readFileText(path: string): Promise<string> {
  const bytes = await readFileBytes(path);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new DataError(`Cannot read "${path}": it is not UTF-8 text`);
  }
}

/** Why a file cannot be read, in words. */
export function reasonOf(error: unknown): string {
  if (error instanceof Deno.errors.NotFound) return "there is no such file";
  if (error instanceof Deno.errors.PermissionDenied) return "permission denied";
  if (error instanceof Deno.errors.NotCapable) {
    return /"\/(?:dev|proc)\//.test(error.message)
      ? "of what lies there /dev/stdin alone can be read (write it into a file first)"
      : "Deno was not given read access to it (run with -P, or add --allow-read for it)";
  }
  if (error instanceof Deno.errors.IsADirectory) return "it is a folder";
  if (error instanceof Deno.errors.NotADirectory) return "a file stands where one of its folders should be";
  return (error instanceof Error ? error.message : String(error)).replace(/ \(os error \d+\).*$/s, "");
}
