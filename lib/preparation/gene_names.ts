/** Ids and symbols of the columns of a screen. */
import { DataError } from "../cli/errors.ts";
import { counted, warnWithExamples } from "../cli/log.ts";
import { ensemblParts, withoutVersion } from "../dataset/gene_ids.ts";
import { shortId, someIds } from "../dataset/ids.ts";
import type { Annotation } from "../genome/annotation.ts";
import type { GeneAliases } from "../genome/gene_aliases.ts";
import { findGenes } from "../genome/gene_lookup.ts";
import type { AnnotationTable } from "../io/h5ad_frame.ts";
import { findColumn, textsOf } from "./screen.ts";

export interface GeneNames {
  /** Ensembl ids without versions where they are known, else symbols. */
  readonly ids: readonly string[];
  readonly symbols: readonly string[];
  /** Where the ids come from, in words. */
  readonly reason: string;
  readonly areEnsembl: boolean;
}

const idColumns = [
  "gene_id",
  "gene_ids",
  "ensembl_id",
  "ensembl",
  "ensembl_gene_id",
  "gene_ensembl_id",
  "feature_id",
  "ensg",
];
const symbolColumns = [
  "gene_name",
  "gene_names",
  "gene_symbol",
  "gene_symbols",
  "symbol",
  "feature_name",
  "gene_short_name",
  "name",
];

/** What the file itself says. */
export function geneNamesOf(genes: AnnotationTable): GeneNames {
  const column = (names: readonly string[], isRight: (cells: readonly string[]) => boolean) => {
    for (const name of names) {
      const found = findColumn(genes, [name]);
      if (found === undefined) continue;
      const cells = textsOf(genes.columns.get(found)!).map((cell) => cell ?? "");
      if (isRight(cells)) return { found, cells };
    }
    return null;
  };
  const indexIsEnsembl = areEnsembl(genes.index);
  const ids = column(idColumns, areEnsembl) ??
    (indexIsEnsembl ? { found: "the index", cells: [...genes.index] } : null) ??
    column([...genes.columns.keys()], areEnsembl);
  const symbols = indexIsEnsembl ? column(symbolColumns, () => true)?.cells : genes.index;
  if (ids === null) {
    return { ids: genes.index, symbols: genes.index, reason: "symbols of the index", areEnsembl: false };
  }
  const names = ids.cells.map((id, i) => id === "" ? genes.index[i] : withoutVersion(id));
  return {
    ids: names,
    symbols: symbols ?? names,
    reason: `Ensembl ids of ${quoted(ids.found)}`,
    areEnsembl: true,
  };
}

function quoted(name: string): string {
  return name === "the index" ? "the index of var" : `var's column "${shortId(name)}"`;
}

function areEnsembl(cells: readonly string[]): boolean {
  return cells.length > 0 && 2 * cells.filter((cell) => ensemblParts(cell) !== null).length > cells.length;
}

/**
 * The names with Ensembl ids of an annotation in place of symbols; symbols that it lacks stay.
 *
 * @throws {DataError} when it knows none of them
 */
export function annotatedNames(
  names: GeneNames,
  annotation: Annotation,
  aliases: GeneAliases | null,
  path: string,
): GeneNames {
  if (names.areEnsembl) {
    const symbolOf = new Map(annotation.genes.map(({ id, symbol }) => [withoutVersion(id), symbol]));
    return {
      ...names,
      symbols: names.symbols.map((symbol, i) =>
        symbol === names.ids[i] ? symbolOf.get(symbol) ?? symbol : symbol
      ),
    };
  }
  const { genes } = findGenes({ ids: names.ids, what: "read-out gene", path }, annotation, aliases);
  return {
    ids: genes.map((gene, i) => gene === null ? names.ids[i] : withoutVersion(gene.id)),
    symbols: names.symbols,
    reason: `symbols of the index, found in "${annotation.path}"`,
    areEnsembl: true,
  };
}

/**
 * Columns that are kept: the first of each gene.
 *
 * @throws {DataError} for repeated ids of the file, unless their first is asked for
 */
export function uniqueGenes(ids: readonly string[], path: string, keepFirst: boolean): number[] {
  const first = new Map<string, number>(), repeated = new Set<string>();
  ids.forEach((id, column) => first.has(id) ? repeated.add(id) : first.set(id, column));
  if (repeated.size > 0 && !keepFirst) {
    throw new DataError(
      `Cannot use "${path}": ${counted(repeated.size, "gene")} ${
        repeated.size === 1 ? "has" : "have"
      } several columns (${someIds([...repeated])}); --duplicate-genes first keeps the first of each`,
    );
  }
  if (repeated.size > 0) {
    warnWithExamples(
      `${counted(repeated.size, "gene")} with several columns in "${path}": the first of each is kept.`,
      [...repeated].map(shortId),
    );
  }
  return [...first.values()];
}
