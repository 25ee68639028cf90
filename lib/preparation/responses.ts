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
  const controlStart = controlSlot(groups) * centres.genes;
  const data = new Float32Array(rows * genes.length);
  genes.forEach((gene, column) => {
    const base = control === "none"
      ? 0
      : control === "label"
      ? centreOf(centres, hasHalves(request) ? part : 0, controlSlot(groups), gene)
      : centres.all[part][gene];
    const spread = effect === "zscore" ? Math.sqrt(centres.moments!.variance[controlStart + gene]) : 1;
    const unit = spread > 0 ? 1 / spread : NaN;
    for (let row = 0; row < rows; row++) {
      const isOwn = ownGenes !== null && ownGenes[row] === gene;
      data[row * genes.length + column] = isOwn ? NaN : (centreOf(centres, part, row, gene) - base) * unit;
    }
  });
  return { data, rows, columns: genes.length };
}

function centreOf(
  { whole, halves, genes }: GroupCentres,
  part: 0 | 1 | 2,
  slot: number,
  gene: number,
): number {
  return part === 0 ? whole[slot * genes + gene] : halves[(2 * slot + part - 1) * genes + gene];
}

/** A single control row has no halves: both take it. */
function hasHalves({ groups }: ResponseRequest): boolean {
  const at = 2 * controlSlot(groups);
  return groups.counts[at] > 0 && groups.counts[at + 1] > 0;
}
