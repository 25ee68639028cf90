/** Which cells every model predicts, and whether a model predicts enough of them. */
import { DataError } from "../cli/errors.ts";
import { counted } from "../cli/log.ts";
import { someIds } from "../dataset/ids.ts";
import type { Matrix } from "../linalg/matrix.ts";
import type { ModelSource } from "./model_source.ts";
import type { LabelledTable } from "./read_table.ts";
import { takeCells } from "./take_cells.ts";
import type { Truth } from "./truth.ts";

/** More cells without a prediction than this share are no result, as in every training script. */
const largestShare = 0.01;

/** A model whose rows and columns were found. */
export interface OpenedModel {
  readonly source: ModelSource;
  readonly rows: Int32Array;
  readonly columns: Int32Array;
  /** Whether all of its numbers are finite. */
  readonly isWhole: boolean;
  table: LabelledTable | null;
}

/** Rows and genes of the targets that all models have. */
export interface Grid {
  readonly truth: Truth;
  readonly rows: readonly number[];
  readonly genes: readonly number[];
}

/** Which rows count, and which cells every model predicts; `cells` is null where that is all of them. */
export async function cellsOfAll(
  { truth: { targets }, rows, genes }: Grid,
  opened: readonly OpenedModel[],
  note: (text: string) => void,
): Promise<{ rows: Uint8Array; cells: Uint8Array | null }> {
  const keep = new Uint8Array(rows.length).fill(1);
  let cells: Uint8Array | null = null;
  for (const model of opened) {
    if (model.isWhole) continue;
    const table = model.table ?? await model.source.read();
    const at = {
      rows: rows.map((row) => model.rows[row]),
      columns: genes.map((gene) => model.columns[gene]),
    };
    const predicted = takeCells(table.values, at.rows, at.columns);
    const notAsked = await cellsNotAsked(model, at);
    cells ??= new Uint8Array(rows.length * genes.length).fill(1);
    let measured = 0, failed = 0;
    const whole: string[] = [], touched: string[] = [];
    const infinite = predicted.data.reduce((count, x) => Math.abs(x) === Infinity ? count + 1 : count, 0);
    for (let i = 0; i < rows.length; i++) {
      let rowMeasured = 0, rowFailed = 0, rowAsked = 0;
      for (let j = 0; j < genes.length; j++) {
        const cell = i * genes.length + j, isThere = Number.isFinite(predicted.data[cell]);
        if (!isThere) cells[cell] = 0;
        if (!Number.isFinite(targets.values.data[rows[i] * targets.genes.length + genes[j]])) continue;
        rowAsked++;
        if (notAsked?.(cell)) continue;
        rowMeasured++;
        if (!isThere) rowFailed++;
      }
      if (rowFailed > 0 && rowFailed === rowMeasured || (rowMeasured === 0 && rowAsked > 0)) {
        keep[i] = 0;
        whole.push(targets.perturbations[rows[i]]);
        continue;
      }
      measured += rowMeasured;
      failed += rowFailed;
      if (rowFailed > 0) touched.push(targets.perturbations[rows[i]]);
    }
    if (whole.length > 0) {
      note(
        `"${model.source.name}" predicts no number for ${counted(whole.length, "perturbation")} (${
          someIds(whole)
        })${beyond(infinite)}: left out for all models.`,
      );
    }
    refuseOrTell(model.source, { measured, failed, touched, infinite }, note);
  }
  return { rows: keep, cells };
}

function refuseOrTell(
  { name, path }: ModelSource,
  { measured, failed, touched, infinite }: {
    measured: number;
    failed: number;
    touched: string[];
    infinite: number;
  },
  note: (text: string) => void,
): void {
  if (failed === 0) return;
  const what = `${failed} of ${counted(measured, "measured cell")}, in ${
    counted(touched.length, "perturbation")
  } (${someIds(touched)})${beyond(infinite)}`;
  if (failed > largestShare * measured) {
    throw new DataError(
      `Cannot compare "${path}": its predictions are NaN or infinite in ${what} (1% at most; leave the model out, or predict ` +
        `these cells)`,
    );
  }
  note(`"${name}" predicts NaN or infinity in ${what}: these cells are left out for all models.`);
}

/** Finite float64 numbers may be infinite here: predictions are read as float32. */
function beyond(infinite: number): string {
  return infinite === 0
    ? ""
    : `, ${counted(infinite, "cell")} infinite or beyond what float32 holds (3.4e38 at most)`;
}

/** Cells that a run was not asked for, as --strict with --n-top-genes leaves: its mean baseline has none of them either. */
async function cellsNotAsked(
  { source }: OpenedModel,
  at: { rows: readonly number[]; columns: readonly number[] },
): Promise<((cell: number) => boolean) | null> {
  const baseline = await source.readBaseline();
  if (baseline === null || allFinite(baseline.values)) return null;
  const { data } = takeCells(baseline.values, at.rows, at.columns);
  return (cell) => !Number.isFinite(data[cell]);
}

/** Whether a matrix has neither NaN nor infinity. */
export function allFinite({ data }: Matrix): boolean {
  for (let i = 0; i < data.length; i++) if (!Number.isFinite(data[i])) return false;
  return true;
}
