/** What is read as what: every choice between a screen and its targets, asked for or found, with its reason. */
import { UsageError } from "../cli/errors.ts";
import { log } from "../cli/log.ts";
import type { Annotation } from "../genome/annotation.ts";
import type { GeneAliases } from "../genome/gene_aliases.ts";
import { readIdList } from "../io/id_list.ts";
import { withoutVersion } from "../dataset/gene_ids.ts";
import { chooseControls, type Controls } from "./controls.ts";
import { annotatedNames, type GeneNames, geneNamesOf, uniqueGenes } from "./gene_names.ts";
import { type Grouping, groupRows } from "./group_rows.ts";
import { KnownGenes } from "./known_genes.ts";
import { genesOfGuides, joinedGenes } from "./labels.ts";
import { guideColumns, type PerturbationColumn, perturbationColumn } from "./perturbation_column.ts";
import type { PrepareFlags } from "./prepare_flags.ts";
import { findColumn, type Screen } from "./screen.ts";
import { type ValueFacts, valueFacts } from "./value_kind.ts";

export interface GenomeTables {
  readonly annotation: Annotation | null;
  readonly aliases: GeneAliases | null;
}

/** What can be said before any row is grouped. */
export interface ScreenFacts {
  readonly values: ValueFacts;
  readonly genes: GeneNames;
  readonly known: KnownGenes;
}

export interface Plan extends ScreenFacts {
  readonly column: PerturbationColumn;
  readonly controls: Controls;
  readonly grouping: Grouping;
  readonly normalize: "none" | "log1p-cpm";
  readonly guideColumn: string | null;
  /** How many labels were guides that were cut to their genes. */
  readonly cutGuides: number;
  /** Columns of the matrix that are kept, the first of each gene. */
  readonly columns: readonly number[];
}

export async function screenFacts(
  screen: Screen,
  { annotation, aliases }: GenomeTables,
): Promise<ScreenFacts> {
  const own = geneNamesOf(screen.var);
  const genes = annotation === null ? own : annotatedNames(own, annotation, aliases, screen.path);
  const values = await valueFacts(screen.matrix, screen.saysLog1p);
  return { values, genes, known: new KnownGenes(genes, annotation, aliases) };
}

/** Rows of each label, those with most first in messages. */
export function labelCounts(column: PerturbationColumn): Map<string, number> {
  const counts = new Map<string, number>();
  for (const label of column.labels) {
    if (label !== null && label.trim() !== "") counts.set(label, (counts.get(label) ?? 0) + 1);
  }
  return counts;
}

/** @throws {DataError} when a choice cannot be made, with the flag that makes it */
export async function makePlan(screen: Screen, facts: ScreenFacts, flags: PrepareFlags): Promise<Plan> {
  const isGene = (label: string) => facts.known.find(label) !== null;
  const column = perturbationColumn(screen.obs, screen.path, flags.perturbationCol, isGene);
  log.info(`Perturbations: column "${column.name}" of obs, ${column.reason}`);
  const counts = labelCounts(column);
  const asked = { kind: flags.control, labels: flags.controlLabel, compat: flags.compat };
  const controls = chooseControls(asked, counts, screen.obs, screen.path);
  log.info(`Controls: ${controls.kind}, ${controls.reason}`);
  const { guideGenes, spelledAs } = flags.compat ? { guideGenes: null, spelledAs: null } : respelled(
    [...counts.keys()],
    isGene,
    (label) => controls.isControl(label),
  );
  const guideColumn = flags.guideCol ?? findColumn(
    screen.obs,
    guideColumns.filter((name) => name !== column.name),
  ) ?? null;
  const grouping = groupRows({
    path: screen.path,
    obs: screen.obs,
    column,
    controls,
    spelledAs,
    combinations: flags.compat ? "as they are" : flags.combinations,
    activeColumn: flags.activeCol,
    cellsColumn: flags.cellsCol,
    minCells: flags.minCells,
    weightByCells: flags.guideWeights === "cells",
    isWanted: flags.tfs === null ? null : await wantedNames(flags.tfs, facts.known),
    guideColumn: guideGenes === null ? guideColumn : column.name,
    seed: flags.seed,
  });
  const normalize = flags.normalize === "auto"
    ? facts.values.kind === "counts" && !flags.compat ? "log1p-cpm" : "none"
    : flags.normalize;
  log.info(
    `Values: ${facts.values.kind} (${facts.values.reason}); normalisation: ${normalize}` +
      (normalize === "log1p-cpm" ? `, target sum ${flags.targetSum}` : ""),
  );
  if (normalize === "none" && facts.values.kind === "normalised") {
    log.warn(
      "Values look normalised but are no logarithms: differences of them are led by the strongest genes.",
    );
  }
  if (normalize === "log1p-cpm" && (facts.values.kind === "log-normalised")) {
    log.warn(
      "Values look like logarithms already, and are normalised once more (--normalize none takes them as they are).",
    );
  }
  const columns = await wantedColumns(facts.genes, screen.path, flags);
  return {
    ...facts,
    column,
    controls,
    grouping,
    normalize,
    guideColumn,
    cutGuides: guideGenes?.size ?? 0,
    columns,
  };
}

/** Labels that name guides, or join genes by "_", as the genes that they stand for. */
function respelled(
  labels: readonly string[],
  isGene: (label: string) => boolean,
  isControl: (label: string) => boolean,
): { guideGenes: Map<string, string> | null; spelledAs: Map<string, string> } {
  const joined = joinedGenes(labels, isGene, isControl);
  const guideGenes = genesOfGuides(labels.filter((label) => !joined.has(label)), isGene, isControl);
  const told = [["join genes", joined], ["name guides", guideGenes ?? new Map<string, string>()]] as const;
  for (const [what, map] of told) {
    const [first] = map;
    if (first) {
      log.info(`Labels ${what}: ${map.size} of ${labels.length}, "${first[0]}" is taken for "${first[1]}"`);
    }
  }
  return { guideGenes, spelledAs: new Map([...joined, ...guideGenes ?? []]) };
}

async function wantedNames(path: string, known: KnownGenes): Promise<(name: string) => boolean> {
  const key = (name: string) => known.find(name)?.id ?? name.trim().toUpperCase();
  const wanted = new Set((await readIdList(path)).map(key));
  return (name) => name.split("+").every((part) => wanted.has(key(part)));
}

async function wantedColumns(genes: GeneNames, path: string, flags: PrepareFlags): Promise<number[]> {
  const unique = uniqueGenes(genes.ids, path, flags.duplicateGenes === "first");
  if (flags.genes === null) return unique;
  const list = await readIdList(flags.genes);
  const wanted = new Set(list.map((name) => withoutVersion(name.toUpperCase())));
  const kept = unique.filter((at) =>
    wanted.has(genes.ids[at].toUpperCase()) || wanted.has(genes.symbols[at].toUpperCase())
  );
  log.info(`Read-out genes: ${kept.length} of the ${list.length} of "${flags.genes}" have a column`);
  if (kept.length > 0) return kept;
  throw new UsageError(`Cannot use --genes "${flags.genes}": none of its genes has a column in "${path}"`);
}
