import type { Matrix } from "../linalg/matrix.ts";

/** One value a gene: agreement across perturbations. */
export interface GeneScores {
  /** NaN where a side does not vary. */
  readonly pearson: Float64Array;
  readonly rmse: Float64Array;
}

/** Pearson r and root mean square error of each gene over the perturbations. Both matrices are perturbations x genes. */
export function geneScores(truth: Matrix, prediction: Matrix): GeneScores {
  const { rows, columns } = truth, sum = () => new Float64Array(columns);
  const [count, y, f, yy, ff, yf, squares] = [sum(), sum(), sum(), sum(), sum(), sum(), sum()];
  for (const pass of [0, 1]) {
    for (let row = 0, at = 0; row < rows; row++) {
      for (let j = 0; j < columns; j++, at++) {
        const a = truth.data[at], b = prediction.data[at];
        if (a !== a) continue;
        if (pass === 0) {
          count[j]++;
          y[j] += a;
          f[j] += b;
          continue;
        }
        const da = a - y[j], db = b - f[j];
        yy[j] += da * da;
        ff[j] += db * db;
        yf[j] += da * db;
        squares[j] += (a - b) ** 2;
      }
    }
    if (pass === 0) {
      for (let j = 0; j < columns; j++) {
        y[j] /= count[j];
        f[j] /= count[j];
      }
    }
  }
  const least = (j: number) => 1e-12 * count[j] * Math.max(y[j] ** 2, f[j] ** 2);
  return {
    pearson: yf.map((value, j) =>
      count[j] > 1 && yy[j] > 0 && ff[j] > least(j)
        ? Math.max(-1, Math.min(1, value / Math.sqrt(yy[j] * ff[j])))
        : NaN
    ),
    rmse: squares.map((value, j) => Math.sqrt(value / count[j])),
  };
}
