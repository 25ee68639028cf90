/** Rows of Nucleotide Transformer embeddings for perturbations and read-out genes. */
import type { Embeddings } from "./embeddings.ts";
import { matchIds, reportMatches, requireAll } from "./matching.ts";
import type { Targets } from "./targets.ts";
import type { TfSequences } from "./tf_sequences.ts";

export interface TfRows {
  /** Rows of the targets that have an embedding, ascending, and its row for each. */
  targetRows: number[];
  embeddingRows: number[];
  /** Perturbations without an embedding. */
  missing: string[];
}

/**
 * Embedding rows of perturbations that are named by gene id or symbol, which `tfSequences` links.
 *
 * @throws {DataError} when none is found
 */
export function tfRows(targets: Targets, tfs: Embeddings, tfSequences: TfSequences): TfRows {
  const { perturbations: ids, path } = targets;
  const wanted = { ids, path, what: "TF", otherNames: tfSequences.otherNames };
  const known = { ids: tfs.ids, path: tfs.idsPath };
  const matches = matchIds(wanted, known);
  reportMatches(matches, wanted, known);
  const targetRows = ids.flatMap((_, row) => matches.rows[row] < 0 ? [] : [row]);
  return {
    targetRows,
    embeddingRows: targetRows.map((row) => matches.rows[row]),
    missing: matches.unmatched,
  };
}

/** Embedding rows of read-out genes. @throws {DataError} when some have none: how many, and five of them */
export function geneRows(genes: readonly string[], embeddings: Embeddings): number[] {
  const wanted = { ids: genes, what: "read-out gene", path: "the gene index" };
  const known = { ids: embeddings.ids, path: embeddings.idsPath };
  const matches = matchIds(wanted, known);
  requireAll(matches, wanted, known, "use the gene embeddings");
  return [...matches.rows];
}
