import { counted, log } from "../cli/log.ts";
import type { Embeddings } from "../dataset/embeddings.ts";
import { matchIds, reportMatches } from "../dataset/matching.ts";
import type { Targets } from "../dataset/targets.ts";

/**
 * Read-out genes that have an embedding, in the order of the targets' columns. The others are left out with a warning.
 *
 * @throws {DataError} when there is none
 */
export function geneRows(
  targets: Pick<Targets, "genes" | "path">,
  embeddings: Pick<Embeddings, "ids" | "idsPath">,
): { targetColumns: number[]; embeddingRows: number[] } {
  const wanted = { ids: targets.genes, what: "gene", path: targets.path };
  const known = { ids: embeddings.ids, path: embeddings.idsPath };
  const matches = matchIds(wanted, known);
  reportMatches(matches, wanted, known);
  const targetColumns = targets.genes.flatMap((_, column) => matches.rows[column] < 0 ? [] : [column]);
  const without = matches.unmatched.length;
  if (without > 0) log.warn(`Left out ${counted(without, "gene")} without an embedding.`);
  return { targetColumns, embeddingRows: targetColumns.map((column) => matches.rows[column]) };
}
