/** Changes of expression: perturbations against controls, or against the mean of all rows. */
import type { Matrix } from "../linalg/matrix.ts";
import type { GroupCentres } from "./group_centres.ts";
import { controlSlot, type RowGroups } from "./row_groups.ts";

export interface ResponseRequest {
  readonly groups: RowGroups;
  readonly centres: GroupCentres;
  readonly control: "label" | "all-mean" | "none";
  readonly effect: "difference" | "zscore";
  /** Places of the genes that are kept. */
  readonly genes: readonly number[];
  /** Place of each perturbation's own gene among all genes, to be left empty; null: kept. */
  readonly ownGenes: readonly (number | null)[] | null;
}

/**
 * Perturbations x genes: centre minus the controls' centre, over their standard deviation for z-scores (where that is 0:
 * NaN).
 *
 * @param part 0: all rows; 1 and 2: the halves, each against the controls of its own half
 */
export function responses(request: ResponseRequest, part: 0 | 1 | 2): Matrix {
  const { groups, centres, control, effect, genes, ownGenes } = request, rows = groups.names.length;
  const centre = part === 0 ? centres.whole : centres.halves[part - 1];
  const controlStart = controlSlot(groups) * centres.genes;
  const data = new Float32Array(rows * genes.length);
  genes.forEach((gene, column) => {
    const base = control === "none"
      ? 0
      : control === "label"
      ? controlCentre(request, part)[controlStart + gene]
      : centres.all[part][gene];
    const spread = effect === "zscore" ? Math.sqrt(centres.moments!.variance[controlStart + gene]) : 1;
    const unit = spread > 0 ? 1 / spread : NaN;
    for (let row = 0; row < rows; row++) {
      const isOwn = ownGenes !== null && ownGenes[row] === gene;
      data[row * genes.length + column] = isOwn ? NaN : (centre[row * centres.genes + gene] - base) * unit;
    }
  });
  return { data, rows, columns: genes.length };
}

/** A half without controls of its own, where there is a single one, takes all. */
function controlCentre({ groups, centres }: ResponseRequest, part: 0 | 1 | 2): Float64Array {
  if (part === 0) return centres.whole;
  const at = 2 * controlSlot(groups);
  return groups.counts[at] > 0 && groups.counts[at + 1] > 0 ? centres.halves[part - 1] : centres.whole;
}
