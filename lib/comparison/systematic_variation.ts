import { type Matrix, row } from "../linalg/matrix.ts";

/**
 * How much all perturbations do the same: mean cosine of Y_p with the mean of all Y (Systema). Near 1, a model that predicts
 * the mean looks good by any r against the control.
 *
 * @param truth perturbations x genes; missing cells have no part
 */
export function systematicVariation(truth: Matrix): number {
  const { rows, columns, data } = truth, sums = new Float64Array(columns), counts = new Float64Array(columns);
  for (let at = 0; at < data.length; at++) {
    if (data[at] !== data[at]) continue;
    sums[at % columns] += data[at];
    counts[at % columns]++;
  }
  const mean = sums.map((sum, gene) => sum / counts[gene]);
  let total = 0, known = 0;
  for (let p = 0; p < rows; p++) {
    const y = row(truth, p);
    let ym = 0, yy = 0, mm = 0;
    for (let gene = 0; gene < columns; gene++) {
      if (y[gene] !== y[gene]) continue;
      ym += y[gene] * mean[gene];
      yy += y[gene] * y[gene];
      mm += mean[gene] * mean[gene];
    }
    if (!(yy > 0 && mm > 0)) continue;
    total += ym / Math.sqrt(yy * mm);
    known++;
  }
  return total / known;
}
