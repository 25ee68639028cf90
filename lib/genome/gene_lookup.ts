import { type KnownIds, matchIds, reportMatches, type WantedIds } from "../dataset/matching.ts";
import type { Annotation, Gene } from "./annotation.ts";
import type { GeneAliases } from "./gene_aliases.ts";

export interface FoundGenes {
  /** For each name that was asked for, in order; null where there is none such. */
  readonly genes: readonly (Gene | null)[];
  readonly notFound: readonly string[];
  /** Names that were found by an alias only. */
  readonly byAlias: number;
}

/** Names to look for, by id or symbol, and what they stand for in messages. */
export type WantedGenes = Pick<WantedIds, "ids" | "what" | "path">;

/**
 * Find genes by id (with or without version) or symbol, as they are written, else in any case, else by their aliases. Of
 * several genes with one name the first of the file is taken. What is not found is counted and named in a warning.
 *
 * @throws {DataError} when nothing is found
 */
export function findGenes(
  wanted: WantedGenes,
  { genes, path }: Annotation,
  aliases: GeneAliases | null,
): FoundGenes {
  const known: KnownIds = { ids: [...genes.map(({ id }) => id), ...genes.map(({ symbol }) => symbol)], path };
  const asked: WantedIds = aliases === null ? { ...wanted } : { ...wanted, otherNames: aliases };
  const matches = matchIds(asked, known);
  reportMatches(matches, asked, known, "left out, for want of a place in the genome");
  return {
    genes: Array.from(matches.rows, (row) => row < 0 ? null : genes[row % genes.length]),
    notFound: matches.unmatched,
    byAlias: matches.how.otherName,
  };
}
