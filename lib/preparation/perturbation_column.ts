/** Which column of `obs` says what was perturbed. */
import { DataError } from "../cli/errors.ts";
import { shortId, someIds } from "../dataset/ids.ts";
import type { AnnotationTable } from "../io/h5ad_frame.ts";
import { findColumn, textsOf } from "./screen.ts";

export interface PerturbationColumn {
  readonly name: string;
  readonly labels: readonly (string | null)[];
  /** Order of the labels, where the file gives one. */
  readonly categories: readonly string[] | null;
  readonly reason: string;
}

/** The original's order, then names that other data sets use. */
const original = ["perturbation", "perturbation_id", "target", "target_gene", "guide"];
const names = [
  ...original,
  "gene_target",
  "gene",
  "condition",
  "perturbation_name",
  "perturbed_gene",
  "target_gene_name",
  "target_name",
  "guide_target",
  "feature_call",
  "guide_identity",
  "guide_id",
  "sgrna",
  "sgRNA_ID",
];

/** Columns that name single guides, for halves. */
export const guideColumns = [
  "guide",
  "guide_identity",
  "guide_id",
  "sgrna",
  "sgrna_id",
  "grna",
  "protospacer",
  "feature_call",
];

/**
 * @param asked --perturbation-col
 * @param isGene whether a label is a gene that the file or the annotation knows
 * @throws {DataError} when there is no such column, or none can be told to be it
 */
export function perturbationColumn(
  obs: AnnotationTable,
  path: string,
  asked: string | null,
  isGene: (label: string) => boolean,
): PerturbationColumn {
  const take = (name: string, reason: string): PerturbationColumn => {
    const column = obs.columns.get(name)!;
    const categories = column.kind === "text" ? column.categories : null;
    return { name, labels: textsOf(column), categories, reason };
  };
  if (asked !== null) {
    if (obs.columns.has(asked)) return take(asked, "asked for");
    if (asked === "index" || (obs.indexName !== "" && asked === obs.indexName)) {
      return { name: asked, labels: obs.index, categories: null, reason: "asked for" };
    }
    throw new DataError(
      `Cannot use "${path}": obs has no column "${shortId(asked)}" (its columns are ${
        someIds([...obs.columns.keys()], 12)
      })`,
    );
  }
  const known = findColumn(obs, names);
  if (known !== undefined) return take(known, "by its name");
  const [best] = perturbationCandidates(obs, isGene);
  if (best !== undefined && best.genes >= 0.5) {
    return take(best.name, `${Math.round(100 * best.genes)}% of its ${best.labels} labels are genes`);
  }
  throw new DataError(
    `Cannot use "${path}": no column of obs can be told to name the perturbations (--perturbation-col names it; its columns ` +
      `are ${someIds([...obs.columns.keys()], 12)})`,
  );
}

export interface Candidate {
  readonly name: string;
  readonly labels: number;
  /** Share of labels that are genes or begin with one. */
  readonly genes: number;
}

/** Columns of text with 2 labels or more, those with most genes first. */
export function perturbationCandidates(
  obs: AnnotationTable,
  isGene: (label: string) => boolean,
): Candidate[] {
  const found: Candidate[] = [];
  for (const [name, column] of obs.columns) {
    if (column.kind !== "text") continue;
    const labels = [...new Set(column.values)].filter((label) => label !== null);
    if (labels.length < 2) continue;
    const genes = labels.filter((label) => label.split(/[+|;_]/).some((part) => isGene(part))).length;
    found.push({ name, labels: labels.length, genes: genes / labels.length });
  }
  const named = (name: string) => names.some((known) => known.toLowerCase() === name.toLowerCase()) ? 1 : 0;
  return found.sort((a, b) => named(b.name) - named(a.name) || b.genes - a.genes);
}
