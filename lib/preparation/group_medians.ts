/** Medians over the rows of each perturbation: some genes at a time, so that their values fit in memory. */
import type { GroupCentres } from "./group_centres.ts";
import type { ExpressionMatrix } from "./expression_block.ts";
import { factorOf, type SumRequest } from "./group_sums.ts";
import { slotCount } from "./row_groups.ts";

/** Values that are held at once: 256 MiB. */
const heldValues = 2 ** 26;

/** Medians without missing values, as pandas takes them. The matrix is read once for each group of genes. */
export async function groupMedians(
  matrix: ExpressionMatrix,
  request: SumRequest,
): Promise<Omit<GroupCentres, "moments" | "means">> {
  const { groups, genes } = request, slots = slotCount(groups);
  const whole = new Float64Array(slots * genes), halves = new Float64Array(2 * slots * genes);
  const all = [0, 1, 2].map(() => new Float64Array(genes));
  const rowsOf = Array.from({ length: slots }, () => [[], []] as [number[], number[]]);
  groups.slotOf.forEach((slot, row) => slot >= 0 && rowsOf[slot][groups.halfOf[row]].push(row));
  const kept = [0, 1].map((half) => rowsOf.flatMap((rows) => rows[half]));
  const width = Math.max(1, Math.floor(heldValues / Math.max(1, matrix.rows)));
  for (let first = 0; first < genes; first += width) {
    const count = Math.min(width, genes - first);
    const values = await valuesOf(matrix, request, first, count);
    for (let g = 0; g < count; g++) {
      const of = (...lists: (readonly number[])[]) =>
        median(lists.flatMap((rows) => rows.map((row) => values[row * count + g])));
      rowsOf.forEach(([a, b], slot) => {
        const at = slot * genes + first + g, isSplit = a.length > 0 && b.length > 0;
        whole[at] = of(a, b);
        halves[2 * slot * genes + first + g] = isSplit ? of(a) : NaN;
        halves[(2 * slot + 1) * genes + first + g] = isSplit ? of(b) : NaN;
      });
      [of(kept[0], kept[1]), of(kept[0]), of(kept[1])].forEach((value, i) => all[i][first + g] = value);
    }
  }
  return { genes, whole, halves, all: [all[0], all[1], all[2]] };
}

/** Normalised values of some genes: rows x count. */
async function valuesOf(
  matrix: ExpressionMatrix,
  { geneOf, normalisation }: SumRequest,
  first: number,
  count: number,
): Promise<Float32Array> {
  const held = new Float32Array(matrix.rows * count);
  for await (const block of matrix.blocks()) {
    const { starts, indices, values } = block, byRows = block.of === "rows";
    for (let major = 0; major < block.count; major++) {
      const from = starts[major], to = starts[major + 1];
      const rowFactor = byRows && normalisation.kind === "log1p"
        ? factorOf(normalisation, block.first + major, values, from, to)
        : 1;
      for (let at = from; at < to; at++) {
        const minor = indices === null ? at - from : indices[at];
        const [row, column] = byRows ? [block.first + major, minor] : [minor, block.first + major];
        const gene = geneOf[column] - first;
        if (gene < 0 || gene >= count) continue;
        const factor = byRows || normalisation.kind === "none"
          ? rowFactor
          : factorOf(normalisation, row, values, 0, 0);
        held[row * count + gene] = normalisation.kind === "none"
          ? values[at]
          : Math.log1p(values[at] * factor);
      }
    }
  }
  return held;
}

function median(values: readonly number[]): number {
  const sorted = Float32Array.from(values).filter((value) => !Number.isNaN(value)).sort();
  const middle = sorted.length >> 1;
  if (sorted.length === 0) return NaN;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
