/** Puts the predictions of all models on one grid: the perturbations and genes that all have, and the cells that all predict. */
import { DataError } from "../cli/errors.ts";
import { counted } from "../cli/log.ts";
import { someIds } from "../dataset/ids.ts";
import { matchIds } from "../dataset/matching.ts";
import type { Matrix } from "../linalg/matrix.ts";
import type { Aligned } from "./aligned.ts";
import { allFinite, cellsOfAll, type OpenedModel } from "./common_cells.ts";
import type { FoldChoice } from "./folds.ts";
import type { ModelSource } from "./model_source.ts";
import { refuseDoubles } from "./double_names.ts";
import { recordedBaseline } from "./recorded_baseline.ts";
import { foldReference } from "./reference.ts";
import { takeCells } from "./take_cells.ts";
import type { Truth } from "./truth.ts";

/** A model of the comparison, placed on the common grid. */
export interface PlacedModel {
  readonly source: ModelSource;
  /** Where the common perturbations and genes stand in its table. */
  readonly rows: readonly number[];
  readonly columns: readonly number[];
  /** Its predictions, perturbations x genes. Read anew where they would not all fit in memory. */
  read(): Promise<Matrix>;
}

export interface Alignment {
  readonly data: Omit<Aligned, "significant">;
  /** Rows of the targets that are compared. */
  readonly targetRows: readonly number[];
  readonly models: readonly PlacedModel[];
}

/** Tables of all models together that are kept between the passes over them. */
const keptBytes = 400 * 2 ** 20;

/**
 * @param wanted columns of the targets that may take part
 * @param note is told what was left out
 * @throws {DataError} when nothing is common to all, or a model has no number in more than 1% of the measured cells
 */
export async function alignModels(
  truth: Truth,
  sources: readonly ModelSource[],
  { folds, wanted }: { folds: FoldChoice; wanted: ReadonlySet<number> },
  note: (text: string) => void,
): Promise<Alignment> {
  const { targets } = truth, opened: OpenedModel[] = [];
  for (const source of sources) opened.push(await open(truth, source, sources.length, note));
  const held = targets.perturbations.map((_, row) => row).filter((row) => folds.foldOf[row] >= 0);
  const common = held.filter((row) => opened.every((model) => model.rows[row] >= 0));
  tellMissing(truth, opened, held, note);
  const predicted = targets.genes.map((_, gene) => gene).filter((gene) =>
    opened.every((model) => model.columns[gene] >= 0)
  );
  tellGenes(truth, opened, predicted.length, note);
  const genes = predicted.filter((gene) => wanted.has(gene));
  if (genes.length === 0) {
    throw new DataError("Cannot compare: no model predicts the genes of --top-expressed");
  }
  const grid = { truth, rows: common, genes };
  const asked = await cellsOfAll(grid, opened, note);
  const rows = common.filter((_, i) => asked.rows[i]);
  if (rows.length === 0) {
    throw new DataError("Cannot compare: there is no perturbation that all models predict");
  }

  const kept = common.map((_, i) => i).filter((i) => asked.rows[i]);
  const values = takeCells(targets.values, rows, genes);
  kept.forEach((from, i) => {
    for (let j = 0; j < genes.length; j++) {
      if (asked.cells && asked.cells[from * genes.length + j] === 0) values.data[i * genes.length + j] = NaN;
      else if (!Number.isFinite(values.data[i * genes.length + j])) values.data[i * genes.length + j] = NaN;
    }
  });
  const all = await recordedBaseline(truth, sources, {
    folds,
    reference: foldReference(targets.values, folds.foldOf, folds.folds),
  }, note);
  const foldOf = Int32Array.from(rows, (row) => folds.foldOf[row]);
  const reference = takeCells(all, Array.from({ length: folds.folds }, (_, fold) => fold), genes);
  refuseNothing(targets.path, { truth: values, reference, foldOf });
  const own = matchIds({ ids: rows.map((row) => targets.perturbations[row]), otherNames: truth.otherNames }, {
    ids: genes.map((gene) => targets.genes[gene]),
  });
  const models = opened.map(({ source, rows: at, columns, table }) => {
    const place = { rows: rows.map((row) => at[row]), columns: genes.map((gene) => columns[gene]) };
    const read = async () => takeCells((table ?? await source.read()).values, place.rows, place.columns);
    return { source, ...place, read };
  });
  return {
    data: {
      perturbations: rows.map((row) => targets.perturbations[row]),
      genes: genes.map((gene) => targets.genes[gene]),
      truth: values,
      foldOf,
      folds: folds.folds,
      reference,
      ownGene: own.rows,
    },
    targetRows: rows,
    models,
  };
}

/** @throws {DataError} when no model could be told from another, nor from the mean baseline */
function refuseNothing(
  path: string,
  { truth: { data, rows, columns }, reference, foldOf }: Pick<Aligned, "truth" | "reference" | "foldOf">,
): void {
  let measured = 0, others = 0, unexpected = 0;
  for (let cell = 0; cell < data.length; cell++) {
    const value = data[cell], mean = foldOf[Math.floor(cell / columns)] * columns + cell % columns;
    if (Number.isNaN(value)) continue;
    measured++;
    if (value !== 0) others++;
    if (value !== reference.data[mean]) unexpected++;
  }
  if (others > 0 && unexpected > 0) return;
  const what = measured === 0
    ? "no number"
    : others === 0
    ? "nothing but 0"
    : "nothing but the mean of the training rows";
  throw new DataError(
    `Cannot compare: the targets "${path}" hold ${what} in the ${counted(rows, "perturbation")} and ${
      counted(columns, "gene")
    } that are compared (values that differ are needed)`,
  );
}

async function open(
  truth: Truth,
  source: ModelSource,
  models: number,
  note: (text: string) => void,
): Promise<OpenedModel> {
  const table = await source.read(), { targets } = truth;
  const perturbations = { ids: targets.perturbations, otherNames: truth.otherNames };
  const { rows, ids } = bestMatch(perturbations, table.ids, table.otherIds);
  const { rows: columns, ids: genes } = bestMatch({ ids: targets.genes }, table.genes, table.otherGenes);
  if (rows.every((row) => row < 0)) {
    throw new DataError(
      `Cannot compare "${source.path}": none of its ${counted(table.ids.length, "perturbation")} (${
        someIds(table.ids, 3)
      }) is in the targets "${targets.path}" (${someIds(targets.perturbations, 3)})`,
    );
  }
  if (columns.every((column) => column < 0)) {
    throw new DataError(
      `Cannot compare "${source.path}": none of its ${counted(table.genes.length, "gene")} (${
        someIds(table.genes, 3)
      }) is in the targets "${targets.path}" (${someIds(targets.genes, 3)})`,
    );
  }
  const place = { path: source.path, values: table.values };
  refuseDoubles(perturbations, { ...place, ids, found: rows, of: "row" }, note);
  refuseDoubles({ ids: targets.genes }, { ...place, ids: genes, found: columns, of: "column" }, note);
  const bytes = table.values.data.byteLength * models;
  return {
    source,
    rows,
    columns,
    isWhole: allFinite(table.values),
    table: bytes <= keptBytes ? table : null,
  };
}

/** Where each wanted id stands, by the names that find more of them. */
function bestMatch(
  wanted: Parameters<typeof matchIds>[0],
  ...names: (readonly string[] | undefined)[]
): { rows: Int32Array; ids: readonly string[] } {
  const matches = names.filter((ids) => ids !== undefined)
    .map((ids) => ({ ids, ...matchIds(wanted, { ids }) }));
  return matches.reduce((a, b) => b.unmatched.length < a.unmatched.length ? b : a);
}

function tellMissing(
  { targets }: Truth,
  opened: readonly OpenedModel[],
  held: readonly number[],
  note: (text: string) => void,
): void {
  for (const { source, rows } of opened) {
    const missing = held.filter((row) => rows[row] < 0).map((row) => targets.perturbations[row]);
    if (missing.length === 0) continue;
    note(
      `"${source.name}" has no prediction of ${counted(missing.length, "perturbation")} (${
        someIds(missing)
      }): left out for all models.`,
    );
  }
}

function tellGenes(
  { targets }: Truth,
  opened: readonly OpenedModel[],
  common: number,
  note: (text: string) => void,
): void {
  if (common === 0) throw new DataError("Cannot compare: there is no gene that all models predict");
  if (common === targets.genes.length) return;
  const counts = opened.map(({ source, columns }) =>
    `${source.name} ${columns.filter((at) => at >= 0).length}`
  );
  note(
    `${common} of ${targets.genes.length} genes are predicted by all models (${
      someIds(counts, 8)
    }): the others are left out.`,
  );
}
