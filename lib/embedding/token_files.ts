/** Vectors of single tokens: a folder with one .npy a sequence, named by numbers, and a table of the ids. */
import { join } from "@std/path";
import { writeFileAtomic } from "../io/atomic_write.ts";
import { encodeCsv } from "../io/csv.ts";
import { exists } from "../io/hub_cache.ts";
import { writeNpy } from "../io/npy.ts";

export interface TokenFile {
  readonly name: string;
  /** Of the sequence, or of its window. */
  readonly id: string;
  readonly tokens: number;
}

/** The table in the folder of token vectors. */
export const tokenIndex = "index.csv";

/** @param row of the sequence in the whole input @param window of a sequence whose windows are kept */
export function tokenFileName(row: number, window: number | null): string {
  const digits = (number: number) => String(number).padStart(6, "0");
  return `${digits(row)}${window === null ? "" : `_${digits(window)}`}.npy`;
}

/** @param values tokens x width */
export async function writeTokenFile(
  folder: string,
  name: string,
  values: Float32Array,
  width: number,
): Promise<void> {
  await writeNpy(join(folder, name), { shape: [values.length / width, width], data: values });
}

export function hasTokenFile(folder: string, name: string): boolean {
  return exists(join(folder, name));
}

/** Write the table; token vectors of an earlier run that are not in it go. */
export async function finishTokenFiles(folder: string, files: readonly TokenFile[]): Promise<void> {
  const known = new Set(files.map(({ name }) => name));
  await writeFileAtomic(
    join(folder, tokenIndex),
    encodeCsv(["file", "id", "tokens"], files.map(({ name, id, tokens }) => [name, id, tokens])),
  );
  for await (const { name, isFile } of Deno.readDir(folder)) {
    if (isFile && /^\d{6,}(_\d{6,})?\.npy$/.test(name) && !known.has(name)) {
      await Deno.remove(join(folder, name));
    }
  }
}
