import { DataError } from "../cli/errors.ts";
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
 * Find each perturbation's promoter DNA: by its id, else by its gene symbol in any case.
 *
 * @param promoters sequences by id, from the file `path`
 * @throws {DataError} when no perturbation has one
 */
export function alignPromoters(
  targets: Pick<Targets, "path" | "perturbations" | "symbols">,
  promoters: { path: string; ids: readonly string[]; sequences: readonly string[] },
): AlignedPromoters {
  const byId = new Map(promoters.ids.map((id, row) => [id, row]));
  const bySymbol = new Map<string, number>();
  promoters.ids.forEach((id, row) => bySymbol.getOrInsert(id.toUpperCase(), row));

  const aligned: AlignedPromoters = { targetRows: [], sequences: [], dropped: [] };
  targets.perturbations.forEach((id, target) => {
    const row = byId.get(id) ?? bySymbol.get((targets.symbols?.[target] || id).toUpperCase());
    if (row === undefined) aligned.dropped.push(id);
    else {
      aligned.targetRows.push(target);
      aligned.sequences.push(promoters.sequences[row]);
    }
  });
  if (aligned.targetRows.length === 0) {
    throw new DataError(
      `Cannot match TFs: none of the ${targets.perturbations.length} ids of "${targets.path}" ` +
        `(${targets.perturbations[0]}, ...) is in "${promoters.path}" (${promoters.ids[0]}, ...)`,
    );
  }
  return aligned;
}
