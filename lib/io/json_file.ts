import { DataError } from "../cli/errors.ts";
import { readFileText } from "./read_file.ts";

/** The object in a JSON file. @throws {DataError} naming the path, when it cannot be read or holds anything else */
export async function readJsonObject(path: string): Promise<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(await readFileText(path));
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw new DataError(`Cannot read "${path}": it is not JSON (${jsonReason(error)})`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new DataError(`Cannot read "${path}": it is not a JSON object`);
  }
  return value as Record<string, unknown>;
}

/** Why a text is no JSON, in one line: V8 quotes what stands around the place, line ends and all. */
export function jsonReason(error: unknown): string {
  return (error as Error).message.replace(/, (\.\.\.)?".*/s, "");
}
