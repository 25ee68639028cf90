/** What is known of each perturbation, and what is said where that is little. */
import { DataError } from "../cli/errors.ts";
import { counted, log, warnWithExamples } from "../cli/log.ts";
import { shortId } from "../dataset/ids.ts";
import type { KnownGene } from "./known_genes.ts";
import type { GenomeTables, Plan } from "./plan.ts";
import type { PreparedTf } from "./prepared.ts";

/** Of two names of one gene, such as an old symbol and the new one, the first stands for it. */
export function describeTfs(
  { grouping }: Plan,
  genes: readonly (KnownGene | null)[],
  placeOf: ReadonlyMap<string, number>,
): PreparedTf[] {
  const seen = new Set<string>(), repeated: string[] = [];
  const tfs = grouping.groups.names.map((name, slot): PreparedTf => {
    const gene = genes[slot], isFirst = gene === null || !seen.has(gene.id);
    if (!isFirst) repeated.push(name);
    if (gene !== null) seen.add(gene.id);
    return {
      name,
      id: gene?.id ?? name,
      isKnown: gene !== null,
      isReadOut: gene !== null && isFirst && placeOf.has(gene.id),
      rows: grouping.rowsOf[slot],
      cells: grouping.cellsOf?.[slot] ?? null,
    };
  });
  if (repeated.length > 0) {
    warnWithExamples(
      `${counted(repeated.length, "perturbation")} with the gene of another name: kept in targets.csv only.`,
      repeated.map(shortId),
    );
  }
  return tfs;
}

export function tellUnknown(unknown: readonly string[], all: number, { annotation }: GenomeTables): void {
  if (unknown.length === 0) return;
  warnWithExamples(
    `${counted(unknown.length, "perturbation")} of ${all} ${unknown.length === 1 ? "is" : "are"} no gene of ${
      annotation === null
        ? "the screen's own (--gtf knows more)"
        : `"${annotation.path}" (old symbols: --aliases)`
    }: kept in targets.csv only.`,
    unknown.map(shortId),
  );
}

export function refuseNoTf(tfs: readonly PreparedTf[], path: string, genes: number): void {
  const both = tfs.filter(({ isReadOut }) => isReadOut).length;
  log.info(`TFs: ${tfs.length} perturbations, ${both} of them among the ${genes} read-out genes`);
  if (both > 0) return;
  throw new DataError(
    `Cannot use "${path}": none of its ${tfs.length} perturbations (${
      tfs.slice(0, 3).map(({ name }) => shortId(name)).join(", ")
    }${
      tfs.length > 3 ? ", ..." : ""
    }) is among the ${genes} read-out genes (--perturbation-col names another column; --gtf matches symbols and Ensembl ids)`,
  );
}
