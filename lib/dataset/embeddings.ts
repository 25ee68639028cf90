/** Vectors of transcription factors or genes, a row each. */
import { basename, dirname, extname, join } from "@std/path";
import { DataError, UsageError } from "../cli/errors.ts";
import { parseNumericCsv } from "../io/csv.ts";
import { refuseTorn } from "../embedding/written_hashes.ts";
import { readIdList } from "../io/id_list.ts";
import { readNpyDoubles } from "../io/npy.ts";
import { readPlainBytes } from "../io/plain_bytes.ts";
import { type Embedded, type Matrix, takeRows } from "../linalg/matrix.ts";
import { firstOccurrences, shortId } from "./ids.ts";
import { isNumber } from "./missing_values.ts";

/** Vectors of transcription factors or genes, with their ids. */
export interface Embeddings {
  /** The file of vectors. */
  path: string;
  /** The file of ids: what messages call them. */
  idsPath: string;
  /** An id a row, each once. */
  ids: string[];
  /** ids.length x width; float64 where the file is, so that scaling comes before rounding. */
  values: Embedded;
  /** The files that stand side by side in `values`, where they are several. */
  parts?: readonly { readonly path: string; readonly idsPath: string; readonly width: number }[];
}

/** All files that embeddings were read from. */
export function filesOf({ path, idsPath, parts = [{ path, idsPath, width: 0 }] }: Embeddings): string[] {
  return parts.flatMap((part) => [part.path, part.idsPath]);
}

/**
 * Read vectors (.npy; or a table with the ids in its first column: CSV, TSV, Parquet) and their ids (.npy, text or a table). A
 * repeated id keeps its first row.
 *
 * @param idsPath null: beside the vectors, under the names that inference.ts and others give them, or in the table itself
 * @param options.allowMissing lets NaN through, for models that know what a missing value is
 * @throws {DataError} when ids and rows differ in number, or a vector holds a value that is not finite
 */
export async function readEmbeddings(
  vectorsPath: string,
  idsPath: string | null,
  options: { allowMissing: boolean } = { allowMissing: false },
): Promise<Embeddings> {
  const table = isTable(vectorsPath) ? await readTable(vectorsPath) : null;
  const values = table?.values ?? await readNpyDoubles(vectorsPath);
  const place = idsPath ?? (table ? vectorsPath : await findIds(vectorsPath));
  const ids = table && idsPath === null ? table.ids : await readIdList(place);
  await refuseTorn(vectorsPath, idsPath === null && place.endsWith(".npy") ? place : null);
  if (ids.length !== values.rows) {
    throw new DataError(
      `Cannot pair embeddings with ids: "${vectorsPath}" has ${values.rows} rows, "${place}" has ${ids.length} ids ` +
        `(one id a row is needed)`,
    );
  }
  if (values.columns === 0) {
    throw new DataError(`Cannot use "${vectorsPath}": its vectors have no columns`);
  }
  const bad = notFinite(values.data, options);
  if (bad >= 0) {
    const row = Math.floor(bad / values.columns);
    throw new DataError(
      `Cannot use "${vectorsPath}": row ${row} (${
        shortId(ids[row])
      }) holds a value that is not finite at column ${bad % values.columns}`,
    );
  }
  const kept = firstOccurrences(ids, "ids", place);
  const all = { path: vectorsPath, idsPath: place };
  if (kept.length === ids.length) return { ...all, ids, values };
  return { ...all, ids: kept.map((i) => ids[i]), values: takeRows(values, kept) };
}

/** Position of the first value that is not finite, nor NaN where that is allowed; -1 where all are. */
function notFinite(data: Embedded["data"], { allowMissing }: { allowMissing: boolean }): number {
  for (let i = 0; i < data.length; i++) {
    const value = data[i];
    if (!isNumber(value) && !(allowMissing && Number.isNaN(value))) return i;
  }
  return -1;
}

/**
 * `NTv2_<size>_{tf,gene}_embeddings.npy` and their ids in NT folders.
 *
 * @param where folders to look in; the first counts where two have one size
 * @param size "50m"; null: the one that is there
 * @throws {UsageError} where there are several sizes and none is asked for
 */
export async function readNtEmbeddings(
  where: string | readonly string[],
  of: "tf" | "gene",
  size: string | null = null,
): Promise<Embeddings> {
  const folders = typeof where === "string" ? [where] : where;
  const folderOf = new Map<string, string>();
  for (const folder of folders) {
    for (const each of await sizesIn(folder, of)) if (!folderOf.has(each)) folderOf.set(each, folder);
  }
  const sizes = [...folderOf.keys()].sort(), places = folders.map((folder) => `"${folder}"`).join(" and ");
  if (size === null && sizes.length > 1) {
    throw new UsageError(
      `Cannot choose the embeddings: ${places} ${folders.length === 1 ? "has" : "have"} those of ${
        sizes.join(" and ")
      } (--ntv2-size ${sizes[0]} takes one)`,
    );
  }
  const chosen = size ?? sizes[0], folder = folderOf.get(chosen);
  if (folder === undefined) {
    throw new DataError(
      `Cannot find the embeddings: there is no "NTv2_${
        size ?? "<size>"
      }_${of}_embeddings.npy" in ${places} (${
        sizes.length > 0
          ? `${folders.length === 1 ? "it has" : "they have"} those of ${sizes.join(", ")}`
          : "--ntv2-dir names another folder, --embeddings a file"
      })`,
    );
  }
  const file = (what: string) => join(folder, `NTv2_${chosen}_${of}_${what}.npy`);
  return await readEmbeddings(file("embeddings"), file("ids"));
}

/** The size in the name of an NT file: "50m" of NTv2_50m_tf_embeddings.npy; null for other names. */
export function ntSizeOf(path: string): string | null {
  return /^NTv2_(\w+?)_(?:tf|gene)_embeddings\.npy$/.exec(basename(path))?.[1] ?? null;
}

/**
 * `hyenadna_tf_embeddings_mean.npy` and `hyenadna_tf_gene_index.txt` in a HyenaDNA folder; with another pooling or layer in
 * the name where that is the only one.
 *
 * @throws {UsageError} where there are several and none is the mean of the last layer
 */
export async function readHyenaEmbeddings(
  folder: string,
  options?: { allowMissing: boolean },
): Promise<Embeddings> {
  const usual = "hyenadna_tf_embeddings_mean.npy", names: string[] = [];
  try {
    for await (const { name } of Deno.readDir(folder)) {
      if (/^hyenadna_tf_embeddings_\w+(?<!_gene_ids)\.npy$/.test(name)) names.push(name);
    }
  } catch { /* told when the file is read */ }
  if (names.length > 1 && !names.includes(usual)) {
    throw new UsageError(
      `Cannot choose the embeddings: "${folder}" has ${
        names.sort().map((name) => `"${name}"`).join(" and ")
      } ` +
        `(--embeddings takes one)`,
    );
  }
  const name = names.length === 1 ? names[0] : usual;
  return await readEmbeddings(join(folder, name), join(folder, "hyenadna_tf_gene_index.txt"), options);
}

/**
 * The ids beside vectors, under the names that inference.ts and people give them.
 *
 * @throws {DataError} naming the places when they are in none of them
 */
export async function findIds(vectors: string): Promise<string> {
  const folder = dirname(vectors), name = basename(vectors), stem = vectors.replace(/\.npy$/, "");
  const places = [`${stem}_gene_ids.npy`];
  if (/^NTv2_.*_embeddings\.npy$/.test(name)) {
    places.push(join(folder, name.replace(/_embeddings\.npy$/, "_ids.npy")));
  }
  if (name.startsWith("hyenadna_tf_")) places.push(join(folder, "hyenadna_tf_gene_index.txt"));
  // With "tf_embeddings.npy" go "tf_embeddings_ids.txt" and "tf_ids.txt".
  for (const base of new Set([stem, stem.replace(/_(embeddings?|vectors?)$/, "")])) {
    places.push(
      `${base}_ids.npy`,
      `${base}_gene_ids.npy`,
      `${base}_ids.txt`,
      `${base}.ids.txt`,
      `${base}.txt`,
    );
  }
  for (const place of places) {
    if ((await Deno.stat(place).catch(() => null))?.isFile) return place;
  }
  const looked = [...new Set(places)].slice(0, 3).map((place) => `"${place}"`).join(" or ");
  throw new DataError(`Cannot find the ids of "${vectors}": there is no ${looked} (--ids names the file)`);
}

async function sizesIn(folder: string, of: "tf" | "gene"): Promise<string[]> {
  const sizes: string[] = [];
  try {
    for await (const { name } of Deno.readDir(folder)) {
      const size = name.endsWith(`_${of}_embeddings.npy`) ? ntSizeOf(name) : null;
      if (size !== null) sizes.push(size);
    }
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      throw new DataError(
        `Cannot find the embeddings: there is no folder "${folder}" (--ntv2-dir or --embeddings names them)`,
      );
    }
    throw new DataError(`Cannot look into "${folder}": ${error instanceof Error ? error.message : error}`);
  }
  return sizes.sort();
}

function isTable(path: string): boolean {
  return /\.(csv|tsv|txt|parquet|pq)(\.gz)?$/i.test(path);
}

async function readTable(path: string): Promise<{ ids: string[]; values: Matrix }> {
  if (/^\.(parquet|pq)$/i.test(extname(path))) {
    const { readParquetFrame } = await import("../io/parquet.ts");
    const { index, values, isNumbered } = await readParquetFrame(path);
    if (!isNumbered) return { ids: index, values };
    throw new DataError(`Cannot use "${path}": it has no column of text with the ids`);
  }
  const { labels, values } = parseNumericCsv(await readPlainBytes(path), path, { labels: 1 });
  return { ids: Object.values(labels)[0], values };
}
