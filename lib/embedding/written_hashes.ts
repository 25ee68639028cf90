/** Hashes of vectors and ids in the record beside them: one that was changed, or is of another run, is found. */
import { DataError } from "../cli/errors.ts";
import { describeFile } from "../io/file_fact.ts";
import { readJsonObject } from "../io/json_file.ts";

const keyOf = { vectors: "vectors_sha256", ids: "ids_sha256" } as const;

/** Keys of a record that differ between the shards of a run. */
export const hashKeys: readonly string[] = Object.values(keyOf);

/** What a record says of the files that it stands beside, once these are written. */
export async function writtenHashes(
  paths: { vectors: string; ids: string },
): Promise<Record<string, string>> {
  const [vectors, ids] = [await describeFile(paths.vectors), await describeFile(paths.ids)];
  return { [keyOf.vectors]: vectors.sha256, [keyOf.ids]: ids.sha256 };
}

/** Whether a file is the one that a record was written beside; a record of an earlier version says of none. */
export async function isAsWritten(
  path: string,
  of: "vectors" | "ids",
  record: Readonly<Record<string, unknown>>,
): Promise<boolean> {
  const expected = record[keyOf[of]];
  return expected === undefined || (await describeFile(path)).sha256 === expected;
}

/** @throws {DataError} naming the file, when it is not the one that its record was written beside */
export async function refuseChanged(
  path: string,
  of: "vectors" | "ids",
  record: Readonly<Record<string, unknown>>,
): Promise<void> {
  if (await isAsWritten(path, of, record)) return;
  throw new DataError(
    `Cannot use "${path}": it was changed since the .json of its embeddings was written (make them again, or delete that ` +
      `.json if the change was meant)`,
  );
}

/**
 * Refuse vectors that are not those of the record beside them ("x.json" for "x.npy"); nothing where there is no such record.
 *
 * @param ids the file of ids that was found beside them; null where another was named
 * @throws {DataError} naming the file
 */
export async function refuseTorn(vectors: string, ids: string | null): Promise<void> {
  if (!vectors.endsWith(".npy")) return;
  const json = vectors.replace(/\.npy$/, ".json");
  if (!(await Deno.stat(json).catch(() => null))?.isFile) return;
  const record = await readJsonObject(json);
  await refuseChanged(vectors, "vectors", record);
  if (ids !== null) await refuseChanged(ids, "ids", record);
}
