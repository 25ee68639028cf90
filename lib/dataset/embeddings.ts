/** Vectors of transcription factors or genes, a row each, and the matching of their ids to those of the targets. */
import { join } from "@std/path";
import { DataError } from "../cli/errors.ts";
import { readNpyMatrix, readNpyStrings } from "../io/npy.ts";
import type { Matrix } from "../linalg/matrix.ts";
import { takeRows } from "../linalg/matrix.ts";
import { firstOccurrences, sortedOrder } from "./ids.ts";
import { matchIds, reportMatches } from "./matching.ts";
import { readIdLines, type Targets } from "./targets.ts";

export interface Embeddings {
  /** The file of ids: what messages call them. */
  idsPath: string;
  ids: string[];
  /** ids.length x width. */
  values: Matrix;
}

/**
 * Read vectors (.npy, n x width) and their ids (.npy, or .txt with one a line). A repeated id keeps its first row.
 *
 * @param options.allowMissing lets NaN through, for models that know what a missing value is
 * @throws {DataError} when ids and rows differ in number, or a vector holds a value that is not finite
 */
export async function readEmbeddings(
  vectorsPath: string,
  idsPath: string,
  options: { allowMissing: boolean } = { allowMissing: false },
): Promise<Embeddings> {
  const values = await readNpyMatrix(vectorsPath);
  const ids = idsPath.endsWith(".npy") ? await readNpyStrings(idsPath) : await readIdLines(idsPath);
  if (ids.length !== values.rows) {
    throw new DataError(
      `Cannot pair embeddings with ids: "${vectorsPath}" has ${values.rows} rows, "${idsPath}" has ${ids.length} ids ` +
        `(one id a row is needed)`,
    );
  }
  const bad = values.data.findIndex((value) =>
    !Number.isFinite(value) && !(options.allowMissing && Number.isNaN(value))
  );
  if (bad >= 0) {
    const row = Math.floor(bad / values.columns);
    throw new DataError(
      `Cannot use "${vectorsPath}": row ${row} (${ids[row]}) holds a value that is not finite at column ${
        bad % values.columns
      }`,
    );
  }
  const kept = firstOccurrences(ids, "ids", idsPath);
  if (kept.length === ids.length) return { idsPath, ids, values };
  return { idsPath, ids: kept.map((i) => ids[i]), values: takeRows(values, kept) };
}

/** `NTv2_50m_{tf,gene}_embeddings.npy` and their ids in an NT folder. */
export function readNtEmbeddings(folder: string, of: "tf" | "gene"): Promise<Embeddings> {
  return readEmbeddings(
    join(folder, `NTv2_50m_${of}_embeddings.npy`),
    join(folder, `NTv2_50m_${of}_ids.npy`),
  );
}

/** `hyenadna_tf_embeddings_mean.npy` and `hyenadna_tf_gene_index.txt` in a HyenaDNA folder. */
export function readHyenaEmbeddings(
  folder: string,
  options?: { allowMissing: boolean },
): Promise<Embeddings> {
  return readEmbeddings(
    join(folder, "hyenadna_tf_embeddings_mean.npy"),
    join(folder, "hyenadna_tf_gene_index.txt"),
    options,
  );
}

/** Which row of the targets goes with which row of the embeddings. */
export interface Alignment {
  /** Ids of the aligned rows, spelled as in the targets. */
  ids: string[];
  targetRows: number[];
  embeddingRows: number[];
  /** Ids of the targets that have no embedding. */
  unmatched: string[];
}

/**
 * Match the rows of targets and embeddings by id. Of rows that mean the same embedding the first is kept.
 *
 *     const alignment = alignById(targets, embeddings, { order: "sorted" });
 *     const Y = takeRows(targets.values, alignment.targetRows), X = takeRows(embeddings.values, alignment.embeddingRows);
 *
 * @param options.ignoreCase match in any case (NT), or in one (HyenaDNA, the default)
 * @param options.order "sorted" by id, as Python sorts (the default), or as in the "targets"
 * @throws {DataError} when no id is common to both
 */
export function alignById(
  targets: Pick<Targets, "perturbations" | "path">,
  embeddings: Pick<Embeddings, "ids" | "idsPath">,
  options: { ignoreCase?: boolean; order?: "sorted" | "targets" } = {},
): Alignment {
  const { perturbations, path } = targets;
  const wanted = { ids: perturbations, what: "TF", path };
  const known = { ids: embeddings.ids, path: embeddings.idsPath };
  const matches = matchIds(wanted, known, { anyCase: options.ignoreCase ?? false });
  reportMatches(matches, wanted, known);

  const found = perturbations.flatMap((_, row) => matches.rows[row] < 0 ? [] : [row]);
  const names = found.map((row) => embeddings.ids[matches.rows[row]]);
  const matched = firstOccurrences(names, "perturbations", path).map((position) => found[position]);
  const targetRows = options.order === "targets"
    ? matched
    : sortedOrder(matched.map((row) => perturbations[row])).map((position) => matched[position]);
  return {
    ids: targetRows.map((row) => perturbations[row]),
    targetRows,
    embeddingRows: targetRows.map((row) => matches.rows[row]),
    unmatched: matches.unmatched,
  };
}
