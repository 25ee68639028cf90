/** From labels of rows to perturbations: which rows count, and as what. */
import { DataError, UsageError } from "../cli/errors.ts";
import { shortId, someIds, sortedOrder } from "../dataset/ids.ts";
import type { AnnotationTable } from "../io/h5ad_frame.ts";
import type { Controls } from "./controls.ts";
import { type Meaning, meaningOf } from "./labels.ts";
import type { PerturbationColumn } from "./perturbation_column.ts";
import { countRows, type RowGroups, splitHalves } from "./row_groups.ts";
import { findColumn, textsOf } from "./screen.ts";

export interface GroupingRequest {
  readonly path: string;
  readonly obs: AnnotationTable;
  readonly column: PerturbationColumn;
  readonly controls: Controls;
  /** Genes that a label stands for, where it does not say them itself; null: labels are taken as they are. */
  readonly spelledAs: ReadonlyMap<string, string> | null;
  readonly combinations: "drop" | "keep" | "as they are";
  readonly activeColumn: string | null;
  readonly cellsColumn: string | null;
  readonly minCells: number;
  readonly weightByCells: boolean;
  /** Perturbations that are kept; all without it. */
  readonly isWanted: ((name: string) => boolean) | null;
  readonly guideColumn: string | null;
  readonly seed: number;
}

/** What became of the rows. */
export interface RowCounts {
  readonly rows: number;
  readonly controls: number;
  readonly used: number;
  readonly withoutLabel: number;
  readonly combinations: number;
  readonly inactive: number;
  readonly tooFewCells: number;
  readonly notWanted: number;
}

export interface Grouping {
  readonly groups: RowGroups;
  readonly counts: RowCounts;
  /** Rows of each perturbation, and cells where their numbers are known. */
  readonly rowsOf: readonly number[];
  readonly cellsOf: readonly number[] | null;
  readonly cellsColumn: string | null;
}

const cellColumns = ["cell_count", "n_cells", "ncells", "num_cells", "cells", "number_of_cells"];

/** @throws {DataError} when a named column is not there, or no row of a perturbation is left */
export function groupRows(request: GroupingRequest): Grouping {
  const { obs, column, controls, path, minCells } = request, rows = obs.index.length;
  const active = request.activeColumn === null ? null : marksOf(obs, request.activeColumn, path);
  const cells = cellNumbers(request);
  const meanings = new Map<string, Meaning>();
  const nameOf = new Array<string | null>(rows).fill(null), isControl = new Uint8Array(rows);
  const count = { withoutLabel: 0, combinations: 0, inactive: 0, tooFewCells: 0, notWanted: 0 };
  for (let row = 0; row < rows; row++) {
    const label = column.labels[row];
    if (controls.rows?.[row] === 1) isControl[row] = 1;
    else if (label === null || label.trim() === "") count.withoutLabel++;
    else {
      const meaning = meanings.getOrInsertComputed(label, () => asMeaning(label, request));
      if (meaning.kind === "control" && controls.kind === "label") isControl[row] = 1;
      else if (meaning.kind === "perturbation" && meaning.isCombination && request.combinations === "drop") {
        count.combinations++;
      } else if (active !== null && active[row] !== 1) count.inactive++;
      else if (cells !== null && cells.values[row] < minCells) count.tooFewCells++;
      else {
        const name = meaning.kind === "control" ? label.trim() : meaning.name;
        if (request.isWanted === null || request.isWanted(name)) nameOf[row] = name;
        else count.notWanted++;
      }
    }
  }
  if (cells === null) count.tooFewCells += dropSmall(nameOf, minCells);
  const names = namesInOrder(nameOf, column);
  refuseEmpty(names, request, count, rows);
  const slotByName = new Map(names.map((name, slot) => [name, slot]));
  const slotOf = Int32Array.from({ length: rows }, (_, row) => {
    const name = nameOf[row];
    return isControl[row] ? names.length : name === null ? -1 : slotByName.get(name)!;
  });
  const halfOf = splitHalves(slotOf, names, guidesOf(request), request.seed);
  const counts = countRows(slotOf, halfOf, names.length + 2);
  const groups: RowGroups = {
    names,
    slotOf,
    halfOf,
    counts,
    weights: request.weightByCells ? cells!.values : null,
  };
  const controlRows = counts[2 * names.length] + counts[2 * names.length + 1];
  const cellsOf = cells && names.map(() => 0);
  if (cells && cellsOf) {
    slotOf.forEach((slot, row) => slot >= 0 && slot < names.length && (cellsOf[slot] += cells.values[row]));
  }
  return {
    groups,
    counts: { rows, controls: controlRows, used: slotOf.filter((slot) => slot >= 0).length, ...count },
    rowsOf: names.map((_, slot) => counts[2 * slot] + counts[2 * slot + 1]),
    cellsOf,
    cellsColumn: cells?.name ?? null,
  };
}

function asMeaning(label: string, { controls, spelledAs, combinations }: GroupingRequest): Meaning {
  if (combinations === "as they are") {
    if (controls.isControl(label)) return { kind: "control" };
    return { kind: "perturbation", name: label, isCombination: false };
  }
  return meaningOf(spelledAs?.get(label) ?? label, (part) => controls.isControl(part));
}

function cellNumbers(request: GroupingRequest): { name: string; values: Float64Array } | null {
  const { obs, path, cellsColumn, weightByCells } = request;
  const name = cellsColumn ?? findColumn(obs, cellColumns);
  const column = name === undefined ? undefined : obs.columns.get(name);
  if (cellsColumn !== null && column === undefined) throw noColumn(obs, cellsColumn, path);
  if (column !== undefined && column.kind !== "text") {
    const values = Float64Array.from(column.values);
    if (!weightByCells || values.every((value) => value >= 0)) return { name: name!, values };
    throw new DataError(
      `Cannot use "${path}": column "${shortId(name!)}" has values that are no numbers of cells`,
    );
  }
  if (cellsColumn === null && !weightByCells) return null;
  throw cellsColumn !== null
    ? new DataError(
      `Cannot use "${path}": column "${shortId(cellsColumn)}" of obs holds text, numbers of cells are needed`,
    )
    : new UsageError(`Cannot use --guide-weights cells: obs has no column of cells (--cells-col names it)`);
}

function marksOf(obs: AnnotationTable, name: string, path: string): ArrayLike<number> {
  const column = obs.columns.get(name);
  if (column === undefined) throw noColumn(obs, name, path);
  if (column.kind !== "text") {
    return Array.from(column.values, (value) => value !== 0 && !Number.isNaN(value) ? 1 : 0);
  }
  return column.values.map((value) => /^(true|t|yes|y|1|active)$/i.test(value?.trim() ?? "") ? 1 : 0);
}

function noColumn(obs: AnnotationTable, name: string, path: string): DataError {
  return new DataError(
    `Cannot use "${path}": obs has no column "${shortId(name)}" (its columns are ${
      someIds([...obs.columns.keys()], 12)
    })`,
  );
}

/** Names of perturbations with fewer rows than that are taken away. @returns how many rows */
function dropSmall(nameOf: (string | null)[], minRows: number): number {
  const rows = new Map<string, number>();
  for (const name of nameOf) if (name !== null) rows.set(name, (rows.get(name) ?? 0) + 1);
  let dropped = 0;
  nameOf.forEach((name, row) => {
    if (name === null || rows.get(name)! >= minRows) return;
    nameOf[row] = null;
    dropped++;
  });
  return dropped;
}

/** In the order of the file's categories where they are the names, else sorted: as pandas' groupby has them. */
function namesInOrder(nameOf: readonly (string | null)[], { categories }: PerturbationColumn): string[] {
  const names = [...new Set(nameOf)].filter((name) => name !== null);
  const rank = new Map(categories?.map((label, i) => [label, i]));
  if (names.every((name) => rank.has(name))) return names.sort((a, b) => rank.get(a)! - rank.get(b)!);
  return sortedOrder(names).map((i) => names[i]);
}

function refuseEmpty(
  names: readonly string[],
  { path, column, controls }: GroupingRequest,
  count: Omit<RowCounts, "rows" | "controls" | "used">,
  rows: number,
): void {
  if (names.length > 0) return;
  const why = [
    [count.withoutLabel, "without a label"],
    [count.combinations, "with several genes (--combinations keep)"],
    [count.inactive, "not active"],
    [count.tooFewCells, "with too few cells (--min-cells)"],
    [count.notWanted, "not among --tfs"],
  ].filter(([number]) => Number(number) > 0).map(([number, what]) => `${number} ${what}`);
  throw new DataError(
    `Cannot use "${path}": none of its ${rows} rows is left as a perturbation by column "${
      shortId(column.name)
    }" (${why.join(", ") || `all are controls, ${controls.reason}`})`,
  );
}

/** Name of each row's guide; null where rows are guides, or nothing names them. */
function guidesOf({ obs, guideColumn, path }: GroupingRequest): readonly (string | null)[] | null {
  if (guideColumn === null) return null;
  const column = obs.columns.get(guideColumn);
  if (column === undefined) throw noColumn(obs, guideColumn, path);
  return textsOf(column);
}
