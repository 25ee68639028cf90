/** From a screen and its plan to targets, halves, tests and sequences. */
import { DataError, UsageError } from "../cli/errors.ts";
import { counted, warnWithExamples } from "../cli/log.ts";
import type { Promoter } from "../genome/sequences.ts";
import type { Matrix } from "../linalg/matrix.ts";
import { chooseDe, deTable } from "./de_choice.ts";
import { measureScreen } from "./measure_screen.ts";
import type { GenomeTables, Plan } from "./plan.ts";
import type { PrepareFlags } from "./prepare_flags.ts";
import type { Prepared } from "./prepared.ts";
import { describeTfs, refuseNoTf, tellUnknown } from "./prepared_tfs.ts";
import { promotersOf } from "./promoter_files.ts";
import { responses } from "./responses.ts";
import type { Screen } from "./screen.ts";

/** What was done, for prepare.json. */
export interface PreparationFacts {
  readonly targetSum: number | null;
  /** Null where they were not counted: rows are normalised as they are read. */
  readonly rowsWithoutCounts: number | null;
  readonly de: string;
  readonly expression: string;
  readonly genesWithoutSequence: number;
  readonly genesBelowMean: number;
}

/** @throws {DataError} when no TF is a read-out gene, no gene is left, or values do not suit the choices */
export async function prepareScreen(
  screen: Screen,
  plan: Plan,
  tables: GenomeTables,
  flags: PrepareFlags,
): Promise<{ prepared: Prepared; facts: PreparationFacts }> {
  checkChoices(plan, flags);
  const { groups } = plan.grouping, way = chooseDe(screen, plan, flags);
  const measured = await measureScreen(
    screen,
    plan,
    flags,
    way.kind === "welch" || flags.effect === "zscore",
  );
  const { centres, expression: { means, reason } } = measured;
  const tfGenes = groups.names.map((name) => plan.known.find(name));
  tellUnknown(groups.names.filter((_, i) => tfGenes[i] === null), groups.names.length, tables);

  const idOf = (place: number) => plan.genes.ids[plan.columns[place]];
  const expressed = plan.columns.map((_, place) => place)
    .filter((place) => flags.minMean === null || means[place] >= flags.minMean);
  const promoters = await promotersOfAll(groups.names, expressed.map(idOf), { screen, tables, flags });
  const withSequence = promoters && new Set(promoters.genes.map(({ asked }) => asked));
  const genes = expressed.filter((place) => withSequence === null || withSequence.has(idOf(place)));
  if (genes.length === 0) throw new DataError(`Cannot use "${screen.path}": no read-out gene is left`);
  const placeOf = new Map(genes.map((place) => [idOf(place), place]));
  const tfs = describeTfs(plan, tfGenes, placeOf);
  refuseNoTf(tfs, screen.path, genes.length);

  const ownGenes = flags.ownGene === "nan" ? tfs.map(({ id }) => placeOf.get(id) ?? null) : null;
  const operands = { groups, centres, control: plan.controls.kind, effect: flags.effect, genes, ownGenes };
  const part = (which: 0 | 1 | 2) => responses(operands, which);
  const targets = part(0), symbolOf = (place: number) => plan.genes.symbols[plan.columns[place]];
  tellUnmeasured(targets, genes.map(idOf), flags);
  return {
    prepared: {
      tfs,
      genes: genes.map((place) => ({ id: idOf(place), symbol: symbolOf(place), mean: means[place] })),
      targets,
      halves: flags.halves ? [part(1), part(2)] : null,
      de: await deTable(way, { screen, plan, centres, genes }),
      promoters,
    },
    facts: {
      targetSum: measured.targetSum,
      rowsWithoutCounts: measured.rowsWithoutCounts,
      de: way.reason,
      expression: reason,
      genesWithoutSequence: expressed.length - genes.length,
      genesBelowMean: plan.columns.length - expressed.length,
    },
  };
}

/** Sequences of perturbations and of read-out genes; null without a genome. */
async function promotersOfAll(
  names: readonly string[],
  geneIds: readonly string[],
  { screen, tables, flags }: { screen: Screen; tables: GenomeTables; flags: PrepareFlags },
): Promise<{ tfs: Promoter[]; genes: Promoter[] } | null> {
  if (flags.genome === null) return null;
  const single = names.filter((name) => !name.includes("+"));
  const [tfs, genes] = await promotersOf(
    [
      { ids: single, what: "TF", path: screen.path },
      { ids: geneIds, what: "read-out gene", path: screen.path },
    ],
    tables,
    flags,
  );
  return { tfs, genes };
}

function checkChoices(plan: Plan, { effect, guideWeights }: PrepareFlags): void {
  if (effect !== "zscore") return;
  if (plan.controls.kind !== "label") {
    throw new UsageError(
      `Cannot use --effect zscore with --control ${plan.controls.kind}: it divides by the controls' spread`,
    );
  }
  if (guideWeights === "cells") {
    throw new UsageError(
      "Cannot use --effect zscore with --guide-weights cells: the spread is of rows that count alike",
    );
  }
  if (plan.grouping.counts.controls < 2) {
    throw new UsageError(
      "Cannot use --effect zscore with one control row: it divides by the controls' spread",
    );
  }
}

function tellUnmeasured(
  { data, rows, columns }: Matrix,
  ids: readonly string[],
  { effect }: PrepareFlags,
): void {
  const empty = ids.filter((_, column) => {
    for (let row = 0; row < rows; row++) if (!Number.isNaN(data[row * columns + column])) return false;
    return true;
  });
  if (empty.length === 0) return;
  warnWithExamples(
    `${counted(empty.length, "read-out gene")} without any value${
      effect === "zscore" ? " (the controls do not vary)" : ""
    }: its cells are empty.`,
    empty,
  );
}
