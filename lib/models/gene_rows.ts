import { DataError } from "../cli/errors.ts";
import { counted, log } from "../cli/log.ts";
import type { Embeddings } from "../dataset/embeddings.ts";
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
  const rowOf = new Map(embeddings.ids.map((id, row) => [id, row]));
  const targetColumns = targets.genes.flatMap((gene, column) => rowOf.has(gene) ? [column] : []);
  const without = targets.genes.length - targetColumns.length;
  if (targetColumns.length === 0) {
    throw new DataError(
      `Cannot match genes: none of the ${targets.genes.length} genes of "${targets.path}" (${
        targets.genes[0]
      }, ...) ` +
        `is in "${embeddings.idsPath}" (${embeddings.ids[0]}, ...)`,
    );
  }
  if (without > 0) log.warn(`Left out ${counted(without, "gene")} without an embedding.`);
  return { targetColumns, embeddingRows: targetColumns.map((column) => rowOf.get(targets.genes[column])!) };
}
