/** Adjusted p of each perturbation and gene. */
import { DataError } from "../cli/errors.ts";
import { shortId } from "../dataset/ids.ts";
import type { Matrix } from "../linalg/matrix.ts";
import type { ExpressionMatrix } from "./expression_block.ts";
import type { GroupCentres } from "./group_centres.ts";
import { controlSlot, type RowGroups } from "./row_groups.ts";
import { adjustBh, welchP } from "./welch.ts";

/** Welch's t test of each perturbation's rows against the controls', adjusted over the genes that are kept. */
export function deByWelch(groups: RowGroups, centres: GroupCentres, genes: readonly number[]): Matrix {
  const { mean, variance, rows } = centres.moments!;
  const data = new Float32Array(groups.names.length * genes.length);
  const sample = (slot: number, gene: number) => {
    const at = slot * centres.genes + gene;
    return { mean: mean[at], variance: variance[at], rows: rows(slot, gene) };
  };
  groups.names.forEach((_, slot) => {
    const p = Float64Array.from(
      genes,
      (gene) => welchP(sample(slot, gene), sample(controlSlot(groups), gene)),
    );
    adjustBh(p);
    data.set(p, slot * genes.length);
  });
  return { data, rows: groups.names.length, columns: genes.length };
}

/**
 * From a layer of p that are adjusted guide by guide: the least of a perturbation's guides times their number
 * (Bonferroni), at most 1.
 *
 * @throws {DataError} when the layer has another shape, or holds what is no p
 */
export async function deByLayer(
  layer: ExpressionMatrix,
  { path, matrix, groups, columns }: {
    path: string;
    matrix: ExpressionMatrix;
    groups: RowGroups;
    columns: readonly number[];
  },
): Promise<Matrix> {
  if (layer.rows !== matrix.rows || layer.columns !== matrix.columns) {
    throw new DataError(
      `Cannot use "${path}": layer "${
        shortId(layer.name)
      }" is ${layer.rows} x ${layer.columns}, but ${matrix.name} is ` +
        `${matrix.rows} x ${matrix.columns} (--de none)`,
    );
  }
  const perturbations = groups.names.length, width = columns.length;
  const placeOf = new Int32Array(layer.columns).fill(-1);
  columns.forEach((column, place) => placeOf[column] = place);
  // What a sparse layer does not store is 0.
  const least = new Float32Array(perturbations * width).fill(layer.layout === "dense" ? Infinity : 0);
  const guides = new Float64Array(perturbations * width);
  for await (const block of layer.blocks()) {
    for (let major = 0; major < block.count; major++) {
      for (let at = block.starts[major]; at < block.starts[major + 1]; at++) {
        const minor = block.indices === null ? at - block.starts[major] : block.indices[at];
        const [row, column] = block.of === "rows"
          ? [block.first + major, minor]
          : [minor, block.first + major];
        const slot = groups.slotOf[row], place = placeOf[column], p = block.values[at];
        if (slot < 0 || slot >= perturbations || place < 0 || Number.isNaN(p)) continue;
        if (p < 0 || p > 1) {
          throw new DataError(
            `Cannot use "${path}": layer "${shortId(layer.name)}", row ${
              row + 1
            } holds ${p}, which is no p value (0 to 1; --de none)`,
          );
        }
        const to = slot * width + place;
        least[to] = Math.min(least[to], p);
        guides[to]++;
      }
    }
  }
  least.forEach((p, at) => least[at] = guides[at] > 0 ? Math.min(1, p * guides[at]) : NaN);
  return { data: least, rows: perturbations, columns: width };
}

const layerNames = ["adj_p", "p_adj", "padj", "adj_pval", "pvals_adj", "adjusted_p", "fdr", "qval", "q"];

/** The layer that holds adjusted p by its name; undefined without one. */
export function adjustedLayer(layers: readonly string[]): string | undefined {
  return layerNames.map((name) => layers.find((layer) => layer.toLowerCase() === name)).find((name) =>
    name !== undefined
  );
}
