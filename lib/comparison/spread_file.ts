/** Standard deviations that lie beside predictions, judged by the errors. */
import { DataError } from "../cli/errors.ts";
import { log } from "../cli/log.ts";
import { shortId } from "../dataset/ids.ts";
import type { Matrix } from "../linalg/matrix.ts";
import type { Aligned } from "./aligned.ts";
import { type SpreadCalibration, spreadCalibration } from "./calibration.ts";
import type { ModelSource } from "./model_source.ts";
import { readLabelledTable } from "./read_table.ts";
import { takeCells } from "./take_cells.ts";

/**
 * Spread against error. The file has the rows and columns of the predictions.
 *
 * @returns null where there is none, or none that can be used, which is told
 * @throws {DataError} when a spread is negative
 */
export async function judgedSpread(
  source: ModelSource,
  place: { rows: readonly number[]; columns: readonly number[] },
  data: Aligned,
  prediction: Matrix,
): Promise<SpreadCalibration | null> {
  if (source.spread === null) return null;
  const table = await readLabelledTable(source.spread), predicted = await source.read();
  const isSame = table.ids.join("\n") === predicted.ids.join("\n") &&
    table.genes.join("\n") === predicted.genes.join("\n");
  if (!isSame) {
    log.warn(`"${source.spread}" has other rows or columns than "${source.predictions}": not used.`);
    return null;
  }
  const { data: values, columns } = table.values, negative = values.findIndex((value) => value < 0);
  if (negative >= 0) {
    const row = Math.floor(negative / columns), column = negative % columns;
    throw new DataError(
      `Cannot use "${source.spread}": the spread of ${shortId(table.ids[row])}, gene ${
        shortId(table.genes[column])
      } is ${values[negative]} (standard deviations are 0 or more)`,
    );
  }
  const spread = spreadCalibration(
    data.truth,
    prediction,
    takeCells(table.values, place.rows, place.columns),
  );
  if (spread.cells > 0) return spread;
  log.warn(`"${source.spread}" holds no number in the cells that are compared: not used.`);
  return null;
}
