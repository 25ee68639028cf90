import { type H5adTable, writeH5ad } from "../io/h5ad_write.ts";
import type { Prepared } from "./prepared.ts";

/** Targets as AnnData has them: a row a perturbation, a column a gene; adjusted p as layer `adj_p`. */
export async function writeTargetsH5ad(path: string, { tfs, genes, targets, de }: Prepared): Promise<void> {
  const columns: Record<string, H5adTable["columns"][string]> = {
    gene_id: tfs.map(({ id }) => id),
    rows: Float64Array.from(tfs, ({ rows }) => rows),
  };
  if (tfs.every(({ cells }) => cells !== null)) columns.cells = Float64Array.from(tfs, ({ cells }) => cells!);
  await writeH5ad(path, {
    obs: { index: tfs.map(({ name }) => name), columns },
    var: {
      index: genes.map(({ id }) => id),
      columns: {
        gene_name: genes.map(({ symbol }) => symbol),
        mean: Float64Array.from(genes, ({ mean }) => mean),
      },
    },
    X: targets,
    layers: de === null ? {} : { adj_p: de },
  });
}
