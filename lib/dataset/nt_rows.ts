/** Rows of Nucleotide Transformer embeddings for perturbations and read-out genes, whose ids are gene ids in any case. */
import { DataError } from "../cli/errors.ts";
import { counted } from "../cli/log.ts";
import type { Embeddings } from "./embeddings.ts";
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
 * Embedding rows of perturbations that are named by gene id or, by way of `tfSequences`, by symbol.
 *
 * @throws {DataError} when none is found
 */
export function tfRows(targets: Targets, tfs: Embeddings, tfSequences: TfSequences): TfRows {
  const rowOf = rowsByUpperId(tfs), found: TfRows = { targetRows: [], embeddingRows: [], missing: [] };
  targets.perturbations.forEach((id, targetRow) => {
    const names = [...tfSequences.geneIdsOf(id), id].map((name) => name.toUpperCase());
    const name = names.find((name) => rowOf.has(name));
    if (name === undefined) {
      found.missing.push(id);
    } else {
      found.targetRows.push(targetRow);
      found.embeddingRows.push(rowOf.get(name)!);
    }
  });
  if (found.targetRows.length > 0) return found;
  throw new DataError(
    `Cannot match TFs: none of the ${
      counted(targets.perturbations.length, "perturbation")
    } of "${targets.path}" ` +
      `(${targets.perturbations[0]}, ...) is in "${tfs.idsPath}" (${
        tfs.ids[0]
      }, ...), neither by itself nor by its ` +
      `gene id in "${tfSequences.path}"`,
  );
}

/** Embedding rows of read-out genes. @throws {DataError} when some have none: how many, and five of them */
export function geneRows(genes: readonly string[], embeddings: Embeddings): number[] {
  const rowOf = rowsByUpperId(embeddings);
  const missing = genes.filter((gene) => !rowOf.has(gene.toUpperCase()));
  if (missing.length > 0) {
    throw new DataError(
      `Cannot use the gene embeddings: ${missing.length} of ${counted(genes.length, "read-out gene")} ` +
        `${missing.length === 1 ? "is" : "are"} not in "${embeddings.idsPath}" (${
          missing.slice(0, 5).join(", ")
        }${missing.length > 5 ? ", ..." : ""})`,
    );
  }
  return genes.map((gene) => rowOf.get(gene.toUpperCase())!);
}

function rowsByUpperId({ ids }: Embeddings): Map<string, number> {
  const rows = new Map<string, number>();
  ids.forEach((id, row) => rows.has(id.toUpperCase()) || rows.set(id.toUpperCase(), row));
  return rows;
}
