import { matchIds, reportMatches } from "./matching.ts";
import type { Targets } from "./targets.ts";

export interface AlignedPromoters {
  /** Rows of the targets that have a sequence, in the targets' order. */
  targetRows: number[];
  /** Their sequences. */
  sequences: string[];
  /** Ids of the targets without one. */
  dropped: string[];
}

/**
 * Find each perturbation's promoter DNA: by its id, else by its gene symbol, both in any case.
 *
 * @param promoters sequences by id, from the file `path`
 * @throws {DataError} when no perturbation has one
 */
export function alignPromoters(
  targets: Pick<Targets, "path" | "perturbations" | "symbols">,
  promoters: { path: string; ids: readonly string[]; sequences: readonly string[] },
): AlignedPromoters {
  const { perturbations: ids, symbols, path } = targets;
  const otherNames = (_: string, row: number) => symbols?.[row] ? [symbols[row]] : [];
  const wanted = { ids, path, what: "TF", otherNames };
  const matches = matchIds(wanted, promoters);
  reportMatches(matches, wanted, promoters);
  const targetRows = ids.flatMap((_, row) => matches.rows[row] < 0 ? [] : [row]);
  return {
    targetRows,
    sequences: targetRows.map((row) => promoters.sequences[matches.rows[row]]),
    dropped: matches.unmatched,
  };
}
